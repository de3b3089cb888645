package integration

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// ahLines is an authentication header with the key given.
func ahLines(key string) string {
	return "  authentication {\n    auth_type AH\n    auth_pass " + key + "\n  }\n"
}

// TestAuthenticationHeader runs a pair with AH, in which whoever becomes master
// goes on with the count of the other: a return, a crash, a stop, a killed vrrp
// process, and never two holders.
func TestAuthenticationHeader(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, c := range []struct {
		name          string
		better, worse lab.Daemon
	}{{"holdfast twice", us, us}, {"holdfast is the better", us, them}, {"keepalived is the better", them, us}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "ah")
			low := router{Version: 2, VRID: 75, Interval: time.Second, Priority: 100, Extra: ahLines("labkey1")}
			high := low
			high.Priority = 200
			b := n.start(n.b, c.worse, low.conf())
			n.holder(vip, "b", low.down()+5*noise)
			back := time.Now()
			a := n.start(n.a, c.better, high.conf(), pidFiles(n.a)...)
			n.holder(vip, "a", high.down()+5*noise)
			time.Sleep(2 * high.Interval)
			if c.better.Name == "holdfast" {
				n.told(n.a, vip)
				pid := pidIn(n.a.Path("vrrp.pid"))
				if pid == 0 {
					t.Fatal("no vrrp process")
				}
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				time.Sleep(low.down())
				n.holder(vip, "a", noise) // b believes the successor's adverts
			}
			if o := n.watch.Overlap(vip, back); o > high.Interval+noise {
				t.Errorf("two holders for %v", o)
			}
			if _, err := a.Crash(); err != nil {
				t.Fatal(err)
			}
			n.holder(vip, "b", low.down()+5*noise)
			if _, err := b.Stop(generous); err != nil {
				t.Error(err)
			}
		}))
	}
}

// TestAuthenticationHeaderForeign has a peer with another key: neither believes
// the other, and status says why.
func TestAuthenticationHeaderForeign(t *testing.T) { patiently(authenticationHeaderForeignRound)(t) }

func authenticationHeaderForeignRound(t testing.TB) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	n := directors(t, "ahkey")
	r := router{Version: 2, VRID: 76, Interval: time.Second, Priority: 100, Extra: ahLines("labkey1")}
	other := r
	other.Priority, other.Extra = 200, ahLines("another")
	n.start(n.a, them, other.conf())
	n.holder(vip, "a", other.down()+5*noise)
	n.start(n.b, us, r.conf())
	var in control.Instance
	if !lab.WaitFor(generous, func() bool {
		_, v := status(t, n.b)
		in = virtualRouter(t, v, "VI_1")
		return in.State == "MASTER" && in.Drops["digest"] > 0
	}) {
		t.Errorf("state %s, drops %v, want MASTER and digest", in.State, in.Drops)
	} else {
		if !slices.ContainsFunc(in.Refused, func(r control.Refused) bool { return r.Reason == "digest" }) {
			t.Errorf("refused %+v, no digest among them", in.Refused)
		}
		for _, r := range in.Refused {
			// keepalived advances its own count by adverts whose digest is wrong, so
			// what it sends next may also repeat a number.
			if r.Source.String() != "192.0.2.1" || r.Reason != "digest" && r.Reason != "replay" {
				t.Errorf("refused %+v, want digests and replays of 192.0.2.1", in.Refused)
			}
		}
	}
}

// hmacLines is auth_hmac with the lines given.
func hmacLines(lines ...string) string {
	return "  auth_hmac {\n    " + strings.Join(lines, "\n    ") + "\n  }\n"
}

const (
	hmacOne = "key 1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	hmacTwo = "key 2 0123456789abcdef0123456789abcdef"
)

// TestHMAC runs a pair with auth_hmac through a rotation of keys by reload, while
// a stranger without the key advertises a higher priority, and through a crash.
func TestHMAC(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, version := range []int{2, 3} {
		t.Run("v"+string(rune('0'+version)), patiently(func(t testing.TB) {
			n := directors(t, "hmac")
			stranger := n.host("c", "02:00:00:00:00:03", "192.0.2.3/24")
			low := router{Version: version, VRID: 77, Interval: time.Second, Priority: 100, Extra: hmacLines(hmacOne)}
			high := low
			high.Priority = 200
			b := n.start(n.b, us, low.conf())
			a := n.start(n.a, us, high.conf())
			n.holder(vip, "a", high.down()+5*noise)
			settled := time.Now()
			rogue := low
			rogue.Priority, rogue.Extra, rogue.VIPs = 250, "", []string{"192.0.2.99/24"}
			n.start(stranger, them, rogue.conf())

			for _, step := range []struct {
				h     *lab.Host
				p     *lab.Process
				r     router
				lines []string
			}{
				{n.a, a, high, []string{hmacOne, hmacTwo, "active_key 1"}},
				{n.b, b, low, []string{hmacOne, hmacTwo, "active_key 1"}},
				{n.a, a, high, []string{hmacOne, hmacTwo, "active_key 2"}},
				{n.b, b, low, []string{hmacOne, hmacTwo, "active_key 2"}},
				{n.a, a, high, []string{hmacTwo}},
				{n.b, b, low, []string{hmacTwo}},
			} {
				step.r.Extra = hmacLines(step.lines...)
				if c := n.reloadWith(step.p, step.h.Path("keepalived.conf"), []byte(step.r.conf())); c.ReloadFailure != "" {
					t.Fatal(c.ReloadFailure)
				}
				time.Sleep(1200 * time.Millisecond) // an advert of each key is heard
			}
			time.Sleep(low.down() - 2*time.Second)
			n.undisturbed("a", high, settled)
			_, v := status(t, n.b)
			in := virtualRouter(t, v, "VI_1")
			if in.State != "BACKUP" || in.Drops["unsigned"] == 0 || in.Drops["unknown-key"]+in.Drops["digest"]+in.Drops["replay"]+in.Drops["clock"] > 0 {
				t.Errorf("state %s, drops %v, want BACKUP and nothing but unsigned ones of the stranger", in.State, in.Drops)
			}
			if len(in.Peers) != 1 || !in.Peers[0].Signed {
				t.Errorf("peers %+v, want one, signed", in.Peers)
			}
			if _, err := a.Crash(); err != nil {
				t.Fatal(err)
			}
			n.holder(vip, "b", low.down()+5*noise)
		}))
	}
}
