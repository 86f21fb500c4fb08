package admin

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/tools/command"
)

func (s *configService) alter() error {
	added, err := addedConfigs(s.set, s.stdout)
	if err != nil {
		return err
	}
	deleted := deletedConfigs(s.set)
	alter := s.alterClients
	switch s.entities.types[0] {
	case topicsType:
		alter = s.alterTopic
	case brokersType:
		alter = s.alterBroker
	case brokerLoggersType:
		alter = s.alterLoggers
	case ipsType:
		alter = s.alterIP
	}
	if err := alter(added, deleted); err != nil {
		return err
	}
	if name := s.entities.names[0]; name != defaultEntity {
		fmt.Fprintf(s.stdout, "Completed updating config for %s %s.\n", strings.TrimSuffix(s.entities.types[0], "s"), name)
		return nil
	}
	fmt.Fprintf(s.stdout, "Completed updating default config for %s in the cluster.\n", s.entities.types[0])
	return nil
}

// addedConfigs reads --add-config or --add-config-file.
func addedConfigs(set *command.Set, stdout io.Writer) (map[string]string, error) {
	file, err := set.Value("add-config-file")
	if err != nil {
		return nil, err
	}
	added, err := command.ClientProperties(file, nil)
	if err != nil {
		return nil, err
	}
	if set.Has("add-config") {
		text, err := set.Value("add-config")
		if err != nil {
			return nil, err
		}
		if added, err = parseAddedConfigs(text); err != nil {
			return nil, err
		}
	}
	if version, ok := added["message.format.version"]; ok {
		fmt.Fprintf(stdout, messageFormatWarning, version)
	}
	return added, nil
}

const messageFormatWarning = "WARNING: The configuration message.format.version=%s is specified. This configuration will be ignored if the version is newer than the inter.broker.protocol.version specified in the broker or if the inter.broker.protocol.version is 3.0 or newer. This configuration is deprecated and it will be removed in Apache Kafka 4.0.\n"

// parseAddedConfigs reads k1=v1,k2=[v1,v2]: what stands in square brackets is not
// split, and the brackets go.
func parseAddedConfigs(text string) (map[string]string, error) {
	added := map[string]string{}
	words := splitOutsideBrackets(text, ",")
	for len(words) > 1 && words[len(words)-1] == "" {
		words = words[:len(words)-1]
	}
	if len(words) == 1 && words[0] == "" && text != "" {
		return added, nil
	}
	for _, word := range words {
		pair := splitOutsideBrackets(word, "=")
		if len(pair) != 2 {
			return nil, illegal(`requirement failed: Invalid entity config: all configs to be added must be in the format "key=val".`)
		}
		added[strings.TrimSpace(pair[0])] = strings.TrimSpace(strings.NewReplacer("[", "", "]", "").Replace(pair[1]))
	}
	return added, nil
}

