// Package network accepts connections, reads request frames, hands requests to
// a [Handler] and writes the responses. It mirrors kafka.network.SocketServer;
// goroutines take the place of its processors and request queue.
//
// A connection has one goroutine, its reader. It reads a frame into a buffer
// that grows only with the bytes received, checks and decodes it, and calls
// [Handler.Handle]. After a Produce request it goes on to the next frame at
// once; any other request first waits for the responses before it, and holds
// the reader until its own response is written. So requests of one connection
// are executed and answered in order, and appends to a log overlap with the
// replication of those before.
//
// Responses are written in the order of the requests: by the reader when it
// waits for them, else by a goroutine that lives as long as there is something
// to write. Small responses that are ready together share one write.
//
// Locks: connection.mu and ConnectionQuotas.mu are leaves; nothing is called
// with them held.
package network
