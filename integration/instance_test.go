package integration

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestInstanceKeywords runs what needs no peer to be seen, one virtual router
// for each keyword, in holdfast and in keepalived at the same time.
func TestInstanceKeywords(t *testing.T) { patiently(instanceKeywordsRound)(t) }

func instanceKeywordsRound(t testing.TB) {
	lab.Require(t, "nft")
	n := directors(t, "instance")
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	const (
		plain = iota
		version
		patient
		weighted
		strict
		untracked
		script
	)
	const startup = time.Second
	type director struct {
		host *lab.Host
		d    lab.Daemon
		base int
	}
	both := []director{{n.a, ours(t), 100}, {n.b, theirs(t), 120}}
	address := func(d director, i int) netip.Addr {
		return netip.AddrFrom4([4]byte{192, 0, 2, byte(d.base + i)})
	}
	// gate is there when the script of weighted may succeed, who is what the
	// other script writes.
	gate := func(d director) string { return d.host.Path("gate") }
	who := func(d director) string { return d.host.Path("who") }
	conf := func(d director) string {
		var b strings.Builder
		fmt.Fprintf(&b, `global_defs {
  router_id lab
  vrrp_version 3
  script_user root
  enable_script_security
  vrrp_startup_delay %g
}
vrrp_script gate {
  script "/usr/bin/test -e %s"
  interval 1
  weight 20
  init_fail
}
vrrp_script who {
  script %s
  interval 1
  user nobody nogroup
}
`, startup.Seconds(), gate(d), d.host.Path("who.sh"))
		for i, extra := range []string{
			plain: "", version: "  version 2\n", patient: "  down_timer_adverts 10\n", weighted: "  track_script {\n    gate\n  }\n",
			strict: "  strict_mode on\n", untracked: "  dont_track_primary\n", script: "  track_script {\n    who\n  }\n",
		} {
			r := router{VRID: d.base + i, Interval: 200 * time.Millisecond, Priority: 100, VIPs: []string{address(d, i).String() + "/24"}, Extra: extra}
			if i == version {
				r.Interval = time.Second
			}
			b.WriteString(r.instance(fmt.Sprintf("VI_%d", i)))
		}
		return b.String()
	}
	procs := map[string]*lab.Process{}
	began := time.Now()
	for _, d := range both {
		if err := lab.WriteProgram(d.host.Path("who.sh"), []byte("#!/bin/sh\nid -un > "+who(d)+"\n")); err != nil {
			t.Fatal(err)
		}
		// The script writes it as somebody else.
		if err := os.WriteFile(who(d), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(who(d), 0o666); err != nil {
			t.Fatal(err)
		}
		procs[d.d.Name] = n.start(d.host, d.d, conf(d))
	}
	wait := func(d director, what string, f func() bool) {
		t.Helper()
		if !lab.WaitFor(generous, f) {
			t.Errorf("%s: not so: %s\n%s", d.d.Name, what, procs[d.d.Name].LogEnd())
		}
	}
	first := func(d director, i int) (lab.Advert, bool) {
		for _, a := range n.capture.Adverts(time.Time{}) {
			if a.From == d.host.Name && int(a.VRID) == d.base+i {
				return a, true
			}
		}
		return lab.Advert{}, false
	}
	last := func(d director, i int) lab.Advert {
		a, _ := n.capture.Last(d.host.Name, uint8(d.base+i))
		return a
	}
	for _, d := range both {
		wait(d, "all instances are master", func() bool {
			for i := plain; i <= script; i++ {
				if _, ok := first(d, i); !ok {
					return false
				}
			}
			return true
		})
	}
	for _, d := range both {
		p, _ := first(d, plain)
		if early := p.At.Sub(began); early < startup+600*time.Millisecond {
			t.Errorf("%s: the first advert came %v after the start, in spite of the start-up delay", d.d.Name, early)
		}
		if v := last(d, version).Version; v != 2 || p.Version != 3 {
			t.Errorf("%s: versions %d and %d", d.d.Name, v, p.Version)
		}
		if a, _ := first(d, patient); !a.At.After(p.At) {
			t.Errorf("%s: down_timer_adverts 10 does not wait longer than 3", d.d.Name)
		}
		wait(d, "the script runs as nobody", func() bool {
			b, err := os.ReadFile(who(d))
			return err == nil && strings.TrimSpace(string(b)) == "nobody"
		})
		if got := last(d, weighted).Priority; got != 100 {
			t.Errorf("%s: priority %d while the script fails", d.d.Name, got)
		}
		if err := os.WriteFile(gate(d), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		wait(d, "priority 120 when the script succeeds", func() bool { return last(d, weighted).Priority == 120 })
		answers := func(i int) bool {
			_, err := client.Output(t.Context(), "ping", "-c", "1", "-W", "1", address(d, i).String())
			return err == nil
		}
		wait(d, "the address answers", func() bool { return answers(plain) })
		if answers(strict) {
			t.Errorf("%s: the address of an instance in strict mode answers", d.d.Name)
		}
		if err := d.host.Cut(); err != nil {
			t.Fatal(err)
		}
		held := func() map[netip.Addr]bool {
			list, err := d.host.Addrs("eth0")
			if err != nil {
				t.Fatal(err)
			}
			m := map[netip.Addr]bool{}
			for _, a := range list {
				m[a] = true
			}
			return m
		}
		wait(d, "a lost carrier takes the address away", func() bool { return !held()[address(d, plain)] })
		if !held()[address(d, untracked)] {
			t.Errorf("%s: a lost carrier takes the address away in spite of dont_track_primary", d.d.Name)
		}
	}
}
