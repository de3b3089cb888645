package lab

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair is two hosts on one segment.
func pair(t *testing.T) (l *Lab, a, b *Host) {
	t.Helper()
	l = Test(t, "lab")
	s, err := l.Segment("lan")
	if err != nil {
		t.Fatal(err)
	}
	hosts := make([]*Host, 2)
	for i, name := range []string{"a", "b"} {
		if hosts[i], err = l.Host(name); err != nil {
			t.Fatal(err)
		}
		n := string(rune('1' + i))
		if err := hosts[i].Plug(s, "eth0", "02:00:00:00:00:0"+n, "10.0.0."+n+"/24", "2001:db8::"+n+"/64"); err != nil {
			t.Fatal(err)
		}
	}
	return l, hosts[0], hosts[1]
}

// ping reports whether the host reaches an address within a second.
func ping(t *testing.T, h *Host, addr string) bool {
	t.Helper()
	return h.Do(func() error {
		// A connection refused comes from the other side, so it is reached.
		out, err := exec.Command("bash", "-c", "timeout 1 bash -c '</dev/tcp/"+addr+"/9'").CombinedOutput()
		if err != nil && strings.Contains(string(out), "refused") {
			return nil
		}
		return os.ErrDeadlineExceeded
	}) == nil
}

func TestCutAndRestore(t *testing.T) {
	_, a, b := pair(t)
	if !WaitFor(30*time.Second, func() bool { return ping(t, a, "10.0.0.2") }) {
		t.Fatal("b is not reached")
	}
	if err := b.Cut(); err != nil {
		t.Fatal(err)
	}
	if ping(t, a, "10.0.0.2") {
		t.Error("b is reached although it is cut off")
	}
	if err := b.Restore(); err != nil {
		t.Fatal(err)
	}
	if !WaitFor(30*time.Second, func() bool { return ping(t, a, "10.0.0.2") }) {
		t.Error("b is not reached after it was joined again")
	}
}

