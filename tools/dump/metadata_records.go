package dump

// metadataKind is the type of a field.
type metadataKind int

const (
	kindStruct metadataKind = iota
	kindBool
	kindInt8
	kindInt16
	kindUint16
	kindInt32
	kindInt64
	kindFloat64
	kindUUID
	kindString
	kindBytes
)

// metadataField is a field of a metadata record; tagged ones are in order of their
// tags.
type metadataField struct {
	name         string
	kind         metadataKind
	list, tagged bool
	fields       []metadataField
}

type metadataRecord struct {
	name   string
	fields []metadataField
}

var (
	brokerID    = metadataField{name: "brokerId", kind: kindInt32}
	brokerEpoch = metadataField{name: "brokerEpoch", kind: kindInt64}
	fenceFields = []metadataField{{name: "id", kind: kindInt32}, {name: "epoch", kind: kindInt64}}
	fieldName   = metadataField{name: "name", kind: kindString}
	topicID     = metadataField{name: "topicId", kind: kindUUID}
	partitionID = metadataField{name: "partitionId", kind: kindInt32}
)

// metadataRecords are the records of release 3.1 by their keys.
var metadataRecords = map[uint64]metadataRecord{
	0: {"REGISTER_BROKER_RECORD", []metadataField{
		brokerID, {name: "incarnationId", kind: kindUUID}, brokerEpoch,
		{name: "endPoints", list: true, fields: []metadataField{
			fieldName, {name: "host", kind: kindString}, {name: "port", kind: kindUint16}, {name: "securityProtocol", kind: kindInt16},
		}},
		{name: "features", list: true, fields: []metadataField{
			fieldName, {name: "minSupportedVersion", kind: kindInt16}, {name: "maxSupportedVersion", kind: kindInt16},
		}},
		{name: "rack", kind: kindString}, {name: "fenced", kind: kindBool},
	}},
	1: {"UNREGISTER_BROKER_RECORD", []metadataField{brokerID, brokerEpoch}},
	2: {"TOPIC_RECORD", []metadataField{fieldName, topicID}},
	3: {"PARTITION_RECORD", []metadataField{
		partitionID, topicID, {name: "replicas", kind: kindInt32, list: true}, {name: "isr", kind: kindInt32, list: true},
		{name: "removingReplicas", kind: kindInt32, list: true}, {name: "addingReplicas", kind: kindInt32, list: true},
		{name: "leader", kind: kindInt32}, {name: "leaderEpoch", kind: kindInt32}, {name: "partitionEpoch", kind: kindInt32},
	}},
	4: {"CONFIG_RECORD", []metadataField{
		{name: "resourceType", kind: kindInt8}, {name: "resourceName", kind: kindString}, fieldName, {name: "value", kind: kindString},
	}},
	5: {"PARTITION_CHANGE_RECORD", []metadataField{
		partitionID, topicID, {name: "isr", kind: kindInt32, list: true, tagged: true}, {name: "leader", kind: kindInt32, tagged: true},
		{name: "replicas", kind: kindInt32, list: true, tagged: true}, {name: "removingReplicas", kind: kindInt32, list: true, tagged: true},
		{name: "addingReplicas", kind: kindInt32, list: true, tagged: true},
	}},
	6: {"ACCESS_CONTROL_RECORD", []metadataField{
		{name: "resourceType", kind: kindInt8}, {name: "resourceName", kind: kindString}, {name: "patternType", kind: kindInt8},
		{name: "principal", kind: kindString}, {name: "host", kind: kindString}, {name: "operation", kind: kindInt8},
		{name: "permissionType", kind: kindInt8},
	}},
	7: {"FENCE_BROKER_RECORD", fenceFields},
	8: {"UNFENCE_BROKER_RECORD", fenceFields},
	9: {"REMOVE_TOPIC_RECORD", []metadataField{topicID}},
	10: {"DELEGATION_TOKEN_RECORD", []metadataField{
		{name: "owner", kind: kindString}, {name: "renewers", kind: kindString, list: true}, {name: "issueTimestamp", kind: kindInt64},
		{name: "maxTimestamp", kind: kindInt64}, {name: "expirationTimestamp", kind: kindInt64}, {name: "tokenId", kind: kindString},
	}},
	11: {"USER_SCRAM_CREDENTIAL_RECORD", []metadataField{
		fieldName,
		{name: "credentialInfos", list: true, fields: []metadataField{
			{name: "mechanism", kind: kindInt8}, {name: "salt", kind: kindBytes}, {name: "saltedPassword", kind: kindBytes}, {name: "iterations", kind: kindInt32},
		}},
	}},
	12: {"FEATURE_LEVEL_RECORD", []metadataField{fieldName, {name: "minFeatureLevel", kind: kindInt16}, {name: "maxFeatureLevel", kind: kindInt16}}},
	14: {"CLIENT_QUOTA_RECORD", []metadataField{
		{name: "entity", list: true, fields: []metadataField{{name: "entityType", kind: kindString}, {name: "entityName", kind: kindString}}},
		{name: "key", kind: kindString}, {name: "value", kind: kindFloat64}, {name: "remove", kind: kindBool},
	}},
	15: {"PRODUCER_IDS_RECORD", []metadataField{brokerID, brokerEpoch, {name: "producerIdsEnd", kind: kindInt64}}},
	16: {"REMOVE_FEATURE_LEVEL_RECORD", []metadataField{fieldName}},
	17: {"BROKER_REGISTRATION_CHANGE_RECORD", []metadataField{brokerID, brokerEpoch, {name: "fenced", kind: kindInt8, tagged: true}}},
}
