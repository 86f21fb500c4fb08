// Command bench puts the same load on Gregor and on Apache Kafka 3.1.0, in turn and
// on one machine, and prints what each took: time to start, memory, processor time
// and latency. tests/bench/compare.sh builds what it needs and runs it;
// tests/bench/start.sh measures the start of Gregor alone.
package main

import (
	"context"
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
	rounds     int
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

func parseOptions() (*options, error) {
	o := &options{}
	flag.IntVar(&o.rounds, "rounds", 3, "how often everything is measured")
	flag.Int64Var(&o.sizeMiB, "size", 768, "MiB that each of the four loads sends and reads")
	flag.Int64Var(&o.warmUpMiB, "warm-up", 256, "MiB that are sent and read before anything is measured")
	flag.DurationVar(&o.latency, "latency", 20*time.Second, "how long latency is measured")
	flag.DurationVar(&o.settle, "settle", 5*time.Second, "how long a broker is left alone before its idle memory is taken")
	flag.IntVar(&o.partitions, "partitions", 1000, "partitions of a broker that is started with data")
	flag.StringVar(&o.dir, "dir", "", "where data is kept meanwhile; a temporary folder by default")
	flag.DurationVar(&o.limit, "limit", 30*time.Minute, "when to give up")
	quick := flag.Bool("quick", false, "one short round, for a first impression: about a minute")
	brokers := flag.String("brokers", "gregor,kafka", "whom to measure")
	measures := flag.String("measure", strings.Join([]string{measureStart, measurePartitions, measureThroughput, measureLatency}, ","), "what to measure")
	loads := flag.String("loads", "", "which loads: a part of their names; all by default")
	flag.Parse()
	if *quick {
		o.rounds, o.sizeMiB, o.warmUpMiB, o.latency, o.settle = 1, 192, 96, 6*time.Second, 2*time.Second
	}
	o.measures = strings.Split(*measures, ",")
	o.loads = slices.DeleteFunc(slices.Clone(workloads), func(load workload) bool { return !strings.Contains(load.name, *loads) })
	for name := range strings.SplitSeq(*brokers, ",") {
		at := slices.IndexFunc(kinds, func(k kind) bool { return strings.EqualFold(k.key, name) })
		if at < 0 {
			return nil, fmt.Errorf("there is no broker %q", name)
		}
		o.brokers = append(o.brokers, kinds[at])
	}
	return o, nil
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
		if err := warmPageCache(dir, o.totalMiB()); err != nil {
			return err
		}
	}
	err = b.allRounds()
	b.results.print(os.Stdout) // what there is, also after an error
	return err
}

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
