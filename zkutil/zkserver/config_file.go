package zkserver

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/config"
)

// LoadConfig reads a zookeeper.properties file.
func LoadConfig(path string) (*Config, error) {
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%w: Error processing %s: %s file is missing", ErrConfig, path, path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: Error processing %s: %w", ErrConfig, path, err)
	}
	defer file.Close()
	properties, err := config.ReadProperties(file)
	if err != nil {
		return nil, fmt.Errorf("%w: Error processing %s: %w", ErrConfig, path, err)
	}
	cfg, err := ParseConfig(properties)
	if err != nil {
		return nil, fmt.Errorf("Error processing %s: %w", path, err)
	}
	return cfg, nil
}

// isEnsembleKey says whether a key describes the servers of an ensemble.
func isEnsembleKey(key string) bool {
	return strings.HasPrefix(key, "server.") || strings.HasPrefix(key, "group") ||
		strings.HasPrefix(key, "weight") || key == "dynamicConfigFile"
}

// ParseConfig reads the properties of a zookeeper.properties file.
func ParseConfig(properties map[string]string) (*Config, error) {
	p := &configParser{cfg: DefaultConfig()}
	keys := make([]string, 0, len(properties))
	for key := range properties {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if err := p.parse(strings.TrimSpace(key), strings.TrimSpace(properties[key])); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	if err := p.finish(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return p.cfg, nil
}

// configParser gathers what takes more than one key to decide.
type configParser struct {
	cfg          *Config
	port         int64
	address      string
	addressGiven bool
}

// finish checks the keys against each other.
func (p *configParser) finish() error {
	cfg := p.cfg
	switch {
	case cfg.DataDir == "":
		return fmt.Errorf("dataDir is not set")
	case p.port == 0 && p.addressGiven:
		return fmt.Errorf("clientPortAddress is set but clientPort is not set")
	case p.port == 0:
		return fmt.Errorf("clientPort is not set")
	}
	cfg.ClientAddress = net.JoinHostPort(p.address, strconv.FormatInt(p.port, 10))
	least, most := cfg.sessionTimeouts()
	if least > most {
		return fmt.Errorf("minSessionTimeout must not be larger than maxSessionTimeout")
	}
	return nil
}

func (p *configParser) parse(key, value string) error {
	if isEnsembleKey(key) {
		return fmt.Errorf("%s configures an ensemble, and this is a server of one node: run Apache ZooKeeper for an ensemble and point zookeeper.connect at it", key)
	}
	if strings.HasPrefix(key, "secureClientPort") {
		return fmt.Errorf("%s: this server does not offer TLS; run Apache ZooKeeper for it", key)
	}
	if set, ok := settings[key]; ok {
		return set(p, key, value)
	}
	if !knownWithoutEffect(key) {
		p.cfg.Unknown = append(p.cfg.Unknown, key)
	}
	return nil
}

// setting stores the value of one key.
type setting func(p *configParser, key, value string) error

var settings = map[string]setting{
	"dataDir":           text(func(c *Config) *string { return &c.DataDir }),
	"dataLogDir":        text(func(c *Config) *string { return &c.DataLogDir }),
	"clientPort":        func(p *configParser, key, value string) error { return number(key, value, 1, 65535, &p.port) },
	"clientPortAddress": func(p *configParser, _, value string) error { p.address, p.addressGiven = value, true; return nil },
	"tickTime":          duration(time.Millisecond, 1, func(c *Config) *time.Duration { return &c.TickTime }),
	"minSessionTimeout": duration(time.Millisecond, -1, func(c *Config) *time.Duration { return &c.MinSessionTimeout }),
	"maxSessionTimeout": duration(time.Millisecond, -1, func(c *Config) *time.Duration { return &c.MaxSessionTimeout }),
	"maxClientCnxns":    integer(0, func(c *Config) *int { return &c.MaxClientCnxns }),
	"maxCnxns":          integer(0, func(c *Config) *int { return &c.MaxCnxns }),

	"globalOutstandingLimit": integer(1, func(c *Config) *int { return &c.GlobalOutstandingLimit }),
	"jute.maxbuffer":         integer(1024, func(c *Config) *int { return &c.JuteMaxBuffer }),
	"snapCount":              integer(2, func(c *Config) *int { return &c.SnapCount }),
	"snapSizeLimitInKb":      kibibytes(func(c *Config) *int64 { return &c.SnapSizeLimit }),
	"txnLogSizeLimitInKb":    kibibytes(func(c *Config) *int64 { return &c.TxnLogSizeLimit }),
	"preAllocSize":           kibibytes(func(c *Config) *int64 { return &c.PreAllocSize }),

	"forceSync":                boolean("no", false, func(c *Config) *bool { return &c.ForceSync }),
	"fsync.warningthresholdms": duration(time.Millisecond, 0, func(c *Config) *time.Duration { return &c.FsyncWarningThreshold }),
	"snapshot.trust.empty":     boolean("true", true, func(c *Config) *bool { return &c.SnapshotTrustEmpty }),
	"datadir.autocreate":       boolean("true", true, func(c *Config) *bool { return &c.DatadirAutocreate }),

	"autopurge.snapRetainCount": integer(-1<<31, func(c *Config) *int { return &c.SnapRetainCount }),
	"autopurge.purgeInterval":   duration(time.Hour, -1<<31, func(c *Config) *time.Duration { return &c.PurgeInterval }),

	"4lw.commands.whitelist":                   whitelist,
	"DigestAuthenticationProvider.superDigest": text(func(c *Config) *string { return &c.SuperDigest }),
	"skipACL":              boolean("yes", true, func(c *Config) *bool { return &c.SkipACL }),
	"extendedTypesEnabled": boolean("true", true, func(c *Config) *bool { return &c.ExtendedTypesEnabled }),
	"clientTcpKeepAlive":   boolean("true", true, func(c *Config) *bool { return &c.TCPKeepAlive }),

	"znode.container.checkIntervalMs":        duration(time.Millisecond, 1, func(c *Config) *time.Duration { return &c.ContainerCheckInterval }),
	"znode.container.maxNeverUsedIntervalMs": duration(time.Millisecond, 0, func(c *Config) *time.Duration { return &c.ContainerMaxNeverUsed }),

	"electionAlg": func(_ *configParser, _, value string) error {
		if value != "3" {
			return fmt.Errorf("Invalid electionAlg value. Only 3 is supported.")
		}
		return nil
	},
	"peerType": func(_ *configParser, _, value string) error {
		if kind := strings.ToLower(value); kind != "observer" && kind != "participant" {
			return fmt.Errorf("Unrecognised peertype: %s", value)
		}
		return nil
	},
	"standaloneEnabled": standaloneEnabled,
}

func text(field func(*Config) *string) setting {
	return func(p *configParser, _, value string) error {
		*field(p.cfg) = value
		return nil
	}
}

func number(key, value string, least, most int64, into *int64) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Errorf("%s: For input string: %q", key, value)
	}
	if n < least || n > most {
		return fmt.Errorf("%s: %d is not between %d and %d", key, n, least, most)
	}
	*into = n
	return nil
}

