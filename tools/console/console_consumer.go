package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
)

const (
	consumerLogger = "kafka.tools.ConsoleConsumer$"
	closeTimeout   = 5 * time.Second
	// firstCorrelation is the id that the Java consumer's first request for the
	// topic's metadata has.
	firstCorrelation = 2
)

// ConsoleConsumer is kafka.tools.ConsoleConsumer: it writes the messages of a
// topic to stdout until it is stopped and returns the exit code.
func ConsoleConsumer(args []string, stdout, stderr io.Writer) int {
	set, err := consumerOptions.Parse(args)
	if err != nil {
		return consumerOptions.Die(command.AsUsage(err), stderr)
	}
	if code, done := consumerOptions.HelpOrVersion(set, args, consumerBlurb, stdout, stderr); done {
		return code
	}
	settings, err := newConsumerSettings(set)
	switch {
	case command.IsUsage(err):
		return consumerOptions.Die(err, stderr)
	case err != nil:
		return command.DieOfParse(err, stderr)
	}
	consumer, err := settings.open(stdout, stderr)
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return consumerOptions.Die(err, stderr)
	case err != nil:
		command.LogThrown(consumerLogger, "Unknown error when running consumer: ", err)
		return 1
	}
	return consumer.run()
}

type consoleConsumer struct {
	*consumerSettings
	client    *kgo.Client
	stdout    *bufio.Writer
	stderr    io.Writer
	prefix    string
	positions *positions
	count     int64
}

func (s *consumerSettings) open(stdout, stderr io.Writer) (*consoleConsumer, error) {
	properties, err := s.properties()
	if err != nil {
		return nil, err
	}
	consumer := &consoleConsumer{
		consumerSettings: s, stdout: bufio.NewWriterSize(stdout, 64<<10), stderr: stderr,
		prefix: command.LogPrefix(command.Consumer, properties),
	}
	if consumer.positions, err = newPositions(properties, s.hasPartition); err != nil {
		return nil, err
	}
	subscription, err := s.subscription()
	if err != nil {
		return nil, err
	}
	if s.hasPartition {
		delete(properties, "group.id")
	}
	// What was shown is committed here, not what was fetched.
	properties["enable.auto.commit"] = "false"
	options, err := command.ConsumerOptions(properties)
	if err != nil {
		return nil, err
	}
	options = append(options, subscription...)
	options = append(options, consumer.positions.options()...)
	options = append(options, kgo.KeepControlRecords(), kgo.UnknownTopicRetries(-1))
	if consumer.client, err = command.NewClient(command.Consumer, properties, options...); err != nil {
		return nil, err
	}
	consumer.positions.started(consumer.client)
	return consumer, nil
}

// run reads until a limit, a signal or an error, then closes the consumer and
// says how many messages were read.
func (c *consoleConsumer) run() int {
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGPIPE) // a reader that is gone is an error of Flush
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case caught := <-signals:
			stop(stoppedBy{caught})
		case <-ctx.Done():
		}
	})
	if c.hasTopic {
		waiting.Go(func() { c.watchTopic(ctx) })
	}
	failure := c.consume(ctx)
	code := 0
	var stopped stoppedBy
	if errors.As(context.Cause(ctx), &stopped) {
		code = command.SignalExitCode(stopped.signal)
	}
	stop(nil)
	waiting.Wait()
	c.close()
	fmt.Fprintf(c.stderr, "Processed a total of %d messages\n", c.count)
	if failure != nil {
		command.LogThrown(consumerLogger, "Unknown error when running consumer: ", failure)
		code = 1
	}
	if c.systestEvents {
		fmt.Fprintln(c.stdout, "shutdown_complete")
	}
	_ = c.stdout.Flush()
	return code
}

type stoppedBy struct{ signal os.Signal }

func (s stoppedBy) Error() string { return s.signal.String() }

