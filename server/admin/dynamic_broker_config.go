package admin

import (
	"errors"
	"maps"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
)

// DynamicBrokerConfig keeps the layers of a broker's settings: what its file
// says, over it the cluster's dynamic defaults, over them its own dynamic
// settings. A change of a layer puts a new snapshot in force and tells the
// components that asked. It mirrors kafka.server.DynamicBrokerConfig (KIP-226).
type DynamicBrokerConfig struct {
	brokerID int32
	current  *config.Current
	static   map[string]string
	log      *logrus.Entry

	mu             sync.Mutex
	defaults       map[string]string
	broker         map[string]string
	reconfigurable []func(before, after *config.BrokerConfig)
}

// NewDynamicBrokerConfig starts from the snapshot in force, which must be that of
// the broker's file alone.
func NewDynamicBrokerConfig(brokerID int32, current *config.Current) *DynamicBrokerConfig {
	return &DynamicBrokerConfig{
		brokerID: brokerID, current: current, static: maps.Clone(current.Load().Originals()),
		log:      logging.For("kafka.server.DynamicBrokerConfig"),
		defaults: map[string]string{}, broker: map[string]string{},
	}
}

// OnChange has a component told of each new snapshot, after it is in force.
func (d *DynamicBrokerConfig) OnChange(reconfigure func(before, after *config.BrokerConfig)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reconfigurable = append(d.reconfigurable, reconfigure)
}

// Layers returns the texts of each layer, for DescribeConfigs.
func (d *DynamicBrokerConfig) Layers() config.Layers {
	d.mu.Lock()
	defer d.mu.Unlock()
	return config.Layers{DynamicBroker: maps.Clone(d.broker), DynamicDefault: maps.Clone(d.defaults), Static: maps.Clone(d.static)}
}

// UpdateBroker replaces this broker's dynamic settings by those stored for it.
// What cannot be accepted is logged and left out.
func (d *DynamicBrokerConfig) UpdateBroker(stored map[string]string) {
	d.update(stored, true)
}

// UpdateDefaults replaces the dynamic defaults of all brokers.
func (d *DynamicBrokerConfig) UpdateDefaults(stored map[string]string) {
	d.update(stored, false)
}

func (d *DynamicBrokerConfig) update(stored map[string]string, perBroker bool) {
	accepted, complaints := config.AcceptDynamic(stored, perBroker)
	for _, complaint := range complaints {
		d.log.Error(complaint)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	defaults, broker := d.defaults, d.broker
	if perBroker {
		broker = accepted
	} else {
		defaults = accepted
	}
	after, err := d.resolve(defaults, broker)
	if err != nil {
		d.log.Errorf("Dynamic configs of broker %d could not be applied: %v", d.brokerID, err)
		return
	}
	d.defaults, d.broker = defaults, broker
	before := d.current.Load()
	if maps.Equal(before.Originals(), after.Originals()) {
		return
	}
	d.current.Store(after)
	for _, reconfigure := range d.reconfigurable {
		reconfigure(before, after)
	}
}

func (d *DynamicBrokerConfig) resolve(defaults, broker map[string]string) (*config.BrokerConfig, error) {
	given, err := config.NewBrokerConfig(config.OverlayDynamic(d.static, defaults, broker))
	if err != nil {
		return nil, err
	}
	if err := given.Validate(); err != nil {
		return nil, err
	}
	// A generated id is in no file, but part of the configuration all the same.
	return given.WithBrokerID(int(d.brokerID))
}

// Validate checks settings that a request wants to store, as they would be in
// force with the other layers. perBroker tells them from cluster defaults.
func (d *DynamicBrokerConfig) Validate(properties map[string]string, perBroker bool) error {
	if err := config.ValidateDynamic(properties, perBroker); err != nil {
		return err
	}
	for key := range properties {
		if config.IsDynamicPassword(key) {
			return errors.New("Password encoder secret not configured") //nolint:staticcheck // Kafka's sentence
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	defaults, broker := properties, d.broker
	if perBroker {
		defaults, broker = d.defaults, properties
	}
	after, err := d.resolve(defaults, broker)
	if err != nil {
		return err
	}
	return config.ValidateReconfiguration(d.current.Load(), after)
}
