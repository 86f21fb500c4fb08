package admin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/tools/command"
)

var configOptions = command.Options{
	{Name: "zookeeper", Argument: command.Required, ArgName: "urls", Doc: "DEPRECATED. The ZooKeeper servers, as host:port with commas."},
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "server to connect to", Doc: "The brokers to begin with."},
	{Name: "command-config", Argument: command.Required, ArgName: "command config property file", Doc: "A properties file for the admin client."},
	{Name: "alter", Doc: "Change the settings of the entity."},
	{Name: "describe", Doc: "List the settings of the entity."},
	{Name: "all", Doc: "List all settings of a topic, broker or broker-logger, those of a broker's properties file and the defaults too."},
	{Name: "entity-type", Argument: command.Required, Doc: "The type of the entity (topics/clients/users/brokers/broker-loggers/ips)"},
	{Name: "entity-name", Argument: command.Required, Doc: "The name of the entity (topic name/client id/user principal name/broker id/ip)"},
	{Name: "entity-default", Doc: "The default entity of clients/users/brokers/ips, for the entity type at the same place of the command line"},
	{Name: "add-config", Argument: command.Required, Doc: addConfigDoc()},
	{Name: "add-config-file", Argument: command.Required, Doc: "A properties file of settings to add; see add-config for their names."},
	{Name: "delete-config", Argument: command.Required, Doc: "settings to take away, as 'k1,k2'"},
	{Name: "force", Doc: "Accepted for old scripts; nothing is asked."},
	{Name: "topic", Argument: command.Required, Doc: "The topic's name."},
	{Name: "client", Argument: command.Required, Doc: "The client's ID."},
	{Name: "client-defaults", Doc: "The defaults of all clients."},
	{Name: "user", Argument: command.Required, Doc: "The user's principal name."},
	{Name: "user-defaults", Doc: "The defaults of all users."},
	{Name: "broker", Argument: command.Required, Doc: "The broker's ID."},
	{Name: "broker-defaults", Doc: "The defaults of all brokers."},
	{Name: "broker-logger", Argument: command.Required, Doc: "The ID of the broker whose loggers are meant."},
	{Name: "ip-defaults", Doc: "The defaults of all IPs."},
	{Name: "ip", Argument: command.Required, Doc: "The IP address."},
	{Name: "zk-tls-config-file", Argument: command.Required, ArgName: "ZooKeeper TLS configuration", Doc: "A properties file with the TLS settings for ZooKeeper."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

// The settings of the entities that have no resource of their own.
var (
	quotaConfigs = []string{"consumer_byte_rate", "controller_mutation_rate", "producer_byte_rate", "request_percentage"}
	scramConfigs = []string{"SCRAM-SHA-256", "SCRAM-SHA-512"}
	ipConfigs    = []string{"connection_creation_rate"}
)

func addConfigDoc() string {
	var doc strings.Builder
	doc.WriteString("Settings to add, as 'k1=v1,k2=[v1,v2,v2],k3=v3': square brackets keep a value with commas together. The settings are: ")
	var topics, brokers []string
	for _, row := range config.TopicDef.Rows() {
		topics = append(topics, row.Name)
	}
	for _, row := range config.BrokerDef.Rows() {
		if row.IsDynamic() {
			brokers = append(brokers, row.Name)
		}
	}
	for _, entity := range []struct {
		name  string
		names []string
	}{{topicsType, topics}, {brokersType, brokers}, {usersType, slices.Concat(scramConfigs, quotaConfigs)}, {clientsType, quotaConfigs}, {ipsType, ipConfigs}} {
		slices.Sort(entity.names)
		fmt.Fprintf(&doc, "For entity-type '%s': \n\t%s\n", entity.name, strings.Join(entity.names, "\n\t"))
	}
	doc.WriteString("Entity types 'users' and 'clients' together are the clients of a user.")
	return doc.String()
}

const configBlurb = "This tool helps to manipulate and describe entity config for a topic, client, user, broker or ip"

// ConfigCommand is kafka.admin.ConfigCommand (kafka-configs.sh).
func ConfigCommand(args []string, stdout, stderr io.Writer) int {
	set, err := configOptions.Parse(args)
	if err == nil {
		if code, done := configOptions.HelpOrVersion(set, args, configBlurb, stdout, stderr); done {
			return code
		}
		err = runConfig(set, stdout)
	}
	var parse *command.ParseError
	switch {
	case err == nil:
		return 0
	case command.IsUsage(err):
		return configOptions.Die(err, stderr)
	case errors.As(err, &parse), isThrownHere(err):
		fmt.Fprintln(stderr, err)
	default:
		fmt.Fprintf(stderr, "Error while executing config command with args '%s'\n%s\n", strings.Join(args, " "), command.Thrown(err))
	}
	return 1
}

// isThrownHere tells errors of this tool's own checks, of which it prints the
// message alone, from those of a request.
func isThrownHere(err error) bool {
	var executed *command.ExecutionError
	return !errors.As(err, &executed) && command.IsException(err, command.IllegalArgument, command.InvalidConfiguration)
}

func runConfig(set *command.Set, stdout io.Writer) error {
	entities, err := newConfigEntities(set)
	if err != nil {
		return err
	}
	if err := checkConfigOptions(set, entities); err != nil {
		return err
	}
	if set.Has("zookeeper") {
		return runWithZooKeeper(set, entities, stdout)
	}
	admin, err := adminOf(set)
	if err != nil {
		return err
	}
	defer admin.Close()
	service := &configService{admin, set, entities, stdout}
	if set.Has("describe") {
		return service.describe()
	}
	if len(entities.types) != len(entities.names) {
		return illegal("An entity name must be specified for every entity type")
	}
	return service.alter()
}

// configService runs one action on the entities.
type configService struct {
	admin    *command.Admin
	set      *command.Set
	entities *configEntities
	stdout   io.Writer
}

func illegal(format string, args ...any) error {
	return command.Throw(command.IllegalArgument, format, args...)
}

func checkConfigOptions(set *command.Set, entities *configEntities) error {
	if set.Count("alter", "describe") != 1 {
		return command.Usagef("Command must include exactly one action: --describe, --alter")
	}
	for _, check := range []func() error{
		func() error { return set.CheckInvalid("describe", "add-config", "delete-config") },
		func() error { return entities.checkTypes(set) },
		func() error { return checkConfigConnection(set) },
		func() error { return entities.checkNames(set) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	if set.Has("alter") {
		return checkConfigAlter(set, entities)
	}
	if entities.has(brokerLoggersType) && !entities.named() {
		return illegal("an entity name must be specified with --describe of %s", strings.Join(entities.types, ","))
	}
	return nil
}

func checkConfigConnection(set *command.Set) error {
	switch {
	case !set.Has("bootstrap-server") && !set.Has("zookeeper"):
		return illegal("One of the required --bootstrap-server or --zookeeper arguments must be specified")
	case set.Has("bootstrap-server") && set.Has("zookeeper"):
		return illegal("Only one of --bootstrap-server or --zookeeper must be specified")
	case set.Has("all") && set.Has("zookeeper"):
		return illegal("--bootstrap-server must be specified for --all")
	case set.Has("zk-tls-config-file") && set.Has("bootstrap-server"):
		return illegal("--bootstrap-server doesn't support --zk-tls-config-file option. " +
			"If you intend the command to communicate directly with ZooKeeper, please use the option --zookeeper instead of --bootstrap-server. " +
			"Otherwise, remove the --zk-tls-config-file option.")
	}
	return nil
}

func checkConfigAlter(set *command.Set, entities *configEntities) error {
	switch {
	case entities.has(usersType, clientsType, brokersType, ipsType):
		if len(entities.names) == 0 {
			return illegal("an entity-name or default entity must be specified with --alter of users, clients, brokers or ips")
		}
	case !entities.named():
		return illegal("an entity name must be specified with --alter of %s", strings.Join(entities.types, ","))
	}
	switch {
	case set.Has("add-config") && set.Has("add-config-file"):
		return illegal("Only one of --add-config or --add-config-file must be specified")
	case set.Count("add-config", "add-config-file", "delete-config") == 0:
		return illegal("At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter")
	}
	return nil
}

// isBrokerID tells whether the text is what Integer.parseInt takes.
func isBrokerID(text string) bool {
	_, err := parseBrokerID(text)
	return err == nil
}

func parseBrokerID(text string) (int32, error) {
	id, err := strconv.ParseInt(text, 10, 32)
	return int32(id), err
}

func isAddress(name string) bool {
	_, err := net.LookupHost(name)
	return err == nil
}