// consume returns an error of the formatter; others are logged and end it.
func (c *consoleConsumer) consume(ctx context.Context) error {
	for c.maxMessages == -1 || c.count < c.maxMessages {
		fetches, err := c.poll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			command.LogThrown(consumerLogger, "Error processing message, terminating consumer process: ", err)
			return nil
		}
		more, err := c.write(fetches)
		if !more || err != nil {
			return err
		}
	}
	return nil
}

// pollTimeout is the error of a poll that no record came to within --timeout-ms;
// Java's has no message.
var pollTimeout = command.Throw("org.apache.kafka.common.errors.TimeoutException", "")

// poll waits for records, for --timeout-ms at most, and commits meanwhile.
func (c *consoleConsumer) poll(ctx context.Context) (kgo.Fetches, error) {
	if c.timeout >= 0 {
		bounded, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		ctx = bounded
	}
	for {
		c.positions.commitIfDue(ctx, c.client)
		slice, cancel := context.WithTimeout(ctx, c.positions.untilCommit())
		fetches := c.client.PollFetches(slice)
		cancel()
		if fetches.NumRecords() > 0 {
			return fetches, nil
		}
		c.client.AllowRebalance()
		if err := c.fatal(fetches); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, pollTimeout
		}
	}
}

// fatalErrors end the Java consumer; after others it tries again.
var fatalErrors = []*kerr.Error{
	kerr.InvalidTopicException, kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.InvalidGroupID, kerr.FencedInstanceID,
	kerr.InconsistentGroupProtocol, kerr.InvalidSessionTimeout, kerr.GroupMaxSizeReached, kerr.UnsupportedVersion, kerr.SaslAuthenticationFailed,
	kerr.OffsetOutOfRange, kerr.CorruptMessage,
}

func (c *consoleConsumer) fatal(fetches kgo.Fetches) error {
	for _, failed := range fetches.Errors() {
		for _, known := range fatalErrors {
			if !errors.Is(failed.Err, known) {
				continue
			}
			switch known {
			case kerr.InvalidTopicException:
				command.WarnOfMetadata(c.prefix, firstCorrelation, c.topic, known.Code)
				return command.ErrorWith(known, "Invalid topics: [%s]", c.topic)
			case kerr.TopicAuthorizationFailed:
				return command.ErrorWith(known, "Not authorized to access topics: [%s]", failed.Topic)
			}
			return command.ErrorOf(known.Code, nil)
		}
	}
	return nil
}

// write formats the records and lets the group rebalance; more tells to go on.
func (c *consoleConsumer) write(fetches kgo.Fetches) (more bool, err error) {
	defer c.client.AllowRebalance()
	for records := fetches.RecordIter(); !records.Done() && err == nil; {
		record := records.Next()
		if record.Attrs.IsControl() {
			c.positions.passed(record)
			continue
		}
		if c.maxMessages >= 0 && c.count >= c.maxMessages {
			break
		}
		c.count++
		c.positions.passed(record)
		err = c.formatter.write(record, c.stdout)
		if err != nil && c.skipOnError {
			command.LogThrown(consumerLogger, "Error processing message, skipping this message: ", err)
			err = nil
		}
	}
	if flushErr := c.stdout.Flush(); flushErr != nil {
		fmt.Fprintln(c.stderr, "Unable to write to standard out, closing consumer.")
		return false, err
	}
	return true, err
}

// watchTopic warns, as long as the topic is not there, of what brokers answer.
func (c *consoleConsumer) watchTopic(ctx context.Context) {
	const pause = 100 * time.Millisecond
	for correlation := firstCorrelation; ; correlation++ {
		code, err := command.TopicError(ctx, c.client, c.topic)
		if err != nil || code == 0 || code == kerr.InvalidTopicException.Code {
			return // the last of these comes as an error of a poll too
		}
		command.WarnOfMetadata(c.prefix, correlation, c.topic, code)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (c *consoleConsumer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	c.client.AllowRebalance()
	c.positions.commit(ctx, c.client)
	_ = c.client.LeaveGroupContext(ctx)
	c.client.Close()
}
