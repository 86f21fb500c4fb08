package apis

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/purgatory"
)

// electLeaders has the controller elect and answers when this broker's metadata
// shows the leaders, or the time is over.
func (a *APIs) electLeaders(request *network.Request, body *kmsg.ElectLeadersRequest) {
	if body.Version >= 1 && (body.ElectionType < 0 || body.ElectionType > 1) {
		request.Respond(failedElection(body))
		return
	}
	a.Controller.ElectLeaders(body, func(response *kmsg.ElectLeadersResponse, elected map[topic.Partition]int32) {
		if len(elected) == 0 {
			request.Respond(response)
			return
		}
		wait := &electionWait{apis: a, elected: elected, response: response, request: request}
		wait.Init(wait, time.Duration(body.TimeoutMillis)*time.Millisecond)
		keys := make([]topic.Partition, 0, len(elected))
		for partition := range elected {
			keys = append(keys, partition)
		}
		a.elections.TryCompleteElseWatch(wait, keys...)
	})
}

// failedElection answers for a kind of election that does not exist.
func failedElection(body *kmsg.ElectLeadersRequest) *kmsg.ElectLeadersResponse {
	response := body.ResponseKind().(*kmsg.ElectLeadersResponse)
	response.ErrorCode = kerr.UnknownServerError.Code
	for i := range body.Topics {
		rows := kmsg.NewElectLeadersResponseTopic()
		rows.Topic = body.Topics[i].Topic
		for _, partition := range body.Topics[i].Partitions {
			row := kmsg.NewElectLeadersResponseTopicPartition()
			row.Partition, row.ErrorCode = partition, kerr.UnknownServerError.Code
			rows.Partitions = append(rows.Partitions, row)
		}
		response.Topics = append(response.Topics, rows)
	}
	return response
}

// electionWait is kafka.server.DelayedElectLeader.
type electionWait struct {
	purgatory.DelayedOperation
	apis     *APIs
	elected  map[topic.Partition]int32
	response *kmsg.ElectLeadersResponse
	request  *network.Request
}

func (w *electionWait) shown(partition topic.Partition) bool {
	state, ok := w.apis.Metadata.LeaderAndIsr(partition)
	return ok && state.Leader == w.elected[partition]
}

// TryComplete completes when every elected leader is in the metadata.
func (w *electionWait) TryComplete() bool {
	for partition := range w.elected {
		if !w.shown(partition) {
			return false
		}
	}
	return w.ForceComplete()
}

// OnComplete answers; a leader that is not shown yet has run out of time.
func (w *electionWait) OnComplete() {
	for i := range w.response.Topics {
		for j := range w.response.Topics[i].Partitions {
			row := &w.response.Topics[i].Partitions[j]
			partition := topic.Partition{Topic: w.response.Topics[i].Topic, Partition: row.Partition}
			if _, awaited := w.elected[partition]; awaited && !w.shown(partition) {
				row.ErrorCode = kerr.RequestTimedOut.Code
			}
		}
	}
	w.request.Respond(w.response)
}

// OnExpiration has nothing left to do.
func (w *electionWait) OnExpiration() {}
