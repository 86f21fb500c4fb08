package admin

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
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
	changes  *watchLoop

	lastProcessed int64 // the goroutine's alone
}

const configChangeHandler = "config-changes"

// NewDynamicConfigManager calls the handler of an entity's type ("topics",
// "brokers") for each change. It starts nothing.
func NewDynamicConfigManager(zk *zkutil.KafkaZkClient, handlers map[string]ConfigHandler) *DynamicConfigManager {
	return &DynamicConfigManager{
		zk: zk, handlers: handlers, log: logging.For("kafka.server.DynamicConfigManager"),
		changes: newWatchLoop(), lastProcessed: -1,
	}
}

// Start reads the present settings of all entities, since changes may have come
// before the watch was set, and goes on with the announcements.
func (m *DynamicConfigManager) Start() error {
	m.zk.RegisterStateChangeHandler(zkclient.StateChangeHandler{Name: configChangeHandler, AfterInitializingSession: m.changes.wake})
	m.zk.RegisterZNodeChildChangeHandler(zkclient.ChildChangeHandler{Path: zkdata.ConfigChangesPath, HandleChildChange: m.changes.wake})
	if err := m.processAnnouncements(); err != nil {
		return err
	}
	for entityType, handle := range m.handlers {
		entities, err := m.zk.GetAllEntitiesWithConfig(entityType)
		if err != nil {
			return err
		}
		for _, entity := range entities {
			settings, err := m.zk.GetEntityConfigs(entityType, entity)
			if err != nil {
				return err
			}
			handle(entity, settings)
		}
	}
	m.changes.start(func() {
		if err := m.processAnnouncements(); err != nil {
			m.log.Errorf("Error while processing notification change for path = %s: %v", zkdata.ConfigChangesPath, err)
		}
	})
	return nil
}

// Close stops hearing of changes and waits for the one being worked off.
func (m *DynamicConfigManager) Close() {
	m.zk.UnregisterStateChangeHandler(configChangeHandler)
	m.zk.UnregisterZNodeChildChangeHandler(zkdata.ConfigChangesPath)
	m.changes.close()
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
		err = m.override(change.EntityPath)
	}
	if err != nil {
		m.log.Errorf("Error processing config change notification %s: %v", path, err)
	}
}

// override reads the entity of an announced change again.
func (m *DynamicConfigManager) override(entityPath string) error {
	entityType, entity, _ := strings.Cut(entityPath, "/")
	handle := m.handlers[entityType]
	if handle == nil {
		return nil
	}
	settings, err := m.zk.GetEntityConfigs(entityType, entity)
	if err != nil {
		return err
	}
	m.log.Infof("Processing override for entityPath: %s with config: %s", entityPath, settingsText(entityType, settings))
	handle(entity, settings)
	return nil
}

// settingsText prints the settings of an entity without a broker's secrets.
func settingsText(entityType string, settings map[string]string) string {
	shown := maps.Clone(settings)
	for key := range shown {
		if entityType == zkdata.ConfigTypeBroker && config.IsSensitive(key) {
			shown[key] = config.HiddenPassword
		}
	}
	return jvm.Map("HashMap", shown)
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
