package zkserver

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Version is what this server says its ZooKeeper version is: that of the client
// Kafka 3.1 ships. Clients parse the form of the rest too.
const Version = "3.6.3-6401e4ad2087061bc6b9f80dec2d69f2e3c8660a, built on 04/08/2021 16:35 GMT"

// word writes the answer to a four-letter word.
type word func(s *Server, c *connection, out *strings.Builder)

var words = map[string]word{
	"ruok": func(_ *Server, _ *connection, out *strings.Builder) { out.WriteString("imok") },
	"isro": func(_ *Server, _ *connection, out *strings.Builder) { out.WriteString("rw") },
	"gtmk": func(_ *Server, _ *connection, out *strings.Builder) { out.WriteString("306") },
	"hash": func(*Server, *connection, *strings.Builder) {},
	"srvr": srvrWord,
	"stat": statWord,
	"cons": consWord,
	"crst": crstWord,
	"srst": srstWord,
	"conf": confWord,
	"dirs": dirsWord,
	"dump": dumpWord,
	"envi": enviWord,
	"wchs": wchsWord,
	"wchc": wchcWord,
	"wchp": wchpWord,
	"mntr": mntrWord,
}

// fourLetterWord answers a connection that begins with one. It leaves all others
// as they are.
func (s *Server) fourLetterWord(c *connection, in *bufio.Reader) (bool, error) {
	start, err := in.Peek(4)
	if err != nil {
		return false, err
	}
	name := string(start)
	answer, known := words[name]
	if name == "stmk" {
		return true, s.setTraceMask(c, in)
	}
	if !known {
		return false, nil
	}
	var out strings.Builder
	if s.whitelisted(name) {
		s.logger("NIOServerCnxn").Infof("Processing %s command from %s", name, c.remote)
		answer(s, c, &out)
	} else {
		fmt.Fprintf(&out, "%s is not executed because it is not in the whitelist.\n", name)
	}
	c.queue([]byte(out.String()), 0, noTime)
	return true, nil
}

// setTraceMask reads the mask of "stmk" and gives it back; there is no tracing.
func (s *Server) setTraceMask(c *connection, in *bufio.Reader) error {
	var packet [12]byte
	if _, err := io.ReadFull(in, packet[:]); err != nil {
		return err
	}
	answer := "stmk is not executed because it is not in the whitelist.\n"
	if s.whitelisted("stmk") {
		d := newDecoder(packet[4:])
		answer = fmt.Sprint(d.Int64())
	}
	c.queue([]byte(answer), 0, noTime)
	return nil
}

func (s *Server) whitelisted(name string) bool {
	return slices.Contains(s.cfg.Whitelist, "*") || slices.Contains(s.cfg.Whitelist, name)
}

// allConnections lists the connections by address.
func (s *Server) allConnections() []*connection {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	list := make([]*connection, 0, len(s.connections))
	for c := range s.connections {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *connection) int { return compareAddresses(a.remote, b.remote) })
	return list
}

func compareAddresses(a, b netip.AddrPort) int {
	if order := a.Addr().Compare(b.Addr()); order != 0 {
		return order
	}
	return int(a.Port()) - int(b.Port())
}

func (s *Server) writeSummary(out *strings.Builder) {
	latency := s.stats.latencies()
	connections := len(s.allConnections())
	s.mu.Lock()
	zxid, nodes := s.tree.lastZxid, s.tree.nodeCount
	s.mu.Unlock()
	fmt.Fprintf(out, "Latency min/avg/max: %d/%s/%d\n", latency.least, javaDouble(latency.average()), latency.most)
	fmt.Fprintf(out, "Received: %d\nSent: %d\n", s.stats.received.Load(), s.stats.sent.Load())
	fmt.Fprintf(out, "Connections: %d\nOutstanding: %d\n", connections, s.stats.outstanding.Load())
	fmt.Fprintf(out, "Zxid: 0x%x\nMode: standalone\nNode count: %d\n", zxid, nodes+rootNodes)
}

// rootNodes is how often ZooKeeper counts the root: as "" and as "/"; hence also one
// byte of path more in mntr.
const rootNodes = 2

// javaDouble prints a number as Java's Double does, with four decimals at most.
func javaDouble(v float64) string {
	text := strings.TrimRight(fmt.Sprintf("%.4f", v), "0")
	if strings.HasSuffix(text, ".") {
		text += "0"
	}
	return text
}

func srvrWord(s *Server, _ *connection, out *strings.Builder) {
	fmt.Fprintf(out, "Zookeeper version: %s\n", Version)
	s.writeSummary(out)
}

