// Package protocol has what every part of the broker needs of Kafka's wire
// protocol beside the messages themselves, which are package kmsg's: the APIs
// of 3.1.0 and their versions, the request and response headers, the checked
// decoding of requests, error codes with their messages, and the context of a
// request.
//
// Bytes of the network are walked against the layout of the request
// (request_layout.go) before kmsg decodes them: kmsg allocates arrays by their
// announced length and loops over announced numbers of tagged fields, so it
// only ever sees bodies whose announcements were found true.
package protocol

import (
	"fmt"
	"slices"
)

// API is one API of the protocol with the versions that 3.1.0 speaks, as
// ApiKeys and ApiMessageType. FlexibleFrom is the first version with compact
// types and tagged fields (KIP-482), or -1.
type API struct {
	Key          int16
	Name         string
	MinVersion   int16
	MaxVersion   int16
	FlexibleFrom int16
}

// Supports reports whether the API has that version.
func (a API) Supports(version int16) bool {
	return version >= a.MinVersion && version <= a.MaxVersion
}

// IsFlexible reports whether that version uses compact types and tagged fields.
func (a API) IsFlexible(version int16) bool {
	return a.FlexibleFrom >= 0 && version >= a.FlexibleFrom
}

// The keys of the APIs that a broker in ZooKeeper mode may serve.
const (
	KeyProduce                      int16 = 0
	KeyFetch                        int16 = 1
	KeyListOffsets                  int16 = 2
	KeyMetadata                     int16 = 3
	KeyLeaderAndIsr                 int16 = 4
	KeyStopReplica                  int16 = 5
	KeyUpdateMetadata               int16 = 6
	KeyControlledShutdown           int16 = 7
	KeyOffsetCommit                 int16 = 8
	KeyOffsetFetch                  int16 = 9
	KeyFindCoordinator              int16 = 10
	KeyJoinGroup                    int16 = 11
	KeyHeartbeat                    int16 = 12
	KeyLeaveGroup                   int16 = 13
	KeySyncGroup                    int16 = 14
	KeyDescribeGroups               int16 = 15
	KeyListGroups                   int16 = 16
	KeySaslHandshake                int16 = 17
	KeyApiVersions                  int16 = 18
	KeyCreateTopics                 int16 = 19
	KeyDeleteTopics                 int16 = 20
	KeyDeleteRecords                int16 = 21
	KeyInitProducerId               int16 = 22
	KeyOffsetForLeaderEpoch         int16 = 23
	KeyAddPartitionsToTxn           int16 = 24
	KeyAddOffsetsToTxn              int16 = 25
	KeyEndTxn                       int16 = 26
	KeyWriteTxnMarkers              int16 = 27
	KeyTxnOffsetCommit              int16 = 28
	KeyDescribeAcls                 int16 = 29
	KeyCreateAcls                   int16 = 30
	KeyDeleteAcls                   int16 = 31
	KeyDescribeConfigs              int16 = 32
	KeyAlterConfigs                 int16 = 33
	KeyAlterReplicaLogDirs          int16 = 34
	KeyDescribeLogDirs              int16 = 35
	KeySaslAuthenticate             int16 = 36
	KeyCreatePartitions             int16 = 37
	KeyCreateDelegationToken        int16 = 38
	KeyRenewDelegationToken         int16 = 39
	KeyExpireDelegationToken        int16 = 40
	KeyDescribeDelegationToken      int16 = 41
	KeyDeleteGroups                 int16 = 42
	KeyElectLeaders                 int16 = 43
	KeyIncrementalAlterConfigs      int16 = 44
	KeyAlterPartitionReassignments  int16 = 45
	KeyListPartitionReassignments   int16 = 46
	KeyOffsetDelete                 int16 = 47
	KeyDescribeClientQuotas         int16 = 48
	KeyAlterClientQuotas            int16 = 49
	KeyDescribeUserScramCredentials int16 = 50
	KeyAlterUserScramCredentials    int16 = 51
	KeyAlterIsr                     int16 = 56
	KeyUpdateFeatures               int16 = 57
	KeyDescribeCluster              int16 = 60
	KeyDescribeProducers            int16 = 61
	KeyDescribeTransactions         int16 = 65
	KeyListTransactions             int16 = 66
	KeyAllocateProducerIds          int16 = 67
)

