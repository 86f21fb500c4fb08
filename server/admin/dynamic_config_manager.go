package admin

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// changeExpiry is how long an announcement of a change is kept in ZooKeeper.
const changeExpiry = 15 * time.Minute

// ConfigHandler takes the settings of an entity that changed.
type ConfigHandler func(entity string, settings map[string]string)

// DynamicConfigManager hears of settings that changed: brokers announce a change
// under /config/changes, and each reads the entity again. One goroutine works the
// announcements off in order. It mirrors kafka.server.DynamicConfigManager and
// kafka.common.ZkNodeChangeNotificationListener.
type DynamicConfigManager struct {
	zk       *zkutil.KafkaZkClient
	handlers map[string]ConfigHandler
	log      *logrus.Entry

	changed chan struct{}
	stop    chan struct{}
	stopped sync.Once
	running sync.WaitGroup

	lastProcessed int64 // the goroutine's alone
}

const configChangeHandler = "config-changes"

// NewDynamicConfigManager calls the handler of an entity's type ("topics",
// "brokers") for each change. It starts nothing.
func NewDynamicConfigManager(zk *zkutil.KafkaZkClient, handlers map[string]ConfigHandler) *DynamicConfigManager {
	return &DynamicConfigManager{
		zk: zk, handlers: handlers, log: logging.For("kafka.server.DynamicConfigManager"),
		changed: make(chan struct{}, 1), stop: make(chan struct{}), lastProcessed: -1,
	}
}

// Start reads the present settings of all entities, since changes may have come
// before the watch was set, and goes on with the announcements.
func (m *DynamicConfigManager) Start() error {
	m.zk.RegisterStateChangeHandler(zkclient.StateChangeHandler{Name: configChangeHandler, AfterInitializingSession: m.wake})
	m.zk.RegisterZNodeChildChangeHandler(zkclient.ChildChangeHandler{Path: zkdata.ConfigChangesPath, HandleChildChange: m.wake})
	if err := m.processAnnouncements(); err != nil {
		return err
	}
	for entityType := range m.handlers {
		entities, err := m.zk.GetAllEntitiesWithConfig(entityType)
		if err != nil {
			return err
		}
		for _, entity := range entities {
			if err := m.process(entityType, entity); err != nil {
				return err
			}
		}
	}
	m.running.Go(m.run)
	return nil
}

// Close stops hearing of changes and waits for the one being worked off.
func (m *DynamicConfigManager) Close() {
	m.stopped.Do(func() {
		m.zk.UnregisterStateChangeHandler(configChangeHandler)
		m.zk.UnregisterZNodeChildChangeHandler(zkdata.ConfigChangesPath)
		close(m.stop)
		m.running.Wait()
	})
}

func (m *DynamicConfigManager) wake() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *DynamicConfigManager) run() {
	for {
		select {
		case <-m.stop:
			return
		case <-m.changed:
			if err := m.processAnnouncements(); err != nil {
				m.log.Errorf("Error while processing notification change for path = %s: %v", zkdata.ConfigChangesPath, err)
			}
		}
	}
}

// processAnnouncements works off what was announced since the last time, oldest
// first, and removes what is old.
func (m *DynamicConfigManager) processAnnouncements() error {
	names, err := m.zk.GetChildren(zkdata.ConfigChangesPath)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		number, err := strconv.ParseInt(strings.TrimPrefix(name, zkdata.ConfigChangePrefix), 10, 64)
		if err != nil || number <= m.lastProcessed {
			continue
		}
		m.processAnnouncement(zkdata.ConfigChangesPath + "/" + name)
		m.lastProcessed = number
	}
	m.purge(names)
	return nil
}

func (m *DynamicConfigManager) processAnnouncement(path string) {
	data, _, found, err := m.zk.GetDataAndStat(path)
	if err != nil || !found {
		return
	}
	change, err := zkdata.DecodeConfigChange(data)
	if err == nil {
		entityType, entity, _ := strings.Cut(change.EntityPath, "/")
		m.log.Infof("Processing override for entityPath: %s", change.EntityPath)
		err = m.process(entityType, entity)
	}
	if err != nil {
		m.log.Errorf("Error processing config change notification %s: %v", path, err)
	}
}

func (m *DynamicConfigManager) process(entityType, entity string) error {
	handler := m.handlers[entityType]
	if handler == nil {
		return nil
	}
	settings, err := m.zk.GetEntityConfigs(entityType, entity)
	if err != nil {
		return err
	}
	handler(entity, settings)
	return nil
}

func (m *DynamicConfigManager) purge(names []string) {
	for _, name := range names {
		path := zkdata.ConfigChangesPath + "/" + name
		_, stat, found, err := m.zk.GetDataAndStat(path)
		if err != nil || !found || time.Since(time.UnixMilli(stat.Ctime)) < changeExpiry {
			return
		}
		if err := m.zk.DeletePath(path, zkdata.MatchAnyVersion); err != nil {
			return
		}
	}
}
