package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gregor-broker/gregor/config/jvm"
)

// Keys of the form listener.name.<listener>.<setting> override a setting for
// one listener, listener.name.<listener>.<mechanism>.<setting> for one SASL
// mechanism of it (KIP-103, KIP-226).
var listenerKeyPattern = regexp.MustCompile(`^listener\.name\.[^.]*\.(.*)$`)

// mechanismSettings are the settings that a mechanism's name may precede.
var mechanismSettings = []string{
	"sasl.jaas.config", "sasl.login.callback.handler.class", "sasl.login.class",
	"sasl.server.callback.handler.class", "connections.max.reauth.ms",
}

// securitySettings can change while the broker runs only for a listener, as
// SslConfigs.RECONFIGURABLE_CONFIGS.
var securitySettings = []string{
	"ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password",
	"ssl.truststore.type", "ssl.truststore.location", "ssl.truststore.password",
	"ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.truststore.certificates",
}

// listenerBase gives what follows listener.name.<listener>. in a key.
func listenerBase(key string) (string, bool) {
	match := listenerKeyPattern.FindStringSubmatch(key)
	if match == nil {
		return "", false
	}
	return match[1], true
}

// settingOf gives the name of the setting that a key stands for: its own, or
// the one it overrides for a listener or a mechanism.
func settingOf(key string) string {
	base, ok := listenerBase(key)
	if !ok {
		return key
	}
	for _, setting := range mechanismSettings {
		if strings.HasSuffix(base, setting) {
			return setting
		}
	}
	return base
}

// brokerRow gives the setting that a key of server.properties stands for, nil
// for an unknown key.
func brokerRow(key string) *Row {
	if row := BrokerDef.Row(settingOf(key)); row != nil && !row.DynamicOnly {
		return row
	}
	return nil
}

// ForListener returns the settings of one listener: those under its
// listener.name. prefix over the others, as valuesWithPrefixOverride.
func (c *BrokerConfig) ForListener(listenerName string) (*Values, error) {
	return c.withPrefix(ListenerPrefix(listenerName))
}

// ForListenerMechanism returns the settings of one SASL mechanism of a
// listener; a mechanism's own come first.
func (c *BrokerConfig) ForListenerMechanism(listenerName, mechanism string) (*Values, error) {
	prefix := ListenerPrefix(listenerName)
	return c.withPrefix(prefix, prefix+strings.ToLower(mechanism)+".")
}

func (c *BrokerConfig) withPrefix(prefixes ...string) (*Values, error) {
	overridden := &Values{def: c.def, parsed: slices.Clone(c.parsed), originals: maps.Clone(c.originals)}
	for _, prefix := range prefixes {
		for key, text := range c.originals {
			name, ok := strings.CutPrefix(key, prefix)
			if !ok {
				continue
			}
			overridden.originals[name] = text
			row := BrokerDef.Row(name)
			if row == nil {
				continue
			}
			value, err := row.Parse(text)
			if err != nil {
				return nil, err
			}
			overridden.parsed[row.index] = value
		}
	}
	overridden.resolveFallbacks()
	return overridden, nil
}

// IsDynamic reports whether a setting can change while the broker runs.
func (r *Row) IsDynamic() bool { return r.Scope != ReadOnly }

// IsSensitive reports whether the value of a broker's key is never shown: it
// is a password, or no setting at all.
func IsSensitive(key string) bool {
	row := BrokerDef.Row(settingOf(key))
	return row == nil || row.Type == Password
}

// IsDynamicPassword reports whether a key that changed at run time holds a
// password, which is stored encrypted.
func IsDynamicPassword(key string) bool {
	return slices.ContainsFunc(BrokerDef.rows, func(row *Row) bool {
		return row.IsDynamic() && row.Type == Password && strings.HasSuffix(key, row.Name)
	})
}

