package lvs

import (
	"testing"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// manyServices is a configuration that takes the kernel several batches.
func manyServices() *config.Config {
	var list []config.VirtualServer
	for i := range 600 {
		v := virtual(byte(i%200+1), 1)
		v.Port += uint16(i / 200)
		list = append(list, v)
	}
	return configOf(list...)
}

// A table that the kernel takes minutes for would else be written to its end, and
// the parent would kill the process on the way.
func TestAStopEndsTheWritingOfATable(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if err := r.kernel.Change(stranger(251)); err != nil {
			t.Fatal(err)
		}
		added := 0
		r.refuse(func(op ipvs.Op) error {
			if op.Kind == ipvs.AddService {
				if added++; added == 150 {
					r.stop()
				}
			}
			return nil
		})
		r.start(manyServices())
		r.end()
		if added >= 150+atOnce {
			t.Errorf("%d services were written, of which 150 before the stop", added)
		}
		r.wantTable("251:")
		if n := len(r.saved.Services); n > 0 {
			t.Errorf("%d services count as ours", n)
		}
	})
}

// Whoever waits for a reload hears that it comes on also in what has nothing to do
// with the kernel: on a slow machine that takes seconds for thousands of services.
func TestAReloadComesOnBesideTheKernel(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := configOf(virtual(1, 1))
		r.start(cfg)
		r.kernel.Ops()
		before := r.lvs.Progress()
		if err := r.lvs.Reload(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if ops := r.kernel.Ops(); len(ops) > 0 {
			t.Errorf("the kernel was told %v", ops)
		}
		if n := r.lvs.Progress() - before; n < 5 {
			t.Errorf("it came on %d times", n)
		}
		r.end()
	})
}

// The kernel looks for each server that comes among those that left a moment ago,
// the latest first: a start after a stop is to find each in front.
func TestAStopRemovesTheLastServiceFirst(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(manyServices())
		if n := r.lvs.Progress(); n < 1200/atOnce {
			t.Errorf("progress %d after 1200 operations", n)
		}
		r.kernel.Ops()
		r.end()
		var last *ipvs.ServiceKey
		n := 0
		for _, op := range r.kernel.Ops() {
			if op.Kind != ipvs.DelService {
				t.Fatalf("%v at a stop", op)
			}
			if last != nil && last.Compare(op.Service.ServiceKey) <= 0 {
				t.Fatalf("%v is removed after %v", op.Service.ServiceKey, *last)
			}
			last = &op.Service.ServiceKey
			n++
		}
		if n != 600 {
			t.Errorf("%d services were removed", n)
		}
		r.wantTable("")
	})
}
