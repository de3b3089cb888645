package integration

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// TestIPVSKept is about what must not change in the kernel, and when changes
// come.
func TestIPVSKept(t *testing.T) {
	lab.Require(t, "ipvsadm", "nginx")
	if inIPVS(t, 5*time.Minute) {
		return
	}
	t.Run("untouched and repaired", patiently(keptTable))
	t.Run("cleared", patiently(cleared))
	t.Run("set by hand", patiently(setByHand))
	t.Run("never refused", patiently(neverRefused))
	t.Run("never refused by a reload", patiently(neverRefusedByReload))
	t.Run("follows the master", patiently(followMaster))
	t.Run("kept over a stop", patiently(func(t testing.TB) { keptOverAStop(t, 0) }))
	t.Run("kept over a stop and a fault", patiently(func(t testing.TB) { keptOverAStop(t, 8*time.Second) }))
}

// keptTable has a reload that changes nothing, the death of the lvs process and
// that of all: the kernel is asked but not told anything, and a connection lives
// on. Nor does the successor wait for the checks of servers with alpha, or put
// one into service that is dead. Then another program changes the table.
func keptTable(t testing.TB) {
	n, _, conf := direct(t, "192.0.2.1 80") // the director itself, where nobody listens
	conf = strings.Replace(conf, " delay_loop 2\n", " delay_loop 2\n alpha\n", 1)
	conf = strings.Replace(conf, " real_server 192.0.2.1 80 {\n", " real_server 192.0.2.1 80 {\n alpha no\n", 1)
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	p := n.start(n.a, ours(t), conf, pidFiles(n.a)...)
	n.holder(vip, "a", 30*time.Second)
	raw := rawIPVSOf(t, n.a)
	firstChecks(t, n.a)
	var before []string
	if !lab.WaitFor(60*time.Second, func() bool {
		before = tableOf(t, raw)
		return len(before) == 4
	}) {
		t.Fatalf("the table is not a service, two servers and timeouts:\n%s", strings.Join(before, "\n"))
	}
	tap := tapNetlink(t, n.a)
	conn := connected(t, client)
	defer conn.Close()

	if err := p.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	says(t, p, "reloaded")
	time.Sleep(time.Second) // what it might do afterwards
	if w := writesOf(tap.heard()); len(w) > 0 {
		t.Errorf("a reload that changes nothing tells the kernel %v", w)
	}
	// A reload that changes one weight is one request.
	weights := strings.Replace(conf, "real_server 192.0.2.22 80 {\n", "real_server 192.0.2.22 80 {\n  weight 7\n", 1)
	for _, text := range []string{weights, conf} {
		if err := os.WriteFile(n.a.Path("keepalived.conf"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := p.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		var heard []asked
		if !lab.WaitFor(60*time.Second, func() bool {
			heard = append(heard, writesOf(tap.heard())...)
			return slices.Equal(tableOf(t, raw), before) == (text == conf)
		}) {
			t.Errorf("the weight does not change:\n%s", strings.Join(tableOf(t, raw), "\n"))
		}
		heard = append(heard, writesOf(tap.heard())...)
		if len(heard) != 1 || heard[0].command != ipvsSetDest {
			t.Errorf("a reload with another weight tells the kernel %v, want one SET_DEST", heard)
		}
	}
	pid := pidIn(n.a.Path("lvs.pid"))
	if pid == 0 {
		t.Fatal("no pid of the lvs process")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(60*time.Second, func() bool {
		next := pidIn(n.a.Path("lvs.pid"))
		return next != 0 && next != pid
	}) {
		t.Fatal("the lvs process is not replaced")
	}
	var heard []asked
	read := lab.WaitFor(60*time.Second, func() bool {
		heard = append(heard, tap.heard()...)
		return slices.ContainsFunc(heard, func(a asked) bool { return a.ipvs && a.command == ipvsGetService })
	})
	firstChecks(t, n.a)
	heard = append(heard, tap.heard()...)
	if w := writesOf(heard); len(w) > 0 {
		t.Errorf("the new lvs process tells the kernel %v", w)
	}
	if !read {
		t.Errorf("the new lvs process has not read the table: %v", heard)
	}
	if after := tableOf(t, raw); !slices.Equal(before, after) {
		t.Errorf("the table was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	if err := conn.SetDeadline(time.Now().Add(generous)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Error(err)
	} else if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || answer.StatusCode != 200 {
		t.Errorf("the connection did not live on: %v", err)
	}

	// After a crash of the whole daemon it is the same.
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	tap.heard()
	p = n.start(n.a, ours(t), conf, pidFiles(n.a)...)
	firstChecks(t, n.a)
	if w := writesOf(tap.heard()); len(w) > 0 {
		t.Errorf("the next daemon tells the kernel %v", w)
	}
	if after := tableOf(t, raw); !slices.Equal(before, after) {
		t.Errorf("the table was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}

	// Another program's doings: ours is repaired within a minute, theirs stays.
	for _, args := range []string{
		"-e -t " + vip.String() + ":80 -r 192.0.2.21:80 -g -w 9",
		"-d -t " + vip.String() + ":80 -r 192.0.2.22:80",
		"-E -t " + vip.String() + ":80 -s sh -p 60",
		"-A -t " + vip.String() + ":8080 -s rr",
	} {
		if _, err := n.a.Output(t.Context(), append([]string{"ipvsadm"}, strings.Fields(args)...)...); err != nil {
			t.Fatal(err)
		}
	}
	if !lab.WaitFor(80*time.Second, func() bool {
		time.Sleep(500 * time.Millisecond)
		return slices.Equal(before, slices.DeleteFunc(tableOf(t, raw), func(l string) bool { return strings.Contains(l, "port 8080") }))
	}) {
		t.Errorf("not repaired: %s", strings.Join(tableOf(t, raw), "\n"))
	}
	says(t, p, "changed by another program")
	says(t, p, "left alone")
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
	if left := strings.Join(tableOf(t, raw), "\n"); strings.Contains(left, "port 80 ") || !strings.Contains(left, "port 8080 ") {
		t.Errorf("left after the stop:\n%s", left)
	}
}

func tableOf(t testing.TB, r *rawIPVS) []string {
	t.Helper()
	table, err := r.lines()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func writesOf(list []asked) []asked {
	return slices.DeleteFunc(slices.Clone(list), func(a asked) bool { return !a.writes() })
}

// followConf is a director in TOML: one service at the virtual address and one
// at an address without a virtual router.
const followConf = `
[global_defs]
router_id = "lab"
lvs_profile = ["director", "tunnel"]

[vrrp_instance.VI_1]
state = "BACKUP"
interface = "eth0"
virtual_router_id = 51
priority = PRIORITY
advert_int = 1
virtual_ipaddress = ["192.0.2.100/24"]

[[virtual_server]]
ip = "192.0.2.100"
port = 80
lb_algo = "wlc"
lb_kind = "DR"
protocol = "TCP"
real_server = [{ ip = "192.0.2.21", port = 80 }, { ip = "192.0.2.22", port = 80, weight = 3 }]

[[virtual_server]]
ip = "192.0.2.250"
port = 80
lb_algo = "rr"
lb_kind = "DR"
protocol = "TCP"
real_server = [{ ip = "192.0.2.21", port = 80 }]
`

// keptOverAStop stops a director, whose table follows the master, with -I and
// starts it anew: it begins as backup, and the kernel is told nothing until it is
// master again, nor then. A connection lives on. fault is how long it has no link after
// the start; 0: it has one.
func keptOverAStop(t testing.TB, fault time.Duration) {
	n, _, _ := direct(t)
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	d := lab.Holdfast(prog)
	d.Args = []string{"run", "-I", "-f"}
	start := func(fault time.Duration) *lab.Process {
		t.Helper()
		if fault > 0 {
			if err := n.a.Cut(); err != nil {
				t.Fatal(err)
			}
		}
		p, err := n.a.StartDaemon(d, "director.toml", strings.Replace(followConf, "PRIORITY", "150", 1))
		if err != nil {
			t.Fatal(err)
		}
		if fault > 0 {
			says(t, p, "to=FAULT")
			time.Sleep(fault)
			if err := n.a.Restore(); err != nil {
				t.Fatal(err)
			}
		}
		n.holder(vip, "a", 30*time.Second)
		return p
	}
	p := start(0)
	raw := rawIPVSOf(t, n.a)
	conn := connected(t, client)
	defer conn.Close()
	before := tableOf(t, raw)
	tap := tapNetlink(t, n.a)
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
	if after := tableOf(t, raw); !slices.Equal(before, after) {
		t.Errorf("the table was\n%s\nand after the stop is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	p = start(fault)
	if after := tableOf(t, raw); !slices.Equal(before, after) {
		t.Errorf("the table was\n%s\nand after the start is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	if w := writesOf(tap.heard()); len(w) > 0 {
		t.Errorf("the kernel is told %v", w)
	}
	if err := conn.SetDeadline(time.Now().Add(generous)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Error(err)
	} else if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || answer.StatusCode != 200 {
		t.Errorf("the connection did not live on: %v", err)
	}
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
}

// followMaster has the table of the virtual address on the master alone: there
// before the address, gone after it.
func followMaster(t testing.TB) {
	n := directors(t, "follow")
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	hosts := []*lab.Host{n.a, n.b}
	raws, taps, procs := make([]*rawIPVS, 2), make([]*netlinkTap, 2), make([]*lab.Process, 2)
	start := func(i int) {
		t.Helper()
		conf := strings.Replace(followConf, "PRIORITY", []string{"150", "100"}[i], 1)
		if procs[i], err = hosts[i].StartDaemon(lab.Holdfast(prog), "director.toml", conf); err != nil {
			t.Fatal(err)
		}
	}
	// has waits until a director has the number of lines that name an address.
	has := func(i int, addr string, want int) {
		t.Helper()
		count := 0
		if !lab.WaitFor(60*time.Second, func() bool {
			count = 0
			for _, l := range tableOf(t, raws[i]) {
				if strings.Contains(l, addr+" ") {
					count++
				}
			}
			return count == want
		}) {
			t.Errorf("%s: %d lines about %s, want %d:\n%s", hosts[i].Name, count, addr, want, strings.Join(tableOf(t, raws[i]), "\n"))
		}
	}
	// profile is a setting of lvs_profile on b.
	profile := func(want string) {
		t.Helper()
		got := ""
		if !lab.WaitFor(60*time.Second, func() bool {
			out, err := n.b.Output(t.Context(), "cat", "/proc/sys/net/ipv4/vs/expire_nodest_conn", "/proc/sys/net/ipv4/vs/schedule_icmp")
			if err != nil {
				t.Fatal(err)
			}
			got = strings.Join(strings.Fields(out), " ")
			return got == want
		}) {
			t.Errorf("settings of lvs_profile are %q, want %q", got, want)
		}
	}
	const full = 3 // a service and two servers
	profile("0 0")
	for i := range hosts {
		raws[i], taps[i] = rawIPVSOf(t, hosts[i]), tapNetlink(t, hosts[i])
	}
	start(0)
	start(1)
	n.holder(vip, "a", 30*time.Second)
	for i, want := range []int{full, 0} {
		has(i, vip.String(), want)
		has(i, "192.0.2.250", 2)
	}
	profile("1 1")
	tableFirst(t, "a at start", taps[0].heard())
	taps[1].heard()

	if _, err := procs[0].Crash(); err != nil {
		t.Fatal(err)
	}
	n.holder(vip, "b", 20*time.Second)
	has(1, vip.String(), full)
	tableFirst(t, "b on takeover", taps[1].heard())

	// What the crashed director left is removed or taken over by the next one.
	if err := n.a.Restore(); err != nil {
		t.Fatal(err)
	}
	taps[0].heard()
	start(0)
	n.holder(vip, "a", 30*time.Second)
	has(0, vip.String(), full)
	has(1, vip.String(), 0)
	has(1, "192.0.2.250", 2)
	var list []asked
	var removed, gone int
	lab.WaitFor(60*time.Second, func() bool {
		list = append(list, taps[1].heard()...)
		removed, gone = first(list, false, unix.RTM_DELADDR), last(list, true, ipvsDelService)
		return removed >= 0 && gone >= 0
	})
	if removed < 0 || gone < 0 || gone < removed {
		t.Errorf("b removes its address as request %d and the table as request %d", removed, gone)
	}
	for i, p := range procs {
		if exit, err := p.Stop(generous); err != nil || exit != 0 {
			t.Errorf("stop: exit %d, %v", exit, err)
		}
		has(i, vip.String(), 0)
		has(i, "192.0.2.250", 0)
	}
	profile("0 0")
}

func first(list []asked, ipvs bool, command int) int {
	return slices.IndexFunc(list, func(a asked) bool { return a.about(ipvs, command, vip.As4()) })
}

func last(list []asked, ipvs bool, command int) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].about(ipvs, command, vip.As4()) {
			return i
		}
	}
	return -1
}

// tableFirst requires that the service and its servers were asked for before
// the address.
func tableFirst(t testing.TB, when string, list []asked) {
	t.Helper()
	service, server, addr := first(list, true, ipvsNewService), last(list, true, ipvsNewDest), first(list, false, unix.RTM_NEWADDR)
	if service < 0 || server < 0 || addr < 0 || service > addr || server > addr {
		t.Errorf("%s: service, last server and address are requests %d, %d and %d of\n%v", when, service, server, addr, list)
	}
}
