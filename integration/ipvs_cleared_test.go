package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/lvs"
	"holdfast/ipvs"
)

// cleared has another program empty the table (ipvsadm -C): it is back with the
// next look at the kernel and that is told, and at once when a change is due,
// which the kernel then refuses, or when a server drains, whose connection lives
// on; and a reload in the middle of it ends with the table that it wants.
func cleared(t testing.TB) {
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

	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	var conn net.Conn
	if !lab.WaitFor(60*time.Second, func() (ok bool) {
		_ = client.Do(func() (err error) {
			conn, err = net.DialTimeout("tcp", vip.String()+":80", 10*time.Second)
			ok = err == nil
			return err
		})
		return ok
	}) {
		t.Fatal("no connection")
	}
	defer conn.Close()
	server := connectedTo(t, n.a)
	control := []string{"--control", n.a.Path("parent.sock")}
	drain := func(order ...string) {
		t.Helper()
		var err error
		if !lab.WaitFor(60*time.Second, func() bool { // a busy machine may not answer in time
			_, err = operator(t, n.a, append(append([]string{"set", "real_server", vip.String() + ":80", server}, order...), control...)...)
			return err == nil
		}) {
			t.Error(err)
		}
	}
	drain("drain", "10m")
	if !lab.WaitFor(60*time.Second, func() bool { return holds(tableOf(t, raw), "addr "+server+" port 80 method 3 weight 0 ") }) {
		t.Errorf("no drain of %s: %s", server, strings.Join(tableOf(t, raw), "\n"))
	}
	draining := tableOf(t, raw)
	clear()
	back("a drain", draining)
	if err := conn.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Error(err)
	} else if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || answer.StatusCode != 200 {
		t.Errorf("the connection does not live on: %v", err)
	}
	drain("enable")
	clearedInReload(t, n, p, conf)
}

// clearedInReload has a program empty the table over and over while a reload
// brings many services.
func clearedInReload(t testing.TB, n *network, p *lab.Process, conf string) {
	t.Helper()
	var text strings.Builder
	text.WriteString(conf)
	const services, servers = 60, 10
	for i := range services {
		fmt.Fprintf(&text, "virtual_server 203.0.113.%d 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n", 1+i)
		for r := range servers {
			fmt.Fprintf(&text, " real_server 192.0.2.%d 80 {\n  weight %d\n }\n", 150+r, 1+i)
		}
		text.WriteString("}\n")
	}
	if err := os.WriteFile(n.a.Path("keepalived.conf"), []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	var kernel ipvs.Kernel
	if err := n.a.Do(func() (err error) {
		kernel, err = ipvs.Open()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	reloads := func() int { return strings.Count(p.Log(), " msg=reloaded ") }
	before, flushes := reloads(), 0
	if err := p.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(100*time.Second, func() bool {
		if err := kernel.Flush(); err != nil {
			t.Fatal(err)
		}
		flushes++
		time.Sleep(10 * time.Millisecond)
		return reloads() > before
	}) {
		t.Fatalf("no end of the reload:\n%s", p.LogEnd())
	}
	t.Logf("%d times emptied", flushes)
	// The last time may have come after the last change: then the next one shows it.
	_, _ = operator(t, n.a, "set", "real_server", "203.0.113.1:80", "192.0.2.150", "weight", "9", "--control", n.a.Path("parent.sock"))
	raw, lines := rawIPVSOf(t, n.a), 0
	if !lab.WaitFor(100*time.Second, func() bool {
		time.Sleep(200 * time.Millisecond)
		lines = strings.Count(strings.Join(tableOf(t, raw), "\n"), " addr 203.0.113.")
		return lines == services*(1+servers)
	}) {
		t.Errorf("%d lines of the new services, want %d", lines, services*(1+servers))
	}
	if !lab.WaitFor(30*time.Second, func() bool { return lvsStatus(t, n.a).Kernel.Error == "" }) {
		t.Errorf("the status goes on to say %s", lvsStatus(t, n.a).Kernel.Error)
	}
}

// firstChecks waits until the first checks of a director with one service have
// ended: then nothing is due.
func firstChecks(t testing.TB, h *lab.Host) {
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
