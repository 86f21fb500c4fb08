package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/server/broker"
	"github.com/gregor-broker/gregor/tools/command"
)

var kafkaOptions = command.Options{
	{Name: "override", Argument: command.Required, Doc: "A property that wins over the one in server.properties, as key=value."},
	{Name: "version", Doc: "Print version information and exit."},
}

const kafkaUsage = "USAGE: java [options] kafka.Kafka server.properties [--override property=value]*"

// kafka is kafka.Kafka: it runs a broker of the properties file until a signal ends
// it.
func kafka(args []string, stdout, stderr io.Writer) int {
	set, err := parseKafka(args)
	switch {
	case err != nil:
		return kafkaOptions.Die(err, stderr)
	case set.Has("version"):
		fmt.Fprintln(stdout, command.VersionText)
		return 0
	}
	settings, err := loadSettings(args[0], set.Values("override"))
	if err != nil {
		logging.For("kafka.Kafka$").WithError(fatal(err)).Error("Exiting Kafka due to fatal exception")
		return 1
	}
	return broker.Run(settings)
}

// fatal gives what is wrong with the settings the text of Kafka's exception.
func fatal(err error) error {
	failed := command.FileError(err)
	switch _, named := failed.(*command.Exception); { //nolint:errorlint // FileError returns it as it is
	case named:
	case strings.HasPrefix(err.Error(), "requirement failed"):
		failed = command.Throw("java.lang.IllegalArgumentException", "%v", err)
	default:
		failed = command.Throw("org.apache.kafka.common.config.ConfigException", "%v", err)
	}
	return errors.New(command.ExceptionText(failed))
}

// parseKafka reads the options behind the file's name.
func parseKafka(args []string) (*command.Set, error) {
	if len(args) == 0 || slices.Contains(args, "--help") {
		return nil, command.Usagef(kafkaUsage)
	}
	if slices.Contains(args, "--version") {
		return kafkaOptions.Parse([]string{"--version"})
	}
	set, err := kafkaOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	if len(set.Rest) > 0 {
		return nil, command.Usagef("Found non argument parameters: %s", strings.Join(set.Rest, ","))
	}
	return set, nil
}

// loadSettings reads the file and logs what is in force.
func loadSettings(path string, overrides []string) (*config.BrokerConfig, error) {
	settings, unknown, err := config.LoadServerProperties(path, overrides)
	if err != nil {
		return nil, err
	}
	logger := logging.For("kafka.server.KafkaConfig")
	logger.Infof("%s", settings.Describe())
	for _, key := range unknown {
		logger.Warn(config.UnknownKeyWarning(key))
	}
	for _, warning := range settings.Warnings() {
		logger.Warn(warning)
	}
	return settings, nil
}
