package lvs

import (
	"cmp"
	"slices"
	"time"

	"holdfast/ipvs"
)

// drainEvery is how often the kernel is asked for the connections of servers
// that drain.
const drainEvery = time.Second

// advance lets time have its effect on the pool: slow start goes on, and
// drains end. It returns when it is due again; zero: never.
func (l *LVS) advance(now time.Time) time.Time {
	list, changed, next := l.pool.Advance(now)
	for _, k := range changed {
		l.touch(k)
	}
	l.drainsEnded(list)
	if len(l.pool.Draining()) == 0 {
		return next
	}
	if l.counting || now.Before(l.countAt) {
		if !l.counting && (next.IsZero() || l.countAt.Before(next)) {
			next = l.countAt
		}
		return next
	}
	l.count(now)
	return next
}

// count asks for connections beside the owner's goroutine; the answer comes
// back as a message.
func (l *LVS) count(now time.Time) {
	l.counting = true
	var ask []drainOf
	for k, servers := range l.pool.Draining() {
		if !l.settled(k) {
			continue // the kernel does not know yet that they are to drain
		}
		for _, d := range servers {
			ask = append(ask, drainOf{subject{k, d}, l.destinations(k, d)})
		}
	}
	go func() {
		ended, lost := l.stats.ended(l.deps.Open, ask)
		l.inbox.post(func() {
			l.counting, l.countAt = false, time.Now().Add(drainEvery)
			if lost {
				l.table.read = time.Time{} // another program's doing: do not wait for the next look
			}
			var list []ipvs.Event
			for _, t := range ended {
				list = append(list, l.pool.Drained(t.service, t.server, now)...)
				l.touch(t.service)
			}
			l.drainsEnded(list)
		})
	}()
}

// drainsEnded tells what followed from time and connections.
func (l *LVS) drainsEnded(list []ipvs.Event) {
	if len(list) == 0 {
		return
	}
	l.saveSettings()
	l.tell(events(list, l.services, nil))
}

// touch has what a virtual server stands for looked at.
func (l *LVS) touch(k ipvs.ServiceKey) { l.table.dirtyOne(l.services.of(k)...) }

// settled reports whether the kernel has what a virtual server stands for as
// wanted.
func (l *LVS) settled(k ipvs.ServiceKey) bool {
	t := &l.table
	return t.known && !t.all && !slices.ContainsFunc(l.services.of(k), func(k ipvs.ServiceKey) bool { return t.dirty[k] || t.stuck[k] })
}

// destinations are what a real server is in the kernel: one for each service
// that its virtual server stands for.
func (l *LVS) destinations(k ipvs.ServiceKey, d ipvs.DestKey) []drainAt {
	var out []drainAt
	v := l.services.virtual(k)
	r := realServer(v, d)
	for _, m := range l.services.of(k) {
		at := d
		if k.Group != "" && r != nil {
			at.Port = memberPort(destination(r.Addr, r.Port, r.Forward), m)
		}
		e := l.table.have[m]
		there := e != nil && slices.ContainsFunc(e.Dests, func(d ipvs.Destination) bool { return d.DestKey == at })
		out = append(out, drainAt{subject{m, at}, there})
	}
	return out
}

// drainOf is a server that drains.
type drainOf struct {
	subject
	at []drainAt
}

// drainAt is where it is in the kernel, or would be if it was there.
type drainAt struct {
	subject
	there bool // as far as we know
}

// ended returns those servers that have no connection and no persistence
// template any more, or are not in the kernel at all. One that should be there
// and is not (lost) was removed by another program, and drains on: its
// connections are still known to the kernel, and live when it is back.
func (s *stats) ended(open func() (ipvs.Kernel, error), ask []drainOf) (out []subject, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.connect(open) {
		return nil, false
	}
	busy, read := map[subject]bool{}, map[ipvs.ServiceKey]bool{}
	for _, a := range ask {
		none := true
		for _, at := range a.at {
			if k := at.service; !read[k] {
				list, err := s.kernel.Dests(k)
				if err != nil {
					return nil, false // the next time
				}
				for _, d := range list {
					busy[subject{k, d.DestKey}] = d.Active > 0 || d.Inactive > 0 || d.Persistent > 0
				}
				read[k] = true
			}
			some, found := busy[at.subject]
			if at.there && !found {
				some, lost = true, true
			}
			none = none && !some
		}
		if none {
			out = append(out, a.subject)
		}
	}
	slices.SortFunc(out, func(a, b subject) int {
		return cmp.Or(a.service.Compare(b.service), a.server.Compare(b.server))
	})
	return out, lost
}
