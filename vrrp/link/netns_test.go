package link

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	netnsEnv = "HOLDFAST_LINK_NETNS"

	// The addresses of the machines in the recordings of keepalived.
	macA = "56:7a:dc:cd:e3:7b"
	macB = "fa:c7:cc:8f:fc:cc"
)

// unable skips a test that the machine cannot run, or fails it where skipping
// is not accepted.
func unable(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("HOLDFAST_REQUIRE") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// inNetns runs the calling test once more in a process of its own inside a new
// network namespace. It returns true there and false outside, where the test
// has nothing left to do.
func inNetns(t testing.TB) bool {
	t.Helper()
	if os.Getenv(netnsEnv) == t.Name() {
		run(t, "ip", "link", "set", "lo", "up")
		return true
	}
	if os.Geteuid() != 0 {
		unable(t, "network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		unable(t, "the command ip is missing (package iproute2)")
	}
	name := fmt.Sprintf("hflink-%d-%d", os.Getpid(), time.Now().UnixNano()%1e9)
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		unable(t, fmt.Sprintf("cannot make a network namespace: %v: %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			t.Errorf("cannot remove the network namespace: %v: %s", err, out)
		}
	})
	args := []string{"netns", "exec", name, os.Args[0], "-test.v", "-test.timeout=5m"}
	if b, ok := t.(*testing.B); ok {
		args = append(args, "-test.run=^$", "-test.bench=^"+b.Name()+"$", "-test.benchmem")
	} else {
		args = append(args, "-test.run=^"+t.Name()+"$")
	}
	cmd := exec.Command("ip", args...)
	// The race detector sleeps for a second at the end of every process.
	cmd.Env = append(os.Environ(), netnsEnv+"="+t.Name(), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if _, ok := t.(*testing.B); ok {
		fmt.Printf("\n%s", out) // the log of a benchmark is cut short
	} else {
		t.Logf("in the namespace:\n%s", out)
	}
	switch {
	case err != nil:
		t.Errorf("failed in the namespace: %v", err)
	case bytes.Contains(out, []byte("--- SKIP")):
		unable(t, "skipped in the namespace")
	}
	return false
}

// run executes a command that has to succeed.
func run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// veth makes the pair va and vb in the namespace of the test, gives each the
// addresses named, and waits for the carrier. IPv6 is off: its own messages
// would disturb captures.
func veth(t testing.TB, addrsA, addrsB []string) (a, b int) {
	t.Helper()
	for _, s := range []string{"all/accept_local=1", "all/rp_filter=0", "default/rp_filter=0"} {
		name, value, _ := strings.Cut(s, "=")
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644)
	run(t, "ip", "link", "add", "name", "va", "address", macA, "type", "veth", "peer", "name", "vb", "address", macB)
	for name, addrs := range map[string][]string{"va": addrsA, "vb": addrsB} {
		for _, x := range addrs {
			run(t, "ip", "addr", "add", x, "dev", name)
		}
		run(t, "ip", "link", "set", name, "up")
	}
	eventually(t, "carrier", func() bool {
		out := run(t, "ip", "link", "show", "va") + run(t, "ip", "link", "show", "vb")
		return strings.Count(out, "state UP") == 2
	})
	return index(t, "va"), index(t, "vb")
}

// inOrder binds this process, which is the test's own in its namespace, to one
// processor, so that frames arrive in the order in which they are sent: each
// processor hands over by itself what was sent on it, a busy one later, and a thread
// may move to another between two frames.
func inOrder(t testing.TB) {
	t.Helper()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	// Threads that are made later are bound as the one that makes them.
	for bound := -1; ; {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		if len(tasks) == bound {
			return
		}
		bound = len(tasks)
		for _, x := range tasks {
			tid, _ := strconv.Atoi(x.Name())
			if err := unix.SchedSetaffinity(tid, &one); err != nil && err != unix.ESRCH {
				t.Fatal(err)
			}
		}
	}
}

func index(t testing.TB, name string) int {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return i.Index
}

// eventually waits for cond, for as long as a busy machine may take.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("never seen: %s", what)
}

// capture opens a packet socket on an interface for one EtherType; of IPv4 it
// gives VRRP only, as IGMP comes by as well. What it returns waits for the next
// frame, for as long as a busy machine may take, and gives nil when none comes.
func capture(t testing.TB, ifindex int, etherType uint16) func() []byte {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	tv := unix.NsecToTimeval(int64(15 * time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(etherType), Ifindex: ifindex}); err != nil {
		t.Fatal(err)
	}
	return func() []byte {
		for {
			b := make([]byte, 4096)
			n, err := unix.Read(fd, b)
			if err != nil {
				return nil
			}
			if etherType != unix.ETH_P_IP || n > 34 && b[23] == protoVRRP {
				return b[:n]
			}
		}
	}
}

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
