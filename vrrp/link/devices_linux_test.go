package link

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
)

func ipCommand(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
	return string(out)
}

func setting(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/net/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func setSetting(t testing.TB, path, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/"+path, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

// vmac51 is the VMAC of VRID 51 on an interface.
func vmac51(parent string, ipv6 bool) Device {
	family := byte(1)
	groups := [2]netip.Addr{0: netip.MustParseAddr("224.0.0.18")}
	if ipv6 {
		family, groups = 2, [2]netip.Addr{1: netip.MustParseAddr("ff02::12")}
	}
	return Device{
		Kind: Macvlan, Parent: parent, VRID: 51, IPv6: ipv6, MAC: [6]byte{0, 0, 0x5e, 0, family, 51},
		Prefix: "vrrp", Groups: groups, Source: true,
	}
}

// parents makes two pairs of interfaces, v0 with v1 and a name with a dot with
// v3; all.rp_filter is 1, as many distributions have it.
func parents(t testing.TB) {
	t.Helper()
	for _, p := range [][2]string{{"v0", "v1"}, {"v.2", "v3"}} {
		ipCommand(t, "link", "add", p[0], "type", "veth", "peer", "name", p[1])
		ipCommand(t, "link", "set", p[0], "up")
		ipCommand(t, "link", "set", p[1], "up")
	}
	ipCommand(t, "addr", "add", "192.0.2.1/24", "dev", "v0")
	setSetting(t, "ipv4/conf/all/rp_filter", "1")
}

// settingsOf is every setting that VMACs may touch, as text.
func settingsOf(t testing.TB, names ...string) string {
	t.Helper()
	var b strings.Builder
	for _, n := range names {
		for _, s := range []string{"arp_ignore", "arp_filter", "arp_announce", "rp_filter", "accept_local", "promote_secondaries"} {
			fmt.Fprintf(&b, "%s.%s=%s\n", n, s, setting(t, "ipv4/conf/"+n+"/"+s))
		}
	}
	return b.String()
}

func TestDevicesMakeAndRemove(t *testing.T) {
	if !inNetns(t) {
		return
	}
	parents(t)
	before := settingsOf(t, "all", "default", "v0", "v.2")
	var record DeviceRecord
	d := NewDevices(DevicesConfig{Answer: func([]DeviceState) {}, Changed: func(r DeviceRecord) { record = r }})
	want := []Device{vmac51("v0", false), vmac51("v.2", false), vmac51("v0", true), vmac51("none", false)}
	named := vmac51("v0", false)
	named.VRID, named.Name, named.MAC = 52, "foo.52", [6]byte{2, 0, 0, 0, 1, 52}
	want = append(want, named)
	states := d.Ensure(want)
	for i, name := range []string{"vrrp.51", "vrrp1.51", "vrrp6.51", "", "foo.52"} {
		if states[i].Err != nil || states[i].Name != name || (states[i].Ifindex != 0) != (name != "") {
			t.Errorf("device %d: %+v, want the name %q", i, states[i], name)
		}
	}
	if len(record.Devices) != 4 {
		t.Errorf("record %+v", record)
	}
	got := ipCommand(t, "-d", "link", "show", "vrrp.51")
	for _, w := range []string{"vrrp.51@v0", "00:00:5e:00:01:33", "macvlan mode private", "addrgenmode none", ",UP,"} {
		if !strings.Contains(got, w) {
			t.Errorf("no %q in %s", w, got)
		}
	}
	// The very settings that keepalived 2.2.7 makes, and arp_announce.
	for path, value := range map[string]string{
		"ipv4/conf/vrrp.51/arp_ignore": "1", "ipv4/conf/vrrp.51/rp_filter": "0", "ipv4/conf/vrrp.51/accept_local": "1",
		"ipv4/conf/vrrp.51/promote_secondaries": "1", "ipv6/conf/vrrp.51/disable_ipv6": "1", "ipv4/conf/vrrp.51/arp_filter": "0",
		"ipv4/conf/v0/arp_ignore": "1", "ipv4/conf/v0/arp_filter": "1", "ipv4/conf/v0/arp_announce": "2", "ipv4/conf/vrrp.51/arp_announce": "0", "ipv4/conf/v.2/arp_ignore": "1",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/v0/rp_filter": "1", "ipv4/conf/default/rp_filter": "1", "ipv4/conf/vrrp6.51/arp_ignore": "0",
	} {
		if got := setting(t, path); got != value {
			t.Errorf("%s is %s, want %s", path, got, value)
		}
	}
	if f := d.Findings(); len(f) != 0 {
		t.Errorf("findings %v", f)
	}
	setSetting(t, "ipv4/conf/vrrp.51/rp_filter", "1")
	setSetting(t, "ipv4/conf/v0/arp_ignore", "0")
	if f := d.Findings()["vrrp.51"]; len(f) != 2 || !strings.Contains(f[0], "vrrp.51/rp_filter is 1") || !strings.Contains(f[1], "v0/arp_ignore is 0") {
		t.Errorf("findings %v", f)
	}
	again := d.Ensure(want)
	if !slices.Equal(again, states) {
		t.Errorf("once more: %+v, was %+v", again, states)
	}
	if f := d.Findings(); len(f) != 0 {
		t.Errorf("not mended: %v", f)
	}
	// The VMACs of v.2 go: so do its settings, and no others.
	d.Ensure(slices.Delete(slices.Clone(want), 1, 2))
	if got := setting(t, "ipv4/conf/v.2/arp_ignore") + setting(t, "ipv4/conf/v0/arp_ignore") + setting(t, "ipv4/conf/all/rp_filter"); got != "010" {
		t.Errorf("v.2, v0 arp_ignore and all.rp_filter are %s", got)
	}
	if err := d.Close(false); err != nil {
		t.Error(err)
	}
	if got := ipCommand(t, "link"); strings.Contains(got, "vrrp") || strings.Contains(got, "foo") {
		t.Errorf("left: %s", got)
	}
	if after := settingsOf(t, "all", "default", "v0", "v.2"); after != before {
		t.Errorf("settings after:\n%swere:\n%s", after, before)
	}
	if !record.Empty() {
		t.Errorf("still to undo: %+v", record)
	}
}

func TestDevicesOfAPredecessor(t *testing.T) {
	if !inNetns(t) {
		return
	}
	parents(t)
	before := settingsOf(t, "all", "default", "v0", "v.2")
	var record DeviceRecord
	old := NewDevices(DevicesConfig{Answer: func([]DeviceState) {}, Changed: func(r DeviceRecord) { record = r }})
	was := old.Ensure([]Device{vmac51("v0", false), vmac51("v.2", false)})
	if err := old.Close(true); err != nil { // as SIGKILL leaves it
		t.Fatal(err)
	}
	ipCommand(t, "addr", "add", "192.0.2.100/32", "dev", "vrrp.51")
	index := ipCommand(t, "-o", "link", "show", "vrrp.51")

	next := NewDevices(DevicesConfig{Answer: func([]DeviceState) {}, Changed: func(r DeviceRecord) { record = r }, Left: record})
	now := next.Ensure([]Device{vmac51("v0", false)})
	if now[0] != was[0] || ipCommand(t, "-o", "link", "show", "vrrp.51") != index {
		t.Errorf("not the same device: %+v, was %+v", now, was)
	}
	if !strings.Contains(ipCommand(t, "addr", "show", "vrrp.51"), "192.0.2.100") {
		t.Error("its address is gone")
	}
	if got := ipCommand(t, "link"); strings.Contains(got, "vrrp1.51") {
		t.Errorf("the other one is still there: %s", got)
	}
	if got := setting(t, "ipv4/conf/v.2/arp_ignore"); got != "0" {
		t.Errorf("the setting of the interface below it is %s", got)
	}
	if err := next.Close(true); err != nil {
		t.Fatal(err)
	}
	// And when nobody comes after it any more.
	if err := UndoDevices(record, nil); err != nil {
		t.Error(err)
	}
	if got := ipCommand(t, "link"); strings.Contains(got, "vrrp") {
		t.Errorf("left: %s", got)
	}
	if after := settingsOf(t, "all", "default", "v0", "v.2"); after != before {
		t.Errorf("settings after:\n%swere:\n%s", after, before)
	}
}

func TestDevicesNames(t *testing.T) {
	if !inNetns(t) {
		return
	}
	parents(t)
	ipCommand(t, "link", "add", "vrrp.51", "type", "veth", "peer", "name", "vrrp6.51")
	d := NewDevices(DevicesConfig{Answer: func([]DeviceState) {}})
	named := vmac51("v0", false)
	named.VRID, named.MAC[5], named.Name = 52, 52, "v1" // an interface of somebody else
	states := d.Ensure([]Device{vmac51("v0", true), named})
	if again := d.Ensure([]Device{vmac51("v0", true), named}); !slices.Equal(again, states) {
		t.Errorf("once more: %+v, was %+v", again, states)
	}
	if states[0].Name != "vrrp1.51" {
		t.Errorf("with the first names taken: %+v", states[0])
	}
	if states[1].Err != nil || states[1].Name != "vrrp.52" {
		t.Errorf("a name that is taken: %+v", states[1])
	}
	if got := ipCommand(t, "-6", "addr", "show", "vrrp1.51"); !strings.Contains(got, "fe80::") || !strings.Contains(got, "deprecated") {
		t.Errorf("no link-local address: %s", got)
	}
	if err := d.Close(false); err != nil {
		t.Error(err)
	}
}

func TestDevicesNoLocalIGMP(t *testing.T) {
	if !inNetns(t) {
		return
	}
	parents(t)
	const path = "ipv4/igmp_link_local_mcast_reports"
	d := NewDevices(DevicesConfig{Answer: func([]DeviceState) {}, NoLocalIGMP: true})
	d.Ensure([]Device{vmac51("v0", true)})
	if got := setting(t, path); got != "1" {
		t.Errorf("%s is %s without an IPv4 VMAC", path, got)
	}
	d.Ensure([]Device{vmac51("v0", true), vmac51("v0", false)})
	if got := setting(t, path); got != "0" || d.mute.tables[0] != nil {
		t.Errorf("%s is %s, tables %v", path, got, d.mute.tables)
	}
	if err := d.Close(false); err != nil {
		t.Error(err)
	}
	if got := setting(t, path); got != "1" {
		t.Errorf("%s is %s in the end", path, got)
	}
}

// What somebody removes of the tables of VMACs comes back, with the next VMAC as
// without; what we remove ourselves does not.
func TestDevicesRepair(t *testing.T) {
	if !inNetns(t) {
		return
	}
	conn, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ListTables(); err != nil {
		unable(t, "nftables is missing: "+err.Error())
	}
	parents(t)
	d := NewDevices(DevicesConfig{Answer: func([]DeviceState) {}})
	for _, s := range d.Ensure([]Device{vmac51("v0", true), vmac51("v0", false)}) {
		if s.Err != nil {
			t.Fatal(s.Err)
		}
	}
	ruleset := func() int {
		names, elements := nftTables(t, conn)
		for _, n := range names {
			if n != reportTable {
				t.Errorf("table %s", n)
			}
		}
		return 10*len(names) + elements
	}
	whole := ruleset()
	if whole != 22 || d.FirewallRepairs() != 0 {
		t.Fatalf("the tables are not what this test begins with: %d", whole)
	}
	table := &nftables.Table{Name: reportTable, Family: nftables.TableFamilyIPv6}
	// A flush is two repairs, and one look may find both or one of the two.
	for _, harm := range []func(){
		conn.FlushRuleset,
		func() { conn.FlushChain(&nftables.Chain{Name: chainOut, Table: table}) },
	} {
		before := d.FirewallRepairs()
		harm()
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "repair", func() bool {
			d.work.Lock()
			defer d.work.Unlock()
			for n, x := range d.mute.tables {
				if what, err := x.missing(d.mute.conn, n == 1); what != "" || err != nil {
					return false
				}
			}
			return d.FirewallRepairs() > before && ruleset() == whole
		})
	}
	d.Ensure([]Device{vmac51("v0", false)})
	if got := ruleset(); got != 11 {
		t.Errorf("%d with one VMAC left", got)
	}
	if err := d.Close(false); err != nil {
		t.Error(err)
	}
	if got := ruleset(); got != 0 {
		t.Errorf("%d left", got)
	}
}

func TestDevicesGoneAndBack(t *testing.T) {
	if !inNetns(t) {
		return
	}
	parents(t)
	answers := make(chan []DeviceState, 8)
	d := NewDevices(DevicesConfig{Answer: func(s []DeviceState) { answers <- s }})
	want := []Device{vmac51("v0", false)}
	ask := func() DeviceState {
		t.Helper()
		d.Set(want)
		select {
		case s := <-answers:
			return s[0]
		case <-time.After(time.Minute):
			t.Fatal("no answer")
		}
		return DeviceState{}
	}
	first := ask()
	ipCommand(t, "link", "del", "vrrp.51")
	second := ask()
	if second.Ifindex == 0 || second.Ifindex == first.Ifindex || second.Err != nil {
		t.Errorf("after a stranger removed it: %+v", second)
	}
	ipCommand(t, "link", "del", "v0") // and the VMAC with it
	if s := ask(); s.Ifindex != 0 || s.Err != nil || s.Parent != 0 {
		t.Errorf("without the interface below: %+v", s)
	}
	ipCommand(t, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
	if s := ask(); s.Ifindex == 0 || s.Err != nil || s.Parent == first.Parent {
		t.Errorf("with a new interface below: %+v", s)
	}
	if got := setting(t, "ipv4/conf/v0/arp_ignore"); got != "1" {
		t.Errorf("arp_ignore of the new interface is %s", got)
	}
	if err := d.Close(false); err != nil {
		t.Error(err)
	}
}

// A VMAC that two ask for is one, which stays when the one that gave it its name
// goes or gives it another, and it has what those that are left need. A successor
// takes it up under whatever name, if routers go on there.
func TestDevicesShared(t *testing.T) {
	if !inNetns(t) {
		return
	}
	parents(t)
	before := settingsOf(t, "all", "default", "v0")
	four, six := vmac51("v0", false), vmac51("v0", true)
	four.MAC, six.MAC = [6]byte{2, 0, 0, 0, 0, 51}, [6]byte{2, 0, 0, 0, 0, 51}
	four.Name = "foo"
	both := four
	both.Share(&six)
	renamed := six
	renamed.Name = "bar"
	// From Linux 6.2 on an interface can be renamed while it is up.
	live := exec.Command("ip", "link", "set", "v3", "name", "v3x").Run() == nil
	called := func(name, otherwise string) string {
		if live {
			return name
		}
		return otherwise
	}
	var record DeviceRecord
	config := DevicesConfig{Answer: func([]DeviceState) {}, Changed: func(r DeviceRecord) { record = r }}
	d := NewDevices(config)
	var first DeviceState
	for i, c := range []struct {
		want        Device
		local, arps bool // has a link-local address, and the settings of IPv4
	}{{four, false, true}, {six, true, false}, {four, false, true}, {both, true, true}, {six, true, false}, {both, true, true}, {four, false, true}, {both, true, true}, {renamed, true, false}, {renamed, true, false}} {
		st := d.Ensure([]Device{c.want})[0]
		if i == 0 {
			first = st
			ipCommand(t, "addr", "add", "192.0.2.100/32", "dev", "foo")
		}
		name := "foo"
		if c.want.Name == "bar" {
			name = called("bar", "foo")
		}
		if st.Ifindex != first.Ifindex || st.Name != name || st.Ifindex == 0 || st.Err != nil {
			t.Fatalf("step %d: %+v, was %+v", i, st, first)
		}
		got := ipCommand(t, "addr", "show", name)
		if !strings.Contains(got, "192.0.2.100") || !strings.Contains(got, ",UP,") || strings.Contains(got, "fe80::") != c.local {
			t.Errorf("step %d: %s", i, got)
		}
		if got := setting(t, "ipv4/conf/v0/arp_ignore"); (got == "1") != c.arps {
			t.Errorf("step %d: arp_ignore of v0 is %s", i, got)
		}
		if f := d.Findings(); len(f) != 0 {
			t.Errorf("step %d: findings %v", i, f)
		}
	}
	if err := d.Close(true); err != nil { // as SIGKILL leaves it
		t.Fatal(err)
	}
	config.Left, config.Resumed = record, true
	d = NewDevices(config)
	renamed.Name = "third"
	if st := d.Ensure([]Device{renamed})[0]; st.Ifindex != first.Ifindex || st.Name != called("third", "foo") || st.Err != nil {
		t.Errorf("taken up: %+v, was %+v", st, first)
	}
	if record.Devices[0].Name != called("third", "foo") {
		t.Errorf("to undo: %+v", record)
	}
	if err := d.Close(true); err != nil {
		t.Fatal(err)
	}
	// Where nobody goes on it gets its name, and the old one goes.
	config.Left, config.Resumed = record, false
	d = NewDevices(config)
	renamed.Name = "last"
	if st := d.Ensure([]Device{renamed})[0]; st.Name != "last" || st.Ifindex == first.Ifindex || st.Err != nil {
		t.Errorf("started anew: %+v", st)
	}
	vmacs := func() string { return ipCommand(t, "-o", "link", "show", "type", "macvlan") }
	if got := vmacs(); strings.Count(got, "\n") != 1 {
		t.Errorf("left: %s", got)
	}
	if err := d.Close(false); err != nil {
		t.Error(err)
	}
	if got := vmacs(); got != "" || !record.Empty() {
		t.Errorf("left: %s, to undo: %+v", got, record)
	}
	if after := settingsOf(t, "all", "default", "v0"); after != before {
		t.Errorf("settings after:\n%swere:\n%s", after, before)
	}
}

// A name may be one that another VMAC gives away, whichever comes first, or two may
// change theirs; one that somebody else has is taken when it is free.
func TestDevicesRenamed(t *testing.T) {
	if !inNetns(t) {
		return
	}
	parents(t)
	if exec.Command("ip", "link", "set", "v3", "name", "v3x").Run() != nil {
		t.Skip("this kernel renames no interface that is up")
	}
	want := make([]Device, 4)
	for i := range want {
		want[i] = vmac51("v0", false)
		want[i].VRID += uint8(i)
		want[i].MAC[5] += uint8(i)
	}
	d := NewDevices(DevicesConfig{Answer: func([]DeviceState) {}})
	defer d.Close(false)
	var first []DeviceState
	for _, c := range []struct{ ask, get string }{
		{"a b c", "a b c"},
		{"b c d", "b c d"},      // the first has to wait for the last
		{"c d b", "c d b"},      // a circle of three
		{"d c b", "d c b"},      // and of two
		{"x d v1 a", "x d b a"}, // one is somebody else's; the new one has a name that was given away
		{"x d v1 a", "x d b a"},
		{"-", "x d v1 a"}, // it is free
		{"c x d a", "c x d a"},
	} {
		if c.ask == "-" {
			ipCommand(t, "link", "set", "v1", "name", "v1x")
			c.ask = c.get
		}
		names := strings.Fields(c.ask)
		for i, name := range names {
			want[i].Name = name
		}
		states := d.Ensure(want[:len(names)])
		if first == nil {
			first = states
		}
		for i, name := range strings.Fields(c.get) {
			st := states[i]
			if st.Err != nil || st.Name != name || i < len(first) && st.Ifindex != first[i].Ifindex {
				t.Errorf("%s: %+v, want %s", c.ask, st, name)
			}
			if got := ipCommand(t, "-o", "link", "show", name); !strings.Contains(got, net.HardwareAddr(want[i].MAC[:]).String()) {
				t.Errorf("%s: %s is %s", c.ask, name, got)
			}
		}
	}
}

// Whoever waits for a name gets it in the end: what was made while another interface
// had it, what waited behind one that could not give its own away, and what is new
// where a predecessor left the name to another one. One without a name gives way.
func TestDevicesGetTheirNames(t *testing.T) {
	if !inNetns(t) {
		return
	}
	parents(t)
	if exec.Command("ip", "link", "set", "v3", "name", "v3x").Run() != nil {
		t.Skip("this kernel renames no interface that is up")
	}
	const free = "v1" // whose name is somebody else's until it is free
	for _, steps := range [][]struct{ does, ask, get string }{
		{{"", "v1", "vrrp.51"}, {free, "v1", "v1"}},
		{{"", "a b", "a b"}, {"", "v1 a", "a b"}, {free, "v1 a", "v1 a"}},
		{{"", "a b", "a b"}, {"", "v1 a", "a b"}, {"", "c a", "c a"}},
		{{"", "a b", "a b"}, {"", "- a", "vrrp.51 a"}, {"", "a -", "a vrrp.52"}},
		{{"", "a", "a"}, {"resumed", "b a", "b a"}},
		{{"", "a b c", "a b c"}, {"resumed", "b c a", "b c a"}},
		{{"", "v1 a", "vrrp.51 a"}, {"restarted", "a", "a"}},
	} {
		var left DeviceRecord
		make := func(resumed bool) *NetlinkDevices {
			return NewDevices(DevicesConfig{Answer: func([]DeviceState) {}, Changed: func(r DeviceRecord) { left = r }, Left: left, Resumed: resumed})
		}
		d := make(false)
		for _, s := range steps {
			switch s.does {
			case free:
				ipCommand(t, "link", "set", "v1", "name", "v1x")
			case "resumed", "restarted":
				d.Close(true)
				d = make(s.does == "resumed")
			}
			var want []Device
			for i, name := range strings.Fields(s.ask) {
				w := vmac51("v0", false)
				w.VRID, w.MAC[5], w.Name = w.VRID+uint8(i), w.MAC[5]+uint8(i), strings.Trim(name, "-")
				want = append(want, w)
			}
			var got []string
			for _, st := range d.Ensure(want) {
				if got = append(got, st.Name); st.Err != nil {
					t.Errorf("%v: %v", steps, st.Err)
				}
			}
			if list := strings.Join(got, " "); list != s.get {
				t.Errorf("%v: %s are called %s", steps, s.ask, list)
			}
		}
		d.Close(false)
		_ = exec.Command("ip", "link", "set", "v1x", "name", "v1").Run() // where it became free
	}
}

// The kernel makes a macvlan smaller with the interface below, and not larger.
// Below 1280 it has no IPv6 at all, and has it anew with the usual settings above.
func TestDevicesMTU(t *testing.T) {
	if !inNetns(t) {
		return
	}
	parents(t)
	d := NewDevices(DevicesConfig{Answer: func([]DeviceState) {}})
	defer d.Close(false)
	want := []Device{vmac51("v0", false), vmac51("v0", true)}
	for _, mtu := range []string{"1500", "1300", "1500", "1000", "1100", "1280", "1000", "1500", "9000", "1400"} {
		ipCommand(t, "link", "set", "v0", "mtu", mtu)
		for i, st := range d.Ensure(want) {
			low := mtu < "1280" // all have four digits
			b, err := os.ReadFile("/sys/class/net/" + st.Name + "/mtu")
			// Without IPv6 there is no address either, and that is an error.
			if got := strings.TrimSpace(string(b)); st.Err != nil != (low && i == 1) || err != nil || got != mtu {
				t.Errorf("%s has the MTU %s, want %s (%v, %v)", st.Name, got, mtu, st.Err, err)
			}
			if low {
				continue
			}
			if got := ipCommand(t, "-d", "link", "show", st.Name); !strings.Contains(got, "addrgenmode none") || !strings.Contains(got, ",UP,") {
				t.Errorf("MTU %s: %s", mtu, got)
			}
			got := ipCommand(t, "-6", "addr", "show", "dev", st.Name)
			if strings.Contains(got, "fe80::200:5eff:") {
				t.Errorf("MTU %s: %s has an address made from its virtual MAC: %s", mtu, st.Name, got)
			}
			if i == 1 && !strings.Contains(got, "fe80::") {
				t.Errorf("MTU %s: %s has no link-local address: %s", mtu, st.Name, got)
			}
			if i == 0 && setting(t, "ipv6/conf/"+st.Name+"/disable_ipv6") != "1" {
				t.Errorf("MTU %s: %s has IPv6", mtu, st.Name)
			}
		}
	}
}
