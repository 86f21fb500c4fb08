// Command bench puts the same load on Gregor and on Apache Kafka 3.1.0, in turn and
// on one machine, and prints what each took: time to start, memory, processor time
// and latency. tests/bench/compare.sh builds what it needs and runs it;
// tests/bench/start.sh measures the start of Gregor alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are how much is measured.
type options struct {
	rounds, logRounds, clusterRounds int
	// logPartitions are the partitions of the broker of the log's part,
	// clusterPartitions those of the topic whose leaders move, three replicas each.
	logPartitions, clusterPartitions int
	recoveryMiB, compactionMiB       int64
	backlogMiB                       int64
	backlogTime                      time.Duration
	clusterMiB, clusterWarmUpMiB     int64
	clusterLatencyWarmUp             time.Duration
	clusterWarmUpRounds              int
	parts                            []part

	sizeMiB    int64
	warmUpMiB  int64
	latency    time.Duration
	settle     time.Duration
	partitions int
	dir        string
	limit      time.Duration
	brokers    []kind
	measures   []string
	loads      []workload
}

// What can be measured.
const (
	measureStart      = "start"
	measurePartitions = "partitions"
	measureThroughput = "throughput"
	measureLatency    = "latency"
)

func init() { runtime.LockOSThread() } // children are told of the end of the thread that started them

func main() {
	settings, err := parseOptions()
	if err == nil {
		err = run(settings)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// registerFlags makes the flags of the options that are numbers.
func registerFlags(o *options) *flag.FlagSet {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.IntVar(&o.rounds, "rounds", 1, "how often the broker's part is measured")
	flags.IntVar(&o.logRounds, "log-rounds", 1, "how often the log's part is measured")
	flags.IntVar(&o.clusterRounds, "cluster-rounds", 1, "how often the cluster's part is measured")
	flags.Int64Var(&o.sizeMiB, "size", 384, "MiB that each of the four loads of a broker sends and reads")
	flags.Int64Var(&o.warmUpMiB, "warm-up", 256, "MiB that are sent and read before anything is measured")
	flags.Int64Var(&o.recoveryMiB, "recovery-size", 768, "MiB that are recovered")
	flags.Int64Var(&o.compactionMiB, "compaction-size", 384, "MiB that are compacted")
	flags.Int64Var(&o.backlogMiB, "backlog-size", 1024, "MiB of the backlog that is read while another client produces")
	flags.DurationVar(&o.backlogTime, "backlog-time", 8*time.Second, "how long each load of that producer is sent")
	flags.Int64Var(&o.clusterMiB, "cluster-size", 192, "MiB that each of the four loads of a cluster sends")
	flags.IntVar(&o.clusterWarmUpRounds, "cluster-warm-up-rounds", 6, "how often, at most, a cluster is warmed up before throughput and before latency")
	flags.Int64Var(&o.clusterWarmUpMiB, "cluster-warm-up", 256, "MiB of each such round")
	flags.DurationVar(&o.latency, "latency", 10*time.Second, "how long latency is measured")
	flags.DurationVar(&o.clusterLatencyWarmUp, "cluster-latency-warm-up", 5*time.Second, "how long records are sent in a round before latency is measured")
	flags.DurationVar(&o.settle, "settle", 5*time.Second, "how long brokers are left alone before their idle memory is taken")
	flags.IntVar(&o.partitions, "partitions", 1000, "partitions of the broker's part")
	flags.IntVar(&o.logPartitions, "log-partitions", 10_000, "partitions of the log's part")
	flags.IntVar(&o.clusterPartitions, "cluster-partitions", 2000, "partitions of the cluster's part")
	flags.StringVar(&o.dir, "dir", "", "where data is kept meanwhile; a temporary folder by default")
	flags.DurationVar(&o.limit, "limit", 40*time.Minute, "when to give up")
	return flags
}

func parseOptions() (*options, error) {
	o := &options{}
	flags := registerFlags(o)
	full := flags.Bool("full", false, "three rounds of larger loads: about an hour")
	quick := flags.Bool("quick", false, "one short round, for a first impression: about three minutes")
	names := flags.String("parts", "broker,log,cluster", "which parts to run")
	brokers := flags.String("brokers", "gregor,kafka", "whom to measure")
	measures := flags.String("measure", strings.Join([]string{measureStart, measurePartitions, measureThroughput, measureLatency}, ","), "what to measure of one broker and of a cluster")
	loads := flags.String("loads", "", "which loads: a part of their names; all by default")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return nil, err
	}
	if *quick {
		presets(flags, quickForm)
	} else if *full {
		presets(flags, fullForm)
	}
	o.measures = strings.Split(*measures, ",")
	o.loads = slices.DeleteFunc(slices.Clone(workloads), func(load workload) bool { return !strings.Contains(load.name, *loads) })
	if o.rounds < 1 || o.partitions < 1 || o.logPartitions < 1 || o.clusterPartitions < 1 || o.latency < 0 {
		return nil, errors.New("rounds and partitions begin at 1")
	}
	for name := range strings.SplitSeq(*names, ",") {
		at := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no part %q", name)
		}
		o.parts = append(o.parts, parts[at])
	}
	for name := range strings.SplitSeq(*brokers, ",") {
		at := slices.IndexFunc(kinds, func(k kind) bool { return strings.EqualFold(k.key, name) })
		if at < 0 {
			return nil, fmt.Errorf("there is no broker %q", name)
		}
		o.brokers = append(o.brokers, kinds[at])
	}
	return o, nil
}

