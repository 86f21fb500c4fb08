package replica

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// pair is a leader (1) and a follower (2) of partitions of topic t.
func pair(t *testing.T, id topic.ID, settings map[string]string, partitions int32) (leader, follower *node) {
	net := newNetwork()
	leader, follower = newNode(t, net, 1, settings, nil), newNode(t, net, 2, settings, nil)
	var states []kmsg.LeaderAndISRRequestTopicPartition
	for partition := range partitions {
		states = append(states, state(partition, 1, 0, 1, 2))
	}
	elect([]*node{leader, follower}, "t", id, states...)
	return leader, follower
}

// contents is all that a log has, byte by byte; nil when a fetcher truncates it
// meanwhile.
func (n *node) contents(partition int32) []byte {
	local := n.LocalLog(tpOf(partition))
	info, err := local.Read(local.LogStartOffset(), 1<<30, log.FetchLogEnd, true)
	if err != nil {
		n.t.Fatal(err)
	}
	defer info.Release()
	data, err := info.ReadAll(nil)
	if errors.Is(err, log.ErrTruncated) {
		return nil
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return data
}

// wantCopies waits until the follower's log is the leader's, byte by byte, and
// all of it is committed on both. Between two truncations the ends may be the
// same although the logs are not.
func wantCopies(t *testing.T, leader, follower *node, partitions int32) {
	t.Helper()
	for partition := range partitions {
		from, to := leader.LocalLog(tpOf(partition)), follower.LocalLog(tpOf(partition))
		eventually(t, fmt.Sprintf("t-%d has been copied", partition), func() bool {
			end := from.LogEndOffset()
			return to.LogEndOffset() == end && from.HighWatermark() == end && to.HighWatermark() == end &&
				bytes.Equal(leader.contents(partition), follower.contents(partition))
		})
	}
}

func TestFollowersCopyTheirLeader(t *testing.T) {
	for _, version := range []string{"3.1", "2.8", "2.3", "1.1", "1.0", "0.11.0", "0.10.2"} {
		t.Run(version, func(t *testing.T) {
			leader, follower := pair(t, topic.NewID(), map[string]string{"inter.broker.protocol.version": version, "log.message.format.version": version}, 3)
			for range 5 {
				for partition := range int32(3) {
					leader.append(partition, 2)
				}
			}
			wantCopies(t, leader, follower, 3)
			box := leader.produce(-1, 0, ProducePartition{tpOf(0), batchOf(1, 100)})
			_ = box
			wantCopies(t, leader, follower, 3)
		})
	}
}

// A follower without room for records asks again until there is some, rather than
// giving the partition up until the next LeaderAndIsr.
func TestAFollowerOnAFullDiskCatchesUpWhenThereIsRoom(t *testing.T) {
	leader, follower := pair(t, topic.NewID(), nil, 1)
	leader.append(0, 2)
	wantCopies(t, leader, follower, 1)
	follower.logs.full.Store(true)
	leader.append(0, 2)
	eventually(t, "the follower tries again and again", func() bool { return follower.logs.refused.Load() > 2 })
	follower.logs.full.Store(false)
	wantCopies(t, leader, follower, 1)
}

func TestFollowersWithoutTopicIDsUseNames(t *testing.T) {
	leader, follower := pair(t, topic.ID{}, nil, 1)
	leader.append(0, 2)
	wantCopies(t, leader, follower, 1)
	id := topic.NewID()
	elect([]*node{leader, follower}, "t", id, state(0, 1, 0, 1, 2)) // the id becomes known
	leader.append(0, 2)
	wantCopies(t, leader, follower, 1)
	eventually(t, "the fetcher uses the id", func() bool {
		leader.append(0, 1)
		leader.net.mu.Lock()
		defer leader.net.mu.Unlock()
		last, ok := leader.net.requests[len(leader.net.requests)-1].(*kmsg.FetchRequest)
		return ok && last.Version == 13
	})
	wantCopies(t, leader, follower, 1)
}

func TestConsumersOfAFollowerWakeWithItsHighWatermark(t *testing.T) {
	leader, follower := pair(t, topic.NewID(), nil, 1)
	box := follower.fetch(FetchParams{ReplicaID: -1, MaxWait: 1 << 40, MinBytes: 1, Client: &ClientMetadata{Listener: listener}}, readAt(0, 0))
	leader.append(0, 1)
	releaseAll(box.wait()) // KAFKA-14334
}

func TestAnIdleFetcherSendsEmptyRequests(t *testing.T) {
	leader, follower := pair(t, topic.NewID(), map[string]string{"replica.fetch.wait.max.ms": "5"}, 50)
	leader.append(0, 1)
	wantCopies(t, leader, follower, 50)
	net := leader.net
	net.mu.Lock()
	net.requests = nil
	net.mu.Unlock()
	eventually(t, "three rounds", func() bool {
		net.mu.Lock()
		defer net.mu.Unlock()
		return len(net.requests) >= 3
	})
	net.mu.Lock()
	defer net.mu.Unlock()
	for _, request := range net.requests {
		if fetch, ok := request.(*kmsg.FetchRequest); !ok || len(fetch.Topics) != 0 || fetch.SessionEpoch <= 0 {
			t.Errorf("an idle round sent %+v", request)
		}
	}
}

// A follower that forgot the epoch of its last record after a response without
// records could not be told of a divergence (KAFKA-15510).
func TestAnEmptyResponseKeepsTheLastFetchedEpoch(t *testing.T) {
	leader, follower := pair(t, topic.NewID(), map[string]string{"replica.fetch.wait.max.ms": "5"}, 1)
	leader.append(0, 1)
	wantCopies(t, leader, follower, 1)
	net := leader.net
	eventually(t, "three rounds without records", func() bool {
		net.mu.Lock()
		defer net.mu.Unlock()
		return len(net.requests) >= 5
	})
	lost := false
	net.mu.Lock()
	net.requests = nil
	net.intercept = func(_ int32, request kmsg.Request) (kmsg.Response, error, bool) {
		if _, ok := request.(*kmsg.FetchRequest); !ok || lost {
			return nil, nil, false
		}
		lost = true // the session, so that a new one begins with all partitions
		return &kmsg.FetchResponse{Version: 13, ErrorCode: kerr.FetchSessionIDNotFound.Code}, nil, true
	}
	net.mu.Unlock()
	eventually(t, "a new session names its partition with the epoch of its last record", func() bool {
		net.mu.Lock()
		defer net.mu.Unlock()
		for _, request := range net.requests {
			if fetch, ok := request.(*kmsg.FetchRequest); ok && len(fetch.Topics) > 0 {
				return fetch.Topics[0].Partitions[0].LastFetchedEpoch >= 0
			}
		}
		return false
	})
}

// TestTruncationByLeaderEpoch lets two replicas diverge and come together: the
// follower has records of an epoch that the new leader never saw.
func TestTruncationByLeaderEpoch(t *testing.T) {
	for _, version := range []string{"3.1", "2.6", "1.1"} {
		t.Run(version, func(t *testing.T) {
			id := topic.NewID()
			leader, follower := pair(t, id, map[string]string{"inter.broker.protocol.version": version}, 1)
			both := []*node{leader, follower}
			leader.append(0, 3)
			wantCopies(t, leader, follower, 1)
			// Epoch 1: 2 leads and is alone with its records.
			elect([]*node{follower}, "t", id, state(0, 2, 1, 2))
			follower.append(0, 4)
			// Epoch 2: 1 leads again, without them.
			elect([]*node{leader}, "t", id, state(0, 1, 2, 1))
			leader.append(0, 1)
			leader.append(0, 1)
			elect(both, "t", id, state(0, 1, 3, 1, 2))
			wantCopies(t, leader, follower, 1)
			if end := leader.LocalLog(tpOf(0)).LogEndOffset(); end != 5 {
				t.Errorf("the leader ends at %d", end)
			}
		})
	}
}

// TestTruncationOverSeveralEpochs is KIP-279: both sides have epochs that the
// other does not know.
func TestTruncationOverSeveralEpochs(t *testing.T) {
	for _, version := range []string{"3.1", "2.6"} {
		t.Run(version, func(t *testing.T) {
			id := topic.NewID()
			leader, follower := pair(t, id, map[string]string{"inter.broker.protocol.version": version}, 1)
			leader.append(0, 2)
			wantCopies(t, leader, follower, 1)
			for epoch := int32(1); epoch < 9; epoch += 2 {
				elect([]*node{leader}, "t", id, state(0, 1, epoch, 1))
				leader.append(0, 1)
				elect([]*node{follower}, "t", id, state(0, 2, epoch+1, 2))
				follower.append(0, 2)
			}
			elect([]*node{leader, follower}, "t", id, state(0, 1, 20, 1, 2))
			wantCopies(t, leader, follower, 1)
			leader.append(0, 2)
			wantCopies(t, leader, follower, 1)
		})
	}
}

// TestNoHighWatermarkBeforeTruncation is KAFKA-14704: a diverged follower must
// not show what it is about to cut.
func TestNoHighWatermarkBeforeTruncation(t *testing.T) {
	id := topic.NewID()
	leader, follower := pair(t, id, nil, 1)
	leader.append(0, 1)
	wantCopies(t, leader, follower, 1)
	elect([]*node{leader}, "t", id, state(0, 1, 2, 1))
	for range 5 {
		leader.append(0, 1)
	}
	// The follower has two records of epoch 1 that nobody committed.
	local := follower.LocalLog(tpOf(0))
	diverged := batchOf(2, 10)
	elect([]*node{follower}, "t", id, state(0, 3, 1, 2, 3))
	follower.fetchers.removeFetcherForPartitions(nil)
	setBase(diverged, 1, 1)
	if _, err := local.AppendAsFollower(diverged); err != nil {
		t.Fatal(err)
	}
	highest := make(chan int64, 100)
	leader.net.mu.Lock()
	leader.net.intercept = func(to int32, request kmsg.Request) (kmsg.Response, error, bool) {
		if fetch, ok := request.(*kmsg.FetchRequest); ok && to == 1 && len(fetch.Topics) > 0 && fetch.Topics[0].Partitions[0].LastFetchedEpoch == 1 {
			highest <- local.HighWatermark()
		}
		return nil, nil, false
	}
	leader.net.mu.Unlock()
	elect([]*node{leader, follower}, "t", id, state(0, 1, 3, 1, 2))
	wantCopies(t, leader, follower, 1)
	for len(highest) > 0 {
		if hw := <-highest; hw != 1 {
			t.Errorf("the diverged follower had high watermark %d", hw)
		}
	}
}

func TestAFollowerBehindTheLogStartBeginsAnew(t *testing.T) {
	id := topic.NewID()
	leader, follower := pair(t, id, nil, 1)
	leader.append(0, 1)
	wantCopies(t, leader, follower, 1)
	elect([]*node{leader}, "t", id, state(0, 1, 1, 1))
	for range 5 {
		leader.append(0, 1)
	}
	leader.DeleteRecords(0, []DeleteRecordsPartition{{tpOf(0), 4}}, func([]DeleteRecordsResult) {})
	elect([]*node{leader, follower}, "t", id, state(0, 1, 2, 1, 2))
	wantCopies(t, leader, follower, 1)
	if start := follower.LocalLog(tpOf(0)).LogStartOffset(); start != 4 {
		t.Errorf("the follower starts at %d", start)
	}
}

func TestAFollowerAheadOfAnUncleanLeaderDropsItsSurplus(t *testing.T) {
	id := topic.NewID()
	leader, follower := pair(t, id, map[string]string{"inter.broker.protocol.version": "1.1"}, 1)
	for range 5 {
		leader.append(0, 1)
	}
	wantCopies(t, leader, follower, 1)
	elect([]*node{follower}, "t", id, state(0, 1, 1, 1, 2))
	if _, err := leader.LocalLog(tpOf(0)).TruncateTo(2); err != nil { // the leader lost its disk's cache
		t.Fatal(err)
	}
	elect([]*node{leader, follower}, "t", id, state(0, 1, 2, 1, 2))
	leader.append(0, 1)
	wantCopies(t, leader, follower, 1)
}

func TestAFencedFetcherWaitsForTheController(t *testing.T) {
	id := topic.NewID()
	leader, follower := pair(t, id, nil, 2)
	elect([]*node{leader}, "t", id, state(0, 1, 5, 1, 2))
	eventually(t, "the partition is given up", func() bool { return follower.fetchers.failed.count() == 1 })
	leader.append(1, 1)
	eventually(t, "the other partition goes on", func() bool { return follower.LocalLog(tpOf(1)).LogEndOffset() == 1 })
	elect([]*node{follower}, "t", id, state(0, 1, 5, 1, 2))
	leader.append(0, 1)
	wantCopies(t, leader, follower, 2)
	if follower.fetchers.failed.count() != 0 {
		t.Error("still counted as failed")
	}
}

func TestAFetcherRidesOutErrors(t *testing.T) {
	failures := map[string]func(kmsg.Request) (kmsg.Response, error){
		"connection lost": func(kmsg.Request) (kmsg.Response, error) { return nil, errors.New("connection reset by peer") },
		"session lost": func(request kmsg.Request) (kmsg.Response, error) {
			return &kmsg.FetchResponse{Version: 13, ErrorCode: kerr.FetchSessionIDNotFound.Code}, nil
		},
		"session out of step": func(request kmsg.Request) (kmsg.Response, error) {
			return &kmsg.FetchResponse{Version: 13, ErrorCode: kerr.InvalidFetchSessionEpoch.Code}, nil
		},
		"session without ids": func(request kmsg.Request) (kmsg.Response, error) {
			return &kmsg.FetchResponse{Version: 13, ErrorCode: kerr.FetchSessionTopicIDError.Code}, nil
		},
		"nonsense": func(kmsg.Request) (kmsg.Response, error) { return &kmsg.MetadataResponse{}, nil },
		"corrupt records": func(request kmsg.Request) (kmsg.Response, error) {
			fetch := request.(*kmsg.FetchRequest)
			response := &kmsg.FetchResponse{Version: 12}
			broken := batchOf(1, 10)
			broken[40]++
			for _, of := range fetch.Topics {
				answer := kmsg.FetchResponseTopic{Topic: "t"}
				for _, partition := range of.Partitions {
					data := kmsg.NewFetchResponseTopicPartition()
					data.Partition, data.RecordBatches = partition.Partition, broken
					answer.Partitions = append(answer.Partitions, data)
				}
				response.Topics = append(response.Topics, answer)
			}
			return response, nil
		},
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			leader, follower := pair(t, topic.NewID(), nil, 2)
			leader.append(0, 1)
			wantCopies(t, leader, follower, 2)
			left := 3
			leader.net.mu.Lock()
			leader.net.intercept = func(_ int32, request kmsg.Request) (kmsg.Response, error, bool) {
				if _, ok := request.(*kmsg.FetchRequest); !ok || left == 0 {
					return nil, nil, false
				}
				left--
				response, err := failure(request)
				return response, err, true
			}
			leader.net.mu.Unlock()
			leader.append(1, 2)
			wantCopies(t, leader, follower, 2)
		})
	}
}

