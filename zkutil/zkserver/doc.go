// Package zkserver is a single-node server of the ZooKeeper protocol.
//
// It serves what Apache ZooKeeper 3.6 to 3.9 serves standalone: sessions,
// ephemeral, sequential, container and TTL nodes, watches, multi, ACLs, quotas
// (which are accounted and warned of, not enforced) and the four-letter words. Its data directory has Apache ZooKeeper's format, so that
// either server opens what the other one wrote.
//
// # How a request is processed
//
// A connection's reader goroutine decodes one request after the other and
// executes each under Server.mu: checks, transaction, change of the tree,
// watches. The reply and the events go to the output queues of their
// connections at once, each marked with the zxid that must be durable before
// it may leave. The log's goroutine writes and fsyncs whatever transactions
// have gathered meanwhile (group commit) and then wakes the connections whose
// output became releasable; their writer goroutines send it. So no reply,
// event or read ever shows a change that a crash could take back.
//
// # Files
//
// dataDir/version-2 holds snapshot.<zxid>, dataLogDir/version-2 holds
// log.<zxid of the first transaction>, both in hexadecimal. At start the newest
// valid snapshot is loaded and the logs from it on are replayed; a torn tail of
// the last log is cut. A snapshot is a point-in-time copy: the tree is copied
// shallowly under Server.mu (node data is never changed in place) and written
// without it.
//
// # Locks
//
// Server.mu guards the tree, the sessions, the watches and the transaction log's
// open batch. It comes before connection.mu, which guards a connection's output.
package zkserver
