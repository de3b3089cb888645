package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/lvs"
)

// cleared has another program empty the table (ipvsadm -C): it is back with the
// next look at the kernel and that is told, and at once when a change is due,
// which the kernel then refuses.
func cleared(t *testing.T) {
	n, _, conf := direct(t)
	p := n.start(n.a, ours(t), conf, pidFiles(n.a)...)
	n.holder(vip, "a", 60*time.Second)
	raw := rawIPVSOf(t, n.a)
	firstChecks(t, n.a)
	before := tableOf(t, raw)
	if len(before) != 4 {
		t.Fatalf("the table is not a service, two servers and timeouts:\n%s", strings.Join(before, "\n"))
	}
	clear := func() {
		t.Helper()
		if _, err := n.a.Output(t.Context(), "ipvsadm", "-C"); err != nil {
			t.Fatal(err)
		}
	}
	back := func(what string, want []string) {
		t.Helper()
		if !lab.WaitFor(100*time.Second, func() bool {
			time.Sleep(200 * time.Millisecond)
			return slices.Equal(tableOf(t, raw), want)
		}) {
			t.Errorf("%s: the table is\n%s\nwant\n%s", what, strings.Join(tableOf(t, raw), "\n"), strings.Join(want, "\n"))
		}
	}
	clear()
	back("another program", before)
	says(t, p, "changed by another program", "changes=3")
	if !lab.WaitFor(30*time.Second, func() bool { return lvsStatus(t, n.a).Kernel.Repairs == 3 }) {
		t.Errorf("the status counts %d repairs, want 3", lvsStatus(t, n.a).Kernel.Repairs)
	}

	clear()
	_, _ = operator(t, n.a, "set", "real_server", vip.String()+":80", "192.0.2.21", "weight", "5", "--control", n.a.Path("parent.sock"))
	want := strings.Split(strings.Replace(strings.Join(before, "\n"), "192.0.2.21 port 80 method 3 weight 1", "192.0.2.21 port 80 method 3 weight 5", 1), "\n")
	if slices.Equal(want, before) {
		t.Fatalf("no server with weight 1 in\n%s", strings.Join(before, "\n"))
	}
	back("a change", want)
	if !lab.WaitFor(30*time.Second, func() bool { return lvsStatus(t, n.a).Kernel.Error == "" }) {
		t.Errorf("the status goes on to say %s", lvsStatus(t, n.a).Kernel.Error)
	}
}

// firstChecks waits until the first checks of a director with one service have
// ended: then nothing is due.
func firstChecks(t *testing.T, h *lab.Host) {
	t.Helper()
	if !lab.WaitFor(60*time.Second, func() bool {
		time.Sleep(100 * time.Millisecond)
		st := lvsStatus(t, h)
		return len(st.Services) == 1 && !slices.ContainsFunc(st.Services[0].Servers, func(r lvs.ServerStatus) bool {
			return len(r.Checks) == 0 || r.Checks[0].Last.IsZero()
		})
	}) {
		t.Fatal("the servers are not checked")
	}
}