func integer(least int64, field func(*Config) *int) setting {
	return func(p *configParser, key, value string) error {
		var n int64
		if err := number(key, value, least, 1<<31-1, &n); err != nil {
			return err
		}
		*field(p.cfg) = int(n)
		return nil
	}
}

func kibibytes(field func(*Config) *int64) setting {
	return func(p *configParser, key, value string) error {
		var n int64
		if err := number(key, value, -1, 1<<40, &n); err != nil {
			return err
		}
		*field(p.cfg) = n << 10
		return nil
	}
}

func duration(unit time.Duration, least int64, field func(*Config) *time.Duration) setting {
	return func(p *configParser, key, value string) error {
		var n int64
		if err := number(key, value, least, 1<<31-1, &n); err != nil {
			return err
		}
		*field(p.cfg) = time.Duration(n) * unit
		return nil
	}
}

// boolean sets a field to result if the value is the one word that counts, and to
// the opposite for anything else, as ZooKeeper does.
func boolean(word string, result bool, field func(*Config) *bool) setting {
	return func(p *configParser, _, value string) error {
		*field(p.cfg) = result == strings.EqualFold(value, word)
		return nil
	}
}

func whitelist(p *configParser, _, value string) error {
	for word := range strings.SplitSeq(value, ",") {
		if word = strings.TrimSpace(word); word != "" {
			p.cfg.Whitelist = append(p.cfg.Whitelist, word)
		}
	}
	return nil
}

func standaloneEnabled(_ *configParser, _, value string) error {
	switch strings.ToLower(value) {
	case "true":
		return nil
	case "false":
		return fmt.Errorf("standaloneEnabled=false asks for an ensemble, and this is a server of one node: run Apache ZooKeeper for an ensemble and point zookeeper.connect at it")
	}
	return fmt.Errorf("Invalid option %s for standalone mode. Choose 'true' or 'false.'", value)
}

// withoutEffect are the beginnings of ZooKeeper's keys that are accepted because
// there is nothing here for them to set: they tune its threads, caches, JVM,
// administration over HTTP, or belong to ensembles.
var withoutEffect = []string{
	"admin.", "audit.", "clientPortListenBacklog", "client.portUnification", "closeSessionTxn.", "commitLogCount", "connection_throttle_",
	"connectToLearnerMasterLimit", "digest.enabled", "enableEagerACLCheck", "flushDelay", "initLimit", "jvm.pause.",
	"largeRequest", "leader", "learner.", "localSessions", "maxBatchSize", "maxGetChildrenResponseCacheSize",
	"maxResponseCacheSize", "maxWriteQueuePollTime", "metricsProvider.", "multiAddress.", "netty.", "nio.",
	"observer", "portUnification", "quorum", "reconfigEnabled", "request_", "serverCnxnFactory", "snapshot.compression.method",
	"sslQuorum", "ssl.", "syncEnabled", "syncLimit", "throttled_op_wait_time", "watchManagerName", "znode.container.maxPerMinute",
}

func knownWithoutEffect(key string) bool {
	return slices.ContainsFunc(withoutEffect, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}
