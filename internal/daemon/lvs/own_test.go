package lvs

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"holdfast/ipvs"
)

// own does what a set does, and never to a list that others have.
func TestOwnIsASet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	key := func() ipvs.ServiceKey {
		if r.IntN(5) == 0 {
			return ipvs.MarkKey(ipvs.INET, 1+r.Uint32N(20))
		}
		return ipvs.AddrKey(ipvs.TCP, netip.AddrFrom4([4]byte{192, 0, 2, byte(r.IntN(20))}), 80)
	}
	for range 200 {
		set := map[ipvs.ServiceKey]bool{}
		var o own
		for range 30 {
			before, copied := o, slices.Clone(o)
			if r.IntN(2) == 0 {
				var t ipvs.Table
				for range r.IntN(8) {
					k := key()
					t = append(t, ipvs.Entry{Service: ipvs.Service{ServiceKey: k}})
					set[k] = true
				}
				if r.IntN(2) == 0 {
					t.Sort()
				}
				o = o.and(t)
			} else {
				gone := key()
				delete(set, gone)
				o = o.still(func(k ipvs.ServiceKey) bool { return k != gone })
			}
			if want := slices.SortedFunc(maps.Keys(set), ipvs.ServiceKey.Compare); !slices.Equal(o, want) {
				t.Fatalf("%v, want %v", o, want)
			}
			if !slices.Equal(before, copied) {
				t.Fatalf("a list was changed: %v, it was %v", before, copied)
			}
			if k := key(); o.has(k) != set[k] {
				t.Fatalf("%v has %v: %t", o, k, o.has(k))
			}
		}
	}
	list := []ipvs.ServiceKey{ipvs.MarkKey(ipvs.INET, 2), key(), ipvs.MarkKey(ipvs.INET, 1)}
	list = append(list, list[0])
	copied := slices.Clone(list)
	if o := ownOf(list); !slices.Equal(list, copied) || !slices.IsSortedFunc(o, ipvs.ServiceKey.Compare) || len(o) > 3 || !o.has(list[0]) {
		t.Errorf("%v of %v", o, list)
	}
}
