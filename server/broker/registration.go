package broker

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/admin"
	"github.com/gregor-broker/gregor/server/controller"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// identify finds out which cluster this is and which broker, and refuses log
// directories of another.
func (s *KafkaServer) identify(context.Context) error {
	var err error
	if s.clusterID, err = s.zk.CreateOrGetClusterId(topic.NewID().String()); err != nil {
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
	resolved, err := s.settings().WithBrokerID(id)
	if err != nil {
		return err
	}
	s.current.Store(resolved)
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
		Config: s.current, ZkClient: s.zk, BrokerInfo: info, BrokerEpoch: epoch, Sender: s.senders, Features: s.features, Metrics: s.registry,
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

// sharedEndpoints lists host:port of a broker's endpoints that another has too.
func sharedEndpoints(ours, theirs []zkdata.Endpoint) string {
	taken := map[string]bool{}
	for _, endpoint := range theirs {
		taken[net.JoinHostPort(endpoint.Host, strconv.Itoa(int(endpoint.Port)))] = true
	}
	var shared []string
	for _, endpoint := range ours {
		if address := net.JoinHostPort(endpoint.Host, strconv.Itoa(int(endpoint.Port))); taken[address] {
			shared = append(shared, address)
		}
	}
	return strings.Join(shared, ",")
}

func absolute(dir string) string {
	if path, err := filepath.Abs(dir); err == nil {
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
