// Package dump has the tool that shows what is in the files of a partition.
package dump

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/tools/command"
)

const blurb = "This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly corrupt log segment."

const stringDecoder = "kafka.serializer.StringDecoder"

var options = command.Options{
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
	{Name: "print-data-log", Doc: "Print the records of data logs. Any option for a decoder does so too."},
	{Name: "verify-index-only", Doc: "Check indexes without printing them."},
	{Name: "index-sanity-check", Doc: "Check of indexes only what a broker checks when it starts, to find out whether to build them anew."},
	{Name: "files", Argument: command.Required, ArgName: "file1, file2, ...", Doc: "REQUIRED: The files to dump, with commas between."},
	{Name: "max-message-size", Argument: command.Required, Type: command.Integer, ArgName: "size", Default: "5242880", HasDefault: true, Doc: "Size of the largest message."},
	{Name: "deep-iteration", Doc: "Go through the records within batches. Printing data logs does so too."},
	{Name: "value-decoder-class", Argument: command.Optional, Default: stringDecoder, HasDefault: true, Doc: "The kafka.serializer.Decoder that values are shown with."},
	{Name: "key-decoder-class", Argument: command.Optional, Default: stringDecoder, HasDefault: true, Doc: "The kafka.serializer.Decoder that keys are shown with."},
	{Name: "offsets-decoder", Doc: "Show the records as those of the __consumer_offsets topic."},
	{Name: "transaction-log-decoder", Doc: "Show the records as those of the __transaction_state topic."},
	{Name: "cluster-metadata-decoder", Doc: "Show the records as those of the metadata log of a cluster without ZooKeeper."},
	{Name: "skip-record-metadata", Doc: "Show of records keys and values only."},
}

// DumpLogSegments is kafka.tools.DumpLogSegments (kafka-dump-log.sh).
func DumpLogSegments(args []string, stdout, stderr io.Writer) int {
	out := bufio.NewWriter(stdout)
	defer out.Flush()
	set, err := options.Parse(args)
	if err != nil {
		return command.DieOfParse(err, stderr)
	}
	if code, done := options.HelpOrVersion(set, args, blurb, out, stderr); done {
		return code
	}
	if err := set.CheckRequired("files"); err != nil {
		return options.Die(err, stderr)
	}
	if err := dumpFiles(set, out, stderr); err != nil {
		out.Flush()
		return command.DieOfParse(err, stderr)
	}
	return 0
}

// dumper is a command line of the tool, and what it found wrong so far.
type dumper struct {
	out    *bufio.Writer
	stderr io.Writer

	printData, deep, skipMetadata bool
	verifyOnly, sanityOnly        bool
	// set is looked at again when a file needs one of the next two: what is
	// wrong with them matters only then.
	set            *command.Set
	maxMessageSize int64
	parser         messageParser

	// What does not match, by the absolute name of the file.
	indexMismatches     findings
	timeMismatches      findings
	outOfOrder          findings
	offsetsNotFound     findings
	nonConsecutivePairs findings
}

// findings are pairs of numbers by file.
type findings map[string][][2]int64

// add notes a pair behind those there are.
func (f findings) add(file string, a, b int64) { f[file] = append(f[file], [2]int64{a, b}) }

// push notes a pair before those there are.
func (f findings) push(file string, a, b int64) { f[file] = append([][2]int64{{a, b}}, f[file]...) }

// files are the files in the order in which a map of Scala gives them.
func (f findings) files() []string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	return jvm.ScalaMutableMapOrder(names, jvm.StringHash)
}

func (f findings) print(to io.Writer, heading func(file string) string, pair string) {
	for _, file := range f.files() {
		fmt.Fprintln(to, heading(file))
		for _, found := range f[file] {
			fmt.Fprintf(to, pair+"\n", found[0], found[1])
		}
	}
}

func newDumper(set *command.Set, out *bufio.Writer, stderr io.Writer) *dumper {
	d := &dumper{
		out: out, stderr: stderr, set: set, skipMetadata: set.Has("skip-record-metadata"),
		verifyOnly: set.Has("verify-index-only"), sanityOnly: set.Has("index-sanity-check"),
		indexMismatches: findings{}, timeMismatches: findings{}, outOfOrder: findings{}, offsetsNotFound: findings{}, nonConsecutivePairs: findings{},
	}
	for _, name := range []string{"print-data-log", "offsets-decoder", "transaction-log-decoder", "cluster-metadata-decoder", "value-decoder-class", "key-decoder-class"} {
		d.printData = d.printData || set.Has(name)
	}
	d.deep = d.printData || set.Has("deep-iteration")
	return d
}

// needSize takes the largest size of a message.
func (d *dumper) needSize() (err error) {
	d.maxMessageSize, err = d.set.Int("max-message-size")
	return err
}

// needParser takes what dumping a log needs.
func (d *dumper) needParser() error {
	if err := d.needSize(); err != nil || d.parser != nil {
		return err
	}
	parser, err := newMessageParser(d.set)
	d.parser = parser
	return err
}

func dumpFiles(set *command.Set, out *bufio.Writer, stderr io.Writer) error {
	files, err := set.Value("files")
	if err != nil {
		return err
	}
	d := newDumper(set, out, stderr)
	names := strings.Split(files, ",")
	for len(names) > 1 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	for _, name := range names {
		if err := d.dumpFile(javaPath(name)); err != nil {
			return err
		}
	}
	out.Flush()
	d.printFindings()
	return nil
}

// javaPath is the name as java.io.File has it.
func javaPath(name string) string {
	for strings.Contains(name, "//") {
		name = strings.ReplaceAll(name, "//", "/")
	}
	if len(name) > 1 {
		name = strings.TrimSuffix(name, "/")
	}
	return name
}

func (d *dumper) dumpFile(file string) error {
	fmt.Fprintf(d.out, "Dumping %s\n", file)
	name := filepath.Base(file)
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return command.Throw("java.lang.StringIndexOutOfBoundsException", "begin -1, end %d, length %d", len(name), len(name))
	}
	switch name[dot:] {
	case ".log":
		return d.dumpLog(file)
	case ".index":
		return d.dumpIndex(file)
	case ".timeindex":
		return d.dumpTimeIndex(file)
	case ".snapshot":
		return d.dumpProducerSnapshot(file)
	case ".txnindex":
		return d.dumpTxnIndex(file)
	}
	d.out.Flush()
	fmt.Fprintf(d.stderr, "Ignoring unknown file %s\n", file)
	return nil
}

func (d *dumper) printFindings() {
	d.indexMismatches.print(d.stderr, func(file string) string { return "Mismatches in :" + file }, "  Index offset: %d, log offset: %d")
	d.timeMismatches.print(d.stderr, func(file string) string { return "Found timestamp mismatch in :" + file }, "  Index timestamp: %d, log timestamp: %d")
	d.outOfOrder.print(d.stderr, func(file string) string { return "Found out of order timestamp in :" + file }, "  Index timestamp: %d, Previously indexed timestamp: %d")
	d.offsetsNotFound.print(d.stderr, func(string) string { return "The following indexed offsets are not found in the log." }, "Indexed offset: %d, found log offset: %d")
	d.nonConsecutivePairs.print(d.stderr, func(file string) string { return "Non-consecutive offsets in " + file }, "  %d is followed by %d")
}

// absolute is the name as java.io.File.getAbsolutePath gives it.
func absolute(file string) (string, error) {
	if strings.HasPrefix(file, "/") {
		return file, nil
	}
	dir, err := filepath.Abs(".")
	return dir + "/" + file, err
}
