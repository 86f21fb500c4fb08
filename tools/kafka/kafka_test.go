package main

import (
	"path/filepath"
	"testing"

	"github.com/gregor-broker/gregor/config"
)

// TestStartFailsWithKafkasException: scripts look for the class in the log.
func TestStartFailsWithKafkasException(t *testing.T) {
	directory := t.TempDir()
	missing := filepath.Join(directory, "missing.properties")
	for _, test := range []struct {
		path, override, want string
	}{
		{missing, "", "java.nio.file.NoSuchFileException: " + missing},
		{directory, "", "java.io.IOException: Is a directory"},
		{"../../config/server.properties", "num.partitions=abc",
			"org.apache.kafka.common.config.ConfigException: Invalid value abc for configuration num.partitions: Not a number of type INT"},
		{"../../config/server.properties", "log.roll.ms=0",
			"java.lang.IllegalArgumentException: requirement failed: log.roll.ms must be greater than or equal to 1"},
	} {
		_, _, err := config.LoadServerProperties(test.path, []string{test.override})
		if err == nil {
			t.Errorf("%s %s: accepted", test.path, test.override)
		} else if got := fatal(err).Error(); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}
