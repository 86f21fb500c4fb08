package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/tools/command"
)

// quotaEntityTypes are the types of a quota's entity, as ClientQuotaEntity, in
// the order in which they are shown.
var quotaEntityTypes = []struct{ entityType, name, shown string }{
	{usersType, "user", "user-principal"}, {clientsType, "client-id", "client-id"}, {ipsType, "ip", "ip"},
}

func quotaEntityType(entityType string) string {
	for _, known := range quotaEntityTypes {
		if known.entityType == entityType {
			return known.name
		}
	}
	return entityType
}

// How the entities of a quota filter match.
const (
	matchExact   = kmsg.QuotasMatchTypeExact
	matchDefault = kmsg.QuotasMatchTypeDefault
	matchAny     = kmsg.QuotasMatchTypeAny
)

// quotas asks for the quotas of just these types of entities, in the order of the
// Java client's map.
func (s *configService) quotas() ([]kmsg.DescribeClientQuotasResponseEntry, error) {
	if len(s.entities.names) > len(s.entities.types) {
		return nil, illegal("More entity names specified than entity types")
	}
	request := kmsg.NewPtrDescribeClientQuotasRequest()
	request.Strict = true
	for i, entityType := range s.entities.types {
		component := kmsg.NewDescribeClientQuotasRequestComponent()
		component.EntityType, component.MatchType = quotaEntityType(entityType), matchAny
		if i < len(s.entities.names) {
			component.MatchType = matchDefault
			if name := s.entities.names[i]; name != defaultEntity {
				component.MatchType, component.Match = matchExact, &name
			}
		}
		request.Components = append(request.Components, component)
	}
	response, err := command.Do[*kmsg.DescribeClientQuotasResponse](s.admin.Within(resourceTimeout), request)
	if err == nil {
		err = command.ErrorOf(response.ErrorCode, response.ErrorMessage)
	}
	if err != nil {
		return nil, command.Executed(err)
	}
	return jvm.SizedMapOrder(len(response.Entries), response.Entries, quotaHash), nil
}

// quotaHash is ClientQuotaEntity.hashCode.
func quotaHash(entry kmsg.DescribeClientQuotasResponseEntry) int32 {
	var sum int32
	for _, entity := range entry.Entity {
		hash := jvm.StringHash(entity.Type)
		if entity.Name != nil {
			hash ^= jvm.StringHash(*entity.Name)
		}
		sum += hash
	}
	return 31 + sum
}

func (s *configService) describeQuotas() error {
	entries, err := s.quotas()
	for _, entry := range entries {
		values := jvm.SizedMapOrder(len(entry.Values), entry.Values, func(value kmsg.DescribeClientQuotasResponseEntryValue) int32 {
			return jvm.StringHash(value.Key)
		})
		var shown []string
		for _, value := range values {
			shown = append(shown, value.Key+"="+jvm.Double(value.Value, 64))
		}
		fmt.Fprintf(s.stdout, "Quota configs for %s are %s\n", quotaEntityText(entry.Entity), strings.Join(shown, ", "))
	}
	return err
}

func quotaEntityText(entities []kmsg.DescribeClientQuotasResponseEntryEntity) string {
	var parts []string
	for _, known := range quotaEntityTypes {
		for _, entity := range entities {
			switch {
			case entity.Type != known.name:
			case entity.Name == nil:
				parts = append(parts, "the default "+known.shown)
			default:
				parts = append(parts, known.shown+" '"+*entity.Name+"'")
			}
		}
	}
	return strings.Join(parts, ", ")
}

func isQuota(name string) bool { return slices.Contains(quotaConfigs, name) }
func isScram(name string) bool { return slices.Contains(scramConfigs, name) }

// alterClients changes quotas of users and clients, or a user's SCRAM
// credentials.
func (s *configService) alterClients(added map[string]string, deleted []string) error {
	keys := keysOf(added)
	if err := s.checkClientConfigs(keys, deleted); err != nil {
		return err
	}
	if slices.ContainsFunc(keys, isQuota) || slices.ContainsFunc(deleted, isQuota) {
		return s.alterQuotas(added, deleted)
	}
	return s.alterScram(s.entities.names[0], added, deleted)
}

