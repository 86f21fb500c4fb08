package config

import (
	"strings"
	"testing"
)

func TestReconfigurationIsChecked(t *testing.T) {
	const listeners = "listeners=PLAINTEXT://:9092,CLIENT://:9093 listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CLIENT:SSL,NEW:PLAINTEXT"
	for _, test := range []struct{ before, after, want string }{
		{"num.io.threads=8", "num.io.threads=16", ""},
		{"num.io.threads=8", "num.io.threads=4", ""},
		{"num.io.threads=8", "num.io.threads=17", "Dynamic thread count update validation failed for num.io.threads=17, value should not be greater than double the current value 8"},
		{"num.io.threads=8", "num.io.threads=3", "Dynamic thread count update validation failed for num.io.threads=3, value should be at least half the current value 8"},
		{"num.replica.fetchers=1", "num.replica.fetchers=3", "Dynamic thread count update validation failed for num.replica.fetchers=3, value should not be greater than double the current value 1"},
		{"log.cleaner.threads=4", "log.cleaner.threads=1", "Log cleaner threads cannot be reduced to less than half the current value 4"},
		{"log.cleaner.threads=2", "log.cleaner.threads=5", "Log cleaner threads cannot be increased to more than double the current value 2"},
		{listeners, listeners + " listener.name.client.max.connections=4 listener.name.client.ssl.keystore.location=/x", ""},
		{listeners, strings.Replace(listeners, "CLIENT://:9093", "NEW://:9094", 1), ""},
		{listeners, listeners + " listener.name.client.ssl.client.auth=required", "Configs cannot be updated dynamically for existing listener ListenerName(CLIENT), restart broker or create a new listener for update"},
		{listeners, strings.Replace(listeners, "CLIENT:SSL", "CLIENT:PLAINTEXT", 1), "Security protocol cannot be updated for existing listener ListenerName(CLIENT)"},
	} {
		got := ""
		if err := ValidateReconfiguration(brokerWith(t, strings.Fields(test.before)...), brokerWith(t, strings.Fields(test.after)...)); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s\nto %s:\n got %s\nwant %s", test.before, test.after, got, test.want)
		}
	}
}
