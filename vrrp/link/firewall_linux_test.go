package link

import (
	"bytes"
	"log/slog"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
)

// nftTables lists the tables of nftables in this namespace, with how many elements
// their sets of addresses hold.
func nftTables(t *testing.T, conn *nftables.Conn) (names []string, elements int) {
	t.Helper()
	list, err := conn.ListTables()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		names = append(names, x.Name)
		sets, err := conn.GetSets(x)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sets {
			if s.Name != setVIPs && s.Name != "vmacs" {
				continue
			}
			e, err := conn.GetSetElements(s)
			if err != nil {
				t.Fatal(err)
			}
			elements += len(e)
		}
	}
	slices.Sort(names)
	return names, elements
}

// Whoever flushes the whole ruleset, as a restart of the system's firewall does,
// takes our tables along: the next change makes them anew with all they held, and
// giving the addresses up works.
func TestFlushedRuleset(t *testing.T) {
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
	flush := func() {
		conn.FlushRuleset()
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	check := func(what string, names []string, elements int) {
		t.Helper()
		gotNames, got := nftTables(t, conn)
		if !slices.Equal(gotNames, names) || got != elements || text.Len() > 0 {
			t.Fatalf("%s: %v with %d elements, want %v with %d; log: %s", what, gotNames, got, names, elements, text.String())
		}
	}
	one := blocked{table: "holdfast", addr: netip.MustParseAddr("192.0.2.101")}
	two := blocked{table: "holdfast", addr: netip.MustParseAddr("192.0.2.102")}
	six := blocked{table: "holdfast", addr: netip.MustParseAddr("2001:db8::101")}
	var f firewall
	if errs := f.add(map[int][]blocked{0: {one, six}}); errs != nil {
		t.Fatal(errs)
	}
	check("two families", []string{"holdfast", "holdfast"}, 2)
	flush()
	if errs := f.add(map[int][]blocked{1: {two}}); errs != nil {
		t.Fatal(errs)
	}
	check("another one after a flush", []string{"holdfast", "holdfast"}, 3)
	flush()
	f.remove([]blocked{two}, log)
	check("one given up after a flush", []string{"holdfast", "holdfast"}, 2)
	flush()
	f.remove([]blocked{one, six}, log)
	check("the last ones given up after a flush", nil, 0)
	if err := f.close(); err != nil {
		t.Fatal(err)
	}

	mute := reportFilter{log: log}
	mute.set([2]map[int]int{{5: 1}, nil})
	check("a VMAC", []string{reportTable}, 1)
	flush()
	mute.set([2]map[int]int{{5: 1, 6: 1}, nil})
	check("another VMAC after a flush", []string{reportTable}, 2)
	flush()
	mute.set([2]map[int]int{})
	check("no VMAC after a flush", nil, 0)
}

// What a process that died has left is removed one router after the other; the
// table goes with the last one that needs it.
func TestRemoveKeepsTables(t *testing.T) {
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
	a := Address{Ifindex: 1, Prefix: netip.MustParsePrefix("192.0.2.101/32"), Drop: "holdfast"}
	b := Address{Ifindex: 1, Prefix: netip.MustParsePrefix("192.0.2.102/32"), Drop: "holdfast"}
	var f firewall
	for i, x := range []Address{a, b} {
		bl, _ := blockOf(x)
		if errs := f.add(map[int][]blocked{i: {bl}}); errs != nil {
			t.Fatal(errs)
		}
	}
	if err := Remove(Wanted{Addresses: []Address{b}}, Wanted{Addresses: []Address{a}}); err != nil {
		t.Fatal(err)
	}
	if names, _ := nftTables(t, conn); !slices.Equal(names, []string{"holdfast"}) {
		t.Fatalf("packets to an address that is still held pass: tables %v", names)
	}
	if err := Remove(Wanted{Addresses: []Address{a}}, Wanted{}); err != nil {
		t.Fatal(err)
	}
	if names, _ := nftTables(t, conn); len(names) != 0 {
		t.Fatalf("left: %v", names)
	}
}
