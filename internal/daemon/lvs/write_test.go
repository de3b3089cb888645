package lvs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"syscall"
	"testing"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// batchedKernel notes how many operations it is given at a time.
type batchedKernel struct {
	*ipvs.Fake
	batches []int
}

func (k *batchedKernel) Apply(ops []ipvs.Op) error {
	k.batches = append(k.batches, len(ops))
	return k.Fake.Apply(ops)
}

// randomTable has some services with some servers each.
func randomTable(r *rand.Rand) (t ipvs.Table) {
	for n := range 1 + r.IntN(250) {
		if r.IntN(3) == 0 {
			continue
		}
		k := ipvs.AddrKey(ipvs.TCP, netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 80)
		if n%7 == 0 {
			k = ipvs.MarkKey(ipvs.INET, uint32(n+1))
		}
		e := ipvs.Entry{Service: ipvs.Service{ServiceKey: k, Scheduler: []string{"rr", "wlc"}[r.IntN(2)], Netmask: ipvs.FullMask(ipvs.INET)}}
		for m := range r.IntN(9) {
			if r.IntN(4) == 0 {
				continue
			}
			e.Dests = append(e.Dests, ipvs.Destination{
				DestKey: ipvs.DestKey{Addr: netip.AddrFrom4([4]byte{198, 51, 100, byte(m)}), Port: 80},
				Method:  ipvs.DirectRoute, Weight: r.Uint32N(3),
			})
		}
		t = append(t, e)
	}
	t.Sort()
	return t
}

// Whatever has to be changed, the kernel has what is wanted afterwards, no matter how
// the changes fall into batches. Each is full but the last one, and the last one of
// those that remove services.
func TestATableIsWrittenWholeInFullBatches(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		have, want := randomTable(r), randomTable(r)
		if r.IntN(4) == 0 {
			have = nil
		}
		k := &batchedKernel{Fake: &ipvs.Fake{}}
		if err := k.Change(ipvs.Plan(nil, have, nil)...); err != nil {
			t.Fatal(err)
		}
		removed := 0
		for _, e := range have {
			if _, ok := want.Find(e.ServiceKey); !ok {
				removed++
			}
		}
		changes := len(ipvs.Plan(have, want, nil))
		l := New(&config.Config{}, Deps{Owned: Owned{Services: keysOf(have)}})
		l.table.kernel = k
		if err := l.apply(have, want); err != nil {
			t.Fatal(err)
		}
		got, err := k.Table()
		if err != nil || len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(ipvs.Plan(got, want, func(ipvs.ServiceKey) bool { return true }), []ipvs.Op(nil)) {
			t.Fatalf("the kernel has %v (%v), want %v", got, err, want)
		}
		var batches []int
		for _, n := range []int{changes, removed} {
			for ; n > 0; n -= atOnce {
				batches = append(batches, min(n, atOnce))
			}
		}
		if !slices.Equal(k.batches, batches) {
			t.Fatalf("%d changes and %d services to be removed came in batches of %v, want %v", changes, removed, k.batches, batches)
		}
	}
}

func keysOf(t ipvs.Table) (keys []ipvs.ServiceKey) {
	for _, e := range t {
		keys = append(keys, e.ServiceKey)
	}
	return keys
}

// What the kernel refuses is told, all of it, and keeps nothing else from being
// written; a kernel that cannot be told anything more ends it.
func TestWhatIsRefusedKeepsNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		want := randomTable(r)
		k := &batchedKernel{Fake: &ipvs.Fake{}}
		l := New(&config.Config{}, Deps{})
		l.table.kernel = k
		bad := map[string]bool{}
		k.Fail = func(op ipvs.Op) error {
			if op.Kind == ipvs.AddDest && op.Dest.Addr.As4()[3] == 3 {
				bad[fmt.Sprint(op.Service.ServiceKey, op.Dest)] = true
				return syscall.EINVAL
			}
			return nil
		}
		err := l.apply(nil, want)
		if (err != nil) != (len(bad) > 0) {
			t.Fatalf("%d refused: %v", len(bad), err)
		}
		if n := countRefused(err); n != len(bad) {
			t.Errorf("%d were refused, %d are told", len(bad), n)
		}
		got, terr := k.Table()
		if terr != nil || len(got) != len(want) {
			t.Fatal(len(got), len(want), terr)
		}
		for i := range want {
			left := slices.DeleteFunc(slices.Clone(want[i].Dests), func(d ipvs.Destination) bool { return d.Addr.As4()[3] == 3 })
			if !slices.Equal(got[i].Dests, left) {
				t.Fatalf("%v has %v, want %v", want[i].ServiceKey, got[i].Dests, left)
			}
		}

		k.Fail = nil
		broken := errors.New("netlink: broken")
		k.Broken = func() error { return broken }
		k.batches = nil
		l.table.kernel = k
		if err := l.apply(nil, want); len(ipvs.Plan(nil, want, nil)) > 0 && (!errors.Is(err, broken) || len(k.batches) != 1) {
			t.Errorf("broken: %v after %d batches", err, len(k.batches))
		}
	}
}

// countRefused is how many operations an error is about.
func countRefused(err error) (n int) {
	if _, ok := err.(*ipvs.OpError); ok {
		return 1
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			n += countRefused(e)
		}
	}
	return n
}
