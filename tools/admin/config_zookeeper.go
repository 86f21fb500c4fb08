package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/tools/command"
	"github.com/gregor-broker/gregor/tools/zookeeper"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// zooKeeperConfigs changes settings in ZooKeeper itself: those of brokers that are
// down, and the SCRAM credentials of users.
type zooKeeperConfigs struct {
	zk     *zkutil.KafkaZkClient
	set    *command.Set
	entity zooKeeperEntity
	stdout io.Writer
}

// zooKeeperEntity is an entity as its node is named; without a name it stands for all
// of its type.
type zooKeeperEntity struct{ entityType, name string }

func (e zooKeeperEntity) String() string {
	typeName, name := e.entityType, e.name
	if e.entityType == usersType {
		typeName = "user-principal"
		if plain, err := zkdata.Desanitize(e.name); err == nil {
			name = plain
		}
	}
	if e.name == zkdata.DefaultEntity {
		return "default " + typeName
	}
	return fmt.Sprintf("%s '%s'", typeName, name)
}

const (
	zooKeeperPatience = 30 * time.Second
	zooKeeperTimedOut = "kafka.zookeeper.ZooKeeperClientTimeoutException"
)

// What the tool refuses, and why.
const (
	requirementFailed      = "requirement failed: "
	bootstrapToUpdate      = requirementFailed + "--bootstrap-server option must be specified to update %s configs: {add: %s, delete: %s}"
	bootstrapToDescribe    = requirementFailed + "--bootstrap-server option must be specified to describe %s"
	brokersMustNotRun      = "Broker configuration operations using ZooKeeper are only supported if the affected broker(s) are not running."
	onlyScramForUsers      = "User configuration updates using ZooKeeper are only supported for SCRAM credential updates."
	namesForAllToBeAltered = "--entity-name or --entity-default must be specified with each --entity-type for --alter"
)

// runWithZooKeeper is ConfigCommand.processCommandWithZk.
func runWithZooKeeper(set *command.Set, entities *configEntities, stdout io.Writer) error {
	fmt.Fprintln(stdout, "Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.")
	fmt.Fprintln(stdout, "Use --bootstrap-server instead to specify a broker to connect to.")
	zk, err := connectZooKeeper(set)
	if err != nil {
		return err
	}
	defer zk.Close()
	c := &zooKeeperConfigs{zk: zk, set: set, stdout: stdout}
	if set.Has("alter") {
		return c.alter(entities)
	}
	if c.entity, err = zooKeeperEntityOf(set, entities); err != nil {
		return err
	}
	return c.describe()
}

func connectZooKeeper(set *command.Set) (*zkutil.KafkaZkClient, error) {
	address, err := set.Value("zookeeper")
	if err != nil {
		return nil, err
	}
	cfg := zkutil.Config{Config: zkclient.Config{
		ConnectString: address, SessionTimeout: zooKeeperPatience, ConnectionTimeout: zooKeeperPatience,
		MaxInFlightRequests: math.MaxInt16, Name: "ConfigCommand",
	}}
	if set.Has("zk-tls-config-file") {
		file, err := set.Value("zk-tls-config-file")
		if err != nil {
			return nil, err
		}
		if cfg.TLS, err = zookeeper.TLSConfig(file); err != nil {
			return nil, command.FileError(err)
		}
	}
	zk, err := zkutil.Connect(context.Background(), cfg)
	if errors.Is(err, zkutil.ErrTimeout) {
		err = command.Throw(zooKeeperTimedOut, "%s", err)
	}
	return zk, err
}

func zooKeeperEntityOf(set *command.Set, entities *configEntities) (zooKeeperEntity, error) {
	entity := zooKeeperEntity{entityType: entities.types[0]}
	if entity.entityType == usersType && set.Has("alter") && len(entities.names) != 1 {
		return entity, illegal(namesForAllToBeAltered)
	}
	if len(entities.names) > 0 {
		entity.name = entities.names[0]
		switch {
		case entity.name == defaultEntity:
			entity.name = zkdata.DefaultEntity
		case entity.entityType == usersType:
			entity.name = zkdata.Sanitize(entity.name)
		}
	}
	return entity, nil
}

func (c *zooKeeperConfigs) alter(entities *configEntities) error {
	added, err := addedConfigs(c.set, c.stdout)
	if err != nil {
		return err
	}
	deleted := deletedConfigs(c.set)
	if c.entity, err = zooKeeperEntityOf(c.set, entities); err != nil {
		return err
	}
	refusal := fmt.Sprintf(bootstrapToUpdate, c.entity.entityType, propertiesText(added), bufferText(deleted))
	if c.entity.entityType == usersType {
		err = prepareUserConfigs(added, deleted, refusal)
	} else if len(added)+len(deleted) > 0 {
		if err = c.checkBrokersDown(refusal); err == nil {
			err = prepareBrokerConfigs(added, c.entity.name != zkdata.DefaultEntity)
		}
	}
	if err != nil {
		return err
	}
	if err := c.store(added, deleted); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "Completed updating config for entity: %s.\n", c.entity)
	return nil
}

