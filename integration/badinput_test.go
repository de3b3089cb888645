package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// quick is the virtual router that the scenarios of this file disturb: one that
// would show a missed beat soon.
var quick = router{Version: 3, VRID: 60, Interval: 100 * time.Millisecond, Priority: 200}

// master starts the program under test on a and waits until it is master.
func master(t testing.TB, conf string) (*network, *lab.Process) {
	t.Helper()
	n := directors(t, "bad")
	p := n.start(n.a, ours(t), conf)
	n.holder(vip, "a", quick.down()+5*noise)
	return n, p
}

// steady checks that since the time given the router's adverts went on in their
// rhythm with the same bytes, and that a held the address all the time.
func (n *network) steady(since time.Time) {
	n.t.Helper()
	var last lab.Advert
	for _, a := range n.capture.Adverts(since) {
		if a.VRID != uint8(quick.VRID) || a.From != "a" {
			continue
		}
		if !last.At.IsZero() {
			gap := a.At.Sub(last.At)
			if gap > quick.Interval+noise {
				n.t.Errorf("%v without an advert", gap)
			}
			if string(normal(a.Frame)) != string(normal(last.Frame)) {
				n.t.Errorf("the advert changed from %v to %v", last, a)
			}
		}
		last = a
	}
	// A late advert is followed by one in time, that is early after it; only
	// the beat as a whole shows one too many.
	if missed, _ := n.beat("a", quick, since); missed < 0 || missed > int(noise/quick.Interval) {
		n.t.Errorf("%d adverts missing (below zero: too many) in %v", missed, time.Since(since))
	}
	for _, h := range n.watch.History(vip, since) {
		if len(h.Hosts) != 1 || h.Hosts[0] != "a" {
			n.t.Errorf("%v held the address for %v", h.Hosts, h.To.Sub(h.From))
		}
	}
}

// says waits until the program's log has a line with all the words.
func says(t testing.TB, p *lab.Process, words ...string) {
	t.Helper()
	if !lab.WaitFor(generous, func() bool {
		for line := range strings.SplitSeq(p.Log(), "\n") {
			all := true
			for _, w := range words {
				all = all && strings.Contains(line, w)
			}
			if all {
				return true
			}
		}
		return false
	}) {
		t.Errorf("the log has no line with %q", words)
	}
}

// TestTruncatedReload gives a running master every kind of torn file.
func TestTruncatedReload(t *testing.T) { patiently(truncatedReloadRound)(t) }

