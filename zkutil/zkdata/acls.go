package zkdata

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Roots of ACL storage: literal patterns and the extended store, which holds
// prefixed ones, each with its own change notifications (KIP-290).
const (
	LiteralAclPath         = "/kafka-acl"
	LiteralAclChangesPath  = "/kafka-acl-changes"
	ExtendedAclRootPath    = "/kafka-acl-extended"
	PrefixedAclPath        = ExtendedAclRootPath + "/prefixed"
	ExtendedAclChangesPath = "/kafka-acl-extended-changes"
	AclChangePrefix        = "acl_changes_"
)

// Pattern types of a resource, by their enum names.
const (
	PatternLiteral  = "LITERAL"
	PatternPrefixed = "PREFIXED"
)

// resourceTypeNames gives the node's name of a resource type's enum name.
var resourceTypeNames = []struct{ enum, node string }{
	{"TOPIC", "Topic"},
	{"GROUP", "Group"},
	{"CLUSTER", "Cluster"},
	{"TRANSACTIONAL_ID", "TransactionalId"},
	{"DELEGATION_TOKEN", "DelegationToken"},
}

// AclResourceTypes lists the enum names of the resource types that have ACLs.
var AclResourceTypes = func() (names []string) {
	for _, t := range resourceTypeNames {
		names = append(names, t.enum)
	}
	return names
}()

// ResourcePattern is what an ACL is about: a type such as TOPIC, a name, and
// whether the name is meant literally or as a prefix.
type ResourcePattern struct {
	ResourceType string
	Name         string
	PatternType  string
}

// ResourceTypeNodeName turns TRANSACTIONAL_ID into TransactionalId.
func ResourceTypeNodeName(resourceType string) (string, error) {
	for _, t := range resourceTypeNames {
		if t.enum == resourceType {
			return t.node, nil
		}
	}
	return "", fmt.Errorf("%w: resource type %q", ErrMalformed, clip([]byte(resourceType)))
}

// ResourceTypeOfNode turns TransactionalId, or TRANSACTIONAL_ID, into TRANSACTIONAL_ID.
func ResourceTypeOfNode(name string) (string, error) {
	for _, t := range resourceTypeNames {
		if t.node == name || t.enum == strings.ToUpper(name) {
			return t.enum, nil
		}
	}
	return "", fmt.Errorf("%w: resource type %q", ErrMalformed, clip([]byte(name)))
}

// AclStorePath is the root of a pattern type's store.
func AclStorePath(patternType string) (string, error) {
	switch patternType {
	case PatternLiteral:
		return LiteralAclPath, nil
	case PatternPrefixed:
		return PrefixedAclPath, nil
	}
	return "", fmt.Errorf("%w: Invalid pattern type: %s", ErrMalformed, clip([]byte(patternType)))
}

// AclResourceTypePath is the parent of the resources of one type.
func AclResourceTypePath(patternType, resourceType string) (string, error) {
	store, err := AclStorePath(patternType)
	if err != nil {
		return "", err
	}
	node, err := ResourceTypeNodeName(resourceType)
	return store + "/" + node, err
}

// Path is the node with the ACLs of the resource.
func (r ResourcePattern) Path() (string, error) {
	parent, err := AclResourceTypePath(r.PatternType, r.ResourceType)
	return parent + "/" + r.Name, err
}

// AclEntry is one ACL: its fields as they stand in the node, such as User:alice,
// Allow, Read and *.
type AclEntry struct {
	Principal      string
	PermissionType string
	Operation      string
	Host           string
}

const aclVersion int32 = 1

// EncodeAcls gives the value of a resource's node.
func EncodeAcls(acls []AclEntry) []byte {
	list := make([]object, len(acls))
	for i, a := range acls {
		list[i] = object{
			{"principal", a.Principal},
			{"permissionType", a.PermissionType},
			{"operation", a.Operation},
			{"host", a.Host},
		}
	}
	return object{{"version", aclVersion}, {"acls", list}}.encode()
}

// DecodeAcls reads a resource's node; no data means no ACLs.
func DecodeAcls(data []byte) ([]AclEntry, error) {
	if len(data) == 0 {
		return nil, nil
	}
	f, err := parseObject(data)
	if err != nil {
		return nil, fmt.Errorf("ACLs: %w", err)
	}
	version, err := f.int32("version")
	if err == nil && version != aclVersion {
		err = fmt.Errorf("%w: version %d", ErrMalformed, version)
	}
	if err != nil {
		return nil, fmt.Errorf("ACLs: %w", err)
	}
	acls, err := list(f, "acls", aclOf)
	if err != nil {
		return nil, fmt.Errorf("ACLs: %w", err)
	}
	return acls, nil
}

func aclOf(raw json.RawMessage) (a AclEntry, err error) {
	f, err := objectOf(raw)
	if err != nil {
		return a, err
	}
	if a.Principal, err = f.text("principal"); err != nil {
		return a, err
	}
	if a.PermissionType, err = f.text("permissionType"); err != nil {
		return a, err
	}
	if a.Operation, err = f.text("operation"); err != nil {
		return a, err
	}
	a.Host, err = f.text("host")
	return a, err
}

// EncodeAclChange gives the path prefix of the sequential node that announces a
// change of the resource's ACLs, and its value.
func EncodeAclChange(r ResourcePattern) (path string, data []byte, err error) {
	if _, err := r.Path(); err != nil {
		return "", nil, err
	}
	if r.PatternType == PatternLiteral {
		return LiteralAclChangesPath + "/" + AclChangePrefix, []byte(r.ResourceType + ":" + r.Name), nil
	}
	return ExtendedAclChangesPath + "/" + AclChangePrefix, object{
		{"version", 1},
		{"resourceType", r.ResourceType},
		{"name", r.Name},
		{"patternType", r.PatternType},
	}.encode(), nil
}

// DecodeLiteralAclChange reads TYPE:name.
func DecodeLiteralAclChange(data []byte) (ResourcePattern, error) {
	resourceType, name, ok := strings.Cut(string(data), ":")
	if !ok {
		return ResourcePattern{}, fmt.Errorf("%w: expected a string in format ResourceType:ResourceName but got %s", ErrMalformed, clip(data))
	}
	enum, err := ResourceTypeOfNode(resourceType)
	return ResourcePattern{enum, name, PatternLiteral}, err
}

// DecodeExtendedAclChange reads an announcement of the extended store.
func DecodeExtendedAclChange(data []byte) (r ResourcePattern, err error) {
	f, err := parseObject(data)
	if err != nil {
		return r, fmt.Errorf("Failed to parse ACL change event: %w", err) //nolint:staticcheck // Kafka's sentence
	}
	version, err := f.int32("version")
	if err != nil {
		return r, err
	}
	if version > 1 {
		return r, fmt.Errorf("%w: Acl change event received for unsupported version: %d", ErrMalformed, version)
	}
	resourceType, err := f.text("resourceType")
	if err != nil {
		return r, err
	}
	if r.ResourceType, err = ResourceTypeOfNode(resourceType); err != nil {
		return r, err
	}
	if r.Name, err = f.text("name"); err != nil {
		return r, err
	}
	if r.PatternType, err = f.text("patternType"); err != nil {
		return r, err
	}
	r.PatternType = strings.ToUpper(r.PatternType)
	_, err = AclStorePath(r.PatternType)
	return r, err
}