// store writes the entity's settings and tells the brokers.
func (c *zooKeeperConfigs) store(added map[string]string, deleted []string) error {
	settings, err := c.zk.GetEntityConfigs(c.entity.entityType, c.entity.name)
	if err != nil {
		return err
	}
	if err := checkDeleted(deleted, func(name string) bool { _, there := settings[name]; return there }); err != nil {
		return err
	}
	maps.Copy(settings, added)
	for _, name := range deleted {
		delete(settings, name)
	}
	if c.entity.entityType == usersType {
		if err := checkUserConfigs(settings, c.entity.name); err != nil {
			return err
		}
	}
	if err := c.zk.SetOrCreateEntityConfigs(c.entity.entityType, c.entity.name, settings); err != nil {
		return err
	}
	return c.zk.CreateConfigChangeNotification(c.entity.entityType + "/" + c.entity.name)
}

// checkUserConfigs refuses names that are no settings of users: of the default user,
// which has no credentials, or of others.
func checkUserConfigs(settings map[string]string, name string) error {
	known := quotaConfigs
	if name != zkdata.DefaultEntity {
		known = slices.Concat(quotaConfigs, scramConfigs)
	}
	unknown := slices.DeleteFunc(slices.Sorted(maps.Keys(settings)), func(name string) bool { return slices.Contains(known, name) })
	if len(unknown) > 0 {
		return illegal(requirementFailed+"Unknown Dynamic Configuration: %s.", jvm.Collection("HashSet", jvm.ScalaMutableMapOrder(unknown, jvm.StringHash)))
	}
	return nil
}

// checkBrokersDown refuses to touch settings that running brokers should be asked for.
func (c *zooKeeperConfigs) checkBrokersDown(refusal string) error {
	if c.entity.name == zkdata.DefaultEntity {
		running, err := c.zk.GetAllBrokersInCluster()
		if err == nil && len(running) > 0 {
			err = illegal("%s - %d brokers are running. %s", refusal, len(running), brokersMustNotRun)
		}
		return err
	}
	id, err := parseBrokerID(c.entity.name)
	if err != nil {
		return illegal("Error parsing broker %s. The broker's Entity Name must be a single integer value", c.entity.name)
	}
	_, running, err := c.zk.GetBroker(id)
	if err == nil && running {
		err = illegal("%s - broker %d is running. %s", refusal, id, brokersMustNotRun)
	}
	return err
}

// prepareBrokerConfigs checks settings of brokers and encrypts the passwords among
// them. The password.encoder settings say how and are not stored.
func prepareBrokerConfigs(added map[string]string, perBroker bool) error {
	encoder := map[string]string{}
	for name, value := range added {
		if strings.HasPrefix(name, "password.encoder.") {
			encoder[name] = value
			delete(added, name)
		}
	}
	if err := config.ValidateDynamic(added, perBroker); err != nil {
		return configException(err)
	}
	passwords := slices.DeleteFunc(propertyOrder(added), func(name string) bool { return !config.IsDynamicPassword(name) })
	if len(passwords) == 0 {
		return nil
	}
	if _, there := encoder[config.PasswordEncoderSecret.Name]; !there {
		return illegal(requirementFailed+"%s must be specified to update %s."+
			" Other password encoder configs like cipher algorithm and iterations may also be specified to override the default encoding parameters."+
			" Password encoder configs will not be persisted in ZooKeeper.", config.PasswordEncoderSecret.Name, jvm.Collection("Set", passwords))
	}
	for _, name := range passwords {
		encoded, err := encodePassword(encoder, added[name])
		if err != nil {
			return err
		}
		added[name] = encoded
	}
	return nil
}

// describe prints what ZooKeeper holds for an entity or for all of its type.
func (c *zooKeeperConfigs) describe() error {
	if c.entity.entityType == brokersType {
		if err := c.checkBrokersDown(fmt.Sprintf(bootstrapToDescribe, brokersType)); err != nil {
			return err
		}
	}
	names, all := []string{c.entity.name}, c.entity.name == ""
	if all {
		var err error
		if names, err = c.zk.GetAllEntitiesWithConfig(c.entity.entityType); err != nil {
			return err
		}
	}
	for _, name := range names {
		settings, err := c.zk.GetEntityConfigs(c.entity.entityType, name)
		if err != nil {
			return err
		}
		if all && len(settings) == 0 {
			continue // a node that is there for the user's clients
		}
		pairs := propertyOrder(settings)
		for i, key := range pairs {
			pairs[i] = key + "=" + settings[key]
		}
		fmt.Fprintf(c.stdout, "Configs for %s are %s\n", zooKeeperEntity{c.entity.entityType, name}, strings.Join(pairs, ","))
	}
	return nil
}

// propertyOrder gives the keys in the order of a java.util.Properties.
func propertyOrder(properties map[string]string) []string {
	return jvm.MapOrder(slices.Sorted(maps.Keys(properties)), jvm.StringHash)
}

// propertiesText is Properties.toString.
func propertiesText(properties map[string]string) string {
	pairs := propertyOrder(properties)
	for i, key := range pairs {
		pairs[i] = key + "=" + properties[key]
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// bufferText is how Scala prints the names to delete.
func bufferText(names []string) string {
	if names == nil {
		return "List()"
	}
	return jvm.Collection("ArrayBuffer", names)
}