// BrokerSynonyms returns the keys that can give a broker's setting, the
// strongest first, as DynamicBrokerConfig.brokerConfigSynonyms. With
// listenerOverrides a key under listener.name. has its setting as synonym.
func BrokerSynonyms(key string, listenerOverrides bool) []string {
	for _, family := range [][]string{
		{"log.roll.ms", "log.roll.hours"},
		{"log.roll.jitter.ms", "log.roll.jitter.hours"},
		{"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
	} {
		if slices.Contains(family, key) {
			return family
		}
	}
	if key == "log.flush.interval.ms" {
		return []string{key, "log.flush.scheduler.interval.ms"}
	}
	if _, ok := listenerBase(key); ok && listenerOverrides {
		return []string{key, settingOf(key)}
	}
	return []string{key}
}

// OverlayDynamic returns the properties in force: the broker's file, over it
// the cluster's dynamic defaults, over them the broker's own dynamic settings.
// A key removes its weaker synonyms and its stronger ones of the layer below.
func OverlayDynamic(static, clusterDefaults, broker map[string]string) map[string]string {
	properties := maps.Clone(static)
	for _, layer := range []map[string]string{clusterDefaults, broker} {
		for key := range layer {
			for _, synonym := range BrokerSynonyms(key, false) {
				delete(properties, synonym)
			}
		}
		maps.Copy(properties, layer)
	}
	return properties
}

// ValidateDynamic checks properties that a request sets on a broker, or with
// perBroker false on all, as DynamicBrokerConfig.validateConfigs.
func ValidateDynamic(properties map[string]string, perBroker bool) error {
	if err := refuse(properties, notDynamic, propertiesSet, "Cannot update these configs dynamically"); err != nil {
		return err
	}
	if err := refuse(properties, needsListener, scalaSet,
		"These security configs can be dynamically updated only per-listener using the listener prefix"); err != nil {
		return err
	}
	if err := validateTypes(properties); err != nil {
		return err
	}
	if perBroker {
		return nil
	}
	return refuse(properties, onlyPerBroker, propertiesSet, "Cannot update these configs at default cluster level, broker id must be specified")
}

// AcceptDynamic returns what a broker takes from the properties stored for it
// and a line for each group it ignores, as DynamicBrokerConfig.fromPersistentProps.
func AcceptDynamic(stored map[string]string, perBroker bool) (accepted map[string]string, complaints []string) {
	accepted = maps.Clone(stored)
	drop := func(excluded func(string) bool, set func([]string) string, format string) {
		if names := matching(accepted, excluded); len(names) > 0 {
			complaints = append(complaints, fmt.Sprintf(format, set(names)))
			maps.DeleteFunc(accepted, func(key, _ string) bool { return slices.Contains(names, key) })
		}
	}
	source := "broker"
	if !perBroker {
		source = "default cluster"
	}
	drop(func(key string) bool { return validateTypes(map[string]string{key: accepted[key]}) != nil }, propertiesSet,
		"Dynamic "+source+" config contains invalid values in: %s, these configs will be ignored")
	drop(notDynamic, propertiesSet, "Non-dynamic configs configured in ZooKeeper will be ignored: %s")
	drop(needsListener, scalaSet, "Security configs can be dynamically updated only using listener prefix, base configs will be ignored: %s")
	if !perBroker {
		drop(onlyPerBroker, propertiesSet, "Per-broker configs defined at default cluster level will be ignored: %s")
	}
	return accepted, complaints
}

func notDynamic(key string) bool {
	row := BrokerDef.Row(key)
	return row != nil && !row.IsDynamic()
}

func needsListener(key string) bool { return slices.Contains(securitySettings, key) }

func onlyPerBroker(key string) bool {
	if base, ok := listenerBase(key); ok {
		return base != MaxConnections.Name && base != MaxConnectionCreationRate.Name
	}
	row := BrokerDef.Row(key)
	return row != nil && row.Scope == PerBroker && !row.DynamicOnly
}

// validateTypes parses the dynamic settings among the properties.
func validateTypes(properties map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		name := key
		if base, ok := listenerBase(key); ok {
			name = base
		}
		row := BrokerDef.Row(name)
		if row == nil || !row.IsDynamic() {
			continue
		}
		if _, err := row.Parse(properties[key]); err != nil {
			return err
		}
	}
	return nil
}

func refuse(properties map[string]string, refused func(string) bool, set func([]string) string, sentence string) error {
	if names := matching(properties, refused); len(names) > 0 {
		return errors.New(sentence + ": " + set(names))
	}
	return nil
}

// propertiesSet prints names that Kafka picks from a java.util.Properties.
func propertiesSet(names []string) string {
	return jvm.Collection("Set", jvm.MapOrder(names, jvm.StringHash))
}

// scalaSet prints names that Kafka picks from a set of its own.
func scalaSet(names []string) string {
	return jvm.Collection("HashSet", jvm.ScalaMutableMapOrder(names, jvm.StringHash))
}

func matching(properties map[string]string, matches func(string) bool) []string {
	var names []string
	for key := range properties {
		if matches(key) {
			names = append(names, key)
		}
	}
	slices.Sort(names)
	return names
}
