// Package zkclient is a pipelining ZooKeeper client with registered handlers. It
// mirrors kafka.zookeeper.ZooKeeperClient on top of github.com/go-zookeeper/zk.
//
// A watch is set by reading: an Exists or GetData request sets one if a
// [NodeChangeHandler] is registered for its path, a GetChildren request if a
// [ChildChangeHandler] is and the request asks for it. Watches fire once; a
// handler reads again to be told of the next change. Handlers run one after the
// other on one goroutine, in the order of the events, and must not block.
//
// When ZooKeeper has expired the session, the client calls
// BeforeInitializingSession of every [StateChangeHandler], opens a new session,
// and calls AfterInitializingSession. Until then requests fail with
// ErrSessionExpired. While the client is disconnected requests fail with
// ErrConnectionLoss; [Client.WaitUntilConnected] waits to try again, as
// zkutil.KafkaZkClient does.
//
// Where go-zookeeper differs from Java's client, this package makes up for it:
//
//   - Its connection opens a new session by itself after expiry. Here an expired
//     connection is not let through to a server any more (see session.go), and
//     the client makes a new one after the handlers were called.
//   - It knows no chroot. Paths are prefixed and stripped here.
//   - It keeps a channel for each watching read until the watch fires. Here a read
//     sets a watch only when none is set; events are taken from its one callback.
//   - Requests made while disconnected wait in its queue for a time of its own.
//     Here they fail at once.
//   - After reconnecting it sets watches again concurrently with new requests, so
//     that an event may be lost if the connection breaks once more in between.
//     Here new requests wait until the watches were sent.
//   - It resolves host names once and gives up if that fails. Here a name is
//     resolved at each attempt.
//   - It waits for the answer to a connect request ten times the read timeout.
//     Here it waits once that time.
//   - Its calls block. A batch is therefore a number of concurrent calls, at most
//     Config.MaxInFlightRequests; these may reach the server in any order. A batch
//     must hold requests that do not depend on each other; KafkaZkClient's name
//     different nodes.
//
// go-zookeeper has no SASL; secured nodes need TLS client authentication.
package zkclient
