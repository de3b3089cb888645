package link

import "slices"

// MemWatcher is the Watcher of a MemProcess. It tells every address that
// disappears as lost, its own process's doing included, which a real one may
// do as well.
type MemWatcher struct{ p *MemProcess }

var _ Watcher = MemWatcher{}

// memWatch is one running Watch.
type memWatch struct {
	queue []Update
	kick  chan struct{}
	last  []Interface // as last told
}

// Watcher returns the process's watcher.
func (p *MemProcess) Watcher() MemWatcher { return MemWatcher{p} }

// List implements Watcher.
func (m MemWatcher) List() ([]Interface, error) {
	h := m.p.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if m.p.killed() {
		return nil, ErrKilled
	}
	return h.snapshot(), nil
}

// Watch implements Watcher.
func (m MemWatcher) Watch(stop <-chan struct{}, f func(Update)) error {
	h := m.p.host
	w := &memWatch{kick: make(chan struct{}, 1)}
	h.net.mu.Lock()
	h.watchers = append(h.watchers, w)
	w.put(Update{Interfaces: h.snapshot(), Fresh: true})
	h.net.mu.Unlock()
	defer func() {
		h.net.mu.Lock()
		h.watchers = slices.DeleteFunc(h.watchers, func(o *memWatch) bool { return o == w })
		h.net.mu.Unlock()
	}()
	for {
		select {
		case <-stop:
			return nil
		case <-m.p.dead:
			return ErrKilled
		case <-w.kick:
		}
		if !m.p.run() {
			return ErrKilled
		}
		h.net.mu.Lock()
		q := w.queue
		w.queue = nil
		h.net.mu.Unlock()
		for _, u := range q {
			f(u)
		}
	}
}

func (w *memWatch) put(u Update) {
	w.queue, w.last = append(w.queue, u), u.Interfaces
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// notify tells the watchers of the host that something changed.
func (h *MemHost) notify(lost []LostAddress) {
	if len(h.watchers) == 0 || h.overrun {
		return
	}
	u := Update{Interfaces: h.snapshot(), Lost: lost}
	for _, w := range h.watchers {
		w.put(u)
	}
}

// Overrun begins a time in which the news for the watchers are lost, as in a
// socket that is full, or ends it: everything is read anew then, and what came
// and went in between is never told.
func (h *MemHost) Overrun(on bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.overrun == on {
		return
	}
	if h.overrun = on; on {
		return
	}
	for _, w := range h.watchers {
		now := h.snapshot()
		w.put(Update{Interfaces: now, Lost: lostAddresses(w.last, now), Fresh: true})
	}
}
