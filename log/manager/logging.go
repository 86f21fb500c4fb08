package manager

import "github.com/gregor-broker/gregor/config/logging"

var logger = logging.For("kafka.log.LogManager")
