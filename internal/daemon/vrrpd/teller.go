package vrrpd

import (
	"sync"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// teller passes on what the engine tells. Its fields below the queue belong
// to the goroutine in run.
type teller struct {
	mu    sync.Mutex
	wake  *sync.Cond
	queue []func()
	ended bool
	done  chan struct{}

	// readers is set when this process starts the reader of notify_fifo.
	readers bool
	parent  *ipc.Mailbox
	peer    *ipc.Mailbox
	notify  *transitions
	cfg     *config.Config
	byName  map[string]*config.VRRPInstance
	states  map[string]ipc.RouterState
	routers []ipc.RouterState // to be told to lvs
	held    []ipc.Held        // to be told to the parent

	// rest hears of all that happens: whatever does is told.
	rest role.Rest
}

func newTeller(boot role.Boot, parent, peer *ipc.Mailbox, n *transitions) *teller {
	t := &teller{
		readers: !boot.Other, parent: parent, peer: peer, notify: n, states: map[string]ipc.RouterState{}, done: make(chan struct{}),
	}
	t.wake = sync.NewCond(&t.mu)
	t.configure(boot.Config)
	go t.run()
	return t
}

// maxRivals bounds how many adverts of a second master wait to be told: every
// one is an event, and whoever forges them sends more than can be told.
const maxRivals = 1024

// Changed implements engine.Observer.
func (t *teller) Changed(c engine.Change) {
	if c.Event && c.Reason == vrrp.ReasonLowerAdvert && !t.quiet() {
		return
	}
	t.post(func() { t.changed(c) })
}

// quiet says whether so little waits that an event may be one of many.
func (t *teller) quiet() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue) < maxRivals
}

// post queues f; any goroutine.
func (t *teller) post(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.queue = append(t.queue, f)
	t.wake.Signal()
}

// end runs what is queued and ends the goroutine.
func (t *teller) end() {
	t.mu.Lock()
	t.ended = true
	t.wake.Signal()
	t.mu.Unlock()
	<-t.done
}

func (t *teller) run() {
	defer close(t.done)
	t.mu.Lock()
	for {
		for len(t.queue) == 0 && !t.ended {
			t.wake.Wait()
		}
		if len(t.queue) == 0 {
			t.mu.Unlock()
			t.rest.End()
			return
		}
		batch := t.queue
		t.queue = nil
		t.mu.Unlock()
		for _, f := range batch {
			f()
		}
		t.flush()
		t.rest.Stir()
		t.mu.Lock()
	}
}

// takeOver takes over the configuration of a reload; in the goroutine.
func (t *teller) takeOver(boot role.Boot) {
	t.readers = !boot.Other
	t.configure(boot.Config)
}

// configure takes over a configuration; in the goroutine, or before it runs.
func (t *teller) configure(cfg *config.Config) {
	t.cfg = cfg
	t.byName = make(map[string]*config.VRRPInstance, len(cfg.Instances))
	for i := range cfg.Instances {
		t.byName[cfg.Instances[i].Name] = &cfg.Instances[i]
	}
	t.notify.configure(cfg, t.readers)
}

func (t *teller) changed(c engine.Change) {
	if c.Static {
		t.held = append(t.held, ipc.Held{Router: c.Name, Static: true, Master: !c.Wanted.Empty(), Wanted: c.Wanted, Alive: staticAlive})
		return
	}
	if c.TakingOver {
		// The table is wanted before the addresses, which come before MASTER
		// is told; and whoever removes them after us must know them first.
		t.tellStateOnceFree(c)
		t.tellHeld(c)
		return
	}
	if c.Released {
		t.tellState(c)
		return
	}
	t.notify.changed(c)
	if c.Group || c.Event {
		return
	}
	t.tellStateOnceFree(c)
	if c.To == vrrp.Master || c.From == vrrp.Master {
		t.tellHeld(c)
	}
}

// tellStateOnceFree tells a state, but that a router is not master any more only
// when it has released everything: where the table goes first, connections to
// addresses that are still here are refused.
func (t *teller) tellStateOnceFree(c engine.Change) {
	if !c.Releasing {
		t.tellState(c)
	}
}

// tellState keeps the state of the router for lvs and tells it.
func (t *teller) tellState(c engine.Change) {
	st := ipc.RouterState{Name: c.Name, Master: c.To == vrrp.Master}
	in := t.byName[c.Name]
	if in == nil || c.Deleted {
		st.Master = false
		delete(t.states, c.Name)
	} else {
		st = t.stateOf(in, st.Master)
		st.Stopped, st.Fault = c.To == vrrp.Init, c.To == vrrp.Fault
		t.states[c.Name] = st
	}
	t.routers = append(t.routers, st)
}

func (t *teller) stateOf(in *config.VRRPInstance, master bool) ipc.RouterState {
	st := ipc.RouterState{Name: in.Name, Master: master}
	for _, v := range in.VirtualIPAddress {
		st.VIPs = append(st.VIPs, v.Prefix.Addr())
	}
	for _, v := range in.VirtualIPAddressExcluded {
		st.VIPs = append(st.VIPs, v.Prefix.Addr())
	}
	return st
}

// retell tells lvs every state anew, after either side was replaced or the
// configuration changed.
func (t *teller) retell() {
	t.flush()
	all := ipc.Routers{States: []ipc.RouterState{}}
	for name, st := range t.states {
		if in := t.byName[name]; in != nil {
			now := t.stateOf(in, st.Master)
			now.Fault = st.Fault
			all.States = append(all.States, now)
		}
	}
	_ = t.peer.PostBody(ipc.TypeRouters, all)
}

func (t *teller) tellHeld(c engine.Change) {
	h := ipc.Held{Router: c.Name, Master: c.To == vrrp.Master && !c.Deleted}
	if h.Master {
		h.Wanted = c.Wanted
		if in := t.byName[c.Name]; in != nil {
			h.Alive = aliveWindow(in)
		}
	}
	t.held = append(t.held, h)
}

// flush tells the other processes what has changed since the last one: a
// takeover of hundreds of routers is one message to each and not hundreds.
func (t *teller) flush() {
	if len(t.routers) > 0 {
		_ = t.peer.PostBody(ipc.TypeRouters, ipc.Routers{States: t.routers})
		t.routers = t.routers[:0]
	}
	if len(t.held) > 0 {
		_ = t.parent.PostBody(ipc.TypeHeld, t.held)
		t.held = t.held[:0]
	}
}

// staticAlive is how long what is static outlives the process that looks after
// it: nobody else holds it, so its successor may take its time.
const staticAlive = time.Minute

// aliveWindow is how long after the death of this process every peer still
// waits: the last advert was sent one interval before at the earliest.
func aliveWindow(in *config.VRRPInstance) time.Duration {
	n := in.DownTimerAdverts
	if n < 2 {
		return 0
	}
	return time.Duration(n-1) * in.AdvertInt
}
