package link

import (
	"net/netip"
	"slices"
	"testing"
)

// What is there already is told while the rest is being added, to the owner's
// name and in the order asked for; few addresses and removals are not worth it.
func TestArrivals(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, answers := applierIn(t)
	var told []Arriving
	a.WatchArrivals(func(x Arriving) {
		have := kernelAddrs(t, x.There[0].Ifindex)
		for _, y := range x.There {
			if _, ok := have[y.Prefix]; !ok {
				t.Errorf("%v is not there", y.Prefix)
			}
		}
		told = append(told, x)
	})
	va, _ := veth(t, nil, nil)
	list := make([]Address, 2*nlBatch+7)
	for i := range list {
		list[i] = Address{Ifindex: va, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, byte(i / 200), byte(i%200 + 1)}), 32)}
	}
	a.Set(4, 1, Wanted{Addresses: list[:nlBatch]})
	if x := answer(t, answers); x.Err != nil || len(told) != 0 {
		t.Fatalf("%+v, told %v", x, told)
	}
	a.Set(4, 2, Wanted{})
	answer(t, answers)
	list[3].Ifindex = 1 << 20
	a.Set(5, 3, Wanted{Addresses: list})
	if x := answer(t, answers); x.Err == nil || x.Owner != 5 {
		t.Fatalf("%+v", x)
	}
	want := slices.Delete(slices.Clone(list[:2*nlBatch]), 3, 4)
	var got []Address
	for _, x := range told {
		if x.Owner != 5 || x.Gen != 3 {
			t.Errorf("of %d, %d", x.Owner, x.Gen)
		}
		got = append(got, x.There...)
	}
	if len(told) != 2 || len(got) != len(want) {
		t.Fatalf("told %d times of %d addresses, want %d", len(told), len(got), len(want))
	}
	for i := range got {
		if got[i].Prefix != want[i].Prefix || got[i].Ifindex != va {
			t.Fatalf("address %d is %v, want %v", i, got[i], want[i])
		}
	}
	a.Set(5, 4, Wanted{})
	answer(t, answers)
	if len(told) != 2 {
		t.Errorf("told of removals: %d", len(told))
	}
}
