package admin

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// replicaLogDirs are the directory a replica is in and the one it moves to, empty
// where there is none.
type replicaLogDirs struct{ current, future string }

// verifyMoves prints the state of each move and tells whether one runs.
func (s *reassignService) verifyMoves(targets map[partitionReplica]string) (run bool, err error) {
	found, err := s.findLogDirs(targets)
	if err != nil {
		return false, err
	}
	var lines []string
	for _, replica := range sortedKeys(targets, compareReplicas) {
		line, runs := moveState(replica, targets[replica], found[replica])
		lines = append(lines, line)
		run = run || runs
	}
	s.println("%s", strings.Join(lines, "\n"))
	return run, nil
}

func moveState(replica partitionReplica, target string, dirs replicaLogDirs) (line string, runs bool) {
	onBroker := func(text string) string {
		return "Partition " + replica.Partition.String() + strings.ReplaceAll(text, "BROKER", joinIDs([]int32{replica.broker}))
	}
	switch {
	case dirs.current == "":
		return onBroker(" is not found in any live log dir on broker BROKER. There is likely an offline log directory on the broker."), true
	case dirs.future == target:
		return "Reassignment of replica " + replica.String() + " is still in progress.", true
	case dirs.future != "":
		return onBroker(" on broker BROKER is being moved to log dir ") + dirs.future + " instead of " + target + ".", true
	case dirs.current == target:
		return "Reassignment of replica " + replica.String() + " completed successfully.", false
	}
	return onBroker(" on broker BROKER is not being moved from log dir ") + dirs.current + " to " + target + ".", false
}

