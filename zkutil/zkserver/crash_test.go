package zkserver

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// crashDirVariable makes the test's binary a server on the directory it names.
const crashDirVariable = "ZKSERVER_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirVariable); dir != "" {
		serveUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func serveUntilKilled(dir string) {
	cfg := DefaultConfig()
	cfg.ClientAddress = "127.0.0.1:0"
	cfg.DataDir = dir
	cfg.MaxClientCnxns = 0
	cfg.SnapCount = 60
	s := New(cfg, quietLog)
	if err := s.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.Addr())
	<-context.Background().Done()
}

// startProcess runs a server in a process of its own.
func startProcess(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), crashDirVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "127.0.0.1:") {
		t.Fatalf("server says %q, %v", line, err)
	}
	return cmd, strings.TrimSpace(line)
}

// writeUntilCut creates nodes, several requests under way at a time, until the
// connection ends. It gives the czxid of each node whose creation was answered.
func writeUntilCut(c *rawClient, name string, enough func()) map[string]int64 {
	acked := map[string]int64{}
	var paths []string
	for i := 0; ; i++ {
		path := fmt.Sprintf("/%s-%d", name, i)
		e := newEncoder(make([]byte, 4))
		e.Int32(int32(i + 1))
		e.Int32(opCreate)
		createBody(path, strings.Repeat(name, 20), 0)(&e)
		size := newEncoder(e.Buf[:0])
		size.Int32(int32(len(e.Buf) - 4))
		if _, err := c.conn.Write(e.Buf); err != nil {
			return acked
		}
		paths = append(paths, path)
		if i < 8 {
			continue
		}
		frame, err := c.tryReceive()
		if err != nil {
			return acked
		}
		d := newDecoder(frame)
		answered := paths[d.Int32()-1]
		zxid := d.Int64()
		if Code(d.Int32()) == CodeOK {
			acked[answered] = zxid
		}
		if len(acked) == 40 {
			enough()
		}
	}
}

func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]int64{}
	last := int64(0)
	for round := range 4 {
		cmd, address := startProcess(t, dir)
		checkAcked(t, address, acked)
		var writers, ready sync.WaitGroup
		var mu sync.Mutex
		for i := range 3 {
			c := dialRaw(t, address)
			c.connect(0, nil, last)
			ready.Add(1)
			writers.Go(func() {
				written := writeUntilCut(c, fmt.Sprintf("w%d-%d", round, i), sync.OnceFunc(ready.Done))
				mu.Lock()
				defer mu.Unlock()
				for path, zxid := range written {
					acked[path] = zxid
					last = max(last, zxid)
				}
			})
		}
		ready.Wait()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		writers.Wait()
	}
	zxids := map[int64]string{}
	for path, zxid := range acked {
		if other, twice := zxids[zxid]; twice {
			t.Errorf("zxid %d was given to %s and %s", zxid, path, other)
		}
		zxids[zxid] = path
	}
	cmd, address := startProcess(t, dir)
	checkAcked(t, address, acked)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func checkAcked(t *testing.T, address string, acked map[string]int64) {
	t.Helper()
	c := dialRaw(t, address)
	c.connect(0, nil, 0)
	for path, zxid := range acked {
		r := c.call(opExists, pathBody(path, false))
		if r.err != CodeOK {
			t.Fatalf("%s was acknowledged and is lost: %v", path, r.err)
		}
		if st := r.body.stat(); st.czxid != zxid {
			t.Fatalf("%s has czxid %d, was acknowledged with %d", path, st.czxid, zxid)
		}
	}
	c.mustCall(opCloseSession, nil)
	c.conn.Close()
}

// BenchmarkCreate measures durable writes by so many clients at a time.
func BenchmarkCreate(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			cfg := testConfig(b)
			cfg.ForceSync = true
			benchmark(b, startServer(b, cfg), clients, opSetData, setDataBody("/a", strings.Repeat("x", 100), -1))
		})
	}
}

// BenchmarkGet measures reads.
func BenchmarkGet(b *testing.B) {
	benchmark(b, startServer(b, testConfig(b)), 16, opGetData, pathBody("/a", false))
}

func benchmark(b *testing.B, s *Server, clients int, op int32, body func(*encoder)) {
	openSession(b, s).create("/a", strings.Repeat("x", 100))
	var workers sync.WaitGroup
	share := make(chan struct{}, b.N)
	for range b.N {
		share <- struct{}{}
	}
	close(share)
	connections := make([]*rawClient, clients)
	for i := range connections {
		connections[i] = openSession(b, s)
		_ = connections[i].conn.SetDeadline(time.Time{})
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, c := range connections {
		workers.Go(func() {
			for range share {
				c.sendRequest(op, body)
				c.reply()
			}
		})
	}
	workers.Wait()
}
