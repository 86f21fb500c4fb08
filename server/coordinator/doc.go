// Package coordinator is the event loop that the group coordinator and the
// transaction coordinator run on.
//
// A coordinator keeps its state in one internal topic: __consumer_offsets or
// __transaction_state. Each partition of the topic that this broker leads is a
// [Shard] with a state machine of its own. A shard runs one event at a time,
// so the machine needs no lock: requests, timers and completed appends are all
// events. An idle shard has no goroutine; the first event starts one, which
// ends when no event is left.
//
// Becoming leader of a partition ([Runtime.OnElection]) replays it into a new
// machine; until that is done requests get COORDINATOR_LOAD_IN_PROGRESS. Losing
// it ([Runtime.OnResignation]) drops the machine. Leader epochs fence both: an
// older epoch than the last one seen changes nothing.
//
// A write is an event that appends a batch and leaves its response parked in
// the callback of [Shard.Append], which is again an event of the shard.
//
// It stands where Kafka has the scheduler, the partition locks and the group
// locks of GroupMetadataManager and TransactionStateManager, and is shaped as
// the CoordinatorRuntime of later releases.
package coordinator
