package cleaner

import (
	"errors"
	"math"
	"time"

	"github.com/gregor-broker/gregor/config"
)

// Config is the settings of the cleaner, as kafka.log.CleanerConfig. All of them
// change at run time.
type Config struct {
	Threads             int
	DedupeBufferSize    int64
	LoadFactor          float64
	IOBufferSize        int
	MaxMessageSize      int
	MaxIOBytesPerSecond float64
	Backoff             time.Duration
}

// NewConfig takes the settings of a broker.
func NewConfig(broker *config.BrokerConfig) Config {
	return Config{
		Threads:             config.LogCleanerThreads.Get(broker),
		DedupeBufferSize:    config.LogCleanerDedupeBufferSize.Get(broker),
		LoadFactor:          config.LogCleanerIoBufferLoadFactor.Get(broker),
		IOBufferSize:        config.LogCleanerIoBufferSize.Get(broker),
		MaxMessageSize:      config.MessageMaxBytes.Get(broker),
		MaxIOBytesPerSecond: config.LogCleanerIoMaxBytesPerSecond.Get(broker),
		Backoff:             config.Milliseconds(config.LogCleanerBackoffMs.Get(broker)),
	}
}

// slots is how many keys the map of one thread has room for.
func (c Config) slots() int {
	return int(min(c.DedupeBufferSize/int64(max(c.Threads, 1)), math.MaxInt32) / entrySize)
}

// maxKeys is with how many keys the map of one thread counts as full.
func (c Config) maxKeys() int {
	return min(int(float64(c.slots())*c.LoadFactor), c.slots()-1)
}

func (c Config) validate() error {
	if c.maxKeys() < 1 {
		return errors.New("requirement failed: offset map is too small to fit in even a single message, so log cleaning will never make progress. " + //nolint:staticcheck // Kafka's sentence
			"You can increase log.cleaner.dedupe.buffer.size or decrease log.cleaner.threads")
	}
	return nil
}
