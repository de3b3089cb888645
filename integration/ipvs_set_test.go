package integration

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// setByHand uses holdfast set on a director under way: a weight, a drain that
// waits for a connection and outlives the lvs process, and a server that stays
// out over a reload.
func setByHand(t testing.TB) {
	n, _, conf := direct(t)
	conf = "global_defs {\n lvs_timeouts tcpfin 2\n lvs_notify_fifo " + n.a.Path("fifo") + "\n}\n" + conf
	if err := syscall.Mkfifo(n.a.Path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(n.a.Path("fifo"), os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fifo.Close() })
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	p := n.start(n.a, ours(t), conf, pidFiles(n.a)...)
	n.holder(vip, "a", 30*time.Second)
	raw := rawIPVSOf(t, n.a)
	until := func(what string, ok func(table string) bool) {
		t.Helper()
		if !lab.WaitFor(60*time.Second, func() bool { return ok(strings.Join(tableOf(t, raw), "\n")) }) {
			t.Errorf("%s: the table is\n%s", what, strings.Join(tableOf(t, raw), "\n"))
		}
	}
	has := func(server string, weight int) func(string) bool {
		return func(table string) bool {
			return slices.ContainsFunc(strings.Split(table, "\n"), func(l string) bool {
				return strings.Contains(l, server) && strings.Contains(l+" ", fmt.Sprint(" weight ", weight, " "))
			})
		}
	}
	without := func(server string) func(string) bool {
		return func(table string) bool { return !strings.Contains(table, server) }
	}
	until("start", func(table string) bool { return has("192.0.2.21", 1)(table) && has("192.0.2.22", 1)(table) })
	firstChecks(t, n.a)
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	holdfast := func(words string) string {
		t.Helper()
		args := append([]string{prog}, strings.Fields(words)...)
		out, err := n.a.Output(t.Context(), append(args, "--control", n.a.Path("parent.sock"))...)
		if err != nil {
			t.Errorf("holdfast %s: %v", words, err)
		}
		return out
	}

	// A weight is one SET_DEST.
	tap := tapNetlink(t, n.a)
	out := holdfast("set real_server 192.0.2.100:80 192.0.2.21 weight 5")
	if !strings.Contains(out, "in service, weight 5") || !has("192.0.2.21", 5)(strings.Join(tableOf(t, raw), "\n")) {
		t.Errorf("it said %q; the table is\n%s", out, strings.Join(tableOf(t, raw), "\n"))
	}
	var writes []asked
	lab.WaitFor(10*time.Second, func() bool {
		writes = append(writes, writesOf(tap.heard())...)
		return len(writes) > 0
	})
	time.Sleep(500 * time.Millisecond)
	if writes = append(writes, writesOf(tap.heard())...); len(writes) != 1 || writes[0].command != ipvsSetDest {
		t.Errorf("the kernel was told %v, want one SET_DEST", writes)
	}
	if text := holdfast("status"); !strings.Contains(text, "weight 5 by root (uid 0)") || !strings.Contains(text, "until the next reload") {
		t.Errorf("status:\n%s", text)
	}

	// A drain waits for the connection, also that of a new lvs process.
	conn := connected(t, client)
	defer conn.Close()
	server := connectedTo(t, n.a)
	other := map[string]string{"192.0.2.21": "192.0.2.22", "192.0.2.22": "192.0.2.21"}[server]
	if out := holdfast("set real_server 192.0.2.100:80 " + server + " drain 5m --keep"); !strings.Contains(out, "drains") {
		t.Errorf("it said %q", out)
	}
	until("drain", has(server, 0))
	pid := pidIn(n.a.Path("lvs.pid"))
	if pid == 0 {
		t.Fatal("no pid of the lvs process")
	}
	tap.heard()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(60*time.Second, func() bool {
		next := pidIn(n.a.Path("lvs.pid"))
		return next != 0 && next != pid
	}) {
		t.Fatal("the lvs process is not replaced")
	}
	if !lab.WaitFor(60*time.Second, func() bool {
		l := lvsStatus(t, n.a) // the process may not be there yet
		return len(l.Services) == 1 &&
			l.Services[0].Servers[slices.Index([]string{"192.0.2.21", "192.0.2.22"}, server)].State == "draining"
	}) {
		t.Error("the new lvs process does not know of the drain")
	}
	if w := writesOf(tap.heard()); len(w) > 0 {
		t.Errorf("the new lvs process told the kernel %v", w)
	}
	traffic := client.Client(netip.AddrPortFrom(vip, 80), 50*time.Millisecond, 5*time.Second)
	began := time.Now()
	time.Sleep(2 * time.Second)
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Error(err)
	} else if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || answer.StatusCode != 200 {
		t.Errorf("the connection does not live on while its server drains: %v", err)
	}
	conn.Close()
	until("after the last connection", without(server))
	traffic.Close()
	if sum := traffic.Summarise(began, time.Now()); sum.Failed > 0 || len(sum.By) != 1 {
		t.Errorf("requests while %s drains, which none may reach: %+v", server, sum)
	}

	// What is kept outlives a reload.
	if err := p.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until("reload", func(table string) bool { return without(server)(table) && has(other, 1)(table) })
	holdfast("set real_server 192.0.2.100:80 " + server + " enable")
	until("enable", has(server, 1))
	want := []string{"DRAIN", "DRAIN", "DOWN", "UP"} // the new lvs process tells how it begins
	var lines, got []string
	lab.WaitFor(generous, func() bool {
		for _, l := range readLines(fifo) {
			lines = append(lines, l)
			if strings.HasPrefix(l, "RS ["+server+"]") {
				got = append(got, l[strings.LastIndexByte(l, ' ')+1:])
			}
		}
		return len(got) >= len(want)
	})
	if !slices.Equal(got, want) {
		t.Errorf("the FIFO said %q, want %q of %s", lines, want, server)
	}
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
}