func TestFollowerThrottle(t *testing.T) {
	id := topic.NewID()
	net := newNetwork()
	leader, follower := newNode(t, net, 1, nil, nil), newNode(t, net, 2, nil, nil)
	quota := &usedUp{}
	quota.exceeded.Store(true)
	follower.options.Quotas.Follower = quota
	elect([]*node{leader}, "t", id, state(0, 1, 0, 1, 2))
	leader.append(0, 5)
	elect([]*node{follower}, "t", id, state(0, 1, 0, 1, 2))
	for range 3 {
		follower.fetchers.mu.Lock()
		for _, thread := range follower.fetchers.threads {
			thread.signal()
		}
		follower.fetchers.mu.Unlock()
	}
	if follower.LocalLog(tpOf(0)).LogEndOffset() != 0 {
		t.Error("a throttled partition was fetched")
	}
	quota.exceeded.Store(false)
	wantCopies(t, leader, follower, 1)
	if quota.recorded.Load() == 0 {
		t.Error("throttled bytes are not recorded")
	}
	quota.exceeded.Store(true)
	leader.append(0, 1) // in sync: not throttled
	wantCopies(t, leader, follower, 1)
}

func TestFetchersMoveWhenTheirNumberChanges(t *testing.T) {
	leader, follower := pair(t, topic.NewID(), nil, 6)
	for _, count := range []int{4, 2} {
		follower.ResizeFetchers(count)
		follower.fetchers.mu.Lock()
		threads := len(follower.fetchers.threads)
		follower.fetchers.mu.Unlock()
		if threads != count {
			t.Errorf("%d threads, want %d", threads, count)
		}
		for partition := range int32(6) {
			leader.append(partition, 1)
		}
		wantCopies(t, leader, follower, 6)
	}
}

