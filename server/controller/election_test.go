package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

var strategiesByName = map[string]electionStrategy{
	"offline": offlineElection, "unclean": uncleanElection, "reassign": reassignElection,
	"preferred": preferredElection, "controlled-shutdown": controlledShutdownElection,
}

// TestElection runs scripts of
//
//	elect <strategy> assignment=(…) isr=(…) live=(…)
//	  [adding=(…)] [removing=(…)] [shutting-down=(…)] [leader=n] [epoch=n] [unclean]
func TestElection(t *testing.T) {
	datadriven.RunTest(t, "testdata/election", func(t *testing.T, d *datadriven.TestData) string {
		strategy, ok := strategiesByName[d.CmdArgs[0].Key]
		if d.Cmd != "elect" || !ok {
			d.Fatalf(t, "unknown command %s %s", d.Cmd, d.CmdArgs[0].Key)
		}
		live, shuttingDown := ids(t, d, "live"), ids(t, d, "shutting-down")
		state := electionState{
			assignment: zkdata.ReplicaAssignment{Replicas: ids(t, d, "assignment"), AddingReplicas: ids(t, d, "adding"), RemovingReplicas: ids(t, d, "removing")},
			current:    zkdata.LeaderAndIsr{Leader: zkdata.NoLeader, Isr: ids(t, d, "isr")},
			online:     func(id int32) bool { return slices.Contains(live, id) && !slices.Contains(shuttingDown, id) },
			onlineOrShuttingDown: func(id int32) bool {
				return slices.Contains(live, id)
			},
			shuttingDown:   func(id int32) bool { return slices.Contains(shuttingDown, id) },
			uncleanAllowed: d.HasArg("unclean"),
		}
		d.MaybeScanArgs(t, "epoch", &state.current.LeaderEpoch)
		before := slices.Clone(state.current.Isr)
		result := strategy.elect(state)
		if !slices.Equal(before, state.current.Isr) {
			d.Fatalf(t, "the election wrote into the ISR it was given")
		}
		var out strings.Builder
		if !result.elected {
			out.WriteString("nobody\n")
		} else {
			fmt.Fprintf(&out, "leader=%d epoch=%d isr=%s", result.leaderAndIsr.Leader, result.leaderAndIsr.LeaderEpoch, joined(result.leaderAndIsr.Isr))
			if result.unclean {
				out.WriteString(" unclean")
			}
			fmt.Fprintf(&out, "\ntell %s\n", joined(result.recipients))
		}
		return out.String()
	})
}

func ids(t *testing.T, d *datadriven.TestData, key string) []int32 {
	arg, ok := d.Arg(key)
	if !ok {
		return nil
	}
	list := []int32{}
	for i, value := range arg.Vals {
		if value == "" {
			continue
		}
		var id int32
		arg.Scan(t, i, &id)
		list = append(list, id)
	}
	return list
}

// TestStateTransitions holds the legal transitions of both machines.
func TestStateTransitions(t *testing.T) {
	datadriven.RunTest(t, "testdata/transitions", func(t *testing.T, d *datadriven.TestData) string {
		var out strings.Builder
		switch d.Cmd {
		case "partition":
			for target := newPartition; target <= nonExistentPartition; target++ {
				fmt.Fprintf(&out, "%s:", target)
				for from := newPartition; from <= nonExistentPartition; from++ {
					if target.mayFollow(from) {
						fmt.Fprintf(&out, " %s", from)
					}
				}
				out.WriteByte('\n')
			}
		case "replica":
			for target := newReplica; target <= nonExistentReplica; target++ {
				fmt.Fprintf(&out, "%s:", target)
				for from := newReplica; from <= nonExistentReplica; from++ {
					if target.mayFollow(from) {
						fmt.Fprintf(&out, " %s", from)
					}
				}
				out.WriteByte('\n')
			}
		default:
			d.Fatalf(t, "unknown command %s", d.Cmd)
		}
		return out.String()
	})
}
