package link

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
)

// What somebody removes of our tables comes back, whether it is all, a rule or
// an address; what we remove ourselves does not, and is counted as nothing.
func TestFirewallRepair(t *testing.T) {
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
	lo := index(t, "lo")
	answered := make(chan []Applied, 64)
	a, err := NewApplier(nil, func(list []Applied) { answered <- list })
	if err != nil {
		unable(t, err.Error())
	}
	gen := uint64(0)
	set := func(addrs ...string) {
		t.Helper()
		var want Wanted
		for _, x := range addrs {
			want.Addresses = append(want.Addresses, Address{Ifindex: lo, Prefix: netip.MustParsePrefix(x), Drop: "holdfast"})
		}
		gen++
		a.Set(1, gen, want)
		if list := <-answered; list[0].Err != nil {
			t.Fatal(list[0].Err)
		}
	}
	set("192.0.2.101/32", "192.0.2.102/32", "2001:db8::101/128")
	whole := func() bool {
		names, elements := nftTables(t, conn)
		return slices.Equal(names, []string{"holdfast", "holdfast"}) && elements == 3
	}
	if !whole() || a.FirewallRepairs() != 0 {
		t.Fatal("the tables are not what this test begins with")
	}
	table := &nftables.Table{Name: "holdfast", Family: nftables.TableFamilyIPv4}
	// One look may find the work of two harms, hence one after the other.
	for n, harm := range []func(){
		conn.FlushRuleset,
		func() {
			if err := conn.SetDeleteElements(&nftables.Set{Name: setVIPs, Table: table, KeyType: nftables.TypeIPAddr},
				[]nftables.SetElement{{Key: netip.MustParseAddr("192.0.2.101").AsSlice()}}); err != nil {
				t.Fatal(err)
			}
		},
		func() { conn.FlushChain(&nftables.Chain{Name: chainIn, Table: table}) },
	} {
		harm()
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "repair", func() bool { return a.FirewallRepairs() == uint64(n)+1 && whole() })
	}
	if lost := a.lost(); lost != "" {
		t.Errorf("%s is missing after the repairs", lost)
	}
	set("192.0.2.102/32")
	set()
	if names, _ := nftTables(t, conn); len(names) > 0 {
		t.Errorf("%v left", names)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if n := a.FirewallRepairs(); n != 3 {
		t.Errorf("%d repairs, want 3", n)
	}
}

func (a *NetlinkApplier) lost() string {
	a.work.Lock()
	defer a.work.Unlock()
	lost, err := a.firewall.missing()
	if err != nil {
		return err.Error()
	}
	return lost
}
