package log

import "github.com/gregor-broker/gregor/config/logging"

// Loggers under Kafka's names, shared by all logs.
var (
	unifiedLogLogger    = logging.For("kafka.log.UnifiedLog")
	localLogLogger      = logging.For("kafka.log.LocalLog")
	logLoaderLogger     = logging.For("kafka.log.LogLoader")
	producerStateLogger = logging.For("kafka.log.ProducerStateManager")
	leaderEpochLogger   = logging.For("kafka.server.epoch.LeaderEpochFileCache")
)