func (s *configService) checkClientConfigs(added, deleted []string) error {
	neither := func(name string) bool { return !isQuota(name) && !isScram(name) }
	unknownAdded, unknownDeleted := only(added, neither), only(deleted, neither)
	scramAdded, scramDeleted := only(added, isScram), only(deleted, isScram)
	if s.entities.types[0] == clientsType || len(s.entities.types) == 2 {
		switch names := jvm.ScalaMapOrder(append(unknownAdded, scramAdded...), jvm.StringHash); {
		case len(names) > 0:
			return illegal("Only quota configs can be added for 'clients' using --bootstrap-server. Unexpected config names: %s", scalaSet(names))
		case len(unknownDeleted)+len(scramDeleted) > 0:
			return illegal("Only quota configs can be deleted for 'clients' using --bootstrap-server. Unexpected config names: ArrayBuffer(%s)",
				strings.Join(append(unknownDeleted, scramDeleted...), ", "))
		}
		return nil
	}
	switch hasScram := len(scramAdded)+len(scramDeleted) > 0; {
	case len(unknownAdded) > 0:
		return illegal("Only quota and SCRAM credential configs can be added for 'users' using --bootstrap-server. Unexpected config names: %s",
			scalaSet(jvm.ScalaMapOrder(unknownAdded, jvm.StringHash)))
	case len(unknownDeleted) > 0:
		return illegal("Only quota and SCRAM credential configs can be deleted for 'users' using --bootstrap-server. Unexpected config names: ArrayBuffer(%s)",
			strings.Join(unknownDeleted, ", "))
	case hasScram && slices.Contains(s.entities.names, defaultEntity):
		return illegal("The use of --entity-default or --user-defaults is not allowed with User SCRAM Credentials using --bootstrap-server.")
	case hasScram && (slices.ContainsFunc(added, isQuota) || slices.ContainsFunc(deleted, isQuota)):
		return illegal("Cannot alter both quota and SCRAM credential configs simultaneously for 'users' using --bootstrap-server.")
	}
	return nil
}

func only(names []string, wanted func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !wanted(name) })
}

func (s *configService) alterIP(added map[string]string, deleted []string) error {
	unknown := only(slices.Concat(keysOf(added), deleted), func(name string) bool { return !slices.Contains(ipConfigs, name) })
	if len(unknown) > 0 {
		return illegal("Only connection quota configs can be added for 'ips' using --bootstrap-server. Unexpected config names: %s", strings.Join(unknown, ","))
	}
	return s.alterQuotas(added, deleted)
}

func (s *configService) alterQuotas(added map[string]string, deleted []string) error {
	current, err := s.quotas()
	if err != nil {
		return err
	}
	exists := func(name string) bool {
		return len(current) > 0 && slices.ContainsFunc(current[0].Values, func(value kmsg.DescribeClientQuotasResponseEntryValue) bool { return value.Key == name })
	}
	if err := checkDeleted(deleted, exists); err != nil {
		return err
	}
	request, err := s.alterQuotasRequest(added, deleted)
	if err != nil {
		return err
	}
	response, err := command.Do[*kmsg.AlterClientQuotasResponse](s.admin, request)
	if err != nil {
		return command.Executed(err)
	}
	for _, entry := range response.Entries {
		if err := command.ErrorOf(entry.ErrorCode, entry.ErrorMessage); err != nil {
			return command.Executed(err)
		}
	}
	return nil
}

func (s *configService) alterQuotasRequest(added map[string]string, deleted []string) (*kmsg.AlterClientQuotasRequest, error) {
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	for i, entityType := range s.entities.types {
		entity := kmsg.NewAlterClientQuotasRequestEntryEntity()
		entity.Type = quotaEntityType(entityType)
		if name := s.entities.names[i]; name != defaultEntity {
			entity.Name = &name
		}
		entry.Entity = append(entry.Entity, entity)
	}
	for _, key := range keysOf(added) {
		value, err := strconv.ParseFloat(added[key], 64)
		if err != nil {
			return nil, illegal("Cannot parse quota configuration value for %s: %s", key, added[key])
		}
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Value = key, value
		entry.Ops = append(entry.Ops, op)
	}
	for _, key := range deleted {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Remove = key, true
		entry.Ops = append(entry.Ops, op)
	}
	request := kmsg.NewPtrAlterClientQuotasRequest()
	request.Entries = []kmsg.AlterClientQuotasRequestEntry{entry}
	return request, nil
}

// describeUsersAndClients shows quotas, and credentials when only users are
// asked for and no default.
func (s *configService) describeUsersAndClients() error {
	if err := s.describeQuotas(); err != nil {
		return err
	}
	if s.entities.has(clientsType) || slices.Contains(s.entities.names, defaultEntity) {
		return nil
	}
	return s.describeScram()
}
