package group

// state is where a group stands, as kafka.coordinator.group.GroupState.
type state int8

const (
	// empty: no members; the group lingers until its offsets have expired, or
	// it only ever stores offsets.
	empty state = iota
	// preparingRebalance: waiting for the members to join.
	preparingRebalance
	// completingRebalance: waiting for the leader's assignment.
	completingRebalance
	// stable: every member has, or can get, its assignment.
	stable
	// dead: removed, deleted or unloaded. Nothing follows.
	dead
)

// String gives the name that DescribeGroups and ListGroups print.
func (s state) String() string {
	return [...]string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"}[s]
}

// canRebalance reports whether PreparingRebalance may follow.
func (s state) canRebalance() bool {
	return s == stable || s == completingRebalance || s == empty
}
