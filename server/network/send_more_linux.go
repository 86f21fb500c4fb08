package network

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// sendMore writes with MSG_MORE. TCP_CORK around this and the region would do the
// same, but costs the broker twice the processor time per byte where the congestion
// control paces packets, as BBR does.
func sendMore(socket *net.TCPConn, p []byte) (sent int, err error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var sendError error
	err = raw.Write(func(fd uintptr) bool {
		for sent < len(p) {
			n, err := unix.SendmsgN(int(fd), p[sent:], nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
			switch {
			case err == unix.EAGAIN:
				return false
			case err == unix.EINTR:
			case err != nil:
				sendError = os.NewSyscallError("sendmsg", err)
				return true
			default:
				sent += n
			}
		}
		return true
	})
	return sent, errors.Join(sendError, err)
}
