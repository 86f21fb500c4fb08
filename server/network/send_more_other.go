//go:build !linux

package network

import "net"

// sendMore writes; only Linux can be told that more follows.
func sendMore(socket *net.TCPConn, p []byte) (sent int, err error) { return socket.Write(p) }
