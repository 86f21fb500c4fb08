// Package zkutil has the operations that a Kafka broker, controller or tool does
// on ZooKeeper, in files by family of znodes. It mirrors kafka.zk.KafkaZkClient;
// methods carry its names. Paths and bytes come from zkdata, sessions, watches
// and pipelining from zkclient.
//
// A request that is lost with its connection is sent again when there is a
// connection, for as long as the session lives; so an operation may have been
// done twice, and where that matters the method looks again. An expired session
// fails what is under way with ErrSessionExpired.
//
// Methods that take expectedControllerEpochZkVersion are writes of a controller.
// Unless it is zkdata.MatchAnyVersion each write is a multi with a check of
// /controller_epoch at that version; if another controller was elected they fail
// with ErrControllerMoved.
package zkutil

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// Errors of ZooKeeper that callers tell apart; see zkclient for the others.
var (
	ErrNoNode         = zkclient.ErrNoNode
	ErrNodeExists     = zkclient.ErrNodeExists
	ErrBadVersion     = zkclient.ErrBadVersion
	ErrSessionExpired = zkclient.ErrSessionExpired
	ErrTimeout        = zkclient.ErrTimeout
	ErrClosed         = zkclient.ErrClosed
)

// ErrControllerMoved says that another broker is the controller now
// (ControllerMovedException); clients see it as STALE_CONTROLLER_EPOCH.
var ErrControllerMoved = fmt.Errorf("controller moved: %w", kerr.StaleControllerEpoch)

// Config says where ZooKeeper is and how to talk to it.
type Config struct {
	zkclient.Config
	Secure           bool                // zookeeper.set.acl: create nodes that only brokers may change
	CreateChroot     bool                // create the chroot of the connect string if it is missing
	OnRequestLatency func(time.Duration) // ZooKeeperRequestLatencyMs; may be nil
}

// NewConfig takes the zookeeper.* settings of a broker; tlsConfig is nil unless
// zookeeper.ssl.client.enable. The chroot is created, as KafkaServer does.
func NewConfig(cfg *config.BrokerConfig, name string, tlsConfig *tls.Config) Config {
	return Config{
		Config: zkclient.Config{
			ConnectString:       config.ZookeeperConnect.Get(cfg),
			SessionTimeout:      milliseconds(config.ZookeeperSessionTimeoutMs.Get(cfg)),
			ConnectionTimeout:   milliseconds(config.ZookeeperConnectionTimeoutMs.Get(cfg)),
			MaxInFlightRequests: config.ZookeeperMaxInFlightRequests.Get(cfg),
			Name:                name,
			TLS:                 tlsConfig,
		},
		Secure:       config.ZookeeperSetAcl.Get(cfg),
		CreateChroot: true,
	}
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// KafkaZkClient does Kafka's operations on ZooKeeper. It may be used concurrently.
type KafkaZkClient struct {
	client    *zkclient.Client
	secure    bool
	onLatency func(time.Duration)
	log       *logrus.Entry

	sessionMu sync.Mutex
	sessionID int64 // of the session that registered the broker last (KAFKA-7165)
}

// Connect opens a session, creating the chroot first if the configuration says so.
// Without a connection within the connection timeout it fails with Kafka's
// sentence and ErrTimeout.
func Connect(ctx context.Context, cfg Config) (*KafkaZkClient, error) {
	if _, chroot, err := zkclient.ParseConnectString(cfg.ConnectString); err != nil {
		return nil, err
	} else if cfg.CreateChroot && chroot != "" {
		if err := createChroot(ctx, cfg, chroot); err != nil {
			return nil, err
		}
	}
	client, err := zkclient.Connect(ctx, cfg.Config)
	if err != nil {
		return nil, err
	}
	return newKafkaZkClient(client, cfg), nil
}

func newKafkaZkClient(client *zkclient.Client, cfg Config) *KafkaZkClient {
	return &KafkaZkClient{
		client:    client,
		secure:    cfg.Secure,
		onLatency: cfg.OnRequestLatency,
		log:       logging.For("kafka.zk.KafkaZkClient"),
		sessionID: -1,
	}
}

func createChroot(ctx context.Context, cfg Config, chroot string) error {
	cfg.CreateChroot = false
	cfg.ConnectString, _, _ = strings.Cut(cfg.ConnectString, "/")
	client, err := Connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	if exists, err := client.PathExists(chroot); err != nil || exists {
		return err
	}
	return client.MakeSurePersistentPathExists(chroot)
}

// Close ends the session; the broker's ephemeral nodes go with it. It must not be
// called by a handler.
func (k *KafkaZkClient) Close() { k.client.Close() }

// Secure reports whether created nodes are protected (zookeeper.set.acl).
func (k *KafkaZkClient) Secure() bool { return k.secure }

// SessionState gives the state of the session for the gauge SessionState.
func (k *KafkaZkClient) SessionState() zkclient.State { return k.client.State() }

// DefaultAcls gives the ACL with which the node at the path is created.
func (k *KafkaZkClient) DefaultAcls(path string) []zkclient.ACL {
	return zkdata.DefaultACLs(k.secure, path)
}

// retryRequestsUntilConnected sends the requests and sends those again that were
// lost, as soon as there is a connection. Responses are in the order of requests.
func (k *KafkaZkClient) retryRequestsUntilConnected(requests []zkclient.Request) ([]zkclient.Response, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	responses := k.client.HandleRequests(requests)
	for {
		var lost []int
		for i, response := range responses {
			switch {
			case errors.Is(response.Err, zkclient.ErrConnectionLoss):
				lost = append(lost, i)
			case errors.Is(response.Err, ErrClosed):
				return nil, response.Err
			}
		}
		if len(lost) == 0 {
			k.observe(responses)
			return responses, nil
		}
		if err := k.client.WaitUntilConnected(context.Background()); err != nil {
			return nil, err
		}
		again := make([]zkclient.Request, len(lost))
		for i, at := range lost {
			again[i] = requests[at]
		}
		for i, response := range k.client.HandleRequests(again) {
			responses[lost[i]] = response
		}
	}
}

func (k *KafkaZkClient) observe(responses []zkclient.Response) {
	if k.onLatency != nil {
		for _, response := range responses {
			k.onLatency(response.Latency)
		}
	}
}

// retryRequestUntilConnected sends one request; its error is in the response.
func (k *KafkaZkClient) retryRequestUntilConnected(request zkclient.Request) zkclient.Response {
	responses, err := k.retryRequestsUntilConnected([]zkclient.Request{request})
	if err != nil {
		return zkclient.Response{Err: err}
	}
	return responses[0]
}

// firstError gives the first error of the responses other than those ignored.
func firstError(responses []zkclient.Response, ignored ...error) error {
	for _, response := range responses {
		if err := ignore(response.Err, ignored...); err != nil {
			return err
		}
	}
	return nil
}

func ignore(err error, ignored ...error) error {
	for _, target := range ignored {
		if errors.Is(err, target) {
			return nil
		}
	}
	return err
}
