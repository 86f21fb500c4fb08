package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// threadPools change at run time between half and double their size.
var threadPools = []Key[int]{NumIoThreads, NumNetworkThreads, NumReplicaFetchers, NumRecoveryThreadsPerDataDir, BackgroundThreads}

// ValidateReconfiguration checks a change from one snapshot of a running
// broker to the next, as DynamicThreadPool, LogCleaner and
// DynamicListenerConfig do; its error is Kafka's sentence.
func ValidateReconfiguration(before, after *BrokerConfig) error {
	for _, pool := range threadPools {
		if err := validateThreads(pool, pool.Get(before), pool.Get(after)); err != nil {
			return err
		}
	}
	if err := validateCleanerThreads(LogCleanerThreads.Get(before), LogCleanerThreads.Get(after)); err != nil {
		return err
	}
	return validateListeners(before, after)
}

func validateThreads(pool Key[int], current, wanted int) error {
	failed := fmt.Sprintf("Dynamic thread count update validation failed for %s=%d", pool.Name, wanted)
	switch {
	case wanted < current/2:
		return fmt.Errorf("%s, value should be at least half the current value %d", failed, current)
	case wanted > current*2:
		return fmt.Errorf("%s, value should not be greater than double the current value %d", failed, current)
	}
	return nil
}

func validateCleanerThreads(current, wanted int) error {
	switch {
	case wanted == current:
		return nil
	case wanted < 1:
		return errors.New("Log cleaner threads should be at least 1") //nolint:staticcheck // Kafka's sentence
	case wanted < current/2:
		return fmt.Errorf("Log cleaner threads cannot be reduced to less than half the current value %d", current) //nolint:staticcheck // Kafka's sentence
	case wanted > current*2:
		return fmt.Errorf("Log cleaner threads cannot be increased to more than double the current value %d", current) //nolint:staticcheck // Kafka's sentence
	}
	return nil
}

// validateListeners lets listeners come and go, and refuses to change what a
// listener that stays was made with.
func validateListeners(before, after *BrokerConfig) error {
	names := listenerNames(before.listeners)
	for _, endPoint := range after.listeners {
		name := endPoint.ListenerName
		if !slices.Contains(names, name) {
			continue
		}
		if !maps.Equal(before.fixedListenerSettings(name), after.fixedListenerSettings(name)) {
			return fmt.Errorf("Configs cannot be updated dynamically for existing listener ListenerName(%s), "+ //nolint:staticcheck // Kafka's sentence
				"restart broker or create a new listener for update", name)
		}
		if before.protocols[name] != after.protocols[name] {
			return fmt.Errorf("Security protocol cannot be updated for existing listener ListenerName(%s)", name) //nolint:staticcheck // Kafka's sentence
		}
	}
	return nil
}

// fixedListenerSettings are the texts under a listener's prefix that only a
// new listener can take.
func (c *BrokerConfig) fixedListenerSettings(listenerName string) map[string]string {
	fixed := map[string]string{}
	for key, text := range c.originals {
		name, ok := strings.CutPrefix(key, ListenerPrefix(listenerName))
		if ok && !slices.Contains(securitySettings, name) && name != MaxConnections.Name && name != MaxConnectionCreationRate.Name {
			fixed[name] = text
		}
	}
	return fixed
}
