package group

import (
	"bytes"
	"fmt"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness drives one coordinator and collects what it answers.
type harness struct {
	t   *testing.T
	c   *Coordinator
	log *memoryLog

	mu        sync.Mutex
	responses []string
	answered  map[string]int
	sent      map[string]int
	// memberIDs are those handed out, by the label of the request.
	memberIDs  map[string]string
	properties map[string]string
	uuids      map[string]string
}

func newHarness(t *testing.T, properties map[string]string) *harness {
	h := &harness{t: t, log: newMemoryLog(), memberIDs: map[string]string{}, uuids: map[string]string{}, answered: map[string]int{}, sent: map[string]int{}}
	h.start(properties)
	t.Cleanup(h.close)
	return h
}

func (h *harness) start(properties map[string]string) {
	h.properties = properties
	all := map[string]string{"zookeeper.connect": "localhost:2181", "broker.id": "0"}
	for key, value := range properties {
		all[key] = value
	}
	cfg, err := config.NewBrokerConfig(all)
	if err != nil {
		h.t.Fatal(err)
	}
	logger := logrus.New()
	logger.SetOutput(h.t.Output())
	h.c = New(config.NewCurrent(cfg), func() int32 { return 1 }, h.log, logrus.NewEntry(logger))
	h.c.Start()
	h.c.OnElection(0, 1)
	synctest.Wait()
}

// close stops the coordinator and checks that every request was answered once.
func (h *harness) close() {
	h.log.release(false)
	h.c.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for label, sent := range h.sent {
		if h.answered[label] != sent {
			h.t.Errorf("%d requests %s were answered %d times", sent, label, h.answered[label])
		}
	}
}

// restart replaces the coordinator by one that has only the log.
func (h *harness) restart(properties map[string]string) {
	h.c.Close()
	if properties == nil {
		properties = h.properties
	}
	h.start(properties)
}

// call sends a request under a label; its response is noted as it would be on
// the wire.
func call[Q kmsg.Request, R kmsg.Response](h *harness, label string, handle func(*protocol.RequestContext, Q, func(R)), req Q, client string) {
	h.mu.Lock()
	h.sent[label]++
	h.mu.Unlock()
	received := req.AppendTo(nil)
	clientID := []byte(client)
	ctx := &protocol.RequestContext{
		Header:        protocol.RequestHeader{APIKey: req.Key(), APIVersion: req.GetVersion(), ClientID: unsafe.String(unsafe.SliceData(clientID), len(clientID))},
		ClientAddress: net.IPv4(10, 0, 0, 1),
	}
	if err := any(req).(interface{ UnsafeReadFrom([]byte) error }).UnsafeReadFrom(received); err != nil {
		h.t.Fatalf("request %s: %v", label, err)
	}
	handle(ctx, req, func(response R) {
		wire := response.AppendTo(nil)
		// The network uses the buffer of a request again once it is answered.
		copy(received, bytes.Repeat([]byte("?"), len(received)))
		copy(clientID, "?")
		read := req.ResponseKind()
		if err := read.ReadFrom(wire); err != nil {
			h.t.Errorf("response of %s: %v", label, err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.answered[label]++
		if id := reflect.ValueOf(read).Elem().FieldByName("MemberID"); id.IsValid() && id.String() != "" {
			h.memberIDs[label] = id.String()
		}
		h.responses = append(h.responses, strings.TrimSpace(label+": "+dump(reflect.ValueOf(read).Elem())))
	})
}

// flush gives the responses since the last time.
func (h *harness) flush() string {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.Sort(h.responses)
	out := h.mask(strings.Join(h.responses, "\n"))
	h.responses = nil
	return out
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// mask replaces random ids by numbers in the order of their appearance.
func (h *harness) mask(text string) string {
	return uuidPattern.ReplaceAllStringFunc(text, func(id string) string {
		if h.uuids[id] == "" {
			h.uuids[id] = "#" + strconv.Itoa(len(h.uuids)+1)
		}
		return h.uuids[id]
	})
}

// dump prints the fields of a message that are not zero.
func dump(v reflect.Value) string {
	var fields []string
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch {
		case name == "Version" || name == "UnknownTags" || name == "AuthorizedOperations":
		case name == "ErrorCode" && field.Int() == 0:
		case name == "ErrorCode":
			fields = append(fields, kerr.ErrorForCode(int16(field.Int())).(*kerr.Error).Message)
		case name == "LeaderEpoch" && field.Int() == -1:
		case !field.IsZero():
			fields = append(fields, name+"="+dumpValue(field))
		}
	}
	return strings.Join(fields, " ")
}

func dumpValue(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Pointer:
		return dumpValue(v.Elem())
	case v.Kind() == reflect.Struct:
		return "{" + dump(v) + "}"
	case v.Kind() == reflect.String:
		return strconv.Quote(v.String())
	case v.Type() == reflect.TypeFor[[]byte]():
		return strconv.Quote(string(v.Bytes()))
	case v.Kind() == reflect.Slice:
		var elements []string
		for i := range v.Len() {
			elements = append(elements, dumpValue(v.Index(i)))
		}
		return "[" + strings.Join(elements, " ") + "]"
	}
	return fmt.Sprint(v.Interface())
}
