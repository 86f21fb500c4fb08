//! Rust's rdkafka, that is librdkafka: the abilities of tests/compat/clients, one line each.

mod admin;
mod client;
mod groups;

use client::{fill, first, next, text, Outcome, Peer, Position, Sent, Settings, FIRST};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

type Ability = fn(&Peer) -> Outcome;

const ABILITIES: &[(&str, Ability)] = &[
    ("group-crash", groups::crash),
    ("group-join-leave", groups::join_leave),
    ("group-cooperative", groups::cooperative),
    ("group-static", groups::fixed),
    ("create-topic", |p| p.topic("created", 3).map(|_| String::new())),
    ("create-topic-exists", |p| {
        let topic = p.topic("twice", 1)?;
        p.create(&topic, 1).err().ok_or("no error".into())
    }),
    ("produce-values", |p| round_trip(p, "values", 100, Settings::default())),
    ("produce-keys", produce_keys),
    ("nulls", nulls),
    ("headers", headers),
    ("codec-gzip", |p| round_trip(p, "codec-gzip", 100, Settings { codec: "gzip", ..Default::default() })),
    ("codec-snappy", |p| round_trip(p, "codec-snappy", 100, Settings { codec: "snappy", ..Default::default() })),
    ("codec-lz4", |p| round_trip(p, "codec-lz4", 100, Settings { codec: "lz4", ..Default::default() })),
    ("codec-zstd", |p| round_trip(p, "codec-zstd", 100, Settings { codec: "zstd", ..Default::default() })),
    ("large-record", large_record),
    ("idempotent-producer", |p| round_trip(p, "idempotent", 200, Settings { idempotent: true, ..Default::default() })),
    ("consume-start", |p| first(p, "start", Position::Start)),
    ("consume-end", consume_end),
    ("consume-offset", |p| first(p, "offset", Position::Offset(7))),
    ("consume-timestamp", |p| first(p, "timestamp", Position::Timestamp(FIRST + 5000))),
    ("commit-resume", |p| {
        let topic = fill(p, "resumed")?;
        p.consume_and_commit(&topic, 4)?;
        next(p, &topic, 6)
    }),
    ("restart-commit", |p| p.consume_and_commit(&fill(p, "restart")?, 4).map(|_| String::new())),
    ("unknown-topic-produce", |p| {
        let settings = Settings { hurried: true, ..Default::default() };
        p.send(&format!("{}-missing", p.prefix), &[Sent::value("v")], settings).err().ok_or("no error".into())
    }),
    ("unknown-topic-consume", |p| p.consume_and_commit(&format!("{}-missing", p.prefix), 1).err().ok_or("no error".into())),
    ("record-too-large", |p| {
        let topic = p.topic("too-large", 1)?;
        let settings = Settings { hurried: true, large: true, ..Default::default() };
        p.send(&topic, &[Sent::value("x".repeat(2 << 20))], settings).err().ok_or("no error".into())
    }),
    ("list-topics", admin::list_topics),
    ("describe-topic", admin::describe_topic),
    ("unknown-topic-describe", admin::unknown_topic_describe),
    ("delete-topic", admin::delete_topic),
    ("admin-create-partitions", admin::create_partitions),
    ("admin-describe-configs", admin::describe_configs),
    ("admin-alter-configs", admin::alter_configs),
    ("admin-delete-records", admin::delete_records),
    ("admin-list-offsets", admin::list_offsets),
    ("admin-list-groups", admin::list_groups),
    ("admin-describe-group", admin::describe_group),
    ("admin-group-offsets", admin::group_offsets),
    ("admin-delete-group", admin::delete_group),
];

/// What the crate has no call for.
const NOT_IN_THIS_CLIENT: &[&str] = &[
    "group-zookeeper", "producer-defaults", "describe-cluster", "admin-incremental-alter-configs", "admin-log-dirs",
    "admin-elect-leaders", "admin-reassignments", "admin-describe-producers", "admin-features",
    "admin-alter-group-offsets", "admin-delete-group-offsets", "admin-remove-members",
];

