//go:build peers

package integration

import (
	"testing"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestQuickstartWithKcat is the quickstart's producing and consuming with kcat in
// the terminals.
func TestQuickstartWithKcat(t *testing.T) {
	t.Parallel()
	q := startQuickstart(t)
	q.run(0, "Created topic quickstart-events.\n", "kafka-topics.sh", "--create", "--topic", "quickstart-events")
	producer := framework.OpenTerminal(t, nil, "kcat", "-P", "-b", q.broker, "-t", "quickstart-events")
	const events = "This is my first event\nThis is my second event\n"
	producer.Type(events + "\x04") // kcat sends at the first Ctrl-D and ends at the second
	consumer := framework.OpenTerminal(t, nil, "kcat", "-C", "-q", "-u", "-b", q.broker, "-t", "quickstart-events", "-o", "beginning")
	consumer.Await(events)
	producer.Type("\x04")
	q.ended(producer, 0, events)
	once := framework.OpenTerminal(t, nil, "kcat", "-C", "-q", "-e", "-b", q.broker, "-t", "quickstart-events", "-o", "beginning")
	q.ended(once, 0, events)
	console := q.open("kafka-console-producer.sh", "--topic", "quickstart-events", "--bootstrap-server", q.broker)
	console.Await(">")
	console.Type("This is my third event\n\x04")
	consumer.Await("This is my third event\n")
	consumer.Interrupt()
	q.ended(consumer, 0, events+"This is my third event\n^C")
	q.stop()
}
