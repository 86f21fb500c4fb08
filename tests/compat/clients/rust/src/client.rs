//! What abilities are made of.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::fmt::Display;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What an ability saw, or why it failed.
pub type Outcome = Result<String, String>;

pub const PATIENCE: Duration = Duration::from_secs(40);
/// Of the records of filled topics, a second apart.
pub const FIRST: i64 = 1_600_000_000_000;
const POLL: Duration = Duration::from_millis(100);

pub fn said(problem: impl Display) -> String {
    problem.to_string()
}

pub fn until(what: &str, mut condition: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while !condition()? {
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {PATIENCE:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

pub fn text(value: &Option<Vec<u8>>) -> String {
    value.as_ref().map_or("null".into(), |v| String::from_utf8_lossy(v).into_owned())
}

/// A record sent or read.
#[derive(Clone, Default)]
pub struct Sent {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub partition: i32,
    pub timestamp: Option<i64>,
    pub offset: i64,
}

impl Sent {
    pub fn value(value: impl Into<String>) -> Sent {
        Sent { value: Some(value.into().into_bytes()), partition: -1, ..Default::default() }
    }
}

/// What a producer is told.
#[derive(Default)]
pub struct Settings {
    pub codec: &'static str,
    pub idempotent: bool,
    pub hurried: bool,
    pub large: bool,
}

pub enum Position {
    Start,
    End,
    Offset(i64),
    Timestamp(i64),
}

/// Notes the first error of a delivery.
#[derive(Default)]
struct Deliveries(Mutex<Option<String>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((problem, _)) = result {
            self.0.lock().unwrap().get_or_insert(problem.to_string());
        }
    }
}

pub struct Peer {
    pub bootstrap: String,
    pub prefix: String,
    pub admin: AdminClient<DefaultClientContext>,
}

impl Peer {
    pub fn new(bootstrap: &str, prefix: &str) -> Peer {
        let admin = ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("an admin client");
        Peer { bootstrap: bootstrap.into(), prefix: prefix.into(), admin }
    }

    pub fn create(&self, topic: &str, partitions: i32) -> Result<(), String> {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let made = wait(self.admin.create_topics([&new], &AdminOptions::new())).map_err(said)?;
        made.into_iter().try_for_each(|one| one.map(|_| ()).map_err(|(_, code)| said(code)))
    }

    pub fn topic(&self, name: &str, partitions: i32) -> Outcome {
        let topic = format!("{}-{name}", self.prefix);
        self.create(&topic, partitions)?;
        self.await_partitions(&topic, partitions as usize)?;
        Ok(topic)
    }

    pub fn await_partitions(&self, topic: &str, count: usize) -> Result<(), String> {
        until(&format!("{topic} has {count} partitions"), || {
            let found = self.admin.inner().fetch_metadata(Some(topic), PATIENCE).map_err(said)?;
            Ok(found.topics().iter().any(|t| t.error().is_none() && t.partitions().iter().filter(|p| p.leader() >= 0).count() == count))
        })
    }

    pub fn send(&self, topic: &str, records: &[Sent], settings: Settings) -> Result<(), String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap).set("topic.metadata.propagation.max.ms", "1000");
        config.set("enable.idempotence", settings.idempotent.to_string());
        config.set("compression.type", if settings.codec.is_empty() { "none" } else { settings.codec });
        config.set("message.timeout.ms", if settings.hurried { "2000" } else { "30000" });
        config.set("message.max.bytes", if settings.large { "4000000" } else { "1000000" });
        let producer: BaseProducer<Deliveries> = config.create_with_context(Deliveries::default()).map_err(said)?;
        for r in records {
            let mut record: BaseRecord<[u8], [u8]> = BaseRecord::to(topic);
            record.key = r.key.as_deref();
            record.payload = r.value.as_deref();
            record.partition = (r.partition >= 0).then_some(r.partition);
            record.timestamp = r.timestamp;
            if !r.headers.is_empty() {
                let headers = r.headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: value.as_ref() }));
                record = record.headers(headers);
            }
            producer.send(record).map_err(|(problem, _)| said(problem))?;
        }
        producer.flush(PATIENCE).map_err(said)?;
        let problem = producer.context().0.lock().unwrap().take();
        problem.map_or(Ok(()), Err)
    }

    pub fn consumer(&self, group: &str, more: &[(&str, &str)]) -> Result<BaseConsumer, String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap).set("group.id", group).set("client.id", "describer");
        config.set("auto.offset.reset", "earliest").set("enable.auto.commit", "false").set("fetch.wait.max.ms", "100");
        config.set("allow.auto.create.topics", "false");
        more.iter().for_each(|(key, value)| { config.set(*key, *value); });
        config.create().map_err(said)
    }

    pub fn read(&self, topic: &str, partitions: i32, count: usize, from: Position, then: impl FnOnce() -> Result<(), String>) -> Result<Vec<Sent>, String> {
        let consumer = self.consumer("none", &[])?;
        let mut at = TopicPartitionList::new();
        for partition in 0..partitions {
            let offset = match from {
                Position::Start => Offset::Beginning,
                Position::End => Offset::Offset(consumer.fetch_watermarks(topic, partition, PATIENCE).map_err(said)?.1),
                Position::Offset(offset) => Offset::Offset(offset),
                Position::Timestamp(time) => {
                    let mut wanted = TopicPartitionList::new();
                    wanted.add_partition_offset(topic, partition, Offset::Offset(time)).map_err(said)?;
                    consumer.offsets_for_times(wanted, PATIENCE).map_err(said)?.elements()[0].offset()
                }
            };
            at.add_partition_offset(topic, partition, offset).map_err(said)?;
        }
        consumer.assign(&at).map_err(said)?;
        then()?;
        poll(&consumer, count)
    }

    pub fn consume_and_commit(&self, topic: &str, count: usize) -> Result<Vec<Sent>, String> {
        let consumer = self.consumer(topic, &[("auto.commit.interval.ms", "0")])?;
        consumer.subscribe(&[topic]).map_err(said)?;
        let records = poll(&consumer, count)?;
        let mut behind = TopicPartitionList::new();
        behind.add_partition_offset(topic, 0, Offset::Offset(records[count - 1].offset + 1)).map_err(said)?;
        consumer.commit(&behind, CommitMode::Sync).map_err(said)?;
        Ok(records)
    }
}