func statWord(s *Server, c *connection, out *strings.Builder) {
	fmt.Fprintf(out, "Zookeeper version: %s\nClients:\n", Version)
	for _, other := range s.allConnections() {
		other.describe(out, other == c)
		out.WriteString(")\n")
	}
	out.WriteString("\n")
	s.writeSummary(out)
}

// describe writes " /ip:port[ops](queued=N,recved=N,sent=N", left open for more.
func (c *connection) describe(out *strings.Builder, own bool) {
	ops := 1
	c.mu.Lock()
	queued, received, sent := len(c.frames), c.stats.received, c.stats.sent
	c.mu.Unlock()
	if own {
		ops = 0
	} else if queued > 0 {
		ops = 5
	}
	fmt.Fprintf(out, " /%s[%d](queued=%d,recved=%d,sent=%d", c.remote, ops, queued, received, sent)
}

func consWord(s *Server, c *connection, out *strings.Builder) {
	for _, other := range s.allConnections() {
		other.describe(out, other == c)
		s.describeSession(other, out)
		out.WriteString(")\n")
	}
	out.WriteString("\n")
}

func (s *Server) describeSession(c *connection, out *strings.Builder) {
	s.mu.Lock()
	session := c.session
	var timeoutMs int32
	if session != nil {
		timeoutMs = session.timeoutMs
	}
	s.mu.Unlock()
	if session == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	st := &c.stats
	fmt.Fprintf(out, ",sid=0x%x,lop=%s,est=%d,to=%d", session.id, st.lastOp, c.opened.UnixMilli(), timeoutMs)
	if st.lastCxid >= 0 {
		fmt.Fprintf(out, ",lcxid=0x%x", st.lastCxid)
	}
	lastResponse := int64(0)
	if !st.lastResponse.IsZero() {
		lastResponse = st.lastResponse.UnixMilli()
	}
	fmt.Fprintf(out, ",lzxid=0x%x,lresp=%d,llat=%d,minlat=%d,avglat=%d,maxlat=%d", st.lastZxid, lastResponse,
		st.lastLatency, st.latency.least, int64(st.latency.average()), st.latency.most)
}

func crstWord(s *Server, _ *connection, out *strings.Builder) {
	for _, c := range s.allConnections() {
		c.mu.Lock()
		c.stats = connectionStats{lastOp: "NA", lastCxid: -1}
		c.mu.Unlock()
	}
	out.WriteString("Connection stats reset.\n")
}

func srstWord(s *Server, _ *connection, out *strings.Builder) {
	s.stats.reset()
	out.WriteString("Server stats reset.\n")
}

func confWord(s *Server, _ *connection, out *strings.Builder) {
	_, port, _ := strings.Cut(s.Addr()[strings.LastIndexByte(s.Addr(), ':'):], ":")
	fmt.Fprintf(out, "clientPort=%s\nsecureClientPort=-1\n", port)
	fmt.Fprintf(out, "dataDir=%s\ndataDirSize=%d\n", s.storage.snapDir, directorySize(s.storage.snapDir))
	fmt.Fprintf(out, "dataLogDir=%s\ndataLogSize=%d\n", s.storage.logDir, directorySize(s.storage.logDir))
	fmt.Fprintf(out, "tickTime=%d\nmaxClientCnxns=%d\n", s.cfg.TickTime.Milliseconds(), s.cfg.MaxClientCnxns)
	fmt.Fprintf(out, "minSessionTimeout=%d\nmaxSessionTimeout=%d\n", s.minTimeoutMs, s.maxTimeoutMs)
	out.WriteString("clientPortListenBacklog=-1\nserverId=0\n")
}

func dirsWord(s *Server, _ *connection, out *strings.Builder) {
	fmt.Fprintf(out, "datadir_size: %d\nlogdir_size: %d\n", directorySize(s.storage.snapDir), directorySize(s.storage.logDir))
}

func directorySize(dir string) int64 {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	total := int64(0)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
	}
	return total
}

// javaDate is how Java prints a date.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

func dumpWord(s *Server, _ *connection, out *strings.Builder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions, connections := map[int64][]string{}, map[int64][]string{}
	for id, session := range s.sessions.byID {
		deadline := session.deadlineMs.Load()
		sessions[deadline] = append(sessions[deadline], fmt.Sprintf("0x%x", id))
		if c := session.conn; c != nil {
			connections[deadline] = append(connections[deadline], fmt.Sprintf("ip: /%s sessionId: 0x%x", c.remote, id))
		}
	}
	out.WriteString("SessionTracker dump:\nSession ")
	s.writeExpiry(out, sessions)
	fmt.Fprintf(out, "ephemeral nodes dump:\nSessions with Ephemerals (%d):\n", len(s.tree.ephemerals))
	for id, paths := range s.tree.ephemerals {
		fmt.Fprintf(out, "0x%x:\n", id)
		for path := range paths {
			fmt.Fprintf(out, "\t%s\n", path)
		}
	}
	out.WriteString("Connections dump:\nConnections ")
	s.writeExpiry(out, connections)
}

