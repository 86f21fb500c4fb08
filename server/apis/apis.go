// Package apis answers requests: one table of the APIs that are served, one file
// for each that does more than pass the request on. It mirrors
// kafka.server.KafkaApis.
package apis

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/admin"
	"github.com/gregor-broker/gregor/server/controller"
	"github.com/gregor-broker/gregor/server/coordinator/group"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/server/purgatory"
	"github.com/gregor-broker/gregor/server/replica"
)

// Components are what requests are answered from. All are set.
type Components struct {
	BrokerID   int32
	ClusterID  string
	Config     *config.Current
	Metadata   *metadata.Cache
	Replicas   *replica.ReplicaManager
	Fetches    *replica.FetchSessionManager
	Groups     *group.Coordinator
	Controller *controller.KafkaController
	Topics     *admin.ZkAdminManager
	Creation   *admin.AutoTopicCreationManager
	Configs    *admin.ConfigHelper
	Features   *admin.FinalizedFeatures
	// ProducerIDs gives ids to idempotent producers.
	ProducerIDs ProducerIDs
	// ConsumerOffsets keeps the offsets of OffsetCommit and OffsetFetch v0.
	ConsumerOffsets ConsumerOffsets
	// Metrics may be nil.
	Metrics *metrics.Registry
}

// ConsumerOffsets keeps offsets under /consumers in ZooKeeper.
type ConsumerOffsets interface {
	GetConsumerOffset(group string, partition topic.Partition) (offset int64, found bool, err error)
	SetOrCreateConsumerOffset(group string, partition topic.Partition, offset int64) error
}

// ProducerIDs gives out producer ids that no one else has.
type ProducerIDs interface {
	// Generate calls done once, perhaps before it returns.
	Generate(done func(producerID int64, err error))
}

// APIs is the handler of all requests of a broker.
type APIs struct {
	Components
	log       *logrus.Entry
	prefix    string
	elections *purgatory.Purgatory[topic.Partition]
}

// New returns a handler that answers from the components.
func New(components Components) *APIs {
	return &APIs{
		Components: components, log: logging.For("kafka.server.KafkaApis"),
		prefix:    fmt.Sprintf("[KafkaApi-%d] ", components.BrokerID),
		elections: purgatory.New[topic.Partition]("ElectLeader", components.Metrics),
	}
}

// Close answers what still waits for an election.
func (a *APIs) Close() { a.elections.Close() }

// handler answers one request; it finishes it exactly once.
type handler func(a *APIs, request *network.Request)

// on makes a handler of a function that takes the request's body by its type.
func on[Q kmsg.Request](answer func(a *APIs, request *network.Request, body Q)) handler {
	return func(a *APIs, request *network.Request) { answer(a, request, request.Body.(Q)) }
}

// handlers are the APIs that are served, each at the versions that
// protocol.APIs has for it. ApiVersions lists these and no other.
var handlers map[kmsg.Key]handler

// The table is filled here since ApiVersions, one of its rows, reads it.
func init() {
	handlers = map[kmsg.Key]handler{
		kmsg.Produce:                    on((*APIs).produce),
		kmsg.Fetch:                      on((*APIs).fetch),
		kmsg.ListOffsets:                on((*APIs).listOffsets),
		kmsg.Metadata:                   on((*APIs).metadata),
		kmsg.LeaderAndISR:               on((*APIs).leaderAndISR),
		kmsg.StopReplica:                on((*APIs).stopReplica),
		kmsg.UpdateMetadata:             on((*APIs).updateMetadata),
		kmsg.ControlledShutdown:         on((*APIs).controlledShutdown),
		kmsg.OffsetCommit:               on((*APIs).offsetCommit),
		kmsg.OffsetFetch:                on((*APIs).offsetFetch),
		kmsg.FindCoordinator:            on((*APIs).findCoordinator),
		kmsg.JoinGroup:                  on((*APIs).joinGroup),
		kmsg.Heartbeat:                  on((*APIs).heartbeat),
		kmsg.LeaveGroup:                 on((*APIs).leaveGroup),
		kmsg.SyncGroup:                  on((*APIs).syncGroup),
		kmsg.DescribeGroups:             on((*APIs).describeGroups),
		kmsg.ListGroups:                 on((*APIs).listGroups),
		kmsg.ApiVersions:                on((*APIs).apiVersions),
		kmsg.CreateTopics:               on((*APIs).createTopics),
		kmsg.DeleteTopics:               on((*APIs).deleteTopics),
		kmsg.DeleteRecords:              on((*APIs).deleteRecords),
		kmsg.InitProducerID:             on((*APIs).initProducerID),
		kmsg.OffsetForLeaderEpoch:       on((*APIs).offsetForLeaderEpoch),
		kmsg.DescribeConfigs:            on((*APIs).describeConfigs),
		kmsg.AlterConfigs:               on((*APIs).alterConfigs),
		kmsg.AlterReplicaLogDirs:        on((*APIs).alterReplicaLogDirs),
		kmsg.DescribeLogDirs:            on((*APIs).describeLogDirs),
		kmsg.CreatePartitions:           on((*APIs).createPartitions),
		kmsg.DeleteGroups:               on((*APIs).deleteGroups),
		kmsg.ElectLeaders:               on((*APIs).electLeaders),
		kmsg.IncrementalAlterConfigs:    on((*APIs).incrementalAlterConfigs),
		kmsg.AlterPartitionAssignments:  on((*APIs).alterPartitionReassignments),
		kmsg.ListPartitionReassignments: on((*APIs).listPartitionReassignments),
		kmsg.OffsetDelete:               on((*APIs).offsetDelete),
		kmsg.AlterPartition:             on((*APIs).alterISR),
		kmsg.UpdateFeatures:             on((*APIs).updateFeatures),
		kmsg.DescribeCluster:            on((*APIs).describeCluster),
		kmsg.DescribeProducers:          on((*APIs).describeProducers),
		kmsg.AllocateProducerIDs:        on((*APIs).allocateProducerIDs),
	}
}

// Table returns the APIs that are served.
func Table() *protocol.APITable {
	var keys []int16
	for _, key := range slices.Sorted(maps.Keys(handlers)) {
		keys = append(keys, key.Int16())
	}
	return protocol.NewAPITable(keys...)
}

// Handle answers a request.
func (a *APIs) Handle(request *network.Request) {
	handlers[kmsg.Key(request.Context.Header.APIKey)](a, request)
}

// respondWith passes a response of a coordinator or the controller on.
func respondWith[R kmsg.Response](request *network.Request) func(R) {
	return func(response R) { request.Respond(response) }
}

// orEmpty makes a missing message the empty one: fields of which Kafka's schema has
// no default are "" where nothing was set.
func orEmpty(message *string) *string {
	if message == nil {
		return new(string)
	}
	return message
}
