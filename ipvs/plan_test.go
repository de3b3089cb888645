package ipvs

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// service is a plain TCP service at 192.0.2.n:80.
func service(n byte) Service {
	return Service{
		ServiceKey: AddrKey(TCP, netip.AddrFrom4([4]byte{192, 0, 2, n}), 80),
		Scheduler:  "rr", Netmask: FullMask(INET),
	}
}

// dest is 198.51.100.n:80 by direct routing.
func dest(n byte, weight uint32) Destination {
	return Destination{
		DestKey: DestKey{netip.AddrFrom4([4]byte{198, 51, 100, n}), 80},
		Method:  DirectRoute, Weight: weight,
	}
}

func entry(n byte, dests ...Destination) Entry { return Entry{service(n), dests} }

func all(ServiceKey) bool { return true }

func none(ServiceKey) bool { return false }

func edited(e Entry, f func(*Entry)) Entry {
	f(&e)
	return e
}

func TestPlan(t *testing.T) {
	tests := []struct {
		name       string
		have, want Table
		owned      func(ServiceKey) bool
		ops        string // one operation a line
	}{
		{name: "nothing", ops: ""},
		{
			name: "into an empty table",
			want: Table{entry(1, dest(2, 3), dest(1, 1))},
			ops: `add service [192.0.2.1]:tcp:80 rr
add server [198.51.100.1]:80 DR weight 1 to [192.0.2.1]:tcp:80
add server [198.51.100.2]:80 DR weight 3 to [192.0.2.1]:tcp:80`,
		},
		{
			name: "as wanted",
			have: Table{entry(2, dest(1, 1)), entry(1, dest(2, 1), dest(1, 1))},
			want: Table{entry(1, dest(1, 1), dest(2, 1)), entry(2, dest(1, 1))},
			ops:  "",
		},
		{
			name: "add before delete",
			have: Table{entry(1, dest(1, 1), dest(3, 1)), entry(2, dest(1, 1)), entry(3)},
			want: Table{entry(1, dest(2, 1)), entry(2), entry(4)}, owned: all,
			ops: `add server [198.51.100.2]:80 DR weight 1 to [192.0.2.1]:tcp:80
delete server [198.51.100.1]:80 of [192.0.2.1]:tcp:80
delete server [198.51.100.3]:80 of [192.0.2.1]:tcp:80
delete server [198.51.100.1]:80 of [192.0.2.2]:tcp:80
add service [192.0.2.4]:tcp:80 rr
delete service [192.0.2.3]:tcp:80`,
		},
		{
			name: "edits in place",
			have: Table{entry(1, dest(1, 1), dest(2, 1))},
			want: Table{edited(entry(1, dest(1, 5), dest(2, 1)), func(e *Entry) { e.Scheduler = "wlc" })},
			ops: `edit service [192.0.2.1]:tcp:80 wlc
edit server [198.51.100.1]:80 DR weight 5 of [192.0.2.1]:tcp:80`,
		},
		{
			name: "foreign services stay",
			have: Table{entry(1, dest(1, 1)), entry(9, dest(9, 9))},
			want: Table{entry(1, dest(1, 1))}, owned: none,
			ops: "",
		},
		{
			name: "a wanted service is taken over from whoever made it",
			have: Table{entry(1, dest(9, 1))},
			want: Table{entry(1, dest(1, 1))}, owned: none,
			ops: `add server [198.51.100.1]:80 DR weight 1 to [192.0.2.1]:tcp:80
delete server [198.51.100.9]:80 of [192.0.2.1]:tcp:80`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, op := range Plan(tt.have, tt.want, tt.owned) {
				got = append(got, op.String())
			}
			if diff := cmp.Diff(tt.ops, strings.Join(got, "\n")); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForeign(t *testing.T) {
	have := Table{entry(3), entry(1), entry(2)}
	got := Foreign(have, Table{entry(1)}, func(k ServiceKey) bool { return k == service(2).ServiceKey })
	if diff := cmp.Diff([]ServiceKey{service(3).ServiceKey}, got, cmp.Comparer(func(a, b ServiceKey) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestTableSortDropsDoubles(t *testing.T) {
	tab := Table{entry(2), entry(1, dest(1, 1), dest(1, 2)), entry(2, dest(1, 1))}
	tab.Sort()
	want := "[192.0.2.1]:tcp:80 rr\n  -> [198.51.100.1]:80 DR weight 1\n[192.0.2.2]:tcp:80 rr\n"
	if got := tab.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// genTable draws tables over few keys, so that two of them overlap.
func genTable(t *rapid.T, label string) Table {
	var tab Table
	for n := byte(1); n <= 5; n++ {
		if !rapid.Bool().Draw(t, label+" service") {
			continue
		}
		e := entry(n)
		if n == 5 {
			e.ServiceKey = MarkKey(INET6, 7)
			e.Netmask = FullMask(INET6)
		}
		e.Scheduler = rapid.SampledFrom([]string{"rr", "wlc", "mh"}).Draw(t, "scheduler")
		if rapid.Bool().Draw(t, "persistent") {
			e.Flags |= Persistent
			e.Timeout = rapid.Uint32Range(1, 3).Draw(t, "timeout")
		}
		for d := byte(1); d <= 4; d++ {
			if rapid.Bool().Draw(t, "server") {
				dst := dest(d, rapid.Uint32Range(0, 2).Draw(t, "weight"))
				dst.Upper = rapid.Uint32Range(0, 1).Draw(t, "upper")
				if n == 5 {
					dst.Addr = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: d})
				}
				e.Dests = append(e.Dests, dst)
			}
		}
		tab = append(tab, e)
	}
	return rapid.Permutation(tab).Draw(t, label)
}

// Applying a plan to a kernel that has "have" gives exactly "want" and the
// foreign services, no request is refused, and a second plan is empty.
func TestPlanReachesTheWantedTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want := genTable(t, "have"), genTable(t, "want")
		ours := map[ServiceKey]bool{}
		for _, e := range have {
			ours[e.ServiceKey] = rapid.Bool().Draw(t, "ours")
		}
		owned := func(k ServiceKey) bool { return ours[k] }
		k := &Fake{Fail: func(Op) error { return nil }}
		if err := k.Change(Plan(nil, have, nil)...); err != nil {
			t.Fatal(err)
		}
		ops := Plan(have, want, owned)
		for _, op := range ops {
			if err := k.do(op); err != nil {
				t.Fatalf("%s: %v", op, err)
			}
		}
		final := want.Clone()
		for _, e := range have {
			if _, ok := want.canonical().Find(e.ServiceKey); !ok && !ours[e.ServiceKey] {
				final = append(final, e)
			}
		}
		got, err := k.Table()
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(final) {
			t.Fatalf("table is\n%swant\n%s", got, final)
		}
		if again := Plan(got, want, owned); len(again) != 0 {
			t.Fatalf("second plan: %v", again)
		}
		untouched(t, have, want, ops)
	})
}

// untouched checks that no operation names something that was as wanted.
func untouched(t *rapid.T, have, want Table, ops []Op) {
	h, w := have.canonical(), want.canonical()
	for _, op := range ops {
		i, inHave := h.Find(op.Service.ServiceKey)
		j, inWant := w.Find(op.Service.ServiceKey)
		if !inHave || !inWant {
			continue
		}
		if op.Kind <= DelService {
			if h[i].Service == w[j].Service {
				t.Fatalf("%s: was as wanted", op)
			}
			continue
		}
		for _, a := range h[i].Dests {
			for _, b := range w[j].Dests {
				if a == b && a.DestKey == op.Dest.DestKey {
					t.Fatalf("%s: was as wanted", op)
				}
			}
		}
	}
}

// bigTable has n services with 10 servers each.
func bigTable(n int, weight uint32) Table {
	t := make(Table, 0, n)
	for i := range n {
		s := Service{
			ServiceKey: AddrKey(TCP, netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80),
			Scheduler:  "wlc", Netmask: FullMask(INET),
		}
		e := Entry{Service: s}
		for j := range 10 {
			e.Dests = append(e.Dests, Destination{
				DestKey: DestKey{netip.AddrFrom4([4]byte{10, 2, byte(i), byte(j + 1)}), 80},
				Method:  Masquerade, Weight: weight,
			})
		}
		t = append(t, e)
	}
	return t
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []struct {
		name     string
		services int
	}{{"1000x10", 1000}, {"3000x10", 3000}} {
		one, two := bigTable(n.services, 1), bigTable(n.services, 2)
		for _, c := range []struct {
			name string
			have Table
		}{{"install", nil}, {"weights", two}, {"same", one}} {
			b.Run(n.name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Plan(c.have, one, all)
				}
			})
		}
	}
}