// writeExpiry prints what ends when, by time.
func (s *Server) writeExpiry(out *strings.Builder, buckets map[int64][]string) {
	count := 0
	times := make([]int64, 0, len(buckets))
	for at, members := range buckets {
		times = append(times, at)
		count += len(members)
	}
	slices.Sort(times)
	fmt.Fprintf(out, "Sets (%d)/(%d):\n", len(buckets), count)
	for _, at := range times {
		date := s.sessions.start.Add(time.Duration(at) * time.Millisecond).Format(javaDate)
		fmt.Fprintf(out, "%d expire at %s:\n", len(buckets[at]), date)
		for _, member := range buckets[at] {
			fmt.Fprintf(out, "\t%s\n", member)
		}
	}
}

func enviWord(_ *Server, _ *connection, out *strings.Builder) {
	host, _ := os.Hostname()
	home, _ := os.UserHomeDir()
	dir, _ := os.Getwd()
	var release unix.Utsname
	_ = unix.Uname(&release)
	fmt.Fprintf(out, "Environment:\nzookeeper.version=%s\nhost.name=%s\n", Version, host)
	fmt.Fprintf(out, "os.name=Linux\nos.arch=%s\nos.version=%s\n", runtime.GOARCH, unix.ByteSliceToString(release.Release[:]))
	fmt.Fprintf(out, "user.name=%s\nuser.home=%s\nuser.dir=%s\n", os.Getenv("USER"), home, dir)
}

func wchsWord(s *Server, _ *connection, out *strings.Builder) {
	s.mu.Lock()
	connections, paths, watches := s.watches.counts()
	s.mu.Unlock()
	fmt.Fprintf(out, "%d connections watching %d paths\nTotal watches:%d\n", connections, paths, watches)
}

func wchcWord(s *Server, _ *connection, out *strings.Builder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bySession := map[int64][]string{}
	for path, watchers := range s.watches.data {
		for c := range watchers {
			bySession[c.session.id] = append(bySession[c.session.id], path)
		}
	}
	for id, paths := range bySession {
		slices.Sort(paths)
		fmt.Fprintf(out, "0x%x\n\t%s\n", id, strings.Join(paths, "\n\t"))
	}
	out.WriteString("\n")
}

func wchpWord(s *Server, _ *connection, out *strings.Builder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, watchers := range s.watches.data {
		fmt.Fprintf(out, "%s\n", path)
		for c := range watchers {
			fmt.Fprintf(out, "\t0x%x\n", c.session.id)
		}
	}
	out.WriteString("\n")
}

func mntrWord(s *Server, _ *connection, out *strings.Builder) {
	latency := s.stats.latencies()
	connections := len(s.allConnections())
	s.mu.Lock()
	nodes, bytes, ephemerals := s.tree.nodeCount, s.tree.dataBytes, s.tree.ephemeralCount()
	sessions, watches := len(s.sessions.byID), s.watches.total()
	s.mu.Unlock()
	open, limit := descriptors()
	line := func(key string, value any) { fmt.Fprintf(out, "zk_%s\t%v\n", key, value) }
	line("version", Version)
	line("server_state", "standalone")
	line("ephemerals_count", ephemerals)
	line("min_latency", latency.least)
	line("avg_latency", javaDouble(latency.average()))
	line("num_alive_connections", connections)
	line("max_file_descriptor_count", limit)
	line("outstanding_requests", s.stats.outstanding.Load())
	line("approximate_data_size", bytes+1)
	line("znode_count", nodes+rootNodes)
	line("packets_received", s.stats.received.Load())
	line("packets_sent", s.stats.sent.Load())
	line("global_sessions", sessions)
	line("local_sessions", 0)
	line("max_latency", latency.most)
	line("watch_count", watches)
	line("uptime", time.Since(s.started).Milliseconds())
	line("open_file_descriptor_count", open)
	line("auth_failed_count", s.stats.authFailed.Load())
	line("connection_rejected", s.stats.rejected.Load())
	line("fsync_threshold_exceed_count", s.stats.fsyncThresholdExceeded.Load())
}

// descriptors counts the process's open files and tells how many it may have.
func descriptors() (open int, limit uint64) {
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		open = len(entries)
	}
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		limit = files.Cur
	}
	return open, limit
}
