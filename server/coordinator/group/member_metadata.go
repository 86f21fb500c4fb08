package group

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/coordinator"
)

// protocolMetadata is one way of assignment that a member supports, with the metadata
// (such as its subscription) for it.
type protocolMetadata struct {
	name     string
	metadata []byte
}

// member is one member of a group, as kafka.coordinator.group.MemberMetadata.
type member struct {
	id string
	// instanceID is set for static members (KIP-345).
	instanceID           *string
	clientID, clientHost string
	rebalanceTimeoutMs   int32
	sessionTimeoutMs     int32
	// protocols are in the member's order of preference, names unique.
	protocols  []protocolMetadata
	assignment []byte

	// isNew until the first join completes: a new member knows no id to send
	// heartbeats with, so its session runs even while it waits.
	isNew bool
	// awaitingJoin and awaitingSync answer the request the member waits for.
	awaitingJoin func(joinResult)
	awaitingSync func(syncResult)
	// pendingSync until the member has asked for its assignment.
	pendingSync bool
	session     *coordinator.Timer
}

func (m *member) isStatic() bool { return m.instanceID != nil }

// metadata gives the metadata for one protocol, nil if not supported.
func (m *member) metadata(name string) []byte {
	for _, p := range m.protocols {
		if p.name == name {
			return p.metadata
		}
	}
	return nil
}

// matches reports whether the member has exactly these protocols.
func (m *member) matches(protocols []protocolMetadata) bool {
	if len(protocols) != len(m.protocols) {
		return false
	}
	for i, p := range protocols {
		if p.name != m.protocols[i].name || !bytes.Equal(p.metadata, m.protocols[i].metadata) {
			return false
		}
	}
	return true
}

// vote gives the most preferred protocol among the candidates.
func (m *member) vote(isCandidate func(name string) bool) (string, bool) {
	for _, p := range m.protocols {
		if isCandidate(p.name) {
			return p.name, true
		}
	}
	return "", false
}

// sessionTimeout is how long the member may stay silent.
func (m *member) sessionTimeout() time.Duration {
	return time.Duration(m.sessionTimeoutMs) * time.Millisecond
}

// answerSync answers a waiting SyncGroup, if there is one.
func (m *member) answerSync(result syncResult) bool {
	answer := m.awaitingSync
	m.awaitingSync = nil
	if answer == nil {
		return false
	}
	answer(result)
	return true
}

// String is how log lines show a member.
func (m *member) String() string {
	names := make([]string, len(m.protocols))
	for i, p := range m.protocols {
		names[i] = p.name
	}
	return fmt.Sprintf("MemberMetadata(memberId=%s, groupInstanceId=%s, clientId=%s, clientHost=%s, sessionTimeoutMs=%d, rebalanceTimeoutMs=%d, supportedProtocols=List(%s))",
		m.id, option(m.instanceID), m.clientID, m.clientHost, m.sessionTimeoutMs, m.rebalanceTimeoutMs, strings.Join(names, ", "))
}

// option prints an optional string as Kafka's log lines do.
func option(text *string) string {
	if text == nil {
		return "None"
	}
	return "Some(" + *text + ")"
}

// joinResult is the outcome of a JoinGroup, in no version.
type joinResult struct {
	members                    []kmsg.JoinGroupResponseMember
	memberID                   string
	generation                 int32
	protocolType, protocolName *string
	leader                     string
	err                        error
}

// joinError is the outcome of a JoinGroup that failed.
func joinError(memberID string, err error) joinResult {
	return joinResult{memberID: memberID, generation: noGeneration, err: err}
}

// syncResult is the outcome of a SyncGroup, in no version.
type syncResult struct {
	protocolType, protocolName *string
	assignment                 []byte
	err                        error
}
