package zkdata

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ConfigPath is the root of dynamic configuration.
const ConfigPath = "/config"

// Types of configured entities (kafka.server.ConfigType).
const (
	ConfigTypeTopic  = "topics"
	ConfigTypeClient = "clients"
	ConfigTypeUser   = "users"
	ConfigTypeBroker = "brokers"
	ConfigTypeIP     = "ips"
)

// ConfigTypes lists them in Kafka's order.
var ConfigTypes = []string{ConfigTypeTopic, ConfigTypeClient, ConfigTypeUser, ConfigTypeBroker, ConfigTypeIP}

// DefaultEntity names the entity whose settings hold for all without their own.
const DefaultEntity = "<default>"

// ConfigEntityTypePath is the parent of the entities of a type; the type may be
// nested, as in users/alice/clients.
func ConfigEntityTypePath(entityType string) string { return ConfigPath + "/" + entityType }

// ConfigEntityPath is the node of one entity; name is sanitized already.
func ConfigEntityPath(entityType, name string) string {
	return ConfigEntityTypePath(entityType) + "/" + name
}

// EncodeConfig gives the value of a config node.
func EncodeConfig(config map[string]string) []byte {
	settings := object{}
	for _, key := range hashMapOrder(config) {
		settings = append(settings, member{key, config[key]})
	}
	return object{{"version", 1}, {"config", settings}}.encode()
}

// DecodeConfig reads a config node. No bytes, or none that are JSON, mean no settings.
func DecodeConfig(data []byte) (map[string]string, error) {
	config := map[string]string{}
	f, err := parseObject(data)
	if err != nil || !f.has("config") {
		return config, nil
	}
	settings, err := f.object("config")
	if err != nil {
		return config, nil
	}
	for key, raw := range settings {
		if config[key], err = textOf(raw); err != nil {
			return nil, fmt.Errorf("config %s: %w", key, err)
		}
	}
	return config, nil
}

// Nodes under which a change of configuration is announced.
const (
	ConfigChangesPath        = ConfigPath + "/changes"
	ConfigChangePrefix       = "config_change_"
	ConfigChangeSequencePath = ConfigChangesPath + "/" + ConfigChangePrefix
)

// EncodeConfigChange announces a change of the entity at that path below
// /config, such as topics/orders.
func EncodeConfigChange(sanitizedEntityPath string) []byte {
	return object{{"version", 2}, {"entity_path", sanitizedEntityPath}}.encode()
}

// ConfigChange is a decoded announcement: an entity's path below /config.
type ConfigChange struct{ EntityPath string }

// DecodeConfigChange reads an announcement of version 2, or of version 1, whose
// entity type and name it joins. It mirrors DynamicConfigManager's handler.
func DecodeConfigChange(data []byte) (ConfigChange, error) {
	f, err := parseObject(data)
	if err != nil {
		return ConfigChange{}, fmt.Errorf("config change: %w", err)
	}
	version, err := f.int32("version")
	if err != nil {
		return ConfigChange{}, fmt.Errorf("config change: %w", err)
	}
	switch version {
	case 1:
		return decodeConfigChangeV1(f, data)
	case 2:
		path, err := f.text("entity_path")
		if err != nil {
			return ConfigChange{}, errors.Join(fmt.Errorf("Version 2 config change notification must specify 'entity_path'. Received: %s", clip(data)), err) //nolint:staticcheck // Kafka's sentence
		}
		return ConfigChange{path}, nil
	}
	return ConfigChange{}, fmt.Errorf("%w: Config change notification has unsupported version %d, supported versions are 1 and 2.", ErrMalformed, version) //nolint:staticcheck // Kafka's sentence
}

func decodeConfigChangeV1(f fields, data []byte) (ConfigChange, error) {
	entityType, err := f.text("entity_type")
	if err == nil && entityType != ConfigTypeTopic && entityType != ConfigTypeClient {
		err = fmt.Errorf("%w: entity type %q", ErrMalformed, clip([]byte(entityType)))
	}
	if err != nil {
		return ConfigChange{}, errors.Join(fmt.Errorf("Version 1 config change notification must have 'entity_type' set to 'clients' or 'topics'. Received: %s", clip(data)), err) //nolint:staticcheck // Kafka's sentence
	}
	name, err := f.text("entity_name")
	if err != nil {
		return ConfigChange{}, errors.Join(fmt.Errorf("Version 1 config change notification does not specify 'entity_name'. Received: %s", clip(data)), err) //nolint:staticcheck // Kafka's sentence
	}
	return ConfigChange{entityType + "/" + name}, nil
}

// Sanitize makes a user, a client id or a principal fit for a path: URL encoding
// with %20 for a blank and %2A for an asterisk (Kafka's Sanitizer).
func Sanitize(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Desanitize undoes Sanitize.
func Desanitize(name string) (string, error) {
	plain, err := url.QueryUnescape(name)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return plain, nil
}
