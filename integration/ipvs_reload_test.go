package integration

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// another is one more service, by an address of its own.
const another = `
[[virtual_server]]
ip = "192.0.2.101"
port = 80
lb_algo = "rr"
lb_kind = "DR"
protocol = "TCP"
real_server = [{ ip = "192.0.2.21", port = 80 }]

[[virtual_server]]
ip = "192.0.2.100"
port = 443
lb_algo = "rr"
lb_kind = "DR"
protocol = "TCP"
real_server = [{ ip = "192.0.2.22", port = 443 }]
`

var otherVIP = netip.MustParseAddr("192.0.2.101")

// neverRefusedByReload has a client that connects all the time through reloads
// that add and remove services and servers, its own among them: its service
// stays, so it is never refused. What a reload takes away with its address goes
// after that.
func neverRefusedByReload(t testing.TB) {
	n, _, _ := direct(t)
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	base := strings.Replace(followConf, "PRIORITY", "150", 1)
	own := func(servers string) string {
		return strings.Replace(base, `real_server = [{ ip = "192.0.2.21", port = 80 }, { ip = "192.0.2.22", port = 80, weight = 3 }]`, "real_server = ["+servers+"]", 1)
	}
	one, two := `{ ip = "192.0.2.21", port = 80 }`, `{ ip = "192.0.2.22", port = 80 }`
	more := strings.Replace(base, `"192.0.2.100/24"]`, `"192.0.2.100/24", "192.0.2.101/24"]`, 1) + another
	d := lab.Holdfast(prog)
	p, err := n.a.StartDaemon(d, "director.toml", base)
	if err != nil {
		t.Fatal(err)
	}
	n.holder(vip, "a", 30*time.Second)
	raw, tap := rawIPVSOf(t, n.a), tapNetlink(t, n.a)
	began := time.Now()
	traffic := client.Client(netip.AddrPortFrom(vip, 80), 20*time.Millisecond, 5*time.Second)
	steps := []struct {
		conf  string
		holds []string // by the table then
	}{
		{more, []string{"addr 192.0.2.101 port 80:", "addr 192.0.2.100 port 443:"}},
		{base, []string{"no 192.0.2.101", "no port 443"}},
		{own(one), []string{"no addr 192.0.2.22 "}},
		{own(two), []string{"no 192.0.2.100 port 80: addr 192.0.2.21 ", "addr 192.0.2.22 "}},
		{strings.Replace(own(one+", "+two), `"wlc"`, `"mh"`, 1), []string{"scheduler mh", "addr 192.0.2.22 "}},
		{base, []string{"scheduler wlc", "weight 3"}},
	}
	for i, step := range steps {
		const removed = 1 // the step that is listened to
		if i == removed {
			n.holder(otherVIP, "a", 30*time.Second)
			tap.heard()
		}
		if err := os.WriteFile(n.a.Path("director.toml"), []byte(step.conf), 0o644); err != nil {
			t.Fatal(err)
		}
		sent := time.Now()
		if err := p.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if !lab.WaitFor(60*time.Second, func() bool {
			time.Sleep(100 * time.Millisecond) // each look is seen by the tap
			table := tableOf(t, raw)
			return !slices.ContainsFunc(step.holds, func(w string) bool { return !holds(table, w) })
		}) {
			t.Fatalf("reload %d: the table is\n%s\nwant %q", i+1, strings.Join(tableOf(t, raw), "\n"), step.holds)
		}
		took := time.Since(sent)
		if i != removed {
			continue
		}
		gone := otherVIP.As4()
		list := slices.DeleteFunc(tap.heard(), func(a asked) bool { return a.ipvs && !a.writes() })
		address := slices.IndexFunc(list, func(a asked) bool { return a.about(false, unix.RTM_DELADDR, gone) })
		service := slices.IndexFunc(list, func(a asked) bool { return a.about(true, ipvsDelService, gone) })
		// The service waits 4 s for its address: more is not promised.
		if took < 3*time.Second && (address < 0 || service < address) {
			t.Errorf("the address is removed by request %d and the service by request %d of\n%v", address, service, list)
		}
	}
	traffic.Close()
	sum := traffic.Summarise(began, time.Now())
	t.Logf("%+v", sum)
	for _, r := range traffic.Requests(began, time.Now()) {
		// What was on its way to a server that a reload takes away is reset.
		if errors.Is(r.Err, syscall.ECONNREFUSED) {
			t.Errorf("a request at %v: %v", r.Start.UTC().Format("15:04:05.000"), r.Err)
		}
	}
	if len(sum.By) != 2 {
		t.Errorf("answers came from %v", sum.By)
	}
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
}
