//! Calls of the crate's admin client, and those of its consumer that ask the same.

use crate::client::{fill, said, until, wait, Outcome, Peer, Position, FIRST, PATIENCE};
use crate::groups::Member;
use rdkafka::admin::{AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::HashMap;

fn listed(p: &Peer, topic: &str) -> Result<bool, String> {
    let found = p.admin.inner().fetch_metadata(None, PATIENCE).map_err(said)?;
    Ok(found.topics().iter().any(|t| t.name() == topic))
}

pub fn list_topics(p: &Peer) -> Outcome {
    let topic = p.topic("listed", 1)?;
    listed(p, &topic)?.then(String::new).ok_or("not listed".into())
}

pub fn describe_topic(p: &Peer) -> Outcome {
    let topic = p.topic("described", 2)?;
    let found = p.admin.inner().fetch_metadata(Some(&topic), PATIENCE).map_err(said)?;
    let partitions = found.topics()[0].partitions().iter();
    Ok(partitions.map(|x| format!("{}:leader {} isr {:?} replicas {:?}", x.id(), x.leader(), x.isr(), x.replicas())).collect::<Vec<_>>().join(" "))
}

pub fn unknown_topic_describe(p: &Peer) -> Outcome {
    let found = p.admin.inner().fetch_metadata(Some(&format!("{}-missing", p.prefix)), PATIENCE).map_err(said)?;
    found.topics()[0].error().map(|e| format!("{e:?}")).ok_or("no error".into())
}

pub fn delete_topic(p: &Peer) -> Outcome {
    let topic = fill(p, "deleted")?;
    let delete = || wait(p.admin.delete_topics(&[&topic], &AdminOptions::new())).map_err(said)?.remove(0).map_err(|(_, code)| said(code));
    delete()?;
    until("the topic is gone", || Ok(!listed(p, &topic)?))?;
    delete().err().ok_or("no error".into())
}

pub fn create_partitions(p: &Peer) -> Outcome {
    let topic = p.topic("grown", 1)?;
    let grow = |count| wait(p.admin.create_partitions([&NewPartitions::new(&topic, count)], &AdminOptions::new())).map_err(said)?.remove(0).map_err(|(_, code)| said(code));
    grow(3)?;
    p.await_partitions(&topic, 3)?;
    grow(2).err().ok_or("no error".into())
}

fn configs(p: &Peer, resource: ResourceSpecifier) -> Result<HashMap<String, String>, String> {
    let found = wait(p.admin.describe_configs([&resource], &AdminOptions::new())).map_err(said)?.remove(0).map_err(said)?;
    Ok(found.entries.into_iter().map(|e| (e.name, e.value.unwrap_or_default())).collect())
}

pub fn describe_configs(p: &Peer) -> Outcome {
    let name = p.topic("configs", 1)?;
    let topic = configs(p, ResourceSpecifier::Topic(&name))?;
    let broker = configs(p, ResourceSpecifier::Broker(0))?;
    Ok(format!("{} of a topic, {} of a broker, retention {}", topic.len(), broker.len(), topic["retention.ms"]))
}

pub fn alter_configs(p: &Peer) -> Outcome {
    let topic = p.topic("altered", 1)?;
    let change = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("retention.ms", "7777");
    wait(p.admin.alter_configs([&change], &AdminOptions::new())).map_err(said)?.remove(0).map_err(|(_, code)| said(code))?;
    until("altered", || Ok(configs(p, ResourceSpecifier::Topic(&topic))?["retention.ms"] == "7777"))?;
    Ok(String::new())
}

pub fn delete_records(p: &Peer) -> Outcome {
    let topic = fill(p, "deleted-records")?;
    let remove = |before| {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&topic, 0, Offset::Offset(before)).map_err(said)?;
        let found = wait(p.admin.delete_records(&offsets, &AdminOptions::new())).map_err(said)?;
        found.elements()[0].error().map_err(said)
    };
    remove(4)?;
    let first = p.read(&topic, 1, 1, Position::Start, || Ok(()))?[0].offset;
    Ok(format!("then {first}; beyond: {}", remove(99).err().ok_or("no error")?))
}

pub fn list_offsets(p: &Peer) -> Outcome {
    let topic = fill(p, "offsets")?;
    let consumer = p.consumer("none", &[])?;
    let (low, high) = consumer.fetch_watermarks(&topic, 0, PATIENCE).map_err(said)?;
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_offset(&topic, 0, Offset::Offset(FIRST + 5000)).map_err(said)?;
    let later = consumer.offsets_for_times(wanted, PATIENCE).map_err(said)?;
    Ok(format!("{low} {high} {:?}", later.elements()[0].offset()))
}

pub fn list_groups(p: &Peer) -> Outcome {
    let topic = fill(p, "group-listed")?;
    p.consume_and_commit(&topic, 2)?;
    let found = p.admin.inner().fetch_group_list(None, PATIENCE).map_err(said)?;
    found.groups().iter().any(|g| g.name() == topic).then(String::new).ok_or("not listed".into())
}

pub fn describe_group(p: &Peer) -> Outcome {
    let topic = fill(p, "group-described")?;
    p.consume_and_commit(&topic, 2)?;
    let member = Member::join(p, &topic, &[])?;
    member.has(1)?;
    let found = p.admin.inner().fetch_group_list(Some(&topic), PATIENCE).map_err(said)?;
    let group = &found.groups()[0];
    let one = &group.members()[0];
    Ok(format!("{}, {}, {} on {}", group.state(), group.protocol(), one.client_id(), one.client_host()))
}

pub fn group_offsets(p: &Peer) -> Outcome {
    let topic = fill(p, "group-offsets")?;
    p.consume_and_commit(&topic, 3)?;
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition(&topic, 0);
    let found = p.consumer(&topic, &[])?.committed_offsets(wanted, PATIENCE).map_err(said)?;
    Ok(format!("{:?}", found.elements()[0].offset()))
}

pub fn delete_group(p: &Peer) -> Outcome {
    let topic = fill(p, "group-deleted")?;
    p.consume_and_commit(&topic, 2)?;
    let delete = || wait(p.admin.delete_groups(&[&topic], &AdminOptions::new())).map_err(said)?.remove(0).map_err(|(_, code)| said(code));
    delete()?;
    delete().err().ok_or("no error".into())
}
