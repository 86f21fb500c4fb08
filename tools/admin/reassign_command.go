package admin

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/tools/command"
)

const reassignBlurb = "This tool helps to move topic partitions between replicas."

var reassignOptions = command.Options{
	{Name: "verify", Doc: "Tell how far the reassignment in the file of --reassignment-json-file has come, and take the throttles off when it is complete."},
	{Name: "generate", Doc: "Propose a reassignment. Nothing is moved."},
	{Name: "execute", Doc: "Begin the reassignment in the file of --reassignment-json-file."},
	{Name: "cancel", Doc: "Cancel the running reassignments that the file of --reassignment-json-file names."},
	{Name: "list", Doc: "List the running reassignments."},
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "Server(s) to use for bootstrapping", Doc: "REQUIRED: the brokers to begin with."},
	{Name: "command-config", Argument: command.Required, ArgName: "Admin client property file", Doc: "A properties file for the admin client."},
	{Name: "reassignment-json-file", Argument: command.Required, ArgName: "manual assignment json file path", Doc: "A JSON file with the replicas that partitions are to have, such as:\n{\"partitions\":\n  [{\"topic\": \"foo\",\n    \"partition\": 1,\n    \"replicas\": [1,2,3],\n    \"log_dirs\": [\"dir1\",\"dir2\",\"any\"]}],\n \"version\":1\n}\n\"log_dirs\" may be left out; it is as long as \"replicas\", and has for each replica the absolute path of a log directory to move it to, or \"any\"."},
	{Name: "topics-to-move-json-file", Argument: command.Required, ArgName: "topics to reassign json file path", Doc: "A JSON file with the topics to propose a reassignment for, to the brokers of --broker-list, such as:\n{\"topics\":\n  [{\"topic\": \"foo\"},{\"topic\": \"bar\"}],\n \"version\":1\n}"},
	{Name: "broker-list", Argument: command.Required, ArgName: "brokerlist", Doc: "The brokers to propose replicas on, as \"0,1,2\". Required with --topics-to-move-json-file."},
	{Name: "disable-rack-aware", Doc: "Place replicas without regard to racks."},
	{Name: "throttle", Argument: command.Required, Type: command.Long, ArgName: "throttle", Default: "-1", HasDefault: true, Doc: "How many bytes a second may go between brokers for the reassignment, at least 1 KB. With --additional it is changed for one that runs."},
	{Name: "replica-alter-log-dirs-throttle", Argument: command.Required, Type: command.Long, ArgName: "replicaAlterLogDirsThrottle", Default: "-1", HasDefault: true, Doc: "How many bytes a second may go between log directories of a broker for the reassignment, at least 1 KB. With --additional it is changed for one that runs."},
	{Name: "timeout", Argument: command.Required, Type: command.Long, ArgName: "timeout", Default: "10000", HasDefault: true, Doc: "How long to wait for moves between log directories to begin, in ms."},
	{Name: "additional", Doc: "Begin the reassignment although others run, or change the throttle of one that runs."},
	{Name: "preserve-throttles", Doc: "Leave the throttles as they are."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

// reassignActions are the actions with the options that they need and those that
// they take.
var reassignActions = []struct {
	name               string
	required, optional []string
	run                func(*reassignService) error
}{
	{"generate", []string{"topics-to-move-json-file", "broker-list"}, []string{"disable-rack-aware"}, (*reassignService).generate},
	{"execute", []string{"reassignment-json-file"}, []string{"additional", "throttle", "replica-alter-log-dirs-throttle", "timeout"}, (*reassignService).execute},
	{"verify", []string{"reassignment-json-file"}, []string{"preserve-throttles"}, (*reassignService).verify},
	{"cancel", []string{"reassignment-json-file"}, []string{"preserve-throttles", "timeout"}, (*reassignService).cancel},
	{"list", nil, nil, (*reassignService).list},
}

// ReassignPartitionsCommand is kafka.admin.ReassignPartitionsCommand
// (kafka-reassign-partitions.sh): it moves replicas between brokers and between
// their log directories.
func ReassignPartitionsCommand(args []string, stdout, stderr io.Writer) int {
	set, err := reassignOptions.Parse(args)
	if err != nil {
		return command.DieOfParse(err, stderr)
	}
	if code, done := reassignOptions.HelpOrVersion(set, args, reassignBlurb, stdout, stderr); done {
		return code
	}
	run, err := chooseReassignAction(set)
	if err != nil {
		return reassignOptions.End(err, stderr)
	}
	err = reassign(set, stdout, run)
	if err == nil {
		return 0
	}
	if terse, ok := err.(terseFailure); ok { //nolint:errorlint // it is returned as it is
		fmt.Fprintln(stdout, terse)
	} else {
		fmt.Fprintf(stdout, "Error: %s\n%s\n\n", err, command.Thrown(err))
	}
	return 1
}

// terseFailure is TerseReassignmentFailureException: its message says all.
type terseFailure string

func (f terseFailure) Error() string { return string(f) }

func chooseReassignAction(set *command.Set) (run func(*reassignService) error, err error) {
	var chosen []int
	var names []string
	for i, action := range reassignActions {
		names = append(names, "--"+action.name)
		if set.Has(action.name) {
			chosen = append(chosen, i)
		}
	}
	if len(chosen) != 1 {
		return nil, command.Usagef("Command must include exactly one action: %s", strings.Join(names, ", "))
	}
	if !set.Has("bootstrap-server") {
		return nil, command.Usagef("Please specify --bootstrap-server")
	}
	action := reassignActions[chosen[0]]
	if err := set.CheckRequired(action.required...); err != nil {
		return nil, err
	}
	permitted := slices.Concat(action.required, action.optional, []string{action.name, "bootstrap-server", "command-config"})
	for _, name := range set.InOrder(optionNames(reassignOptions)...) {
		if !slices.Contains(permitted, name) {
			return nil, command.Usagef("Option \"[%s]\" can't be used with action \"[%s]\"", name, action.name)
		}
	}
	return action.run, nil
}

func optionNames(options command.Options) []string {
	names := make([]string, len(options))
	for i, option := range options {
		names[i] = option.Name
	}
	return names
}

// reassignService runs one action.
type reassignService struct {
	admin  *command.Admin
	set    *command.Set
	stdout io.Writer
}

func reassign(set *command.Set, stdout io.Writer, run func(*reassignService) error) error {
	properties, err := commandConfig(set)
	if err != nil {
		return err
	}
	if _, ok := properties["client.id"]; !ok {
		properties["client.id"] = "reassign-partitions-tool"
	}
	servers, err := set.Value("bootstrap-server")
	if err != nil {
		return err
	}
	admin, err := command.NewAdmin(servers, properties)
	if err != nil {
		return err
	}
	defer admin.Close()
	return run(&reassignService{admin, set, stdout})
}

// readFile reads the file that the option names.
func (s *reassignService) readFile(option string) ([]byte, error) {
	path, err := s.set.Value(option)
	if err != nil {
		return nil, err
	}
	return readWholeFile(path)
}

func (s *reassignService) milliseconds(option string) (time.Duration, error) {
	number, err := s.set.Int(option)
	return time.Duration(number) * time.Millisecond, err
}

func (s *reassignService) println(format string, args ...any) {
	fmt.Fprintf(s.stdout, format+"\n", args...)
}

// plural is the s of more than one, and of none.
func plural(count int) string {
	if count == 1 {
		return ""
	}
	return "s"
}