fn poll(consumer: &BaseConsumer, count: usize) -> Result<Vec<Sent>, String> {
    let mut records = Vec::new();
    until(&format!("{count} records"), || {
        while let Some(message) = consumer.poll(POLL) {
            let m = message.map_err(said)?;
            let headers = m.headers().map_or(vec![], |all| all.iter().map(|h| (h.key.to_string(), h.value.map(<[u8]>::to_vec))).collect());
            records.push(Sent {
                key: m.key().map(<[u8]>::to_vec),
                value: m.payload().map(<[u8]>::to_vec),
                headers,
                partition: m.partition(),
                timestamp: m.timestamp().to_millis(),
                offset: m.offset(),
            });
            if records.len() == count {
                break;
            }
        }
        Ok(records.len() >= count)
    })?;
    Ok(records)
}

/// Waits for a future without a runtime.
pub fn wait<F: std::future::Future>(future: F) -> F::Output {
    futures_executor::block_on(future)
}

/// Creates a topic with ten records.
pub fn fill(p: &Peer, name: &str) -> Outcome {
    let topic = p.topic(name, 1)?;
    let records: Vec<Sent> = (0..10).map(|i| Sent { partition: 0, timestamp: Some(FIRST + i * 1000), ..Sent::value(format!("value-{i}")) }).collect();
    p.send(&topic, &records, Settings::default())?;
    Ok(topic)
}

pub fn first(p: &Peer, name: &str, from: Position) -> Outcome {
    let read = p.read(&fill(p, name)?, 1, 1, from, || Ok(()))?;
    Ok(format!("{} at {} of {}", text(&read[0].value), read[0].offset, read[0].timestamp.unwrap_or(-1)))
}

/// The next record of the group, of which it reads and commits so many.
pub fn next(p: &Peer, topic: &str, count: usize) -> Outcome {
    let read = p.consume_and_commit(topic, count)?;
    Ok(format!("{} at {}", text(&read[0].value), read[0].offset))
}