func truncatedReloadRound(t testing.TB) {
	lab.Require(t)
	whole := quick.conf()
	n, p := master(t, whole)
	since := time.Now()
	torn := []string{
		whole[:strings.Index(whole, "virtual_ipaddress")+7],
		whole[:strings.Index(whole, vip.String())+5],
		whole[:len(whole)-3],
		"",
		strings.Replace(whole, "virtual_router_id 60", "virtual_router_id", 1),
	}
	for i, text := range torn {
		if err := os.WriteFile(n.a.Path("keepalived.conf"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := p.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if !lab.WaitFor(generous, func() bool { return strings.Count(p.Log(), "reload failed") == i+1 }) {
			t.Fatalf("torn file %d is not refused: %q", i, text)
		}
		time.Sleep(300 * time.Millisecond)
	}
	says(t, p, "keepalived.conf:", "missing '}'")
	n.steady(since)

	// And the whole one again, changed in one word, is taken.
	next := quick
	next.Priority = 210
	if err := os.WriteFile(n.a.Path("keepalived.conf"), []byte(next.conf()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(generous, func() bool {
		a, _ := n.capture.Last("a", uint8(quick.VRID))
		return a.Priority == 210
	}) {
		t.Error("a good file is not taken after the torn ones")
	}
}

// TestUnknownKeyword starts with a misspelt word, in both languages.
func TestUnknownKeyword(t *testing.T) { patiently(unknownKeywordRound)(t) }

func unknownKeywordRound(t testing.TB) {
	lab.Require(t)
	r := quick
	r.Extra = "  prioritty 100\n"
	_, p := master(t, r.conf())
	says(t, p, "keepalived.conf:", "unknown keyword 'prioritty'", "priority")

	n := directors(t, "bad")
	toml := "[vrrp_instance.VI_1]\ninterface = \"eth0\"\nvirtual_router_id = 60\nprioritty = 100\nvirtual_ipaddress = [\"192.0.2.100\"]\n"
	d := ours(t)
	p, err := n.a.StartDaemon(d, "holdfast.toml", toml)
	if err != nil {
		t.Fatal(err)
	}
	if exit, err := p.Wait(generous); err != nil || exit == 0 {
		t.Errorf("a TOML file with an unknown key: exit %d, %v", exit, err)
	}
	says(t, p, "holdfast.toml:4:", "prioritty", "priority")
}

// TestMissingInterface checks that one router without an interface leaves the
// other one alone, and works once the interface is there.
func TestMissingInterface(t *testing.T) { patiently(missingInterfaceRound)(t) }

func missingInterfaceRound(t testing.TB) {
	lab.Require(t)
	other := router{Version: 3, VRID: 61, Interval: 100 * time.Millisecond, Priority: 200, VIPs: []string{"198.51.100.9/24"}}
	conf := quick.conf() + strings.Replace(other.instance("VI_2"), "interface eth0", "interface eth9", 1)
	n, p := master(t, conf)
	says(t, p, "eth9")
	since := time.Now()
	time.Sleep(time.Second)
	n.steady(since)
	if _, heard := n.capture.Last("a", 61); heard {
		t.Error("a router without an interface sends adverts")
	}
	_, v := status(t, n.a)
	if in := virtualRouter(t, v, "VI_2"); in.State != "WAITING" {
		t.Errorf("a router without an interface is %s, want WAITING", in.State)
	}
	second, err := n.lab.Segment("second")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.a.Plug(second, "eth9", "02:00:00:00:00:09", "198.51.100.1/24"); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(generous, func() bool {
		_, heard := n.capture.Last("a", 61)
		return heard
	}) {
		t.Error("the router does not work although its interface is there now")
	}
	n.steady(since)
}

// TestRandomPackets throws bytes at a master that may mean anything.
func TestRandomPackets(t *testing.T) { patiently(randomPacketsRound)(t) }

func randomPacketsRound(t testing.TB) {
	lab.Require(t)
	n, _ := master(t, quick.conf())
	since := time.Now()
	rng := rand.New(rand.NewPCG(1, 2))
	heard, _ := n.capture.Last("a", uint8(quick.VRID))
	err := n.b.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 112)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 255); err != nil {
			return err
		}
		if err := unix.SetsockoptInet4Addr(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, [4]byte{192, 0, 2, 2}); err != nil {
			return err
		}
		to := &unix.SockaddrInet4{Addr: [4]byte{224, 0, 0, 18}}
		for i := range 3000 {
			var body []byte
			if i%2 == 0 {
				body = make([]byte, rng.IntN(80))
				for j := range body {
					body[j] = byte(rng.Uint32())
				}
			} else {
				// Nearly right: the master's own advert with one byte changed
				// or its end missing; the checksum then is not.
				body = append(body, heard.Body...)
				body[rng.IntN(len(body))] ^= byte(1 + rng.IntN(255))
				if i%6 == 1 {
					body = body[:rng.IntN(len(body))]
				}
			}
			if err := unix.Sendto(fd, body, 0, to); err != nil && !errors.Is(err, unix.EINVAL) {
				return err
			}
			if i%20 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	n.steady(since)
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	status, err := n.a.Output(t.Context(), prog, "status")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(status, "checksum") {
		t.Errorf("the status does not count what was dropped:\n%s", status)
	}
}

// TestHangingScript has a check and a notify script that never end.
func TestHangingScript(t *testing.T) { patiently(hangingScriptRound)(t) }

func hangingScriptRound(t testing.TB) {
	lab.Require(t)
	other := router{Version: 3, VRID: 61, Interval: 100 * time.Millisecond, Priority: 200, VIPs: []string{"192.0.2.101/24"}, Extra: "  track_script {\n    hang\n  }\n"}
	r := quick
	r.Extra = "  notify_master \"/bin/sleep 1000\"\n  notify \"/bin/sleep 1001\"\n"
	head, rest, _ := strings.Cut(r.conf(), "vrrp_instance")
	conf := head + "vrrp_script hang {\n  script \"/bin/sleep 1002\"\n  interval 1\n  timeout 1\n}\nvrrp_instance" + rest + other.instance("VI_2")
	n, p := master(t, conf)
	since := time.Now()
	time.Sleep(4 * time.Second)
	n.steady(since)
	if _, heard := n.capture.Last("a", 61); heard {
		t.Error("a router whose check never succeeded sends adverts")
	}
	stopped := time.Now()
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
	if d := time.Since(stopped); d > 5*time.Second {
		t.Errorf("the stop took %v", d)
	}
	if !lab.WaitFor(generous, func() bool { return len(n.a.Pids()) == 0 }) {
		t.Errorf("processes left: %v", n.a.Pids())
	}
}

// TestFullFIFO gives the daemon a FIFO that nobody reads and that is full.
func TestFullFIFO(t *testing.T) { patiently(fullFIFORound)(t) }

func fullFIFORound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "bad")
	fifo := filepath.Join(n.a.Dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(fifo, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for size := 4096; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = unix.Write(fd, make([]byte, size))
		}
		if !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
	}
	conf := strings.Replace(quick.conf(), "router_id lab", "router_id lab\n  vrrp_notify_fifo "+fifo, 1)
	p := n.start(n.a, ours(t), conf)
	n.holder(vip, "a", quick.down()+5*noise)
	since := time.Now()
	time.Sleep(time.Second)
	n.steady(since)
	says(t, p, fifo)
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}

	// Once it is read again the lines come, whole and in order.
	buf := make([]byte, 1<<20)
	for err = nil; err == nil; {
		_, err = unix.Read(fd, buf)
	}
	p = n.start(n.a, ours(t), conf)
	n.holder(vip, "a", quick.down()+5*noise)
	want := fmt.Sprintf("INSTANCE \"VI_1\" MASTER %d\n", quick.Priority)
	var got string
	if !lab.WaitFor(generous, func() bool {
		if k, _ := unix.Read(fd, buf); k > 0 {
			got += string(buf[:k])
		}
		return strings.HasSuffix(got, want)
	}) {
		t.Errorf("read %q, want an end of %q", got, want)
	}
	if !p.Running() {
		t.Error("the daemon has ended")
	}
}
