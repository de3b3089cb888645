package integration

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// frrComplaints is what vrrpd says about adverts that it does not like.
var frrComplaints = regexp.MustCompile(`(?i)malformed|bad packet|invalid|drop|checksum|mismatch|too short|unexpected|discard`)

// TestFRR runs holdfast and FRR's vrrpd in one virtual router, each as the one
// with the higher priority in turn, through a life of starts, an ordinary stop
// and a crash, with a client that asks for the address all the time.
func TestFRR(t *testing.T) {
	lab.Require(t, "nginx")
	lab.RequireFRR(t)
	us := ours(t)
	for _, r := range []router{
		{Version: 2, VRID: 31, Interval: time.Second},
		{Version: 3, VRID: 32, Interval: time.Second},
		{Version: 3, VRID: 33, Interval: 100 * time.Millisecond},
		{Version: 3, VRID: 34, Interval: 100 * time.Millisecond, VIPs: vips6},
		{Version: 3, VRID: 35, Interval: 100 * time.Millisecond, Extra: "  use_vmac\n"},
		{Version: 3, VRID: 36, Interval: 100 * time.Millisecond, VIPs: vips6, Extra: "  use_vmac\n"},
	} {
		for _, first := range []string{"holdfast", "FRR"} {
			family := "IPv4"
			if r.VIPs != nil {
				family = "IPv6"
			}
			if r.Extra != "" {
				family += " with a VMAC"
			}
			t.Run(fmt.Sprintf("v%d %s every %v/%s first", r.Version, family, r.Interval, first), patiently(func(t testing.TB) {
				n := newFRRPair(t, r, us, first == "FRR")
				n.life()
			}))
		}
	}
}

// frrPair is a holdfast and a vrrpd in one virtual router, of which a has the
// higher priority.
type frrPair struct {
	*network
	us        lab.Daemon
	high, low router
	frrFirst  bool
	client    *lab.Client

	frr     *lab.FRR
	theirs  lab.FRRRouter
	ourHost *lab.Host
	proc    *lab.Process // holdfast, the newest
	logs    []func() string
}

func newFRRPair(t testing.TB, r router, us lab.Daemon, frrFirst bool) *frrPair {
	n := &frrPair{network: directors(t, "frr"), us: us, frrFirst: frrFirst, high: r, low: r}
	n.high.Priority, n.low.Priority = 150, 100
	for _, h := range []*lab.Host{n.a, n.b} {
		if _, err := h.NginxServer(h.Name); err != nil {
			t.Fatal(err)
		}
	}
	n.ourHost = n.a
	if frrFirst {
		n.ourHost = n.b
	}
	client, target := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24"), vip
	if r.VIPs != nil {
		n.plug6()
		if err := client.AddAddr("eth0", "2001:db8::99/64"); err != nil {
			t.Fatal(err)
		}
		target = vip6
	}
	n.client = client.Client(netip.AddrPortFrom(target, 80), 10*time.Millisecond, 200*time.Millisecond)
	return n
}

// up starts the director on a host.
func (n *frrPair) up(h *lab.Host) {
	n.t.Helper()
	r := n.high
	if h == n.b {
		r = n.low
	}
	if h == n.ourHost {
		n.proc = n.start(h, n.us, r.conf())
		n.logs = append(n.logs, n.proc.Log)
		return
	}
	n.theirs = lab.FRRRouter{Iface: "eth0", Version: r.Version, VRID: r.VRID, Interval: r.Interval, Priority: r.Priority}
	for _, v := range r.VIPs {
		n.theirs.VIPs = append(n.theirs.VIPs, netip.MustParsePrefix(v))
	}
	if len(n.theirs.VIPs) == 0 {
		n.theirs.VIPs = []netip.Prefix{netip.PrefixFrom(vip, 24)}
	}
	var err error
	if n.frr, err = h.StartFRR(n.theirs); err != nil {
		n.t.Fatal(err)
	}
	n.logs = append(n.logs, n.frr.Log)
}

// down ends the director on a host as an administrator does.
func (n *frrPair) down(h *lab.Host) {
	n.t.Helper()
	if h == n.ourHost {
		if exit, err := n.proc.Stop(generous); err != nil || exit != 0 {
			n.t.Fatalf("stop: exit %d, %v", exit, err)
		}
		return
	}
	if err := n.frr.Stop(generous); err != nil {
		n.t.Fatal(err)
	}
}

