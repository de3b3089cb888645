package integration

import (
	"net/netip"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// became says how often a host's instance became master, and what it is now.
func (n *network) became(h *lab.Host) (uint64, string) {
	n.t.Helper()
	_, v := status(n.t, h)
	in := virtualRouter(n.t, v, "VI_1")
	return in.Transitions, in.State
}

// answers waits until a host's daemon can be asked.
func (n *network) answers(h *lab.Host) {
	n.t.Helper()
	prog, err := program()
	if err != nil {
		n.t.Fatal(err)
	}
	if !lab.WaitFor(20*time.Second, func() bool {
		_, err := h.Output(n.t.Context(), prog, "status", "--json")
		return err == nil
	}) {
		n.t.Fatalf("the daemon of %s does not answer", h.Name)
	}
}

// stays checks that a was made master once and is it, and that b never was.
func (n *network) stays() {
	n.t.Helper()
	for h, want := range map[*lab.Host]uint64{n.a: 1, n.b: 0} {
		if got, state := n.became(h); got != want {
			n.t.Errorf("%s became master %d times and is %s, want %d times", h.Name, got, state, want)
		}
	}
}

// TestReloadOfPaths gives a running pair a second way for its adverts, director
// by director, and takes it away again: nobody's mastership changes.
func TestReloadOfPaths(t *testing.T) { patiently(reloadOfPathsRound)(t) }

func reloadOfPathsRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "ways")
	second, err := n.lab.Segment("second")
	if err != nil {
		t.Fatal(err)
	}
	for h, at := range map[*lab.Host][2]string{n.a: {"02:00:00:00:01:01", "198.51.100.1/24"}, n.b: {"02:00:00:00:01:02", "198.51.100.2/24"}} {
		if err := h.Plug(second, "eth1", at[0], at[1]); err != nil {
			t.Fatal(err)
		}
	}
	us := ours(t)
	high := router{Version: 3, VRID: 79, Interval: 500 * time.Millisecond, Priority: 200}
	low := high
	low.Priority = 100
	proc := map[*lab.Host]*lab.Process{n.a: n.start(n.a, us, high.conf())}
	n.holder(vip, "a", high.down()+5*noise)
	proc[n.b] = n.start(n.b, us, low.conf())
	n.answers(n.b)
	reload := func(h *lab.Host, r router) {
		t.Helper()
		n.reloadWith(proc[h], h.Path("keepalived.conf"), []byte(r.conf()))
	}
	with := func(r router) router {
		r.Extra = "  advert_paths {\n    eth1\n  }\n"
		return r
	}
	paths := func(h *lab.Host) []control.Path {
		_, v := status(t, h)
		return virtualRouter(t, v, "VI_1").Paths
	}
	reload(n.b, with(low))
	if p := paths(n.b); len(p) != 2 || !p[1].Up {
		t.Errorf("the backup's paths after the reload: %+v", p)
	}
	reload(n.a, with(high))
	if !lab.WaitFor(generous, func() bool { p := paths(n.b); return len(p) == 2 && !p[1].LastHeard.IsZero() }) {
		t.Errorf("no adverts on the path that the reload added: %+v", paths(n.b))
	}
	reload(n.a, high)
	gone := time.Now()
	if p := paths(n.a); len(p) != 0 {
		t.Errorf("the master's paths after the second reload: %+v", p)
	}
	if !lab.WaitFor(generous, func() bool { p := paths(n.b); return len(p) == 2 && p[1].Silent }) {
		t.Errorf("the backup does not tell that the second way is silent: %+v", paths(n.b))
	}
	reload(n.b, low)
	for _, a := range n.capture.Adverts(gone) {
		if a.Src.String() == "198.51.100.1" {
			t.Errorf("still on the second way: %v", a)
			break
		}
	}
	n.stays()
}

// TestReloadOfPeers gives a unicast master a second peer and takes it away
// again.
func TestReloadOfPeers(t *testing.T) { patiently(reloadOfPeersRound)(t) }

func reloadOfPeersRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "peers")
	us := ours(t)
	high := router{Version: 3, VRID: 80, Interval: 500 * time.Millisecond, Priority: 200, Extra: unicast("192.0.2.1", "192.0.2.2")}
	low := high
	low.Priority, low.Extra = 100, unicast("192.0.2.2", "192.0.2.1")
	a := n.start(n.a, us, high.conf())
	n.holder(vip, "a", high.down()+5*noise)
	n.start(n.b, us, low.conf())
	n.answers(n.b)

	third := netip.MustParseAddr("192.0.2.3")
	n.host("c", "02:00:00:00:00:03", third.String()+"/24")
	to := func(peer netip.Addr, since time.Time) (count int) {
		for _, adv := range n.capture.Adverts(since) {
			if adv.From == "a" && adv.Dst == peer {
				count++
			}
		}
		return count
	}
	three := high
	three.Extra = unicast("192.0.2.1", "192.0.2.2\n    192.0.2.3")
	n.reloadWith(a, n.a.Path("keepalived.conf"), []byte(three.conf()))
	if !lab.WaitFor(generous, func() bool { return to(third, time.Time{}) >= 2 }) {
		t.Error("no adverts to the peer that the reload added")
	}
	n.reloadWith(a, n.a.Path("keepalived.conf"), []byte(high.conf()))
	gone := time.Now()
	if !lab.WaitFor(generous, func() bool { return to(netip.MustParseAddr("192.0.2.2"), gone) >= 3 }) {
		t.Error("no adverts to the peer that stayed")
	}
	if k := to(third, gone); k > 0 {
		t.Errorf("%d adverts to the peer that the reload took away", k)
	}
	n.stays()
}
