package admin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/tools/command"
)

// minColumnWidth is that of most columns of the group tables.
const minColumnWidth = 15

// groupStates are the states of a group, as ConsumerGroupState.
var groupStates = []string{"PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty"}

func (s *groupService) list() error {
	if s.set.Has("state") {
		return s.listStates()
	}
	groups, err := s.listGroups(nil)
	for _, group := range groups {
		fmt.Fprintln(s.stdout, group.Group)
	}
	return err
}

func (s *groupService) listStates() error {
	text, err := s.set.Value("state")
	if err != nil {
		return err
	}
	states, err := parseGroupStates(text)
	if err != nil {
		return err
	}
	groups, err := s.listGroups(states)
	if err != nil {
		return err
	}
	width := minColumnWidth
	for _, group := range groups {
		width = max(width, javaLength(group.Group))
	}
	fmt.Fprintf(s.stdout, "%s %s\n", pad("GROUP", width), "STATE")
	for _, group := range groups {
		fmt.Fprintf(s.stdout, "%s %s\n", pad(group.Group, width), group.GroupState)
	}
	return nil
}

// parseGroupStates reads --state: names in their exact case, with commas.
func parseGroupStates(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var states []string
	for _, word := range strings.Split(text, ",") {
		state := strings.TrimSpace(word)
		if !slices.Contains(groupStates, state) {
			return nil, command.Throw(command.IllegalArgument, "Invalid state list '%s'. Valid states are: %s", text, strings.Join(groupStates, ", "))
		}
		states = append(states, state)
	}
	return states, nil
}

// listGroups returns the consumer groups of all brokers in the order of the Java
// client's map.
func (s *groupService) listGroups(states []string) ([]kmsg.ListGroupsResponseGroup, error) {
	request := kmsg.NewPtrListGroupsRequest()
	request.StatesFilter = states
	response, err := command.Do[*kmsg.ListGroupsResponse](s.admin, request)
	if command.IsTimeout(err) {
		err = command.Throw("org.apache.kafka.common.KafkaException", "Failed to find brokers to send ListGroups")
	}
	if err == nil {
		err = command.ErrorOf(response.ErrorCode, nil)
	}
	if err != nil {
		return nil, command.Executed(err)
	}
	var groups []kmsg.ListGroupsResponseGroup
	for _, group := range response.Groups {
		if isConsumerProtocol(group.ProtocolType) {
			groups = append(groups, group)
		}
	}
	return jvm.MapOrder(groups, func(group kmsg.ListGroupsResponseGroup) int32 { return jvm.StringHash(group.Group) }), nil
}

// isConsumerProtocol leaves out groups of other protocols, such as Connect's;
// groups that only commit have none.
func isConsumerProtocol(name string) bool { return name == "consumer" || name == "" }
