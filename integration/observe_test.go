package integration

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// status asks the daemon that runs on a host.
func status(t testing.TB, h *lab.Host) (st control.Status, v control.VRRP) {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	var out string
	asked := time.Now()
	// One that was started a moment ago has no socket yet, or not all its processes.
	if !lab.WaitFor(generous, func() bool {
		args := []string{prog, "status", "--json"}
		if socket := h.Path("parent.sock"); exists(socket) { // started with pidFiles
			args = append(args, "--control", socket)
		}
		asked = time.Now()
		if out, err = h.Output(t.Context(), args...); err != nil {
			return false
		}
		st = control.Status{}
		if err := json.Unmarshal([]byte(out), &st); err != nil {
			t.Fatalf("status: %v: %s", err, out)
		}
		return st.VRRP != nil
	}) && err != nil {
		t.Fatal(err)
	}
	if d := time.Since(asked); d > 10*time.Second { // what a process may take to answer
		t.Errorf("the status took %v", d)
	}
	if st.VRRP != nil {
		if err := json.Unmarshal(st.VRRP, &v); err != nil {
			t.Fatalf("status of vrrp: %v: %s", err, st.VRRP)
		}
	}
	return st, v
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// virtualRouter is one virtual router of a status.
func virtualRouter(t testing.TB, v control.VRRP, name string) control.Instance {
	t.Helper()
	for _, i := range v.Instances {
		if i.Name == name {
			return i
		}
	}
	t.Fatalf("the status has no instance %s: %+v", name, v)
	return control.Instance{}
}

// beat counts how many adverts a host's virtual router sent too few (below
// zero: too many) in the time since, and finds the longest pause. What is late
// does not count as missing: adverts keep to a grid, so each is compared with
// the earliest place on the grid that its neighbours have.
func (n *network) beat(host string, r router, since time.Time) (missed int, pause time.Duration) {
	n.t.Helper()
	var at []time.Time
	if !lab.WaitFor(generous, func() bool {
		at = nil
		for _, a := range n.capture.Adverts(since) {
			if a.From == host && a.VRID == uint8(r.VRID) {
				at = append(at, a.At)
			}
		}
		return len(at) >= 5
	}) {
		n.t.Fatalf("%s sent %d adverts in %v, too few to judge", host, len(at), time.Since(since))
	}
	place := func(from, to int) time.Duration {
		best := at[from].Sub(at[0]) - time.Duration(from)*r.Interval
		for i := from + 1; i < to; i++ {
			best = min(best, at[i].Sub(at[0])-time.Duration(i)*r.Interval)
		}
		return best
	}
	for i := 1; i < len(at); i++ {
		pause = max(pause, at[i].Sub(at[i-1]))
	}
	shift := place(len(at)-3, len(at)) - place(0, 3)
	return int(math.Round(float64(shift) / float64(r.Interval))), pause
}

// undisturbed checks that a host held the address and kept its beat since.
func (n *network) undisturbed(host string, r router, since time.Time) {
	n.t.Helper()
	missed, pause := n.beat(host, r, since)
	if missed != 0 {
		n.t.Errorf("%d adverts missing (below zero: too many), longest pause %v", missed, pause)
	}
	if pause > r.Interval+noise {
		n.t.Errorf("%v without an advert", pause)
	}
	for _, h := range n.watch.History(vip, since) {
		if len(h.Hosts) != 1 || h.Hosts[0] != host {
			n.t.Errorf("%v held the address for %v", h.Hosts, h.To.Sub(h.From))
		}
	}
	n.t.Logf("since %v: %d missed, longest pause %v", time.Since(since).Round(time.Millisecond), missed, pause)
}

// gratuitous counts the announcements a host sent since.
func (n *network) gratuitous(host string, since time.Time) int {
	count := 0
	for _, m := range n.capture.ARPs(since) {
		if m.From == host && m.Gratuitous() {
			count++
		}
	}
	return count
}

// masters waits until a daemon that runs says that it is master.
func (n *network) masters(h *lab.Host) {
	n.t.Helper()
	if !lab.WaitFor(generous, func() bool {
		_, v := status(n.t, h)
		return slices.ContainsFunc(v.Instances, func(i control.Instance) bool { return i.State == "MASTER" })
	}) {
		n.t.Fatalf("%s never says that it is master", h.Name)
	}
}
