// Package broker wires the components of a broker together, starts them and stops
// them in Kafka's order. It mirrors kafka.server.KafkaServer and kafka.Kafka.
package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/manager"
	"github.com/gregor-broker/gregor/server/admin"
	"github.com/gregor-broker/gregor/server/apis"
	"github.com/gregor-broker/gregor/server/channel"
	"github.com/gregor-broker/gregor/server/controller"
	"github.com/gregor-broker/gregor/server/coordinator/group"
	"github.com/gregor-broker/gregor/server/coordinator/transaction"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/replica"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// stopTimeout bounds how long requests that were received may take when the broker
// stops.
const stopTimeout = 30 * time.Second

// zooKeeperGrace is how long the broker's stop may wait for ZooKeeper.
const zooKeeperGrace = 15 * time.Second

// KafkaServer is one broker.
type KafkaServer struct {
	log    *logrus.Entry
	prefix string
	// halt ends the process when the broker cannot go on, as Exit.halt.
	halt func(status int)

	brokerID int32
	current  *config.Current
	registry *metrics.Registry

	zk           *zkutil.KafkaZkClient
	clusterID    string
	dynamic      *admin.DynamicBrokerConfig
	metadata     *metadata.Cache
	topicConfigs *metadata.ConfigRepository
	logs         *manager.LogManager
	sockets      *network.SocketServer
	senders      *interBroker
	toController *channel.BrokerToControllerChannelManager
	alterISR     *replica.AlterIsrManager
	replicas     *replica.ReplicaManager
	controller   *controller.KafkaController
	groups       *group.Coordinator
	fetches      *replica.FetchSessionManager
	topics       *admin.ZkAdminManager
	handler      *apis.APIs
	changes      *admin.DynamicConfigManager

	// stops are the components started so far, each with how it is stopped.
	started  bool
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
			s.log.Errorf("%sFatal error during KafkaServer startup. Prepare to shutdown: %v", s.prefix, err)
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
	s.log.Infof("Connecting to zookeeper on %s", config.ZookeeperConnect.Get(s.settings()))
	if config.ZookeeperSetAcl.Get(s.settings()) {
		return errors.New("zookeeper.set.acl is true, but the connection to ZooKeeper is not authenticated")
	}
	client, err := zkutil.Connect(ctx, zkutil.NewConfig(s.settings(), "Kafka server", nil))
	if err != nil {
		return err
	}
	s.zk = client
	return client.CreateTopLevelPaths()
}

// identify finds out which cluster this is and which broker, and refuses log
// directories of another.
func (s *KafkaServer) identify(context.Context) error {
	var err error
	if s.clusterID, err = s.zk.CreateOrGetClusterId(topic.ID(uuid.New()).String()); err != nil {
		return err
	}
	s.log.Infof("Cluster ID = %s", s.clusterID)
	stored, _, err := readMetaProperties(s.settings().LogDirs())
	if err != nil {
		return err
	}
	if stored != nil && stored.clusterID != "" && stored.clusterID != s.clusterID {
		return fmt.Errorf("kafka.common.InconsistentClusterIdException: The Cluster ID %s doesn't match stored clusterId Some(%s) in meta.properties. The broker is trying to join the wrong cluster. Configured zookeeper.connect may be wrong.",
			s.clusterID, stored.clusterID)
	}
	id, err := s.resolveBrokerID(stored)
	if err != nil {
		return err
	}
	return s.assumeID(id)
}

// resolveBrokerID takes the configured id, else the stored one, else a new one of
// ZooKeeper's sequence.
func (s *KafkaServer) resolveBrokerID(stored *metaProperties) (int, error) {
	configured := config.BrokerId.Get(s.settings())
	switch {
	case stored != nil && stored.brokerID >= 0 && configured >= 0 && stored.brokerID != configured:
		return 0, fmt.Errorf("kafka.common.InconsistentBrokerIdException: Configured broker.id %d doesn't match stored broker.id Some(%d) in meta.properties. If you moved your data, make sure your configured broker.id matches. If you intend to create a new broker, you should remove all data in your data directories (log.dirs).",
			configured, stored.brokerID)
	case stored != nil && stored.brokerID >= 0:
		return stored.brokerID, nil
	case configured < 0 && config.BrokerIdGenerationEnable.Get(s.settings()):
		sequence, err := s.zk.GenerateBrokerSequenceId()
		return int(sequence) + config.ReservedBrokerMaxId.Get(s.settings()), err
	}
	return configured, nil
}

