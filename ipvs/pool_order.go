package ipvs

import (
	"cmp"
	"slices"
	"time"
)

// Action is what an [Order] asks for.
type Action uint8

// The actions, the weakest first. They end with NoOrder.
const (
	NoOrder Action = iota
	// Weigh gives the server a weight, whatever the configuration and its
	// checks say. 0 keeps it in service without new connections.
	Weigh
	// Drain gives it weight 0 until its connections have ended or the
	// deadline has passed, and then takes it out of the table.
	Drain
	// Disable takes it out of the table at once.
	Disable
)

// Order is what somebody asks of a real server beyond its checks. It never
// brings a server into service that its checks hold to be down.
type Order struct {
	Action   Action
	Weight   uint32    // of Weigh
	Deadline time.Time // of Drain; zero: none
	// Done says that a Drain has ended: the server is out of the table.
	Done bool
}

func (o Order) out() bool      { return o.Action == Disable || o.Action == Drain && o.Done }
func (o Order) draining() bool { return o.Action == Drain && !o.Done }

// Source says who gives an order. Of several orders the strongest counts:
// to be out, then to drain, then a weight; and of equal ones that of the last
// source.
type Source uint8

// The sources.
const (
	ByConfig  Source = iota // RealServer.Order
	ByService               // the operator, for every server of a service
	ByServer                // the operator, for one server
	ByFile                  // maintenance that a file pins
	sources
)

// rampSteps is in how many steps a server with SlowStart gets its weight.
const rampSteps = 10

// standing is whether a server takes connections.
type standing uint8

const (
	down standing = iota // not in service
	draining
	up
)

func (r *real) standing() standing {
	switch o, _ := r.order(); {
	case r.failed > 0 || o.out():
		return down
	case o.draining():
		return draining
	}
	return up
}

// strength says which of two orders counts: the one that keeps the server
// further away from new connections.
func (o Order) strength() int {
	switch {
	case o.out():
		return 3
	case o.draining():
		return 2
	case o.Action == Weigh:
		return 1
	}
	return 0
}

// order is the order in force: the strongest one, of equal ones that of the
// last source.
func (r *real) order() (Order, Source) {
	src := ByConfig
	if r.orders == nil {
		return Order{}, src
	}
	for i := ByService; i < sources; i++ {
		if n := r.orders[i].strength(); n > 0 && n >= r.orders[src].strength() {
			src = i
		}
	}
	return r.orders[src], src
}

// give takes an order down. A server that is out of the table has nothing to
// drain.
func (r *real) give(src Source, o Order) {
	if now, _ := r.order(); o.Action == Drain && now.out() {
		o.Done = true
	}
	r.put(src, o)
	if o.Action == Weigh {
		r.step = rampSteps // what is asked for by name holds at once
	}
}

// put notes the order of a source.
func (r *real) put(src Source, o Order) {
	if r.orders == nil {
		if o == (Order{}) {
			return
		}
		r.own().orders = new([sources]Order)
	}
	r.orders[src] = o
}

// by is the order of a source.
func (r *real) by(src Source) Order {
	if r.orders == nil {
		return Order{}
	}
	return r.orders[src]
}

// Order gives an order to a server or, with ByService, to all servers of a
// service, those that a reload brings later included; NoOrder takes it back.
// It returns the events that follow. One for something that is not in the pool
// is ignored.
func (p *Pool) Order(src Source, k ServiceKey, d DestKey, o Order, now time.Time) []Event {
	s := p.services.get(k)
	if s == nil {
		return nil
	}
	var events []Event
	if src == ByService {
		s.order = nil
		if o != (Order{}) {
			s.order = &o
		}
	}
	for i := range s.reals {
		if r := &s.reals[i]; src == ByService || r.DestKey == d {
			events = append(events, s.change(r, now, false, func() { r.give(src, o) })...)
		}
	}
	p.note(s)
	return s.judge(events, false)
}

// change does f to a server and returns the events of that server. news says
// that a server that stays down is told as down if that was not told before.
func (s *virtual) change(r *real, now time.Time, news bool, f func()) []Event {
	was := r.standing()
	f()
	is := r.standing()
	switch {
	case is == down && !r.told && (was != down || news):
		// Also the first failure of a server that counted as down from the
		// start (alpha) is told.
		r.told, r.untold = true, false
		return []Event{s.serverEvent(r, false)}
	case is == up && was == down:
		if o, _ := r.order(); (r.told || r.untold) && r.SlowStart > 0 && o.Action != Weigh {
			r.step, r.own().ramp = 1, now
		}
		r.told, r.untold = false, false
		return []Event{s.serverEvent(r, true)}
	case is == draining && was != draining, is == up && was == draining:
		r.told, r.untold = false, false
		e := s.serverEvent(r, is == up)
		e.Drain = true
		return []Event{e}
	}
	return nil
}

