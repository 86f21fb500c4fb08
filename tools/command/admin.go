package command

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// RequestTimeout is how long a broker may take for an administrative request, as
// the Java admin client's request.timeout.ms.
const RequestTimeout = 30 * time.Second

// Admin sends administrative requests within default.api.timeout.ms each.
type Admin struct {
	client  *kgo.Client
	timeout time.Duration
	call    string
}

// NewAdmin connects with the properties of --command-config; servers is the value
// of --bootstrap-server.
func NewAdmin(servers string, properties map[string]string) (*Admin, error) {
	properties["bootstrap.servers"] = servers
	timeout := APITimeout(properties)
	client, err := NewClient(AdminClient, properties, kgo.RetryTimeout(timeout), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return nil, err
	}
	return &Admin{client: client, timeout: timeout}, nil
}

// Close closes the connections.
func (a *Admin) Close() { a.client.Close() }

// Within returns the same admin client with another time limit of each request.
func (a *Admin) Within(timeout time.Duration) *Admin {
	return &Admin{a.client, timeout, a.call}
}

// Calling returns the same admin client whose requests are given another name
// when they time out.
func (a *Admin) Calling(call string) *Admin {
	return &Admin{a.client, a.timeout, call}
}

// Timeout is how long each request may take.
func (a *Admin) Timeout() time.Duration { return a.timeout }

// TimedOut is the error of a request that no broker answered in time.
func (a *Admin) TimedOut(request kmsg.Request) error {
	call := a.call
	if call == "" {
		call = callName(request.Key())
	}
	return &TimeoutError{"Timed out waiting for a node assignment. Call: " + call}
}

// Do sends the request to the broker, controller or coordinator it is for.
func Do[R kmsg.Response](a *Admin, request kmsg.Request) (R, error) {
	return do[R](a, func(ctx context.Context) (kmsg.Response, error) { return a.client.Request(ctx, request) }, request)
}

// DoAt sends the request to the broker with that id.
func DoAt[R kmsg.Response](a *Admin, broker int32, request kmsg.Request) (R, error) {
	return do[R](a, func(ctx context.Context) (kmsg.Response, error) {
		return a.client.Broker(int(broker)).RetriableRequest(ctx, request)
	}, request)
}

// AskOnce sends the request to the broker with that id and does not try again.
func AskOnce[R kmsg.Response](ctx context.Context, a *Admin, broker int32, request kmsg.Request) (typed R, err error) {
	response, err := a.client.Broker(int(broker)).Request(ctx, request)
	if err != nil {
		return typed, err
	}
	typed, ok := response.(R)
	if !ok {
		return typed, fmt.Errorf("unexpected answer %T to %T", response, request)
	}
	return typed, nil
}

func do[R kmsg.Response](a *Admin, send func(context.Context) (kmsg.Response, error), request kmsg.Request) (R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), a.timeout)
	defer cancel()
	for {
		response, err := send(ctx)
		typed, ok := response.(R)
		var answered *kerr.Error
		switch {
		case err == nil && !ok:
			return typed, fmt.Errorf("unexpected answer %T to %T", response, request)
		case err == nil || errors.As(err, &answered):
			return typed, err
		case ctx.Err() == nil && !a.supports(ctx, request.Key()):
			return typed, unsupported(request.Key())
		}
		// No broker answered: one may within the time there is.
		select {
		case <-ctx.Done():
			return typed, a.TimedOut(request)
		case <-time.After(reconnectPause):
		}
	}
}

// reconnectPause lies between two tries to reach a broker.
const reconnectPause = 100 * time.Millisecond

// supports tells whether a broker serves the request; true when none can be
// asked.
func (a *Admin) supports(ctx context.Context, key int16) bool {
	response, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, a.client)
	if err != nil || response.ErrorCode != 0 {
		return true
	}
	return slices.ContainsFunc(response.ApiKeys, func(served kmsg.ApiVersionsResponseApiKey) bool { return served.ApiKey == key })
}

func unsupported(key int16) error {
	name := strings.ToUpper(wordBoundary.ReplaceAllString(kmsg.NameForKey(key), "${1}${3}_${2}${4}"))
	message := "The broker does not support " + name
	return ErrorOf(kerr.UnsupportedVersion.Code, &message)
}

// wordBoundary is where the words of a request's name meet, as in
// DescribeUserSCRAMCredentials.
var wordBoundary = regexp.MustCompile(`([a-z])([A-Z])|([A-Z])([A-Z][a-z])`)

// TimeoutError is the Java admin client's TimeoutException.
type TimeoutError struct{ Message string }

func (e *TimeoutError) Error() string { return e.Message }

// callNames are the Java admin client's names of requests that do not follow
// from the request's.
var callNames = map[kmsg.Key]string{
	kmsg.Metadata: "listTopics", kmsg.DescribeCluster: "listNodes", kmsg.FindCoordinator: "describeGroups(api=FIND_COORDINATOR)",
	kmsg.DescribeGroups: "describeGroups(api=FIND_COORDINATOR)", kmsg.DeleteGroups: "deleteConsumerGroups(api=FIND_COORDINATOR)",
	kmsg.OffsetFetch: "offsetFetch(api=FIND_COORDINATOR)", kmsg.OffsetCommit: "offsetCommit(api=FIND_COORDINATOR)",
	kmsg.OffsetDelete: "offsetDelete(api=FIND_COORDINATOR)", kmsg.DescribeUserSCRAMCredentials: "describeUserScramCredentials",
	kmsg.AlterUserSCRAMCredentials: "alterUserScramCredentials",
}

func callName(key int16) string {
	if name, ok := callNames[kmsg.Key(key)]; ok {
		return name
	}
	name := kmsg.NameForKey(key)
	return string(name[0]|0x20) + name[1:]
}

// Topics returns the metadata of the topics named, of all when names is nil.
func (a *Admin) Topics(names []string) (*kmsg.MetadataResponse, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.AllowAutoTopicCreation = false
	if names != nil {
		request.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, name := range names {
		wanted := kmsg.NewMetadataRequestTopic()
		wanted.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, wanted)
	}
	return Do[*kmsg.MetadataResponse](a, request)
}