// apis is the table of reference: every API a 3.1.0 broker in ZooKeeper mode
// serves, by ascending key.
var apis = []API{
	{0, "Produce", 0, 9, 9},
	{1, "Fetch", 0, 13, 12},
	{2, "ListOffsets", 0, 7, 6},
	{3, "Metadata", 0, 12, 9},
	{4, "LeaderAndIsr", 0, 5, 4},
	{5, "StopReplica", 0, 3, 2},
	{6, "UpdateMetadata", 0, 7, 6},
	{7, "ControlledShutdown", 0, 3, 3},
	{8, "OffsetCommit", 0, 8, 8},
	{9, "OffsetFetch", 0, 8, 6},
	{10, "FindCoordinator", 0, 4, 3},
	{11, "JoinGroup", 0, 7, 6},
	{12, "Heartbeat", 0, 4, 4},
	{13, "LeaveGroup", 0, 4, 4},
	{14, "SyncGroup", 0, 5, 4},
	{15, "DescribeGroups", 0, 5, 5},
	{16, "ListGroups", 0, 4, 3},
	{17, "SaslHandshake", 0, 1, -1},
	{18, "ApiVersions", 0, 3, 3},
	{19, "CreateTopics", 0, 7, 5},
	{20, "DeleteTopics", 0, 6, 4},
	{21, "DeleteRecords", 0, 2, 2},
	{22, "InitProducerId", 0, 4, 2},
	{23, "OffsetForLeaderEpoch", 0, 4, 4},
	{24, "AddPartitionsToTxn", 0, 3, 3},
	{25, "AddOffsetsToTxn", 0, 3, 3},
	{26, "EndTxn", 0, 3, 3},
	{27, "WriteTxnMarkers", 0, 1, 1},
	{28, "TxnOffsetCommit", 0, 3, 3},
	{29, "DescribeAcls", 0, 2, 2},
	{30, "CreateAcls", 0, 2, 2},
	{31, "DeleteAcls", 0, 2, 2},
	{32, "DescribeConfigs", 0, 4, 4},
	{33, "AlterConfigs", 0, 2, 2},
	{34, "AlterReplicaLogDirs", 0, 2, 2},
	{35, "DescribeLogDirs", 0, 2, 2},
	{36, "SaslAuthenticate", 0, 2, 2},
	{37, "CreatePartitions", 0, 3, 2},
	{38, "CreateDelegationToken", 0, 2, 2},
	{39, "RenewDelegationToken", 0, 2, 2},
	{40, "ExpireDelegationToken", 0, 2, 2},
	{41, "DescribeDelegationToken", 0, 2, 2},
	{42, "DeleteGroups", 0, 2, 2},
	{43, "ElectLeaders", 0, 2, 2},
	{44, "IncrementalAlterConfigs", 0, 1, 1},
	{45, "AlterPartitionReassignments", 0, 0, 0},
	{46, "ListPartitionReassignments", 0, 0, 0},
	{47, "OffsetDelete", 0, 0, -1},
	{48, "DescribeClientQuotas", 0, 1, 1},
	{49, "AlterClientQuotas", 0, 1, 1},
	{50, "DescribeUserScramCredentials", 0, 0, 0},
	{51, "AlterUserScramCredentials", 0, 0, 0},
	{56, "AlterIsr", 0, 0, 0},
	{57, "UpdateFeatures", 0, 0, 0},
	{60, "DescribeCluster", 0, 0, 0},
	{61, "DescribeProducers", 0, 0, 0},
	{65, "DescribeTransactions", 0, 0, 0},
	{66, "ListTransactions", 0, 0, 0},
	{67, "AllocateProducerIds", 0, 0, 0}}

// apiByKey finds an API by its key; gaps have no name.
var apiByKey = func() []API {
	byKey := make([]API, apis[len(apis)-1].Key+1)
	for _, api := range apis {
		byKey[api.Key] = api
	}
	return byKey
}()

// APIForKey returns the API with that key.
func APIForKey(key int16) (API, bool) {
	if key < 0 || int(key) >= len(apiByKey) || apiByKey[key].Name == "" {
		return API{}, false
	}
	return apiByKey[key], true
}

// APIName returns the name of the API, or UNKNOWN(key).
func APIName(key int16) string {
	if api, ok := APIForKey(key); ok {
		return api.Name
	}
	return fmt.Sprintf("UNKNOWN(%d)", key)
}

// APITable is the set of APIs that a listener serves, as ApiVersionManager.
// A request of any other API closes its connection. It is immutable.
type APITable struct {
	served []API
	byKey  []bool
}

// NewAPITable makes the table of the given keys; keys that 3.1.0 does not have
// are left out.
func NewAPITable(keys ...int16) *APITable {
	table := &APITable{byKey: make([]bool, len(apiByKey))}
	for _, api := range apis {
		if slices.Contains(keys, api.Key) {
			table.served = append(table.served, api)
			table.byKey[api.Key] = true
		}
	}
	return table
}

// Lookup returns the API with that key when it is served.
func (t *APITable) Lookup(key int16) (API, bool) {
	if key < 0 || int(key) >= len(t.byKey) || !t.byKey[key] {
		return API{}, false
	}
	return apiByKey[key], true
}

// Served returns the APIs of the table by ascending key.
func (t *APITable) Served() []API { return slices.Clone(t.served) }
