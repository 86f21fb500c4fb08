// Package broker wires the components of a broker together, starts them and stops
// them in Kafka's order. It mirrors kafka.server.KafkaServer and kafka.Kafka.
package broker

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/manager"
	"github.com/gregor-broker/gregor/server/admin"
	"github.com/gregor-broker/gregor/server/apis"
	"github.com/gregor-broker/gregor/server/channel"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/controller"
	"github.com/gregor-broker/gregor/server/coordinator/group"
	"github.com/gregor-broker/gregor/server/coordinator/transaction"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/replica"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// isrManager carries ISR changes out: through the controller, or under an old
// inter-broker protocol through ZooKeeper.
type isrManager interface {
	cluster.AlterIsrManager
	Close()
}

// KafkaServer is one broker.
type KafkaServer struct {
	log    *logrus.Entry
	prefix string
	// halt ends the process when the broker cannot go on, as Exit.halt.
	halt func(status int)

	brokerID int32
	current  *config.Current
	registry *metrics.Registry

	zk                *zkutil.KafkaZkClient
	features          *admin.FinalizedFeatures
	clusterID         string
	dynamic           *admin.DynamicBrokerConfig
	metadata          *metadata.Cache
	topicConfigs      *metadata.ConfigRepository
	logs              *manager.LogManager
	sockets           *network.SocketServer
	senders           *interBroker
	toController      *channel.BrokerToControllerChannelManager
	alterISR          isrManager
	replicas          *replica.ReplicaManager
	replicationQuotas *replicationQuotas
	controller        *controller.KafkaController
	groups            *group.Coordinator
	fetches           *replica.FetchSessionManager
	topics            *admin.ZkAdminManager
	handler           *apis.APIs
	changes           *admin.DynamicConfigManager

	started  bool // serves, and so leaves the cluster in an orderly way
	stopOnce sync.Once
	stopped  chan struct{}
}

// New makes a broker that is not started. halt ends the process at once with a
// status; it is called when the last log directory failed.
func New(settings *config.BrokerConfig, halt func(status int)) *KafkaServer {
	return &KafkaServer{
		log: logging.For("kafka.server.KafkaServer"), halt: halt,
		current: config.NewCurrent(settings), registry: metrics.NewRegistry(), stopped: make(chan struct{}),
	}
}

// Startup starts the broker and returns when it serves. On an error what was
// started is stopped again.
func (s *KafkaServer) Startup(ctx context.Context) error {
	s.log.Info("starting")
	for _, step := range []func(context.Context) error{
		s.connectZooKeeper, s.identify, s.loadLogs, s.bind, s.startReplication, s.register, s.startCoordination, s.serve,
	} {
		if err := step(ctx); err != nil {
			s.log.WithError(err).Errorf("%sFatal error during KafkaServer startup. Prepare to shutdown", s.prefix)
			s.Shutdown()
			return err
		}
	}
	s.started = true
	s.log.Info(s.prefix + "started")
	return nil
}

func (s *KafkaServer) settings() *config.BrokerConfig { return s.current.Load() }

func (s *KafkaServer) connectZooKeeper(ctx context.Context) error {
	if err := refuseUnserved(s.settings()); err != nil {
		return err
	}
	s.log.Infof("Connecting to zookeeper on %s", config.ZookeeperConnect.Get(s.settings()))
	client, err := zkutil.Connect(ctx, zkutil.NewConfig(s.settings(), "Kafka server", nil))
	if err != nil {
		return err
	}
	s.zk = client
	if err := client.CreateTopLevelPaths(); err != nil {
		return err
	}
	s.features = admin.NewFinalizedFeatures(client)
	if s.settings().InterBrokerProtocolVersion() < config.IBP_2_7_IV0 {
		return nil // the node is not in force
	}
	return s.features.Start()
}