fn round_trip(p: &Peer, name: &str, count: usize, settings: Settings) -> Outcome {
    let topic = p.topic(name, 1)?;
    let sent: Vec<Sent> = (0..count).map(|i| Sent::value(format!("value-{i}").repeat(50))).collect();
    p.send(&topic, &sent, settings)?;
    let read = p.read(&topic, 1, count, Position::Start, || Ok(()))?;
    let same = read.iter().map(|r| &r.value).eq(sent.iter().map(|s| &s.value));
    if same { Ok(String::new()) } else { Err("other records".into()) }
}

fn produce_keys(p: &Peer) -> Outcome {
    let topic = p.topic("keys", 4)?;
    let sent: Vec<Sent> = (0..40).map(|i| Sent { key: Some(format!("key-{}", i % 10).into()), ..Sent::value(format!("value-{i}")) }).collect();
    p.send(&topic, &sent, Settings::default())?;
    let mut places: BTreeMap<Option<Vec<u8>>, BTreeSet<i32>> = BTreeMap::new();
    for r in p.read(&topic, 4, 40, Position::Start, || Ok(()))? {
        places.entry(r.key).or_default().insert(r.partition);
    }
    Ok(format!("{:?}", places.values().collect::<Vec<_>>()))
}

fn nulls(p: &Peer) -> Outcome {
    let topic = p.topic("nulls", 1)?;
    let null = Sent { value: None, ..Sent::value("") };
    let sent = [Sent::value("v"), Sent { key: Some("k".into()), ..null.clone() }, null, Sent { key: Some(vec![]), ..Sent::value("") }];
    p.send(&topic, &sent, Settings::default())?;
    let read = p.read(&topic, 1, 4, Position::Start, || Ok(()))?;
    Ok(read.iter().map(|r| format!("{}={}", text(&r.key), text(&r.value))).collect::<Vec<_>>().join(" "))
}

fn headers(p: &Peer) -> Outcome {
    let topic = p.topic("headers", 1)?;
    let headers = [("a", "1"), ("a", "2"), ("empty", "")].map(|(k, v)| (k.to_string(), Some(v.as_bytes().to_vec())));
    p.send(&topic, &[Sent { headers: headers.to_vec(), ..Sent::value("v") }], Settings::default())?;
    let read = p.read(&topic, 1, 1, Position::Start, || Ok(()))?;
    Ok(read[0].headers.iter().map(|(k, v)| format!("{k}={}", text(v))).collect::<Vec<_>>().join(" "))
}

fn large_record(p: &Peer) -> Outcome {
    let topic = p.topic("large", 1)?;
    p.send(&topic, &[Sent::value("x".repeat(900 << 10))], Settings::default())?;
    let read = p.read(&topic, 1, 1, Position::Start, || Ok(()))?;
    Ok(format!("{} bytes", read[0].value.as_ref().map_or(0, Vec::len)))
}

fn consume_end(p: &Peer) -> Outcome {
    let topic = fill(p, "end")?;
    let read = p.read(&topic, 1, 1, Position::End, || p.send(&topic, &[Sent::value("after")], Settings::default()))?;
    Ok(format!("{} at {}", text(&read[0].value), read[0].offset))
}

fn outcome(p: &Peer, name: &str, ability: Ability) -> String {
    let plain = |detail: String| detail.replace(&p.prefix, "PREFIX").replace(&p.bootstrap, "BROKER").replace('\n', " ");
    match ability(p) {
        Ok(seen) if seen.is_empty() => format!("PASS {name}"),
        Ok(seen) => format!("PASS {name}: {}", plain(seen)),
        Err(why) => format!("FAIL {name}: {}", plain(why)),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |i: usize| arguments.get(i).cloned().unwrap_or_default();
    if argument(0) == "member" {
        return groups::stay(&Peer::new(&argument(1), "member"), &argument(2));
    }
    let peer = Peer::new(&argument(0), &argument(2));
    if argument(3) == "resume" {
        return println!("{}", outcome(&peer, "restart-resume", |p| next(p, &format!("{}-restart", p.prefix), 6)));
    }
    NOT_IN_THIS_CLIENT.iter().for_each(|name| println!("NONE {name}"));
    let left = Mutex::new(ABILITIES.iter());
    std::thread::scope(|threads| {
        for _ in 0..6 {
            threads.spawn(|| loop {
                let Some((name, ability)) = left.lock().unwrap().next() else { return };
                println!("{}", outcome(&peer, name, *ability));
            });
        }
    });
}
