// Package group is the group coordinator: membership of consumer and other
// groups, and the offsets they commit, kept in __consumer_offsets.
//
// A group belongs to the partition of __consumer_offsets that its id hashes
// to; the leader of that partition coordinates it. Each partition is a shard of
// a [coordinator.Runtime]. Its machine, the manager, owns the groups: handlers,
// timers and completed appends run one at a time and need no lock.
//
// What a member waits for (the other members, the leader's assignment, an
// append) is parked as a callback in its metadata or in the append, and every
// callback is called exactly once.
//
// It mirrors kafka.coordinator.group: GroupCoordinator, one file an API;
// GroupMetadataManager in group_metadata_manager.go, group_metadata_records.go
// and offset_expiration.go; GroupMetadata in group_metadata.go and
// group_offsets.go; MemberMetadata in member_metadata.go.
package group