func (s *KafkaServer) loadLogs(context.Context) error {
	s.topicConfigs = metadata.NewConfigRepository(func(name string) (map[string]string, error) {
		return s.zk.GetEntityConfigs(zkdata.ConfigTypeTopic, name)
	})
	_, offline, err := readMetaProperties(s.settings().LogDirs())
	if err != nil {
		return err
	}
	failures := manager.NewLogDirFailureChannel(len(s.settings().LogDirs()))
	logs, err := manager.New(manager.Options{
		Config: s.current, InitialOfflineDirs: offline, FailureChannel: failures,
		TopicConfig:     s.overridesOf,
		OnAllDirsFailed: func() { s.halt(1) },
	})
	if err != nil {
		return err
	}
	s.logs = logs
	names, err := s.zk.GetAllTopicsInCluster(false)
	if err != nil {
		return err
	}
	overrides, failed := s.zk.GetLogConfigs(names)
	for name, err := range failed {
		return fmt.Errorf("settings of topic %s: %w", name, err)
	}
	for name, settings := range overrides {
		s.topicConfigs.SetTopicConfig(name, settings)
	}
	if err := logs.Startup(names); err != nil {
		return err
	}
	s.exportCleanerMetrics()
	s.metadata = metadata.NewCache(s.brokerID)
	s.replicaOptions(failures)
	return nil
}

// storedTopicConfigs reads settings of topics where they are kept, so that clients
// are told of a change at once, before the brokers heard of it.
type storedTopicConfigs struct{ zk *zkutil.KafkaZkClient }

func (c storedTopicConfigs) TopicConfig(name string) (map[string]string, error) {
	return c.zk.GetEntityConfigs(zkdata.ConfigTypeTopic, name)
}

// overridesOf gives the settings of a topic; without an answer of ZooKeeper the
// defaults hold until the change notification brings them.
func (s *KafkaServer) overridesOf(name string) map[string]string {
	overrides, err := s.topicConfigs.TopicConfig(name)
	if err != nil {
		s.log.Errorf("%sSettings of topic %s could not be read: %v", s.prefix, name, err)
	}
	return overrides
}

func (s *KafkaServer) replicaOptions(failures *manager.LogDirFailureChannel) {
	s.senders = newInterBroker(s.current, s.brokerID)
	s.toController = channel.NewBrokerToControllerChannelManager(channel.BrokerToControllerConfig{
		Name: "alterIsr", BrokerID: s.brokerID, Controller: s.controllerNode, Sender: s.senders.config(""),
	})
	if s.settings().InterBrokerProtocolVersion() >= config.IBP_2_7_IV2 {
		s.alterISR = replica.NewAlterIsrManager(s.brokerID, s.brokerEpoch, s.toController)
	} else {
		changes := replica.NewZkIsrManager(s.zk)
		changes.Start()
		s.alterISR = changes
	}
	s.replicationQuotas = newReplicationQuotas(s.brokerID, s.settings())
	s.replicas = replica.New(replica.Options{
		Config: s.current, LogManager: s.logs, MetadataCache: s.metadata, TopicConfigs: s.topicConfigs,
		LogDirFailures: failures, Quotas: s.replicationQuotas.limits(), AlterIsr: s.alterISR, Leaders: s.senders,
		PropagateLogDirEvent: s.zk.PropagateLogDirEvent, Halt: s.halt, Metrics: s.registry,
	})
}

// brokerEpoch is the epoch of this broker's registration, -1 before there is one.
func (s *KafkaServer) brokerEpoch() int64 {
	if s.controller == nil {
		return -1
	}
	return s.controller.BrokerEpoch()
}

// controllerNode finds the controller on the inter-broker listener.
func (s *KafkaServer) controllerNode() (channel.Node, bool) {
	listener := s.settings().ControlPlaneListenerName()
	if listener == "" {
		listener = s.settings().InterBrokerListenerName()
	}
	node, ok := s.metadata.AliveBrokerNode(s.metadata.ControllerID(), listener)
	return channel.Node{ID: node.ID, Host: node.Host, Port: node.Port}, ok
}

// bind takes the ports, so that they are known and a second broker finds them
// taken; nothing is accepted yet.
func (s *KafkaServer) bind(context.Context) error {
	sockets, err := network.NewSocketServer(s.settings(), apis.Table(), s.registry)
	if err != nil {
		return err
	}
	s.sockets = sockets
	return sockets.Startup()
}

func (s *KafkaServer) startReplication(context.Context) error {
	s.toController.Start()
	s.replicas.Startup()
	return nil
}