// findLogDirs is Admin.describeReplicaLogDirs.
func (s *reassignService) findLogDirs(targets map[partitionReplica]string) (map[partitionReplica]replicaLogDirs, error) {
	byBroker := map[int32][]topic.Partition{}
	for replica := range targets {
		byBroker[replica.broker] = append(byBroker[replica.broker], replica.Partition)
	}
	found := map[partitionReplica]replicaLogDirs{}
	for broker, partitions := range byBroker {
		request := kmsg.NewPtrDescribeLogDirsRequest()
		for name, numbers := range numbersByTopic(partitions) {
			row := kmsg.NewDescribeLogDirsRequestTopic()
			row.Topic, row.Partitions = name, numbers
			request.Topics = append(request.Topics, row)
		}
		response, err := command.DoAt[*kmsg.DescribeLogDirsResponse](s.admin.Calling("describeReplicaLogDirs"), broker, request)
		if err != nil {
			return nil, command.Executed(err)
		}
		for _, directory := range response.Dirs {
			if err := addLogDir(found, broker, directory); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// addLogDir notes what is in a directory; one that is offline tells nothing.
func addLogDir(found map[partitionReplica]replicaLogDirs, broker int32, directory kmsg.DescribeLogDirsResponseDir) error {
	if err := command.ErrorOf(directory.ErrorCode, nil); err != nil && !errors.Is(err, kerr.KafkaStorageError) {
		name, _, _ := strings.Cut(command.ExceptionText(err), ":")
		return command.Executed(command.Throw("java.lang.IllegalStateException",
			"The error %s for log directory %s in the response from broker %d is illegal", name, directory.Dir, broker))
	}
	for _, held := range directory.Topics {
		for _, row := range held.Partitions {
			replica := partitionReplica{topic.Partition{Topic: held.Topic, Partition: row.Partition}, broker}
			dirs := found[replica]
			if row.IsFuture {
				dirs.future = directory.Dir
			} else {
				dirs.current = directory.Dir
			}
			found[replica] = dirs
		}
	}
	return nil
}

// movePause lies between two tries to begin moves.
const movePause = 100 * time.Millisecond

// moveLogDirs asks for moves until all are accepted: a replica that is new on its
// broker cannot move before it is there.
func (s *reassignService) moveLogDirs(targets map[partitionReplica]string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for pending := maps.Clone(targets); ; time.Sleep(movePause) {
		begun, err := s.alterLogDirs(pending)
		if err != nil {
			return err
		}
		if len(begun) > 0 {
			s.println("Successfully started log directory move%s for: %s", plural(len(begun)), joinPartitions(begun))
		}
		for _, replica := range begun {
			delete(pending, replica)
		}
		if len(pending) == 0 {
			return nil
		}
		if !time.Now().Before(deadline) {
			return terseFailure("Timed out before log directory move" + plural(len(pending)) + " could be started for: " + joinPartitions(sortedKeys(pending, compareReplicas)))
		}
	}
}

// alterLogDirs asks for moves and returns those that are accepted, sorted; a
// replica that is not there is not an error.
func (s *reassignService) alterLogDirs(targets map[partitionReplica]string) ([]partitionReplica, error) {
	byBroker := map[int32]map[topic.Partition]string{}
	for replica, dir := range targets {
		if byBroker[replica.broker] == nil {
			byBroker[replica.broker] = map[topic.Partition]string{}
		}
		byBroker[replica.broker][replica.Partition] = dir
	}
	var mu sync.Mutex // protects results
	results := map[partitionReplica]error{}
	var sent sync.WaitGroup
	for broker, dirs := range byBroker {
		sent.Go(func() {
			answers := s.alterLogDirsOf(broker, dirs)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(results, answers)
		})
	}
	sent.Wait()
	return begunMoves(results)
}

func begunMoves(results map[partitionReplica]error) ([]partitionReplica, error) {
	var begun []partitionReplica
	replicas := sortedKeys(results, compareReplicas)
	for _, replica := range jvm.SizedMapOrder(int(float32(len(replicas))/.75+1), replicas, partitionReplica.hash) {
		switch err := results[replica]; {
		case err == nil:
			begun = append(begun, replica)
		case !errors.Is(err, kerr.ReplicaNotAvailable):
			return nil, &command.Exception{Class: adminCommandFailed, Message: "Failed to alter dir for " + replica.String(), Cause: err}
		}
	}
	slices.SortFunc(begun, compareReplicas)
	return begun, nil
}

// alterLogDirsOf gives the broker's answer for each of the partitions.
func (s *reassignService) alterLogDirsOf(broker int32, dirs map[topic.Partition]string) map[partitionReplica]error {
	byDir := map[string][]topic.Partition{}
	for partition, dir := range dirs {
		byDir[dir] = append(byDir[dir], partition)
	}
	request := kmsg.NewPtrAlterReplicaLogDirsRequest()
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		row := kmsg.NewAlterReplicaLogDirsRequestDir()
		row.Dir = dir
		for name, numbers := range numbersByTopic(byDir[dir]) {
			rows := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
			rows.Topic, rows.Partitions = name, numbers
			row.Topics = append(row.Topics, rows)
		}
		request.Dirs = append(request.Dirs, row)
	}
	response, err := command.DoAt[*kmsg.AlterReplicaLogDirsResponse](s.admin, broker, request)
	results := map[partitionReplica]error{}
	for partition := range dirs {
		replica := partitionReplica{partition, broker}
		if results[replica] = err; err == nil {
			results[replica] = command.Throw("org.apache.kafka.common.errors.ApiException", "The response from broker %d did not contain a result for replica %s", broker, replica)
		}
	}
	if err != nil {
		return results
	}
	for _, answered := range response.Topics {
		for _, row := range answered.Partitions {
			replica := partitionReplica{topic.Partition{Topic: answered.Topic, Partition: row.Partition}, broker}
			if _, asked := results[replica]; asked {
				results[replica] = command.ErrorOf(row.ErrorCode, nil)
			}
		}
	}
	return results
}

// cancelMoves has replicas that move stay where they are.
func (s *reassignService) cancelMoves(targets map[partitionReplica]string, timeout time.Duration) error {
	found, err := s.findLogDirs(targets)
	if err != nil {
		return err
	}
	back := map[partitionReplica]string{}
	for replica := range targets {
		if dirs := found[replica]; dirs.current != "" && dirs.future != "" {
			back[replica] = dirs.current
		}
	}
	if len(back) == 0 {
		s.println("None of the specified partition moves are active.")
		return nil
	}
	return s.moveLogDirs(back, timeout)
}