// The forms are the values of flags that are not given.
var (
	quickForm = map[string]string{
		"size": "64", "warm-up": "48", "latency": "2s", "settle": "1s", "partitions": "200", "log-partitions": "1000",
		"recovery-size": "192", "backlog-size": "192", "backlog-time": "2s", "compaction-size": "96", "cluster-size": "32", "cluster-warm-up": "64", "cluster-warm-up-rounds": "3", "cluster-latency-warm-up": "3s", "limit": "15m", "cluster-partitions": "300",
	}
	fullForm = map[string]string{
		"rounds": "3", "log-rounds": "3", "cluster-rounds": "3", "size": "768", "latency": "20s", "cluster-size": "256", "cluster-warm-up-rounds": "8", "limit": "2h",
		"recovery-size": "900", "compaction-size": "768",
	}
)

// presets gives flags that were not given the values of a form.
func presets(flags *flag.FlagSet, form map[string]string) {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range form {
		if given[name] {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			panic(err) // a form with a flag that there is not
		}
	}
}

func (o *options) measure(what string) bool { return slices.Contains(o.measures, what) }

func run(o *options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	dir, err := os.MkdirTemp(o.dir, "gregor-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, ctx: ctx, dir: dir, results: newResults(o)}
	if err := b.startZooKeeper(); err != nil {
		return err
	}
	defer b.zooKeeper.kill()
	if o.measure(measureThroughput) {
		if err := warmPageCache(dir, o.pageCacheMiB()); err != nil {
			return err
		}
	}
	err = b.allParts()
	b.results.print(os.Stdout) // what there is, also after an error
	return err
}

// pageCacheMiB is what the files of the part with the most data take.
func (o *options) pageCacheMiB() int64 {
	most := int64(0)
	for _, part := range o.parts {
		switch part.name {
		case "broker":
			most = max(most, o.totalMiB())
		case "log":
			most = max(most, o.recoveryMiB, 2*o.compactionMiB, o.backlogMiB)
		case "cluster":
			most = max(most, replicas*(int64(o.clusterWarmUpRounds)*o.clusterWarmUpMiB+o.clusterMiB*int64(len(clusterLoads))))
		}
	}
	return min(most, maxPageCacheMiB)
}

// maxPageCacheMiB is how much is touched beforehand at most.
const maxPageCacheMiB = 6 << 10

// totalMiB is what a broker is sent in a round.
func (o *options) totalMiB() int64 { return o.warmUpMiB + int64(len(o.loads))*o.sizeMiB }

// warmPageCache has memory touched once that the brokers' files will take: on
// virtual machines the first touch costs several times the second.
func warmPageCache(dir string, mib int64) error {
	file, err := os.CreateTemp(dir, "warm")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	chunk := make([]byte, 1<<20)
	for range mib {
		if _, err := file.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}
