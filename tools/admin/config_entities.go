package admin

import (
	"slices"
	"strings"

	"github.com/gregor-broker/gregor/tools/command"
)

// The types of entities that have settings.
const (
	topicsType        = "topics"
	clientsType       = "clients"
	usersType         = "users"
	brokersType       = "brokers"
	ipsType           = "ips"
	brokerLoggersType = "broker-loggers"
)

type entityFlag struct {
	option, entityType string
	isDefault          bool
}

// entityFlags are the short forms of --entity-type with --entity-name, or with
// --entity-default when they take no value.
var entityFlags = []entityFlag{
	{"topic", topicsType, false}, {"client", clientsType, false}, {"user", usersType, false}, {"broker", brokersType, false},
	{"broker-logger", brokerLoggersType, false}, {"ip", ipsType, false},
	{"client-defaults", clientsType, true}, {"user-defaults", usersType, true}, {"broker-defaults", brokersType, true}, {"ip-defaults", ipsType, true},
}

// defaultEntity is the name of a type's default entity.
const defaultEntity = ""

// configEntities are the entities of a command line: types and names in the
// order given.
type configEntities struct{ types, names []string }

func newConfigEntities(set *command.Set) (*configEntities, error) {
	entities := &configEntities{types: set.Values("entity-type")}
	named := set.Values("entity-name")
	for _, option := range set.InOrder("entity-name", "entity-default") {
		if option == "entity-default" {
			entities.names = append(entities.names, defaultEntity)
			continue
		}
		entities.names, named = append(entities.names, named[0]), named[1:]
	}
	for _, flag := range entityFlags {
		if !set.Has(flag.option) {
			continue
		}
		name := defaultEntity
		if !flag.isDefault {
			var err error
			if name, err = set.Value(flag.option); err != nil {
				return nil, err
			}
		}
		entities.types, entities.names = append(entities.types, flag.entityType), append(entities.names, name)
	}
	return entities, nil
}

func (e *configEntities) has(types ...string) bool {
	return slices.ContainsFunc(e.types, func(name string) bool { return slices.Contains(types, name) })
}

// named tells whether an entity other than a default one was given.
func (e *configEntities) named() bool {
	return slices.ContainsFunc(e.names, func(name string) bool { return name != defaultEntity })
}

func (e *configEntities) checkTypes(set *command.Set) error {
	if repeated := duplicates(e.types); len(repeated) > 0 {
		return illegal("Duplicate entity type(s) specified: %s", strings.Join(repeated, ","))
	}
	allowed, option := []string{usersType, brokersType}, "--zookeeper"
	if set.Has("bootstrap-server") {
		allowed, option = []string{topicsType, clientsType, usersType, brokersType, ipsType, brokerLoggersType}, "--bootstrap-server"
	}
	for _, name := range e.types {
		if !slices.Contains(allowed, name) {
			return illegal("Invalid entity type %s, the entity type must be one of %s with the %s argument", name, strings.Join(allowed, ", "), option)
		}
	}
	switch {
	case len(e.types) == 0:
		return illegal("At least one entity type must be specified")
	case len(e.types) > 1 && !(len(e.types) == 2 && slices.Contains(e.types, usersType) && slices.Contains(e.types, clientsType)):
		return illegal("Only 'users' and 'clients' entity types may be specified together")
	case set.Count("entity-name", "entity-type", "entity-default") > 0 && slices.ContainsFunc(entityFlags, func(flag entityFlag) bool { return set.Has(flag.option) }):
		return illegal("--entity-{type,name,default} should not be used in conjunction with specific entity flags")
	}
	return nil
}

// duplicates returns what comes again.
func duplicates(names []string) []string {
	var repeated []string
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			repeated = append(repeated, name)
		}
	}
	return repeated
}

func (e *configEntities) checkNames(set *command.Set) error {
	if !e.named() {
		return nil
	}
	checks := []struct {
		types, options []string
		valid          func(string) bool
		sentence       string
	}{
		{[]string{brokersType, brokerLoggersType}, []string{"entity-name", "broker", "broker-logger"}, isBrokerID,
			"The entity name for %s must be a valid integer broker id, but it is: %s"},
		{[]string{ipsType}, []string{"entity-name", "ip"}, isAddress,
			"The entity name for %s must be a valid IP or resolvable host, but it is: %s"},
	}
	for _, check := range checks {
		for _, option := range check.options {
			if !e.has(check.types...) || !set.Has(option) {
				continue
			}
			name, err := set.Value(option)
			if err != nil {
				return err
			}
			if !check.valid(name) {
				return illegal(check.sentence, e.types[0], name)
			}
		}
	}
	return nil
}
