package engine

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp/link"
)

// Only ports of IPv6 groups on an interface with too small an MTU are left out.
func TestWithoutIPv6(t *testing.T) {
	e := &Engine{byIndex: map[int]*link.Interface{
		1: {Index: 1, Name: "eth0", MTU: 1279},
		2: {Index: 2, Name: "eth1", MTU: 1280},
	}}
	six, four := addr("ff02::12"), addr("224.0.0.18")
	low := link.Port{Ifindex: 1, Group: six}
	wanted := map[link.Port]bool{
		low: true, {Ifindex: 1, Group: four}: true, {Ifindex: 1, Source: addr("2001:db8::1")}: true,
		{Ifindex: 2, Group: six}: true, {Ifindex: 3, Group: six}: true,
	}
	off := e.withoutIPv6(wanted)
	if len(off) != 1 || off[low] == nil || !strings.Contains(off[low].Error(), "no IPv6 on eth0: its MTU is 1279") {
		t.Errorf("left out: %v", off)
	}
	if len(wanted) != 4 || wanted[low] {
		t.Errorf("opened: %v", wanted)
	}
}

// opening counts how often the ports are asked for.
type opening struct {
	link.Wire
	n atomic.Uint64
}

func (o *opening) Open(want []link.Port) map[link.Port]error {
	o.n.Add(1)
	return o.Wire.Open(want)
}

// An MTU too small for IPv6 matters on the interfaces that routers use only.
func TestLowMTUOfAnInterfaceThatNobodyUses(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		other := a.host.AddInterface("eth9")
		path := a.host.AddInterface("eth1")
		place := a.host.AddInterface("eth2")
		r := vr(1, 100)
		r.Paths, r.VIPs[0].Dev = []string{"eth1"}, "eth2"
		var wire *opening
		a.start(config(r), func(d *Deps) {
			wire = &opening{Wire: d.Wire}
			d.Wire = wire
		})
		time.Sleep(time.Second)
		list, err := a.proc.Watcher().List()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			index int
			want  uint64
		}{{other, 0}, {a.router(0).Ifindex, 1}, {path, 1}, {place, 1}} {
			before := wire.n.Load()
			a.eng.put(note{update: &link.Update{Interfaces: list, LowMTU: []int{c.index}}})
			synctest.Wait()
			if n := wire.n.Load() - before; n != c.want {
				t.Errorf("interface %d: opened %d times, want %d", c.index, n, c.want)
			}
		}
	})
}