// startCoordination starts what answers requests about topics and groups.
func (s *KafkaServer) startCoordination(context.Context) error {
	configs := admin.NewConfigHelper(s.brokerID, s.current, s.dynamic, s.metadata, storedTopicConfigs{s.zk})
	s.topics = admin.NewZkAdminManager(s.brokerID, s.current, s.zk, s.metadata, s.dynamic, configs, s.registry)
	s.groups = group.New(s.current, s.offsetsPartitions, s.replicas.CoordinatorStorage(), logging.For("kafka.coordinator.group.GroupCoordinator"))
	s.groups.Start()
	s.fetches = replica.NewFetchSessionManager(s.settings(), s.metadata, s.registry)
	s.handler = apis.New(apis.Components{
		BrokerID: s.brokerID, ClusterID: s.clusterID, Config: s.current, Metadata: s.metadata, Replicas: s.replicas,
		Fetches: s.fetches, Groups: s.groups, Controller: s.controller, Topics: s.topics,
		Creation: admin.NewAutoTopicCreationManager(s.topics, s.groups.OffsetsTopicConfigs()),
		Configs:  configs, Features: s.features,
		ProducerIDs:     transaction.NewProducerIDManager(s.brokerID, s.brokerEpoch, s.toController),
		ConsumerOffsets: s.zk, Metrics: s.registry,
	})
	return nil
}

// offsetsPartitions is how many partitions __consumer_offsets has, or will have.
func (s *KafkaServer) offsetsPartitions() int32 {
	count, found, err := s.zk.GetTopicPartitionCount(topic.ConsumerOffsets)
	if err == nil && found {
		return int32(count)
	}
	return int32(config.OffsetsTopicNumPartitions.Get(s.settings()))
}

// serve has the broker hear of changed settings and lets clients in.
func (s *KafkaServer) serve(context.Context) error {
	s.dynamic.OnChange(s.reconfigure)
	s.changes = admin.NewDynamicConfigManager(s.zk, map[string]admin.ConfigHandler{
		zkdata.ConfigTypeTopic: s.topicChanged, zkdata.ConfigTypeBroker: s.brokerChanged,
	})
	if err := s.changes.Start(); err != nil {
		return err
	}
	s.sockets.StartProcessingRequests(s.handler)
	return nil
}

func (s *KafkaServer) topicChanged(name string, settings map[string]string) {
	s.topicConfigs.SetTopicConfig(name, settings)
	if err := s.logs.UpdateTopicConfig(name, settings); err != nil {
		s.log.Errorf("%sSettings of topic %s could not be applied: %v", s.prefix, name, err)
	}
	s.replicationQuotas.setReplicas(name, settings)
	if settings["unclean.leader.election.enable"] == "true" {
		s.controller.EnableTopicUncleanLeaderElection(name)
	}
}

func (s *KafkaServer) brokerChanged(entity string, settings map[string]string) {
	switch entity {
	case zkdata.DefaultEntity:
		s.dynamic.UpdateDefaults(settings)
	case strconv.Itoa(int(s.brokerID)):
		s.dynamic.UpdateBroker(settings)
		s.replicationQuotas.setRates(settings)
	}
}

// reconfigure tells the components of new settings.
func (s *KafkaServer) reconfigure(before, after *config.BrokerConfig) {
	if err := s.logs.ReconfigureDefaults(); err != nil {
		s.log.Errorf("%sNew defaults of topics could not be applied: %v", s.prefix, err)
	}
	if err := s.sockets.Reconfigure(after); err != nil {
		s.log.Errorf("%sNew connection limits could not be applied: %v", s.prefix, err)
	}
	if fetchers := config.NumReplicaFetchers.Get(after); fetchers != config.NumReplicaFetchers.Get(before) {
		s.replicas.ResizeFetchers(fetchers)
	}
	if config.UncleanLeaderElectionEnable.Get(after) && !config.UncleanLeaderElectionEnable.Get(before) {
		s.controller.EnableDefaultUncleanLeaderElection()
	}
}

// Stopped is closed when the broker has stopped.
func (s *KafkaServer) Stopped() <-chan struct{} { return s.stopped }
