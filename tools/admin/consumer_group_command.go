package admin

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/tools/command"
)

var groupOptions = command.Options{
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "server to connect to", Doc: "REQUIRED: the brokers to begin with."},
	{Name: "group", Argument: command.Required, ArgName: "consumer group", Doc: "The consumer group that the action is for."},
	{Name: "topic", Argument: command.Required, ArgName: "topic", Doc: "The topic whose offsets to delete or to reset. Resetting also takes partitions, as `topic1:0,1,2`, and the option several times."},
	{Name: "all-topics", Doc: "With --reset-offsets: all topics that the group has offsets of."},
	{Name: "list", Doc: "List the consumer groups there are."},
	{Name: "describe", Doc: "Show a group and how far it is behind the end of each partition."},
	{Name: "all-groups", Doc: "Do it for all consumer groups."},
	{Name: "delete", Doc: "Delete whole groups with their offsets, for instance --group g1 --group g2"},
	{Name: "timeout", Argument: command.Required, Type: command.Long, ArgName: "timeout (ms)", Default: "5000", HasDefault: true, Doc: "The longest time in milliseconds to wait for each answer, for instance while a group is new or changing."},
	{Name: "command-config", Argument: command.Required, ArgName: "command config property file", Doc: "A properties file for the admin client."},
	{Name: "reset-offsets", Doc: "Set the offsets of a group that has no active members.\n--dry-run (the default) only shows the new offsets, --execute sets them; --export writes them as CSV.\nWhere to is one of --to-offset, --to-datetime, --by-duration, --to-earliest, --to-latest, --shift-by, --from-file and --to-current.\nWhich partitions is --all-topics or --topic; --from-file needs neither."},
	{Name: "delete-offsets", Doc: "Delete the offsets that one group has of the given topics."},
	{Name: "dry-run", Doc: "With --reset-offsets: only show what would be set."},
	{Name: "execute", Doc: "With --reset-offsets: set the offsets."},
	{Name: "export", Doc: "With --reset-offsets: write the offsets as CSV."},
	{Name: "to-offset", Argument: command.Required, Type: command.Long, ArgName: "offset", Doc: "Reset to this offset."},
	{Name: "from-file", Argument: command.Required, ArgName: "path to CSV file", Doc: "Reset to the offsets in a CSV file."},
	{Name: "to-datetime", Argument: command.Required, ArgName: "datetime", Doc: "Reset to the first message from this time on. Format: 'YYYY-MM-DDTHH:mm:SS.sss'"},
	{Name: "by-duration", Argument: command.Required, ArgName: "duration", Doc: "Reset to the first message that is no older than this. Format: 'PnDTnHnMnS'"},
	{Name: "to-earliest", Doc: "Reset to the beginning of the log."},
	{Name: "to-latest", Doc: "Reset to the end of the log."},
	{Name: "to-current", Doc: "Reset to the offset that is committed now."},
	{Name: "shift-by", Argument: command.Required, Type: command.Long, ArgName: "number-of-offsets", Doc: "Move the committed offset by 'n' messages, forwards or, if negative, backwards."},
	{Name: "members", AvailableIf: []string{"describe"}, Doc: "With --describe: show the members of the group.\nExample: --bootstrap-server localhost:9092 --describe --group group1 --members"},
	{Name: "verbose", AvailableIf: []string{"describe"}, Doc: "With --describe: show more; with --members the partitions of each member.\nExample: --bootstrap-server localhost:9092 --describe --group group1 --members --verbose"},
	{Name: "offsets", AvailableIf: []string{"describe"}, Doc: "With --describe, and its default: show each partition of the group with its offset and lag.\nExample: --bootstrap-server localhost:9092 --describe --group group1 --offsets"},
	{Name: "state", Argument: command.Optional, AvailableIf: []string{"describe", "list"}, Doc: "With --describe: show the state of the group.\nExample: --bootstrap-server localhost:9092 --describe --group group1 --state\nWith --list: show the state of each group, or only groups in the states given.\nExample: --bootstrap-server localhost:9092 --list --state Stable,Empty"},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

const groupBlurb = "This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or reset consumer group offsets."

// ConsumerGroupCommand is kafka.admin.ConsumerGroupCommand
// (kafka-consumer-groups.sh). It ends with 0 also when a request failed.
func ConsumerGroupCommand(args []string, stdout, stderr io.Writer) int {
	set, err := groupOptions.Parse(args)
	if err != nil {
		return command.DieOfParse(err, stderr)
	}
	if err := checkGroupOptions(set, stderr); err != nil {
		return groupOptions.Die(err, stderr)
	}
	if code, done := groupOptions.HelpOrVersion(set, args, groupBlurb, stdout, stderr); done {
		return code
	}
	if set.Count(groupActions...) != 1 {
		return groupOptions.Die(command.Usagef("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets"), stderr)
	}
	service, err := newGroupService(set, stdout, stderr)
	var parse *command.ParseError
	switch {
	case errors.As(err, &parse):
		return groupOptions.Die(command.AsUsage(err), stderr)
	case err != nil:
		return command.DieOfParse(err, stderr)
	}
	defer service.admin.Close()
	err = service.run()
	switch {
	case err == nil:
		return 0
	case command.IsUsage(err), command.IsException(err, command.IllegalArgument):
		return groupOptions.Die(command.AsUsage(err), stderr)
	}
	service.printError("Executing consumer group command failed due to " + err.Error())
	fmt.Fprintln(stderr, command.ExceptionText(err))
	return 0
}