func TestIdleFetchersEnd(t *testing.T) {
	id := topic.NewID()
	_, follower := pair(t, id, nil, 2)
	elect([]*node{follower}, "t", id, state(0, 2, 1, 1, 2))
	follower.StopReplicas(0, stopRequest(3, 7, false, 1))
	follower.fetchers.mu.Lock()
	defer follower.fetchers.mu.Unlock()
	if len(follower.fetchers.threads) != 0 {
		t.Errorf("%d threads are left", len(follower.fetchers.threads))
	}
}

func TestFetcherIDs(t *testing.T) {
	// As Kafka: abs(31 * "t".hashCode + partition) mod 4.
	for partition, want := range map[int32]int{0: 0, 1: 1, 2: 2, 5: 1} {
		if got := fetcherID(tpOf(partition), 4); got != want {
			t.Errorf("t-%d belongs to fetcher %d, want %d", partition, got, want)
		}
	}
	if id := fetcherID(topic.Partition{Topic: "__consumer_offsets", Partition: 17}, 3); id < 0 || id > 2 {
		t.Errorf("fetcher %d of 3", id)
	}
}

func setBase(batch []byte, offset int64, epoch int32) {
	for i := range 8 {
		batch[7-i] = byte(offset >> (8 * i))
	}
	for i := range 4 {
		batch[15-i] = byte(epoch >> (8 * i))
	}
}
