package vrrpd

import (
	"context"
	"sync/atomic"

	"holdfast/vrrp/link"
)

// keep leaves everything as it is at the stop (--dont-release-vrrp): no
// priority 0 is sent, for a peer would take over at once what stays here, and
// no address is removed.
type keep struct {
	stopping atomic.Bool
	applied  func(link.Applied)
}

// until returns a context that ends after ctx, when everything is safe.
func (k *keep) until(ctx context.Context) (context.Context, context.CancelFunc) {
	later, end := context.WithCancel(context.Background())
	context.AfterFunc(ctx, func() {
		k.stopping.Store(true)
		end()
	})
	return later, end
}

// keptWire embeds the wire itself and not what every Wire has: the engine finds
// out by its methods that it can filter, park and tell of a suspended machine.
type keptWire struct {
	*link.EpollWire
	keep *keep
}

func (w keptWire) Send(batch []link.Datagram) {
	if !w.keep.stopping.Load() {
		w.EpollWire.Send(batch)
	}
}

type keptApplier struct {
	link.Applier
	keep *keep
}

func (a keptApplier) Set(owner int, gen uint64, want link.Wanted) {
	if a.keep.stopping.Load() {
		a.keep.applied(link.Applied{Owner: owner, Gen: gen})
		return
	}
	a.Applier.Set(owner, gen, want)
}

func (a keptApplier) Sweep(remove, keep link.Wanted) error {
	if a.keep.stopping.Load() {
		return nil
	}
	return a.Applier.Sweep(remove, keep)
}