// assumeID puts settings with the broker's id in force, and the dynamic ones over
// them.
func (s *KafkaServer) assumeID(id int) error {
	s.brokerID, s.prefix = int32(id), fmt.Sprintf("[KafkaServer id=%d] ", id)
	s.dynamic = admin.NewDynamicBrokerConfig(s.brokerID, s.current)
	if config.BrokerId.Get(s.settings()) != id {
		properties := map[string]string{config.BrokerId.Name: strconv.Itoa(id)}
		for key, value := range s.settings().Originals() {
			properties[key] = value
		}
		properties[config.BrokerId.Name] = strconv.Itoa(id)
		resolved, err := config.NewBrokerConfig(properties)
		if err != nil {
			return err
		}
		s.current.Store(resolved)
	}
	for entity, apply := range map[string]func(map[string]string){
		zkdata.DefaultEntity: s.dynamic.UpdateDefaults, strconv.Itoa(id): s.dynamic.UpdateBroker,
	} {
		stored, err := s.zk.GetEntityConfigs(zkdata.ConfigTypeBroker, entity)
		if err != nil {
			return err
		}
		apply(stored)
	}
	return nil
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
	s.metadata = metadata.NewCache(s.brokerID)
	s.replicaOptions(failures)
	return nil
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
	s.alterISR = replica.NewAlterIsrManager(s.brokerID, s.brokerEpoch, s.toController)
	s.replicas = replica.New(replica.Options{
		Config: s.current, LogManager: s.logs, MetadataCache: s.metadata, TopicConfigs: s.topicConfigs,
		LogDirFailures: failures, AlterIsr: s.alterISR, Leaders: s.senders,
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

// register makes the broker known in ZooKeeper, then notes in its log directories
// whose they are, then starts the controller.
func (s *KafkaServer) register(context.Context) error {
	info, err := s.brokerInfo()
	if err != nil {
		return err
	}
	epoch, err := s.zk.RegisterBroker(info)
	if err != nil {
		return err
	}
	meta := metaProperties{clusterID: s.clusterID, brokerID: int(s.brokerID)}
	if err := s.storeMeta(meta); err != nil {
		return err
	}
	s.controller = controller.New(controller.Options{
		Config: s.current, ZkClient: s.zk, BrokerInfo: info, BrokerEpoch: epoch, Sender: s.senders, Metrics: s.registry,
	})
	s.controller.Startup()
	return nil
}

func (s *KafkaServer) storeMeta(meta metaProperties) error {
	stored, _, err := readMetaProperties(s.settings().LogDirs())
	if err != nil {
		return err
	}
	for _, dir := range s.settings().LogDirs() {
		if !slices.Contains(s.logs.LiveLogDirs(), absolute(dir)) {
			continue
		}
		if one, _, _ := readMetaProperties([]string{dir}); one != nil && stored != nil && *one == meta {
			continue
		}
		if err := meta.write(dir); err != nil {
			return err
		}
	}
	return nil
}

// brokerInfo is what the broker registers: its listeners as others reach them.
func (s *KafkaServer) brokerInfo() (zkdata.BrokerInfo, error) {
	endpoints, err := s.advertisedEndpoints()
	if err != nil {
		return zkdata.BrokerInfo{}, err
	}
	registered, err := s.zk.GetAllBrokersInCluster()
	if err != nil {
		return zkdata.BrokerInfo{}, err
	}
	for _, other := range registered {
		if shared := sharedEndpoints(endpoints, other.Endpoints); other.ID != s.brokerID && shared != "" {
			return zkdata.BrokerInfo{}, fmt.Errorf("java.lang.IllegalArgumentException: requirement failed: Configured end points %s in advertised listeners are already registered by broker %d", shared, other.ID)
		}
	}
	broker := zkdata.Broker{ID: s.brokerID, Endpoints: endpoints, Features: map[string]zkdata.SupportedVersionRange{}}
	if rack := config.BrokerRack.Get(s.settings()); rack != "" {
		broker.Rack = &rack
	}
	return zkdata.NewBrokerInfo(broker, s.settings().InterBrokerProtocolVersion(), -1), nil
}

func (s *KafkaServer) advertisedEndpoints() ([]zkdata.Endpoint, error) {
	var endpoints []zkdata.Endpoint
	for _, advertised := range s.settings().AdvertisedListeners() {
		endpoint := zkdata.Endpoint{
			Host: advertised.Host, Port: int32(advertised.Port), ListenerName: advertised.ListenerName,
			SecurityProtocol: advertised.SecurityProtocol.String(),
		}
		if endpoint.Port == 0 {
			port, err := s.sockets.BoundPort(endpoint.ListenerName)
			if err != nil {
				return nil, err
			}
			endpoint.Port = int32(port)
		}
		if endpoint.Host == "" {
			endpoint.Host = canonicalHostName()
		}
		endpoints = append(endpoints, endpoint)
	}
	return endpoints, nil
}

// startCoordination starts what answers requests about topics and groups.
func (s *KafkaServer) startCoordination(context.Context) error {
	configs := admin.NewConfigHelper(s.brokerID, s.current, s.dynamic, s.metadata, s.topicConfigs)
	s.topics = admin.NewZkAdminManager(s.brokerID, s.current, s.zk, s.metadata, s.dynamic, configs, s.registry)
	s.groups = group.New(s.current, s.offsetsPartitions, s.replicas.CoordinatorStorage(), logging.For("kafka.coordinator.group.GroupCoordinator"))
	s.groups.Start()
	s.fetches = replica.NewFetchSessionManager(s.settings(), s.metadata, s.registry)
	s.handler = apis.New(apis.Components{
		BrokerID: s.brokerID, ClusterID: s.clusterID, Config: s.current, Metadata: s.metadata, Replicas: s.replicas,
		Fetches: s.fetches, Groups: s.groups, Controller: s.controller, Topics: s.topics,
		Creation:        admin.NewAutoTopicCreationManager(s.topics, s.groups.OffsetsTopicConfigs()),
		Configs:         configs,
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
	if config.UncleanLeaderElectionEnable.Get(after) && !config.UncleanLeaderElectionEnable.Get(before) {
		s.controller.EnableDefaultUncleanLeaderElection()
	}
}

// BoundPort is the port of a listener.
func (s *KafkaServer) BoundPort(listenerName string) (int, error) {
	return s.sockets.BoundPort(listenerName)
}

// BrokerID is the id of the started broker.
func (s *KafkaServer) BrokerID() int32 { return s.brokerID }

// Stopped is closed when the broker has stopped.
func (s *KafkaServer) Stopped() <-chan struct{} { return s.stopped }

// Shutdown stops the broker in Kafka's order and for the reasons given at each
// step; it is idempotent and waits.
func (s *KafkaServer) Shutdown() {
	s.stopOnce.Do(func() {
		s.log.Info(s.prefix + "shutting down")
		if s.started && s.zk.SessionState() != zkclient.Connected {
			s.log.Warn(s.prefix + "There is no connection to ZooKeeper: leaving the cluster without a controlled shutdown")
			s.zk.Close()
		} else if s.started && config.ControlledShutdownEnable.Get(s.settings()) {
			s.controlledShutdown()
		}
		defer s.closeZooKeeperAfter(zooKeeperGrace)()
		s.stopServing()
		s.stopStorage()
		s.log.Info(s.prefix + "shut down completed")
		close(s.stopped)
	})
	<-s.stopped
}

// closeZooKeeperAfter ends operations on ZooKeeper that would hold the stop up when
// ZooKeeper goes away meanwhile. The function it returns calls that off.
func (s *KafkaServer) closeZooKeeperAfter(grace time.Duration) func() bool {
	if s.zk == nil {
		return func() bool { return true }
	}
	return time.AfterFunc(grace, s.zk.Close).Stop
}

// stopServing ends what takes work: no setting changes any more, then no requests,
// then the coordinators, whose answers still go out.
func (s *KafkaServer) stopServing() {
	if s.changes != nil {
		s.changes.Close()
	}
	if s.topics != nil {
		s.topics.Close()
	}
	if s.handler != nil {
		s.handler.Close()
	}
	if s.groups != nil {
		s.groups.Close()
	}
	if s.replicas != nil {
		s.replicas.PrepareShutdown()
	}
	if s.sockets != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		s.sockets.StopProcessingRequests(ctx)
		cancel()
	}
}

// stopStorage ends replication before the logs it writes to, and the controller and
// ZooKeeper last, so that the broker stays registered until its logs are closed.
func (s *KafkaServer) stopStorage() {
	if s.replicas != nil {
		s.replicas.Shutdown(true)
	}
	if s.alterISR != nil {
		s.alterISR.Close()
	}
	if s.toController != nil {
		s.toController.Close()
	}
	if s.logs != nil {
		if err := s.logs.Shutdown(); err != nil {
			s.log.Errorf("%sError while closing logs: %v", s.prefix, err)
		}
	}
	if s.controller != nil {
		s.controller.Shutdown()
	}
	if s.senders != nil {
		s.senders.Close()
	}
	if s.zk != nil {
		s.zk.Close()
	}
	if s.fetches != nil {
		s.fetches.Close()
	}
	if s.sockets != nil {
		s.sockets.Close()
	}
}

func absolute(dir string) string {
	if path, err := absolutePath(dir); err == nil {
		return path
	}
	return dir
}

func canonicalHostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
