package link

import (
	"fmt"
	"net/netip"
	"testing"
)

// BenchmarkPlan is what the applier computes for a takeover of 255 routers and
// for the release after it, without the kernel.
func BenchmarkPlan(b *testing.B) {
	var reqs, none []request
	for i := range 255 {
		a := Address{Ifindex: 3, Prefix: netip.MustParsePrefix(fmt.Sprintf("10.9.0.%d/32", i))}
		reqs = append(reqs, request{owner: i, gen: 1, want: []Address{a}})
		none = append(none, request{owner: i, gen: 2})
	}
	a := NetlinkApplier{installed: make(map[int]map[addrKey]*Address), objects: make(map[int][]Object)}
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range [][]request{reqs, none} {
			p := newPlan(a.installed, r)
			if !newObjectPlan(a.objects, r).empty() {
				b.Fatal("objects out of nothing")
			}
			a.blocks(r)
			p.remember(a.installed, nil)
		}
	}
}
