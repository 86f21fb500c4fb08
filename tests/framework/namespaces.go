package framework

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestNode stands for the test and its clients where links between nodes are named;
// only namespaces have links to it.
const TestNode = -3

// namespaces are the network of a cluster in which every node has a network of its
// own, as a machine has. A router lies between them and loses the packets of links
// that are cut, so that what is sent over these is sent again by TCP, or given up.
type namespaces struct {
	t      testing.TB
	router string
	device string         // of the test in the network that it shares with the machine
	prefix string         // of all addresses, the last number left out
	slots  map[int]int    // of nodes
	names  map[int]string // of the namespaces of nodes

	mu  sync.Mutex
	cut map[[2]int]bool // from, to
}

// NeedNamespaces skips a test where no networks can be made.
func NeedNamespaces(t testing.TB) {
	t.Helper()
	name := fmt.Sprintf("gregor-try-%x", rand.Uint32())
	if err := ip("netns", "add", name); err != nil {
		t.Skipf("network namespaces cannot be made here: %v", err)
	}
	err := errors.Join(run("nsenter", "--net=/run/netns/"+name, "sh", "-c", forwarding),
		ip("-n", name, "rule", "add", "from", "198.18.0.1", "blackhole"),
		ip("-n", name, "link", "add", "one", "type", "veth", "peer", "name", "other"), ip("netns", "del", name))
	if err != nil {
		t.Skipf("network namespaces cannot be used here: %v", err)
	}
}

// forwarding has a namespace carry what is for others.
const forwarding = "echo 1 > /proc/sys/net/ipv4/ip_forward"

func ip(arguments ...string) error { return run("ip", arguments...) }

func run(name string, arguments ...string) error {
	output, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, output)
	}
	return nil
}

// newNamespaces makes the networks of so many brokers, of ZooKeeper and of the test.
func newNamespaces(t testing.TB, brokers int) *namespaces {
	t.Helper()
	unique := fmt.Sprintf("%x-%x", os.Getpid(), rand.Uint32()&0xffff)
	n := &namespaces{
		t: t, router: "gregor-" + unique, device: fmt.Sprintf("gr%x", rand.Uint32()),
		slots: map[int]int{TestNode: 0, ZooKeeperNode: 1}, names: map[int]string{}, cut: map[[2]int]bool{},
	}
	for id := range brokers {
		n.slots[id] = 2 + id
	}
	t.Cleanup(n.remove)
	n.must(ip("netns", "add", n.router))
	n.must(run("nsenter", "--net=/run/netns/"+n.router, "sh", "-c", forwarding))
	n.must(n.connectTest())
	for node := range n.slots {
		if node != TestNode {
			n.names[node] = fmt.Sprintf("%s-%d", n.router, n.slots[node])
			n.must(n.connect(node))
		}
	}
	return n
}

func (n *namespaces) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// connectTest joins the machine's network to the router, with addresses that are set
// aside for tests of networks; some that another test uses are not taken.
func (n *namespaces) connectTest() error {
	if err := ip("link", "add", n.device, "type", "veth", "peer", "name", "test", "netns", n.router); err != nil {
		return err
	}
	var err error
	for range 20 {
		n.prefix = fmt.Sprintf("198.%d.%d.", 18+rand.IntN(2), rand.IntN(256))
		err = errors.Join(ip("addr", "flush", "dev", n.device), ip("addr", "add", n.host(TestNode)+"/30", "dev", n.device),
			ip("link", "set", n.device, "up"), ip("route", "add", n.prefix+"0/24", "via", n.gateway(TestNode)))
		if err == nil {
			break
		}
	}
	return errors.Join(err, ip("-n", n.router, "addr", "add", n.gateway(TestNode)+"/30", "dev", "test"), ip("-n", n.router, "link", "set", "test", "up"))
}

// connect makes a node's namespace and joins it to the router.
func (n *namespaces) connect(node int) error {
	name, device := n.names[node], fmt.Sprintf("to-%d", n.slots[node])
	return errors.Join(ip("netns", "add", name), ip("-n", name, "link", "set", "lo", "up"),
		ip("link", "add", "wire", "netns", name, "type", "veth", "peer", "name", device, "netns", n.router),
		ip("-n", name, "addr", "add", n.host(node)+"/30", "dev", "wire"), ip("-n", name, "link", "set", "wire", "up"),
		ip("-n", n.router, "addr", "add", n.gateway(node)+"/30", "dev", device), ip("-n", n.router, "link", "set", device, "up"),
		ip("-n", name, "route", "add", "default", "via", n.gateway(node)))
}

// remove takes all networks away; their devices go with them.
func (n *namespaces) remove() {
	for _, name := range n.names {
		_ = ip("netns", "del", name)
	}
	_ = ip("netns", "del", n.router)
	_ = ip("link", "del", n.device) // had it lost its other end before
}

func (n *namespaces) host(node int) string { return fmt.Sprintf("%s%d", n.prefix, 4*n.slots[node]+2) }
func (n *namespaces) gateway(node int) string {
	return fmt.Sprintf("%s%d", n.prefix, 4*n.slots[node]+1)
}

func (n *namespaces) command(node int, command []string) []string {
	return append([]string{"nsenter", "--net=/run/netns/" + n.names[node]}, command...)
}

func (n *namespaces) toZooKeeper(_ testing.TB, _ int, address string) string { return address }
func (n *namespaces) toBroker(_ testing.TB, _ int, address string) string    { return address }

func (n *namespaces) set(from, to int, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	link := [2]int{from, to}
	if n.cut[link] == cut {
		return
	}
	action := "del"
	if cut {
		action = "add"
	}
	if err := ip("-n", n.router, "rule", action, "from", n.host(from), "to", n.host(to), "blackhole"); err != nil {
		n.t.Error(err)
		return
	}
	n.cut[link] = cut
}

func (n *namespaces) heal() {
	n.mu.Lock()
	var links [][2]int
	for link, cut := range n.cut {
		if cut {
			links = append(links, link)
		}
	}
	n.mu.Unlock()
	for _, link := range links {
		n.set(link[0], link[1], false)
	}
}