// TestRunIsPrivate checks that two hosts do not share /run.
func TestRunIsPrivate(t *testing.T) {
	_, a, b := pair(t)
	if _, err := a.Output(t.Context(), "touch", "/run/holdfast-mark"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Output(t.Context(), "test", "-e", "/run/holdfast-mark"); err != nil {
		t.Error("a does not see its own file")
	}
	if _, err := b.Output(t.Context(), "test", "-e", "/run/holdfast-mark"); err == nil {
		t.Error("b sees a's /run")
	}
	if _, err := os.Stat("/run/holdfast-mark"); err == nil {
		t.Error("the machine sees a's /run")
	}
}

// TestKillTree checks that Kill ends what a program started, also what left
// its session, and nothing else of the host.
func TestKillTree(t *testing.T) {
	_, a, _ := pair(t)
	other, err := a.Start(Spec{Args: []string{"sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Start(Spec{Args: []string{"sh", "-c", "setsid sleep 1001 & (setsid sleep 1002 &) ; exec sleep 1003"}})
	if err != nil {
		t.Fatal(err)
	}
	if !WaitFor(30*time.Second, func() bool { return len(p.Tree()) == 3 }) {
		t.Fatalf("tree %v", p.Tree())
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := a.Pids(); !slices.Equal(got, []int{other.Pid}) {
		t.Errorf("left: %v, want only %d", got, other.Pid)
	}
	if exit, err := other.Stop(30 * time.Second); err != nil || exit != -1 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
}

// TestCloseRemovesAll checks that a lab leaves nothing behind.
func TestCloseRemovesAll(t *testing.T) {
	l, a, _ := pair(t)
	p, err := a.Start(Spec{Args: []string{"sh", "-c", "trap '' TERM; while :; do sleep 1; done"}})
	if err != nil {
		t.Fatal(err)
	}
	holder := a.space.pid
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{p.Pid, holder} {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
	if left, _ := filepath.Glob(l.Dir + "*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestWatchAndCapture follows an address from one host to the other and hears
// the ARP that looks for it.
func TestWatchAndCapture(t *testing.T) {
	l, a, b := pair(t)
	vip := netip.MustParseAddr("10.0.0.100")
	w, err := l.Watch()
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Capture()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	add := func(h *Host) {
		t.Helper()
		if err := h.AddAddr("eth0", "10.0.0.100/32"); err != nil {
			t.Fatal(err)
		}
	}
	add(a)
	if err := w.WaitHolder(vip, "a", 30*time.Second); err != nil {
		t.Fatal(err)
	}
	add(b)
	if !WaitFor(30*time.Second, func() bool { return len(w.Holders(vip)) == 2 }) {
		t.Fatalf("holders %v, want both", w.Holders(vip))
	}
	time.Sleep(100 * time.Millisecond)
	if err := a.Cut(); err != nil {
		t.Fatal(err)
	}
	if err := w.WaitHolder(vip, "b", 30*time.Second); err != nil {
		t.Error(err)
	}
	if o := w.Overlap(vip, start); o < 100*time.Millisecond || o > time.Since(start) {
		t.Errorf("two holders for %v, want at least 100 ms", o)
	}
	if got := w.Holders(vip); len(got) != 2 {
		t.Errorf("holders %v", got)
	}
	if !WaitFor(30*time.Second, func() bool {
		_ = ping(t, b, "10.0.0.77") // on a busy machine its second may be over before it asks
		return slices.ContainsFunc(c.ARPs(start), func(m ARP) bool {
			return m.From == "b" && m.TargetIP == netip.MustParseAddr("10.0.0.77") && !m.Gratuitous()
		})
	}) {
		t.Errorf("b's question was not heard: %v", c.ARPs(start))
	}
	if err := w.Err(); err != nil {
		t.Error(err)
	}
}

// TestDecode reads adverts whose bytes are put together by hand.
func TestDecode(t *testing.T) {
	eth := "\x01\x00\x5e\x00\x00\x12\x02\x00\x00\x00\x00\x01\x08\x00"
	ip := "\x45\xc0\x00\x20\x00\x01\x00\x00\xff\x70\x00\x00\x0a\x00\x00\x01\xe0\x00\x00\x12"
	body := "\x31\x33\x64\x01\x00\x32\xb4\xf6\x0a\x09\x09\x09"
	adv, arp := decode([]byte(eth+ip+body), "a", time.Time{})
	if adv == nil || arp != nil {
		t.Fatal("not an advert")
	}
	if adv.Version != 3 || adv.VRID != 0x33 || adv.Priority != 100 || adv.Interval != 500*time.Millisecond ||
		len(adv.VIPs) != 1 || adv.VIPs[0] != netip.MustParseAddr("10.9.9.9") || adv.TTL != 255 {
		t.Errorf("got %v", adv)
	}
	for n := range len(eth + ip + body) {
		if a, _ := decode([]byte(eth + ip + body)[:n], "a", time.Time{}); a != nil {
			t.Errorf("%d bytes make an advert", n)
		}
	}
}

// TestClient counts answers and the silence while the server is cut off.
func TestClient(t *testing.T) {
	Require(t, "nginx")
	_, a, b := pair(t)
	if _, err := b.NginxServer("here"); err != nil {
		t.Fatal(err)
	}
	c := a.Client(netip.MustParseAddrPort("10.0.0.2:80"), 10*time.Millisecond, 200*time.Millisecond)
	start := time.Now()
	answered := func(since time.Time) {
		t.Helper()
		if !WaitFor(time.Minute, func() bool { return c.Summarise(since, time.Now()).By["here"] > 0 }) {
			t.Fatal("no answer")
		}
	}
	answered(start)
	if err := b.Cut(); err != nil {
		t.Fatal(err)
	}
	cut := time.Now()
	if !WaitFor(time.Minute, func() bool { return c.Summarise(cut, time.Now()).Failed > 0 }) {
		t.Fatal("no request without an answer")
	}
	time.Sleep(500 * time.Millisecond)
	back := time.Now()
	if err := b.Restore(); err != nil {
		t.Fatal(err)
	}
	answered(back)
	c.Close()
	s := c.Summarise(start, time.Now())
	if s.By["here"] == 0 || s.Failed == 0 || s.Sent != s.By["here"]+s.Failed {
		t.Errorf("summary %+v", s)
	}
	last := cut // or when this process came to what was answered before
	for _, r := range c.Requests(start, cut) {
		if r.Err == nil && r.End.After(last) {
			last = r.End
		}
	}
	if s.Silence < back.Sub(last) || s.Silence > time.Since(start) {
		t.Errorf("silence %v, want at least %v", s.Silence, back.Sub(last))
	}
}
