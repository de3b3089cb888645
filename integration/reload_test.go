package integration

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestReloadOfManyServices checks, plans and reloads a file with 5,000 services
// of 10 servers each while adverts leave every 10 ms: none is missing, and the
// peer, which waits 36 ms, does not notice.
func TestReloadOfManyServices(t *testing.T) {
	lab.Require(t)
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	n := directors(t, "manyservices")
	r := router{Version: 3, VRID: 71, Interval: 10 * time.Millisecond, Priority: 200}
	low := r
	low.Priority = 100
	conf := func(weight int) string {
		var b strings.Builder
		b.WriteString(r.conf())
		for i := range 5000 {
			fmt.Fprintf(&b, "virtual_server 198.51.100.1 %d {\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n", 1000+i)
			for k := range 10 {
				fmt.Fprintf(&b, "  real_server 203.0.113.%d %d {\n    weight %d\n    TCP_CHECK {\n      connect_timeout 3\n    }\n  }\n", 1+i%250, 1000+k, weight)
			}
			b.WriteString("}\n")
		}
		return b.String()
	}
	// This kernel may have no IPVS: the parent reads and checks it all, and the
	// process that advertises is what is looked at.
	p := n.start(n.a, ours(t), conf(1), "-P")
	n.start(n.b, ours(t), low.conf(), "-P")
	n.holder(vip, "a", 2*r.down()+10*noise)
	time.Sleep(300 * time.Millisecond)

	// quiet does f and says whether nothing of it was to be seen on the wire.
	quiet := func(f func()) bool {
		_, v := status(t, n.b)
		before := virtualRouter(t, v, "VI_1").Transitions
		since := time.Now()
		f()
		missed, pause := n.beat("a", r, since)
		_, v = status(t, n.b)
		in := virtualRouter(t, v, "VI_1")
		t.Logf("in %v: %d adverts missing, longest pause %v, the peer is %s and became master %d times",
			time.Since(since).Round(time.Millisecond), missed, pause, in.State, in.Transitions-before)
		return missed <= 0 && in.Transitions == before
	}
	// A machine with other things to do may keep an advert from leaving at any
	// time: only what misses every time is a fault of the daemon, and only where
	// none misses without it.
	for weight := 2; weight < 10; weight++ {
		if quiet(func() {
			changed := conf(weight)
			if err := os.WriteFile(n.a.Path("next.conf"), []byte(changed), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, command := range []string{"check", "plan"} {
				if out, err := n.a.Output(t.Context(), prog, command, n.a.Path("next.conf")); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			if c := n.reloadWith(p, n.a.Path("keepalived.conf"), []byte(changed)); c.ReloadFailure != "" {
				t.Fatal(c.ReloadFailure)
			}
		}) {
			return
		}
	}
	for range 3 {
		if !quiet(func() { time.Sleep(2 * time.Second) }) {
			t.Log("adverts are missing while nothing happens, too: this machine is too busy to tell")
			return
		}
	}
	t.Fatal("adverts are missing every time")
}

// TestRollOutOfAnAddress adds an address on one director first and on the other
// one later, in both orders: nobody's mastership changes, and status says that
// the lists differ as long as they do.
func TestRollOutOfAnAddress(t *testing.T) {
	lab.Require(t)
	for _, first := range []string{"master", "backup"} {
		t.Run(first+" first", patiently(func(t testing.TB) {
			n := directors(t, "rollout")
			high := router{Version: 3, VRID: 72, Interval: 500 * time.Millisecond, Priority: 200}
			low := high
			low.Priority = 100
			pa := n.start(n.a, ours(t), high.conf())
			pb := n.start(n.b, ours(t), low.conf())
			n.holder(vip, "a", 2*high.down()+5*noise)
			two := []string{vip.String() + "/24", "192.0.2.101/24"}
			more := func(h *lab.Host, p *lab.Process, r router) {
				t.Helper()
				r.VIPs = two
				if err := os.WriteFile(h.Path("keepalived.conf"), []byte(r.conf()), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := p.Signal(syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
			}
			agrees := func() bool { _, v := status(t, n.b); return virtualRouter(t, v, "VI_1").Agreement }
			if first == "master" {
				more(n.a, pa, high)
			} else {
				more(n.b, pb, low)
			}
			if !lab.WaitFor(generous, func() bool { return !agrees() }) {
				t.Error("the backup does not say that the lists differ")
			}
			if x, _ := explained(t, n.b); len(x.Lints) == 0 || x.Lints[0].ID != "address-list" {
				t.Errorf("lints %+v, want address-list", x.Lints)
			}
			time.Sleep(2 * low.down())
			if first == "master" {
				more(n.b, pb, low)
			} else {
				more(n.a, pa, high)
			}
			if !lab.WaitFor(generous, agrees) {
				t.Error("the lists are the same and the backup says that they differ")
			}
			for _, h := range []*lab.Host{n.a, n.b} {
				_, v := status(t, h)
				want := uint64(0)
				if h == n.a {
					want = 1
				}
				if in := virtualRouter(t, v, "VI_1"); in.Transitions != want {
					t.Errorf("%s became master %d times, want %d", h.Name, in.Transitions, want)
				}
			}
			if a, err := n.a.Addrs("eth0"); err != nil || len(a) < 3 {
				t.Errorf("the master has %v, %v", a, err)
			}
		}))
	}
}
