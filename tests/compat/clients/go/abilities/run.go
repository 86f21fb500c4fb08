package abilities

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// Patience is how long an ability waits for something.
	Patience = 40 * time.Second
	// First is the timestamp of the first record of a filled topic; the others follow a second apart.
	First = 1_600_000_000_000

	atATime = 6
)

// names are all abilities of the phase main.
var names = strings.Fields(`group-crash group-join-leave group-cooperative group-static group-zookeeper
	create-topic create-topic-exists produce-values produce-keys nulls headers codec-gzip codec-snappy codec-lz4 codec-zstd
	large-record idempotent-producer producer-defaults consume-start consume-end consume-offset consume-timestamp
	commit-resume restart-commit unknown-topic-produce unknown-topic-consume record-too-large
	list-topics describe-topic describe-cluster unknown-topic-describe delete-topic
	admin-create-partitions admin-describe-configs admin-alter-configs admin-incremental-alter-configs admin-delete-records
	admin-list-offsets admin-log-dirs admin-elect-leaders admin-reassignments admin-describe-producers admin-features
	admin-list-groups admin-describe-group admin-group-offsets admin-alter-group-offsets admin-delete-group-offsets
	admin-remove-members admin-delete-group`)

// Failure is what an ability fails with.
type Failure struct {
	Err  error
	line string
}

type notInClient struct{}

// NotInClient says that the library has no such thing.
func NotInClient() { panic(notInClient{}) }

// Fail ends the ability.
func Fail(format string, args ...any) { Check(fmt.Errorf(format, args...)) }

// Check ends the ability when there is an error.
func Check(err error) {
	if err == nil {
		return
	}
	var lines []string
	for skip := 1; len(lines) < 4; skip++ {
		_, file, line, ok := runtime.Caller(skip)
		if !ok {
			break
		}
		if strings.Contains(file, "/clients/go/") {
			lines = append(lines, file[strings.LastIndex(file, "/")+1:]+":"+strconv.Itoa(line))
		}
	}
	panic(Failure{err, strings.Join(lines, " ")})
}

// Checked is a value that came without an error.
func Checked[T any](value T, err error) T {
	Check(err)
	return value
}

// Require ends the ability unless the condition holds.
func Require(condition bool, format string, args ...any) {
	if !condition {
		Fail(format, args...)
	}
}

// Until polls until the condition holds.
func Until(what string, condition func() bool) {
	deadline := time.Now().Add(Patience)
	for !condition() {
		Require(time.Now().Before(deadline), "%s: not within %v", what, Patience)
		time.Sleep(20 * time.Millisecond)
	}
}

// Patient is a context that lasts as long as an ability waits.
func Patient() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(Patience, cancel)
	return ctx
}

// Attempt gives the error that a step ends with.
func Attempt(step func()) (err error) {
	defer func() {
		switch problem := recover().(type) {
		case nil:
		case Failure:
			err = problem.Err
		default:
			panic(problem)
		}
	}()
	step()
	return nil
}

func itoa(number int) string { return strconv.Itoa(number) }

// Suite tries a client.
type Suite struct {
	Client
	Bootstrap, ZooKeeper, Prefix string
}

// Main runs the program of a client.
func Main(make func(bootstrap string) Client) {
	arguments := os.Args[1:]
	if len(arguments) == 3 && arguments[0] == "member" {
		stayMember(make(arguments[1]), arguments[2])
		return
	}
	if len(arguments) != 4 {
		fmt.Fprintln(os.Stderr, "usage: <bootstrap> <zookeeper> <prefix> main|resume")
		os.Exit(2)
	}
	s := &Suite{make(arguments[0]), arguments[0], arguments[1], arguments[2]}
	if arguments[3] == "resume" {
		fmt.Println(s.outcome("restart-resume", s.restartResume))
		return
	}
	s.runAll(s.abilities())
}

func (s *Suite) runAll(abilities map[string]func() string) {
	var running sync.WaitGroup
	var printing sync.Mutex
	slots := make(chan struct{}, atATime)
	for _, name := range names {
		slots <- struct{}{}
		running.Go(func() {
			line := s.outcome(name, abilities[name])
			printing.Lock()
			fmt.Println(line)
			printing.Unlock()
			<-slots
		})
	}
	running.Wait()
}

func (s *Suite) outcome(name string, ability func() string) (line string) {
	if ability == nil {
		return "NONE " + name
	}
	defer func() {
		switch problem := recover().(type) {
		case nil:
		case notInClient:
			line = "NONE " + name
		case Failure:
			line = strings.ReplaceAll(fmt.Sprintf("FAIL %s: %v at %s", name, problem.Err, problem.line), "\n", " ")
		default:
			panic(problem)
		}
	}()
	detail := strings.TrimSpace(ability())
	if detail == "" {
		return "PASS " + name
	}
	for _, change := range []struct{ from, to string }{{s.Prefix, "PREFIX"}, {s.Bootstrap, "BROKER"}, {"\n", " "}} {
		detail = strings.ReplaceAll(detail, change.from, change.to)
	}
	return "PASS " + name + ": " + detail
}

// stayMember is a member in a process of its own, which says when it has partitions
// and waits to be killed.
func stayMember(client Client, topic string) {
	member := &Member{}
	leave := client.Join(topic, Membership{}, member)
	member.Has(2)
	fmt.Println("assigned")
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	<-interrupted
	leave()
}
