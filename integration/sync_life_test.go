package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// syncLife has the sync daemons of a director through everything that Linux
// takes without a word: no interface, an interface without an address, one that
// is made anew, backup_only beside the master role, another number of threads.
func syncLife(t testing.TB) {
	l := lab.Test(t, "synclife")
	h, err := l.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := h.Output(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	setting := func(name string) string { return run("cat", "/proc/sys/net/ipv4/vs/"+name) }
	until := func(what string, f func() bool) {
		t.Helper()
		if !lab.WaitFor(40*time.Second, func() bool {
			time.Sleep(50 * time.Millisecond)
			return f()
		}) {
			st := lvsStatus(t, h)
			t.Fatalf("%s: not so:\n%s\n%s\nstatus %+v, %+v", what, run("ipvsadm", "-l", "--daemon"),
				procNet(t, h, "udp")+procNet(t, h, "udp6"), st.Sync, st.Daemons)
		}
	}
	// threads are those whose sockets the kernel shows.
	threads := func() (master, backup int) {
		st := lvsStatus(t, h)
		for _, d := range st.Daemons {
			if d.Role == "master" {
				master = d.Threads
			} else {
				backup = d.Threads
			}
		}
		return master, backup
	}
	problem := func(want string) {
		t.Helper()
		until("the problem "+want, func() bool {
			st := lvsStatus(t, h)
			return st.Sync != nil && st.Sync.Problem == want
		})
	}
	conf := func(options string) string {
		return "global_defs {\n lvs_sync_daemon sync0 " + options + "\n}\n" +
			"virtual_server 192.0.2.100 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 192.0.2.21 80 {\n }\n}\n"
	}
	run("sysctl", "-q", "-w", "net.ipv4.vs.backup_only=1")
	d := ours(t)
	d.Args = append(pidFiles(h), d.Args...)
	p, err := h.StartDaemon(d, "keepalived.conf", conf("id 9"))
	if err != nil {
		t.Fatal(err)
	}
	reload := func(options string) {
		t.Helper()
		if err := os.WriteFile(h.Path("keepalived.conf"), []byte(conf(options)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := p.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	problem("interface sync0: not found")
	if out := run("ipvsadm", "-l", "--daemon"); out != "" {
		t.Errorf("daemons on an interface that does not exist: %s", out)
	}
	add := func(index int) {
		t.Helper()
		run("ip", "link", "add", "sync0", "index", fmt.Sprint(index), "type", "dummy")
		run("ip", "link", "set", "sync0", "up")
	}
	add(101)
	problem("interface sync0 has no IPv4 address to send from")
	run("ip", "addr", "add", "203.0.113.1/24", "dev", "sync0")
	problem("")
	both := func() bool { m, b := threads(); return m == 1 && b == 1 }
	until("both roles", both)
	if v := setting("backup_only"); v != "0" {
		t.Errorf("backup_only is %s while both roles run", v)
	}
	source := func(want string) {
		t.Helper()
		until("the master sends from "+want, func() bool {
			st := lvsStatus(t, h)
			return len(st.Daemons) > 0 && st.Daemons[0].Role == "master" && st.Daemons[0].Source.String() == want
		})
	}
	source("203.0.113.1")
	run("ip", "addr", "add", "203.0.113.2/24", "dev", "sync0")
	run("ip", "addr", "del", "203.0.113.1/24", "dev", "sync0")
	run("ip", "addr", "replace", "203.0.113.2/24", "dev", "sync0") // the kernel removed it with the first
	source("203.0.113.2")

	// Deleted and made anew, with another index.
	run("ip", "link", "del", "sync0")
	problem("interface sync0: not found")
	until("no daemon", func() bool { return run("ipvsadm", "-l", "--daemon") == "" })
	add(102)
	run("ip", "addr", "add", "203.0.113.3/24", "dev", "sync0")
	source("203.0.113.3")
	until("the backup is in the group", func() bool { return strings.Contains(groupsOf(procNet(t, h, "igmp"), "sync0"), "510000E0") })
	// So fast that nobody sees it go.
	run("sh", "-c", "ip link del sync0; ip link add sync0 index 103 type dummy; ip link set sync0 up; ip addr add 203.0.113.3/24 dev sync0")
	until("the backup is in the group again", func() bool { return strings.Contains(groupsOf(procNet(t, h, "igmp"), "sync0"), "510000E0") })
	source("203.0.113.3")
	problem("")

	reload("id 9 sync_ports 4")
	until("four threads", func() bool { m, b := threads(); return m == 4 && b == 4 })
	reload("id 10 group ff02::81 port 9000")
	until("one thread", func() bool { m, b := threads(); return m == 1 && b == 1 })
	until("a group of IPv6", func() bool {
		st := lvsStatus(t, h)
		return len(st.Daemons) == 2 && st.Daemons[0].Group.Is6() && st.Daemons[0].Source.IsLinkLocalUnicast() && st.Daemons[1].Port == 9000
	})
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	// Where to listen is what the kernel's daemons say.
	out := run(prog, "sync", "dump", "--count", "--for", "100ms")
	if !strings.Contains(out, "listening on sync0 for ff02::81, UDP ports 9000 to 9063\n") || !strings.Contains(out, "no sync messages") {
		t.Errorf("sync dump without -i: %s", out)
	}
	if v := setting("sync_ports"); v != "1" {
		t.Errorf("sync_ports is %s after a reload without it", v)
	}
	if _, err := p.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if out := run("ipvsadm", "-l", "--daemon"); out != "" {
		t.Errorf("left after the stop: %s", out)
	}
	if v := setting("backup_only"); v != "1" {
		t.Errorf("backup_only is %s after the stop", v)
	}
	for _, line := range complaintsIn(p.Log()) {
		if strings.Contains(line, "level=ERROR") {
			t.Error(line)
		}
	}
}

// groupsOf are the lines of /proc/net/igmp about one interface.
func groupsOf(igmp, name string) string {
	var b strings.Builder
	ours := false
	for line := range strings.SplitSeq(igmp, "\n") {
		if !strings.HasPrefix(line, "\t") {
			f := strings.Fields(line)
			ours = len(f) > 1 && f[1] == name
		} else if ours {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// lvsStatus asks for the part of the lvs process; it is empty while the daemon,
// started with pidFiles, does not answer.
func lvsStatus(t testing.TB, h *lab.Host) (st control.LVS) {
	t.Helper()
	var all control.Status
	if control.Ask(h.Path("parent.sock"), control.Request{Command: "status"}, &all) != nil || all.LVS == nil {
		return st
	}
	if err := json.Unmarshal(all.LVS, &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// procNet reads a file of a host's /proc/net.
func procNet(t testing.TB, h *lab.Host, name string) string {
	t.Helper()
	var b []byte
	if err := h.Do(func() (err error) {
		b, err = os.ReadFile("/proc/thread-self/net/" + name)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return string(b)
}