// note remembers whether time has an effect on a service.
func (p *Pool) note(s *virtual) {
	for i := range s.reals {
		r := &s.reals[i]
		if o, _ := r.order(); o.draining() || r.step < rampSteps {
			p.timed[s.ServiceKey] = true
			return
		}
	}
	delete(p.timed, s.ServiceKey)
}

// timedInOrder lists the services on which time has an effect.
func (p *Pool) timedInOrder() []ServiceKey {
	keys := make([]ServiceKey, 0, len(p.timed))
	for k := range p.timed {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, ServiceKey.Compare)
	return keys
}

// Advance tells the pool the time: drains end at their deadline, and servers
// with SlowStart go on to their next weight. changed are the services whose
// entry may be another now, next is when Advance is due again; zero: never.
func (p *Pool) Advance(now time.Time) (events []Event, changed []ServiceKey, next time.Time) {
	due := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, k := range p.timedInOrder() {
		s := p.services.get(k)
		touched := false
		for i := range s.reals {
			r := &s.reals[i]
			if o, src := r.order(); o.draining() && !o.Deadline.IsZero() {
				if now.Before(o.Deadline) {
					due(o.Deadline)
				} else {
					events = append(events, s.drained(r, src, now)...)
					touched = true
				}
			}
			if r.step < rampSteps {
				each := max(r.SlowStart/rampSteps, 1)
				if step := int16(min(1+now.Sub(r.ramp)/each, rampSteps)); step > r.step {
					r.step, touched = step, true
				}
				if r.step < rampSteps {
					due(r.ramp.Add(time.Duration(r.step) * each))
				}
			}
		}
		if touched {
			changed = append(changed, k)
			events = s.judge(events, false)
		}
		p.note(s)
	}
	return events, changed, next
}

// waits reports whether the connections of a server are waited for: it drains, and
// is in the table, be it with inhibit_on_failure and checks that fail.
func (r *real) waits() bool {
	o, _ := r.order()
	return o.draining() && (r.standing() == draining || r.Inhibit)
}

// Draining lists the services with servers whose connections are waited for,
// and those servers.
func (p *Pool) Draining() map[ServiceKey][]DestKey {
	var out map[ServiceKey][]DestKey
	for k := range p.timed {
		s := p.services.get(k)
		for i := range s.reals {
			if r := &s.reals[i]; r.waits() {
				if out == nil {
					out = map[ServiceKey][]DestKey{}
				}
				out[k] = append(out[k], r.DestKey)
			}
		}
	}
	return out
}

// Drained tells that a server that drains has no connection left.
func (p *Pool) Drained(k ServiceKey, d DestKey, now time.Time) []Event {
	s := p.services.get(k)
	if s == nil {
		return nil
	}
	r := s.server(d)
	if r == nil || !r.waits() {
		return nil
	}
	_, src := r.order()
	events := s.drained(r, src, now)
	p.note(s)
	return s.judge(events, false)
}

func (s *virtual) drained(r *real, src Source, now time.Time) []Event {
	return s.change(r, now, false, func() {
		o := r.by(src)
		o.Done = true
		r.put(src, o)
	})
}

// OrderOf is the order that a source has given to a server, as it stands now.
func (p *Pool) OrderOf(src Source, k ServiceKey, d DestKey) Order {
	if s := p.services.get(k); s != nil {
		if r := s.server(d); r != nil {
			return r.by(src)
		}
	}
	return Order{}
}

// inherit takes over what was ordered before a reload. An order of the
// configuration that stays goes on.
func (r *real) inherit(old *real, service *Order) {
	r.step = rampSteps
	if old == nil {
		r.put(ByConfig, r.Order)
		if service != nil {
			o := *service
			o.Done = o.Done || o.draining() // it has no connection yet
			r.give(ByService, o)
		}
		return
	}
	config := r.Order
	if was := old.by(ByConfig); was.Action == config.Action {
		config = was
	}
	if old.orders != nil {
		orders := *old.orders
		r.own().orders = &orders
	}
	r.put(ByConfig, config)
	if r.SlowStart > 0 {
		if r.step = cmp.Or(old.step, rampSteps); !old.ramp.IsZero() {
			r.own().ramp = old.ramp
		}
	}
}

// tableWeight is what the table gets of the weight of a server that is up.
func (r *real) tableWeight() uint32 {
	w := r.weight()
	if r.step >= rampSteps || w == 0 {
		return w
	}
	return uint32((uint64(w)*uint64(r.step) + rampSteps - 1) / rampSteps)
}