var groupActions = []string{"list", "describe", "delete", "reset-offsets", "delete-offsets"}

// resetScenarios say where offsets are reset to, in the order in which Kafka's
// tool goes through them.
var resetScenarios = jvm.ScalaMapOrder([]string{
	"to-offset", "shift-by", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "from-file",
}, command.OptionHash)

func checkGroupOptions(set *command.Set, stderr io.Writer) error {
	for _, check := range []func() error{
		func() error { return set.CheckRequired("bootstrap-server") },
		func() error { return checkGroupDescribe(set) },
		func() error { return checkGroupDelete(set) },
		func() error { return checkGroupReset(set, stderr) },
		func() error { return set.CheckInvalid("group", "all-groups", "list") },
		func() error { return set.CheckInvalid("topic", "list", "describe") },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func checkGroupDescribe(set *command.Set) error {
	switch {
	case !set.Has("describe"):
		return nil
	case !set.Has("group") && !set.Has("all-groups"):
		return command.Usagef("Option [describe] takes one of these options: [group], [all-groups]")
	case set.Count("members", "offsets", "state") > 1:
		return command.Usagef("Option [describe] takes at most one of these options: [members], [offsets], [state]")
	case set.HasValue("state"):
		return command.Usagef("Option [describe] does not take a value for [state]")
	}
	return nil
}

func checkGroupDelete(set *command.Set) error {
	switch {
	case set.Has("delete") && !set.Has("group") && !set.Has("all-groups"):
		return command.Usagef("Option [delete] takes one of these options: [group], [all-groups]")
	case set.Has("delete") && set.Has("topic"):
		return command.Usagef("The consumer does not support topic-specific offset deletion from a consumer group.")
	case set.Has("delete-offsets") && (!set.Has("group") || !set.Has("topic")):
		return command.Usagef("Option [delete-offsets] takes the following options: [group], [topic]")
	}
	return nil
}

const noActionWarning = "WARN: No action will be performed as the --execute option is missing." +
	"In a future major release, the default behavior of this command will be to prompt the user before " +
	"executing the reset rather than doing a dry run. You should add the --dry-run option explicitly " +
	"if you are scripting this command and want to keep the current default behavior without prompting."

func checkGroupReset(set *command.Set, stderr io.Writer) error {
	if !set.Has("reset-offsets") {
		return nil
	}
	if set.Has("dry-run") && set.Has("execute") {
		return command.Usagef("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
	}
	if !set.Has("dry-run") && !set.Has("execute") {
		fmt.Fprintln(stderr, noActionWarning)
	}
	if !set.Has("group") && !set.Has("all-groups") {
		return command.Usagef("Option [reset-offsets] takes one of these options: [group], [all-groups]")
	}
	for _, scenario := range []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"} {
		if err := set.CheckInvalid(scenario, resetScenarios...); err != nil {
			return err
		}
	}
	return nil
}

// groupService runs one action, as ConsumerGroupCommand.ConsumerGroupService.
type groupService struct {
	admin          *command.Admin
	set            *command.Set
	stdout, stderr io.Writer
}

func newGroupService(set *command.Set, stdout, stderr io.Writer) (*groupService, error) {
	admin, err := adminOf(set)
	if err != nil {
		return nil, err
	}
	return &groupService{admin, set, stdout, stderr}, nil
}

// adminOf connects as --bootstrap-server and --command-config say.
func adminOf(set *command.Set) (*command.Admin, error) {
	file, err := set.Value("command-config")
	if err != nil {
		return nil, err
	}
	properties, err := command.ClientProperties(file, nil)
	if err != nil {
		return nil, err
	}
	servers, err := set.Value("bootstrap-server")
	if err != nil {
		return nil, err
	}
	return command.NewAdmin(servers, properties)
}

func (s *groupService) run() error {
	timeout, err := s.set.Int("timeout")
	if err != nil {
		return err
	}
	s.admin = s.admin.Within(time.Duration(int32(timeout)) * time.Millisecond)
	switch {
	case s.set.Has("list"):
		return s.list()
	case s.set.Has("describe"):
		return s.describe()
	case s.set.Has("delete"):
		return s.deleteGroups()
	case s.set.Has("reset-offsets"):
		return s.resetOffsets()
	}
	return s.deleteOffsets()
}

func (s *groupService) printError(message string) {
	fmt.Fprintln(s.stdout, "\nError: "+message)
}

// groups returns the groups that the action is for.
func (s *groupService) groups() ([]string, error) {
	if !s.set.Has("all-groups") {
		return s.set.Values("group"), nil
	}
	listed, err := s.listGroups(nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, group := range listed {
		names = append(names, group.Group)
	}
	return names, nil
}

// quoted is the list as 'a', 'b'.
func quoted(names []string) string {
	return "'" + strings.Join(names, "', '") + "'"
}
