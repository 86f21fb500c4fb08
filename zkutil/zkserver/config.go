package zkserver

import "time"

// Config is the configuration of a server (QuorumPeerConfig, ServerConfig, and the
// zookeeper.* system properties that its file can set).
type Config struct {
	// ClientAddress is the host:port to listen on; an empty host means all
	// addresses, port 0 any free port.
	ClientAddress string
	// DataDir takes the snapshots and DataLogDir the transaction logs, both in a
	// directory version-2.
	DataDir    string
	DataLogDir string

	TickTime          time.Duration
	MinSessionTimeout time.Duration
	MaxSessionTimeout time.Duration

	// MaxClientCnxns limits the connections of one client address, MaxCnxns all
	// of them; 0 is no limit.
	MaxClientCnxns int
	MaxCnxns       int
	// GlobalOutstandingLimit is how many requests may be under way before
	// connections that have some are no longer read.
	GlobalOutstandingLimit int
	// JuteMaxBuffer is the largest packet accepted.
	JuteMaxBuffer int

	// SnapCount is after how many transactions a snapshot is due at the latest.
	SnapCount int
	// SnapSizeLimit is after how many bytes of log one is; 0 or less is no limit.
	SnapSizeLimit int64
	// TxnLogSizeLimit makes a log file end at that many bytes; 0 or less is no limit.
	TxnLogSizeLimit int64
	// PreAllocSize is the step in which log files grow.
	PreAllocSize int64
	// ForceSync makes every transaction durable before it is answered.
	ForceSync bool
	// FsyncWarningThreshold is how long an fsync may take without a warning.
	FsyncWarningThreshold time.Duration
	// SnapshotTrustEmpty starts with an empty tree when there are logs without a
	// snapshot.
	SnapshotTrustEmpty bool
	// DatadirAutocreate makes the directories when they are missing.
	DatadirAutocreate bool

	// SnapRetainCount snapshots survive a purge, which runs every PurgeInterval;
	// 0 is never.
	SnapRetainCount int
	PurgeInterval   time.Duration

	// Whitelist holds the four-letter words that are answered; "*" is all.
	Whitelist []string
	// SuperDigest is the digest id whose holder bypasses every ACL.
	SuperDigest string
	// SkipACL leaves ACLs unchecked.
	SkipACL bool
	// ExtendedTypesEnabled allows TTL nodes.
	ExtendedTypesEnabled bool
	// ContainerCheckInterval is how often container and TTL nodes are looked
	// through, and ContainerMaxNeverUsed how long a container may stay without
	// having had a child; 0 is for ever.
	ContainerCheckInterval time.Duration
	ContainerMaxNeverUsed  time.Duration
	// TCPKeepAlive sets SO_KEEPALIVE on clients' connections.
	TCPKeepAlive bool

	// Unknown lists the keys of the file that mean nothing to this server; Start
	// warns about them.
	Unknown []string
}

// DefaultConfig holds ZooKeeper's defaults.
func DefaultConfig() *Config {
	return &Config{
		ClientAddress:          ":2181",
		TickTime:               3 * time.Second,
		MaxClientCnxns:         60,
		GlobalOutstandingLimit: 1000,
		JuteMaxBuffer:          0xfffff,
		SnapCount:              100000,
		SnapSizeLimit:          4194304 << 10,
		PreAllocSize:           65536 << 10,
		ForceSync:              true,
		FsyncWarningThreshold:  time.Second,
		DatadirAutocreate:      true,
		SnapRetainCount:        3,
		Whitelist:              []string{"srvr"},
		ContainerCheckInterval: time.Minute,
	}
}

// sessionTimeouts gives the bounds of what clients may ask for.
func (c *Config) sessionTimeouts() (least, most time.Duration) {
	least, most = c.MinSessionTimeout, c.MaxSessionTimeout
	if least <= 0 {
		least = 2 * c.TickTime
	}
	if most <= 0 {
		most = 20 * c.TickTime
	}
	return least, most
}
