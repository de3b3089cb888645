package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// load is one amount of work for a pair of directors.
type load struct {
	name    string
	version int
	routers int
	// each is how many addresses a router has; 0: one. What no advert has room for
	// is in virtual_ipaddress_excluded.
	each     int
	interval time.Duration
	// ifaces is over how many interfaces the routers are spread; 0: one.
	ifaces int
	// pairs of each daemon run at the same time; more make a small load
	// measurable and a slow one quick.
	pairs int
	// heavy: the daemons take turns, for together they would starve each other.
	heavy bool
	// slower divides -runs, where a run takes long.
	slower float64
	// cpu and takeover are the targets: at most so many times what keepalived
	// takes; 0: none.
	cpu, takeover float64
}

var loads = []load{
	{name: "1 router, v2, 1s", version: 2, routers: 1, interval: time.Second, pairs: 5, slower: 1, cpu: 1},
	{name: "255 routers, v2, 1s", version: 2, routers: 255, interval: time.Second, pairs: 1, slower: 2.5, cpu: 0.7},
	{name: "4000 routers on 16 interfaces, v2, 1s", version: 2, routers: 4000, ifaces: 16, interval: time.Second, pairs: 1, heavy: true, slower: 5, cpu: 0.7},
	{name: "255 routers, v3, 10ms", version: 3, routers: 255, interval: 10 * time.Millisecond, pairs: 1, heavy: true, slower: 1, cpu: 0.7, takeover: 0.3},
	{name: "1 router of 255 addresses, v3, 10ms", version: 3, routers: 1, each: 255, interval: 10 * time.Millisecond, pairs: 1, heavy: true, slower: 1},
	{name: "1 router of 4000 addresses, v2, 1s", version: 2, routers: 1, each: 4000, interval: time.Second, pairs: 1, heavy: true, slower: 5},
}

const (
	masterPriority = 150
	backupPriority = 100
)

// vips holds every virtual address and no other.
var vips = netip.MustParsePrefix("10.77.0.0/16")

// conf is the configuration of a director.
func (l load) conf(priority int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "global_defs {\n  router_id bench\n  vrrp_version %d\n}\n", l.version)
	for i := range l.routers {
		fmt.Fprintf(&b, `vrrp_instance VI_%d {
  state BACKUP
  interface %s
  virtual_router_id %d
  priority %d
  advert_int %g
`, i+1, l.iface(i), i/max(l.ifaces, 1)%255+1, priority, l.interval.Seconds())
		n := max(l.each, 1)
		l.block(&b, "virtual_ipaddress", i*n, min(n, advertRoom))
		if n > advertRoom {
			l.block(&b, "virtual_ipaddress_excluded", i*n+advertRoom, n-advertRoom)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// advertRoom is how many addresses an advert names.
const advertRoom = 255

// block writes count addresses from number first on.
func (l load) block(b *strings.Builder, keyword string, first, count int) {
	fmt.Fprintf(b, "  %s {\n", keyword)
	for i := first + 1; i <= first+count; i++ {
		fmt.Fprintf(b, "    10.77.%d.%d\n", i/256, i%256)
	}
	b.WriteString("  }\n")
}

// addresses is how many the master holds.
func (l load) addresses() int { return l.routers * max(l.each, 1) }

// iface is the interface of router i.
func (l load) iface(i int) string { return fmt.Sprintf("eth%d", i%max(l.ifaces, 1)) }

// bound is the master-down interval of the backup: what the timers take
// (RFC 3768 section 6.1, RFC 9568 section 6.1).
func (l load) bound() time.Duration {
	unit := l.interval
	if l.version == 2 {
		unit = time.Second
	}
	return 3*l.interval + (256-backupPriority)*unit/256
}