// splitOutsideBrackets splits where an opening bracket or the end follows before
// a closing bracket does.
func splitOutsideBrackets(text, separator string) []string {
	var parts []string
	begin := 0
	for i := range len(text) {
		if text[i:i+1] != separator {
			continue
		}
		rest := text[i+1:]
		closing, opening := strings.IndexByte(rest, ']'), strings.IndexByte(rest, '[')
		if closing < 0 || opening >= 0 && opening < closing {
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	return append(parts, text[begin:])
}

// deletedConfigs reads --delete-config: names with commas.
func deletedConfigs(set *command.Set) []string {
	var deleted []string
	for _, list := range set.Values("delete-config") {
		for _, name := range strings.Split(list, ",") {
			if name != "" || list == "" {
				deleted = append(deleted, strings.TrimSpace(name))
			}
		}
	}
	return deleted
}

// keysOf are the names of the added settings in the order of the tool's map.
func keysOf(added map[string]string) []string {
	return jvm.ScalaMapOrder(jvm.MapOrder(slices.Sorted(maps.Keys(added)), jvm.StringHash), jvm.StringHash)
}

// ownConfig returns the entity's own settings; those to delete must be among
// them.
func (s *configService) ownConfig(deleted []string) (map[string]*string, error) {
	entries, err := s.resourceConfig(s.entities.names[0], false)
	if err != nil {
		return nil, err
	}
	own := map[string]*string{}
	for _, entry := range entries {
		own[entry.Name] = entry.Value
	}
	return own, checkDeleted(deleted, func(name string) bool { _, ok := own[name]; return ok })
}

func checkDeleted(deleted []string, exists func(string) bool) error {
	unknown := slices.DeleteFunc(slices.Clone(deleted), exists)
	if len(unknown) > 0 {
		return command.Throw(command.InvalidConfiguration, "Invalid config(s): %s", strings.Join(unknown, ","))
	}
	return nil
}

func (s *configService) alterTopic(added map[string]string, deleted []string) error {
	if _, err := s.ownConfig(deleted); err != nil {
		return err
	}
	return s.incrementalAlter(kmsg.ConfigResourceTypeTopic, added, deleted)
}

// alterBroker replaces all of the broker's own settings: what stays is sent
// along.
func (s *configService) alterBroker(added map[string]string, deleted []string) error {
	own, err := s.ownConfig(deleted)
	if err != nil {
		return err
	}
	for name, value := range added {
		own[name] = &value
	}
	for _, name := range deleted {
		delete(own, name)
	}
	var unset []string
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if own[name] == nil {
			unset = append(unset, name)
		}
	}
	if len(unset) > 0 {
		return command.Throw(command.InvalidConfiguration, "All sensitive broker config entries must be specified for --alter, missing entries: %s", scalaSet(unset))
	}
	resource := kmsg.NewAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeBroker, s.entities.names[0]
	for _, name := range slices.Sorted(maps.Keys(own)) {
		row := kmsg.NewAlterConfigsRequestResourceConfig()
		row.Name, row.Value = name, own[name]
		resource.Configs = append(resource.Configs, row)
	}
	request := kmsg.NewPtrAlterConfigsRequest()
	request.Resources = []kmsg.AlterConfigsRequestResource{resource}
	response, err := sendForResource[*kmsg.AlterConfigsResponse](s, resource.ResourceType, resource.ResourceName, request)
	if err != nil {
		return executedUnlessTimeout(err)
	}
	for _, answered := range response.Resources {
		if err := command.ErrorOf(answered.ErrorCode, answered.ErrorMessage); err != nil {
			return command.Executed(err)
		}
	}
	return nil
}

// scalaSet is Set.toString.
func scalaSet(names []string) string {
	name := "Set"
	if len(names) > 4 {
		name = "HashSet"
	}
	return name + "(" + strings.Join(names, ", ") + ")"
}

func (s *configService) alterLoggers(added map[string]string, deleted []string) error {
	entries, err := s.resourceConfig(s.entities.names[0], false)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, entry := range entries {
		known[entry.Name] = true
	}
	unknown := slices.DeleteFunc(slices.Concat(deleted, keysOf(added)), func(name string) bool { return known[name] })
	if len(unknown) > 0 {
		return command.Throw(command.InvalidConfiguration, "Invalid broker logger(s): %s", strings.Join(unknown, ","))
	}
	return s.incrementalAlter(kmsg.ConfigResourceTypeBrokerLogger, added, deleted)
}

func (s *configService) incrementalAlter(resourceType kmsg.ConfigResourceType, added map[string]string, deleted []string) error {
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = resourceType, s.entities.names[0]
	change := func(op kmsg.IncrementalAlterConfigOp, name, value string) {
		row := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		row.Op, row.Name, row.Value = op, name, kmsg.StringPtr(value)
		resource.Configs = append(resource.Configs, row)
	}
	for _, name := range keysOf(added) {
		change(kmsg.IncrementalAlterConfigOpSet, name, added[name])
	}
	for _, name := range deleted {
		change(kmsg.IncrementalAlterConfigOpDelete, name, "")
	}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = []kmsg.IncrementalAlterConfigsRequestResource{resource}
	response, err := sendForResource[*kmsg.IncrementalAlterConfigsResponse](s, resourceType, resource.ResourceName, request)
	if err != nil {
		return executedUnlessTimeout(err)
	}
	for _, answered := range response.Resources {
		if err := command.ErrorOf(answered.ErrorCode, answered.ErrorMessage); err != nil {
			return command.Executed(err)
		}
	}
	return nil
}
