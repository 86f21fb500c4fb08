//! Groups whose members join, leave and crash.

use crate::client::{said, until, Outcome, Peer, Sent, Settings};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

#[derive(Default)]
struct State {
    got: BTreeSet<String>,
    assigned: BTreeSet<i32>,
    changes: usize,
    lost: usize,
}

/// A group's member that a thread polls until it is dropped, which leaves.
pub struct Member {
    state: Arc<Mutex<State>>,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Member {
    /// Joins the group named as the topic.
    pub fn join(p: &Peer, topic: &str, more: &[(&str, &str)]) -> Result<Member, String> {
        let mut settings = vec![("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "200"), ("partition.assignment.strategy", "range")];
        settings.extend_from_slice(more);
        let consumer = p.consumer(topic, &settings)?;
        consumer.subscribe(&[topic]).map_err(said)?;
        let (state, closed) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (shared, ended) = (Arc::clone(&state), Arc::clone(&closed));
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                step(&consumer, &shared);
            }
        });
        Ok(Member { state, closed, thread: Some(thread) })
    }

    pub fn has(&self, count: usize) -> Result<(), String> {
        until(&format!("a member has {count} partitions"), || Ok(self.state.lock().unwrap().assigned.len() == count))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn step(consumer: &BaseConsumer, state: &Mutex<State>) {
    let message = consumer.poll(Duration::from_millis(50));
    let mut state = state.lock().unwrap();
    if let Some(Ok(message)) = message {
        state.got.insert(String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned());
    }
    let Ok(assignment) = consumer.assignment() else { return };
    let now: BTreeSet<i32> = assignment.elements().iter().map(|e| e.partition()).collect();
    if now != state.assigned {
        state.changes += 1;
        state.lost += state.assigned.difference(&now).count();
        state.assigned = now;
    }
}

fn arrives(p: &Peer, topic: &str, round: &str, members: &[&Member]) -> Result<(), String> {
    let records: Vec<Sent> = (0..4).map(|i| Sent { partition: i, ..Sent::value(format!("{round}-{i}")) }).collect();
    p.send(topic, &records, Settings::default())?;
    until(&format!("{round} arrives"), || {
        let got: BTreeSet<String> = members.iter().flat_map(|m| m.state.lock().unwrap().got.clone()).filter(|v| v.starts_with(round)).collect();
        Ok(got.len() == 4)
    })
}

pub fn join_leave(p: &Peer) -> Outcome {
    let topic = p.topic("join-leave", 4)?;
    let first = Member::join(p, &topic, &[])?;
    first.has(4)?;
    let second = Member::join(p, &topic, &[])?;
    second.has(2)?;
    first.has(2)?;
    arrives(p, &topic, "both", &[&first, &second])?;
    drop(second);
    first.has(4)?;
    arrives(p, &topic, "one", &[&first])?;
    Ok(String::new())
}

pub fn cooperative(p: &Peer) -> Outcome {
    let topic = p.topic("cooperative", 4)?;
    let how = [("partition.assignment.strategy", "cooperative-sticky")];
    let first = Member::join(p, &topic, &how)?;
    first.has(4)?;
    let second = Member::join(p, &topic, &how)?;
    second.has(2)?;
    first.has(2)?;
    arrives(p, &topic, "both", &[&first, &second])?;
    let lost = first.state.lock().unwrap().lost;
    Ok(format!("the first gave up {lost}"))
}

/// Static members.
pub fn fixed(p: &Peer) -> Outcome {
    let topic = p.topic("static", 4)?;
    let named = |name| [("group.instance.id", name), ("session.timeout.ms", "15000")];
    let first = Member::join(p, &topic, &named("one"))?;
    first.has(4)?;
    let second = Member::join(p, &topic, &named("two"))?;
    second.has(2)?;
    first.has(2)?;
    let before = second.state.lock().unwrap().assigned.clone();
    let changes = first.state.lock().unwrap().changes;
    drop(second);
    let again = Member::join(p, &topic, &named("two"))?;
    again.has(2)?;
    if again.state.lock().unwrap().assigned != before {
        return Err("other partitions than before".into());
    }
    arrives(p, &topic, "both", &[&first, &again])?;
    let now = first.state.lock().unwrap().changes;
    Ok(format!("{} rebalances", now - changes))
}

pub fn crash(p: &Peer) -> Outcome {
    let topic = p.topic("crash", 4)?;
    let first = Member::join(p, &topic, &[])?;
    first.has(4)?;
    let program = std::env::current_exe().map_err(said)?;
    let mut second = Command::new(program).args(["member", &p.bootstrap, &topic]).stdout(Stdio::piped()).spawn().map_err(said)?;
    let mut line = String::new();
    let read = second.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
    let shared = first.has(2);
    second.kill().map_err(said)?;
    second.wait().map_err(said)?;
    if !matches!(read, Some(Ok(1..))) {
        return Err("the second member ended".into());
    }
    shared?;
    first.has(4)?;
    arrives(p, &topic, "one", &[&first])?;
    Ok(String::new())
}

/// Is a member that says when it has partitions, and waits to be killed.
pub fn stay(p: &Peer, topic: &str) {
    let member = Member::join(p, topic, &[]).expect("a member");
    member.has(2).expect("partitions");
    println!("assigned");
    loop {
        std::thread::park();
    }
}