func (n *frrPair) crash(h *lab.Host) {
	n.t.Helper()
	var err error
	if h == n.ourHost {
		_, err = n.proc.Crash()
	} else {
		err = n.frr.Crash()
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// leads waits until a host alone advertises and its web server answers, and
// tells when it sent its first advert since.
func (n *frrPair) leads(h *lab.Host, since time.Time, limit time.Duration) time.Time {
	n.t.Helper()
	var first time.Time
	ok := lab.WaitFor(limit+generous, func() bool {
		for _, a := range n.capture.Adverts(since) {
			if a.From == h.Name && a.Priority > 0 {
				first = a.At
				return true
			}
		}
		return false
	})
	if !ok {
		n.t.Fatalf("%s sent no advert for %v", h.Name, limit)
	}
	var sum lab.Summary
	if !lab.WaitFor(generous, func() bool {
		now := time.Now()
		sum = n.client.Summarise(now.Add(-400*time.Millisecond), now.Add(-210*time.Millisecond))
		return sum.Failed == 0 && sum.By[h.Name] > 0 && len(sum.By) == 1
	}) {
		n.t.Fatalf("%s leads but the client hears %v and misses %v", h.Name, sum.By, sum.Reasons)
	}
	return first
}

// agree checks that the two know the same master, each by its own words, and
// that the follower's count of adverts grows with none dropped.
func (n *frrPair) agree(master *lab.Host) {
	n.t.Helper()
	want := map[bool]string{true: "Master", false: "Backup"}[master != n.ourHost]
	if err := n.frr.WaitState(n.theirs, want, generous); err != nil {
		n.t.Fatal(err)
	}
	before, err := n.frr.State(n.t.Context(), n.theirs)
	if err != nil {
		n.t.Fatal(err)
	}
	_, v := status(n.t, n.ourHost)
	mine := virtualRouter(n.t, v, "VI_1")
	since := time.Now()
	time.Sleep(3*n.high.Interval + 100*time.Millisecond)
	for _, a := range n.capture.Adverts(since) {
		if a.From != master.Name {
			n.t.Errorf("with %s as master: %v", master.Name, a)
		}
	}
	after, err := n.frr.State(n.t.Context(), n.theirs)
	if err != nil {
		n.t.Fatal(err)
	}
	_, v = status(n.t, n.ourHost)
	now := virtualRouter(n.t, v, "VI_1")
	heard, sent := after.Stats.AdverRx-before.Stats.AdverRx, int(now.AdvertsSent-mine.AdvertsSent)
	state := "MASTER"
	if master != n.ourHost {
		heard, sent = int(now.AdvertsReceived-mine.AdvertsReceived), after.Stats.AdverTx-before.Stats.AdverTx
		state = "BACKUP"
	}
	n.t.Logf("%s leads: %d adverts sent, %d heard, drops %v; FRR's priority %d", master.Name, sent, heard, now.Drops, after.EffectivePriority)
	if heard < 2 || sent < 2 {
		n.t.Errorf("%d adverts sent and %d heard in three intervals", sent, heard)
	}
	if now.State != state || len(now.Drops) > 0 || !now.Agreement {
		n.t.Errorf("holdfast is %s, drops %v, agreement %t; want %s, none, true", now.State, now.Drops, now.Agreement, state)
	}
	if state == "BACKUP" && (now.Master == nil || now.AdvertInt != n.high.Interval.Seconds()) {
		n.t.Errorf("holdfast follows %+v every %g s, want FRR every %v", now.Master, now.AdvertInt, n.high.Interval)
	}
}

// life is everything that happens between two routers in good and bad days.
func (n *frrPair) life() {
	t := n.t
	// The worse one alone, then the better one takes over (preemption).
	begun := time.Now()
	n.up(n.b)
	n.leads(n.b, begun, n.low.down()+5*noise)
	came := time.Now()
	n.up(n.a)
	n.leads(n.a, came, n.high.down()+5*noise)
	n.agree(n.a)

	// An ordinary stop: farewell, then the skew time only.
	stopped := time.Now()
	n.down(n.a)
	took := n.leads(n.b, stopped, n.low.down()+5*noise)
	bye, _ := n.capture.Last("a", uint8(n.high.VRID))
	t.Logf("stop: took over %.1f ms after the farewell, skew time %.1f ms; silence %.0f ms",
		ms(took.Sub(bye.At)), ms(n.low.skew()), ms(n.client.Summarise(stopped, time.Now()).Silence))
	if d := took.Sub(bye.At); bye.Priority != 0 || d > n.low.skew()+noise || d < n.low.skew()-20*time.Millisecond {
		t.Errorf("took over %v after %v, want %v after a farewell", d, bye, n.low.skew())
	}

	// Preemption back, from a peer that has learned other things meanwhile.
	back := time.Now()
	n.up(n.a)
	n.leads(n.a, back, n.high.down()+5*noise)
	n.agree(n.a)

	time.Sleep(time.Duration(time.Now().UnixNano()) % n.high.Interval)
	crashed := time.Now()
	n.crash(n.a)
	took = n.leads(n.b, crashed, n.low.down()+5*noise)
	last, _ := n.capture.Last("a", uint8(n.high.VRID))
	t.Logf("crash: took over %.1f ms after the last advert, master-down interval %.1f ms; silence %.0f ms",
		ms(took.Sub(last.At)), ms(n.low.down()), ms(n.client.Summarise(crashed, time.Now()).Silence))
	if d := took.Sub(last.At); d > n.low.down()+noise || d < n.low.down()-20*time.Millisecond {
		t.Errorf("took over %v after the last advert, want the master-down interval %v", d, n.low.down())
	}
	n.quiet()
}

// quiet checks that nobody complained about the other.
func (n *frrPair) quiet() {
	n.t.Helper()
	for _, log := range n.logs {
		text := log()
		lines := complaintsIn(text)
		if strings.Contains(text, "VRRP: [") || strings.Contains(text, "ZEBRA: [") {
			lines = nil
			for line := range strings.SplitSeq(text, "\n") {
				if strings.Contains(line, "VRRP: [") && frrComplaints.MatchString(line) {
					lines = append(lines, line)
				}
			}
		}
		for _, line := range lines {
			n.t.Errorf("complaint: %s", line)
		}
	}
}