// readLines reads what is in a FIFO now.
func readLines(f *os.File) []string {
	buf := make([]byte, 1<<16)
	f.SetReadDeadline(time.Now().Add(time.Second)) //nolint:errcheck // it then reads nothing
	n, _ := f.Read(buf)
	return strings.FieldsFunc(string(buf[:n]), func(r rune) bool { return r == '\n' || r == 0 })
}

// connected is a connection of client to the service; the caller closes it.
func connected(t testing.TB, client *lab.Host) (conn net.Conn) {
	t.Helper()
	if err := client.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp", vip.String()+":80", generous)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return conn
}

// connectedTo is the server of the one established connection.
func connectedTo(t testing.TB, h *lab.Host) string {
	t.Helper()
	server := ""
	if !lab.WaitFor(generous, func() bool {
		out, err := h.Output(t.Context(), "ipvsadm", "-Lcn")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out) {
			if w := strings.Fields(line); len(w) == 6 && w[2] == "ESTABLISHED" {
				server, _, _ = strings.Cut(w[5], ":")
			}
		}
		return server != ""
	}) {
		t.Fatal("IPVS has no established connection")
	}
	return server
}

// failovers is how often neverRefused has the address move.
func failovers(t testing.TB) int {
	n, err := strconv.Atoi(os.Getenv("HOLDFAST_FAILOVERS"))
	if err != nil {
		return 4
	}
	t.Logf("%d failovers", n)
	return n
}

// neverRefused has a client that connects all the time while the address moves
// between two directors, by stop, start, death and return: it may have to wait,
// but is never refused, for no director has the address without the table.
func neverRefused(t testing.TB) {
	n, _, _ := direct(t)
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	hosts := []*lab.Host{n.a, n.b}
	procs := make([]*lab.Process, 2)
	var logs []func() string // of all that were started
	start := func(i int) {
		t.Helper()
		conf := strings.Replace(followConf, "PRIORITY", []string{"150", "100"}[i], 1)
		if procs[i], err = hosts[i].StartDaemon(lab.Holdfast(prog), "director.toml", conf); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, procs[i].Log)
	}
	start(0)
	start(1)
	n.holder(vip, "a", 30*time.Second)
	began := time.Now()
	traffic := client.Client(netip.AddrPortFrom(vip, 80), 20*time.Millisecond, time.Second)
	for i := range failovers(t) {
		switch i % 4 {
		case 0: // the master stops
			if exit, err := procs[0].Stop(generous); err != nil || exit != 0 {
				t.Errorf("stop: exit %d, %v", exit, err)
			}
			n.holder(vip, "b", 20*time.Second)
		case 2: // it dies
			if _, err := procs[0].Crash(); err != nil {
				t.Fatal(err)
			}
			n.holder(vip, "b", 20*time.Second)
		case 3: // what it left is there when it comes back
			if err := n.a.Restore(); err != nil {
				t.Fatal(err)
			}
			fallthrough
		case 1: // it takes over from one that lives
			start(0)
			n.holder(vip, "a", 30*time.Second)
		}
		time.Sleep(time.Second)
	}
	traffic.Close()
	sum := traffic.Summarise(began, time.Now())
	t.Logf("%+v", sum)
	// A machine that is too busy for the table in all the time that an address
	// waits for it gets the address without; nothing can be said then.
	late := slices.ContainsFunc(logs, func(log func() string) bool { return strings.Contains(log(), "was not ready in time") })
	if late {
		t.Log("the table was not ready in time: refused requests are not judged")
	}
	for _, r := range traffic.Requests(began, time.Now()) {
		// A connection that was established when its director went is reset,
		// as nothing synchronises connections here.
		if !late && errors.Is(r.Err, syscall.ECONNREFUSED) {
			t.Errorf("a request at %v: %v", r.Start.UTC().Format("15:04:05.000"), r.Err)
		}
	}
	if len(sum.By) != 2 {
		t.Errorf("answers came from %v", sum.By)
	}
	for _, p := range procs {
		if p != nil {
			_, _ = p.Stop(generous)
		}
	}
}
