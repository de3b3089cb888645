package integration

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// TestProcessDeath kills the vrrp process of a master, at once, again while
// its replacement is young, and once with a crash of its own kind, beside a
// peer that waits for no more than 360 ms: never two holders for longer than
// an interval, and in the end the pair is whole.
func TestProcessDeath(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, r := range []router{
		{Version: 3, VRID: 81, Interval: 100 * time.Millisecond},
		{Version: 3, VRID: 82, Interval: 10 * time.Millisecond},
		{Version: 2, VRID: 83, Interval: time.Second},
	} {
		for _, peer := range []lab.Daemon{us, them} {
			t.Run(fmt.Sprintf("v%d every %v, peer %s", r.Version, r.Interval, peer.Name), patiently(func(t testing.TB) {
				n := directors(t, "death")
				high, low := r, r
				high.Priority, low.Priority = 150, 100
				a := n.start(n.a, us, high.conf(), pidFiles(n.a)...)
				n.holder(vip, "a", high.down()+5*noise)
				n.start(n.b, peer, low.conf())
				time.Sleep(noise)
				n.told(n.a, vip)
				n.dies(a, high, low, syscall.SIGKILL, 1)
				n.dies(a, high, low, syscall.SIGKILL, 2)
				// The runtime's answer to SIGQUIT is that to a bug: a trace and exit 2.
				n.dies(a, high, low, syscall.SIGQUIT, 3)
			}))
		}
	}
}

// dies ends the vrrp process of a and waits until a is master again and whole.
func (n *network) dies(a *lab.Process, high, low router, sig syscall.Signal, times int) {
	n.t.Helper()
	pid := pidIn(n.a.Path("vrrp.pid"))
	if pid == 0 {
		n.t.Fatal("no vrrp process")
	}
	killed := time.Now()
	if err := syscall.Kill(pid, sig); err != nil {
		n.t.Fatal(err)
	}
	if !lab.WaitFor(60*time.Second, func() bool {
		next := pidIn(n.a.Path("vrrp.pid"))
		return next != 0 && next != pid
	}) {
		n.t.Fatalf("%v, death %d: the vrrp process is not replaced", sig, times)
	}
	replaced := time.Since(killed)
	// Wherever the address went meanwhile, the better machine gets it back.
	n.holder(vip, "a", 5*time.Second+high.down()+low.down()+5*noise)
	time.Sleep(low.down() + 100*time.Millisecond)
	n.holder(vip, "a", noise)
	n.t.Logf("%v, death %d: replaced after %v, address gone for %.1f ms, two holders for %.1f ms, history %s",
		sig, times, replaced.Round(time.Millisecond), ms(n.watch.Gap(vip, killed)), ms(n.watch.Overlap(vip, killed)), brief(n.watch.History(vip, killed)))
	if o := n.watch.Overlap(vip, killed); o > high.Interval+noise {
		n.t.Errorf("two holders for %v", o)
	}
	if g := n.watch.Gap(vip, killed); g > low.down()+noise {
		n.t.Errorf("nobody held the address for %v", g)
	}
	var st control.Status
	var v control.VRRP
	// The one or the other is not so for a moment when the machine was late just now.
	lab.WaitFor(generous, func() bool {
		st, v = status(n.t, n.a)
		return len(st.Missing) == 0 && slices.ContainsFunc(v.Instances, func(i control.Instance) bool { return i.State == "MASTER" })
	})
	if len(st.Missing) > 0 || !slices.ContainsFunc(st.Processes, func(p control.Process) bool {
		return p.Role == "vrrp" && p.Restarts == times && syscall.Kill(p.PID, 0) == nil
	}) {
		n.t.Errorf("after %d deaths: processes %+v, not answering %v", times, st.Processes, st.Missing)
	}
	if in := virtualRouter(n.t, v, "VI_1"); in.State != "MASTER" {
		n.t.Errorf("the status says %s", in.State)
	}
	if !a.Running() {
		n.t.Error("the daemon has ended")
	}
}

// brief is a history in few words.
func brief(h []lab.Hold) string {
	s := ""
	for _, x := range h {
		s += fmt.Sprintf("%v for %v; ", x.Hosts, x.To.Sub(x.From).Round(100*time.Microsecond))
	}
	return s
}
