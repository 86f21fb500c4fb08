package zkdata

import (
	"strings"

	"github.com/go-zookeeper/zk"
)

// Versions that are no versions of a node (kafka.zk.ZkVersion).
const (
	MatchAnyVersion int32 = -1 // matches any version in a conditional write
	UnknownVersion  int32 = -2 // of a node that does not exist
)

// Names of the handlers of session changes (StateChangeHandlers).
const ControllerStateChangeHandler = "controller-state-change-handler"

// PersistentPaths are the nodes that every broker creates when it starts.
var PersistentPaths = []string{
	ConsumersPath,
	BrokerIDsPath,
	TopicsPath,
	ConfigChangesPath,
	DeleteTopicsPath,
	BrokerSequenceIDPath,
	IsrChangeNotificationPath,
	ProducerIDBlockPath,
	LogDirEventNotificationPath,
	ConfigEntityTypePath(ConfigTypeTopic),
	ConfigEntityTypePath(ConfigTypeClient),
	ConfigEntityTypePath(ConfigTypeUser),
	ConfigEntityTypePath(ConfigTypeBroker),
	ConfigEntityTypePath(ConfigTypeIP),
}

// SecureRootPaths are the nodes that zookeeper-security-migration walks.
var SecureRootPaths = []string{
	AdminPath, BrokersPath, ClusterPath, ConfigPath, ControllerPath, ControllerEpochPath,
	IsrChangeNotificationPath, ProducerIDBlockPath, LogDirEventNotificationPath, DelegationTokenPath,
	ExtendedAclRootPath, LiteralAclPath, LiteralAclChangesPath, PrefixedAclPath, ExtendedAclChangesPath,
}

var sensitiveRootPaths = []string{
	ConfigEntityTypePath(ConfigTypeUser),
	ConfigEntityTypePath(ConfigTypeBroker),
	DelegationTokensPath,
}

// SensitivePath reports whether a node may hold secrets; nobody but brokers reads
// those.
func SensitivePath(path string) bool {
	for _, root := range sensitiveRootPaths {
		if strings.HasPrefix(path, root) {
			return true
		}
	}
	return false
}

// DefaultACLs gives the ZooKeeper ACL of a node that is created: open to the
// world, or, with zookeeper.set.acl, all for its creator and at most reading for
// the world. /consumers is always open.
func DefaultACLs(secure bool, path string) []zk.ACL {
	if !secure || path == ConsumersPath {
		return zk.WorldACL(zk.PermAll)
	}
	acls := zk.AuthACL(zk.PermAll)
	if !SensitivePath(path) {
		acls = append(acls, zk.WorldACL(zk.PermRead)...)
	}
	return acls
}
