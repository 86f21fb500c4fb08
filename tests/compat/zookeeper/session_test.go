//go:build peers

package zookeeper

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/tests/framework"
)

// passwordOf computes the password that both servers give a session: 16 bytes of
// java.util.Random, seeded with the id.
func passwordOf(id int64) []byte {
	const multiplier, mask = 0x5DEECE66D, 1<<48 - 1
	seed := (uint64(id) ^ 0xB3415C00 ^ multiplier) & mask
	var password []byte
	for len(password) < 16 {
		seed = (seed*multiplier + 0xB) & mask
		password = binary.LittleEndian.AppendUint32(password, uint32(seed>>16))
	}
	return password
}

// endSession takes a session over and closes it; its client sees an expired session
// when it comes back.
func endSession(t testing.TB, address string, id int64) {
	t.Helper()
	framework.Until(t, patience, "the session is ended", func() bool {
		connection, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		_ = connection.SetDeadline(time.Now().Add(patience))
		request := binary.BigEndian.AppendUint32(nil, 45)
		request = append(request, make([]byte, 12)...)               // protocol, last zxid seen
		request = binary.BigEndian.AppendUint32(request, 10_000)     // time-out
		request = binary.BigEndian.AppendUint64(request, uint64(id)) // session
		request = binary.BigEndian.AppendUint32(request, 16)
		request = append(request, passwordOf(id)...)
		request = append(request, 0) // not read-only
		request = binary.BigEndian.AppendUint32(request, 8)
		request = append(request, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf5) // xid 1, closeSession
		if _, err := connection.Write(request); err != nil {
			return false
		}
		// The client may take its session back between the two: then there is no reply.
		answer, _ := io.ReadAll(connection)
		const connected, closed = 4 + 37, 4 + 16
		return len(answer) == connected+closed && int64(binary.BigEndian.Uint64(answer[12:])) == id
	})
}
