package ipvs

import (
	"math"
	"slices"
	"time"
)

// VirtualServer is a service with everything that decides which of its real
// servers are in the table.
type VirtualServer struct {
	Service
	Servers []RealServer
	// Quorum is the sum of weights of servers that are up from which on the
	// service is up; 0 means 1. One above the sum of all configured weights
	// is reduced to it.
	Quorum uint32
	// Hysteresis keeps the service from going up and down: it comes up at
	// Quorum+Hysteresis and goes down below Quorum-Hysteresis. It is reduced
	// to Quorum-1.
	Hysteresis uint32
	// Sorry is in the table alone while the service is down; nil: the servers
	// that are up stay in service.
	Sorry *SorryServer
	// Omega tells the servers and the service down when the pool is stopped.
	Omega bool
	// InitNotifies tells of servers that are up from the start, before any
	// check (rs_init_notifies).
	InitNotifies bool

	stays bool // see Pool.Unchanged
}

// RealServer is a destination with its checks.
type RealServer struct {
	Destination      // Weight is the configured one
	Inhibit     bool // inhibit_on_failure: weight 0 instead of removal
	Checks      []Check
	// Order is the one of the configuration; it gives way to all others.
	Order Order
	// SlowStart is how long a server that was told to be down and comes up
	// again takes to get its whole weight; 0: it has it at once.
	SlowStart time.Duration
}

// Check is one health check of a real server. Two checks of a server with
// equal IDs are the same check, also across [Pool.Reload].
type Check struct {
	ID    string
	Alpha bool // down until the first verdict; otherwise up until then
}

// SorryServer takes over when the service is down.
type SorryServer struct {
	Destination      // the weight is always 1
	Inhibit     bool // in the table at weight 0 while it is not needed
}

// Verdict is what a check says of its server.
type Verdict struct {
	Service ServiceKey
	Server  DestKey
	Check   string // Check.ID
	Up      bool
	Weight  int // of a server that is up, the weight it should have; -1: the configured one
	At      time.Time
}

// Event says that a real server or a virtual server went up or down.
type Event struct {
	Service ServiceKey
	Server  DestKey // of a real server
	Real    bool    // a real server; otherwise the virtual server itself
	Up      bool
	// Drain is set when a real server begins to drain (Up is false) or goes
	// on to take connections without having been taken out (Up is true).
	Drain bool
	// Sum and Quorum say why, for the log: the weights that are up and the
	// sum that was to be reached or kept.
	Sum, Quorum uint64
	// Sorry is set when the sorry server took over with this event.
	Sorry bool
}

// Pool turns verdicts and orders into the wanted table. It is pure: no clock
// (the time is an argument), no goroutine, no I/O. A Pool belongs to one
// goroutine.
type Pool struct {
	services virtuals
	timed    map[ServiceKey]bool // those on which time has an effect
	renewed  []ServiceKey        // see Renewed
	past     func(*VirtualServer) *Past
}

// virtual is the state of a virtual server. There may be tens of thousands of real
// servers, and the memory of a new table takes longer than all the rest: what few of
// them have is kept apart, and what several have alike is there once.
type virtual struct {
	VirtualServer // without Servers
	// servers are those as configured, in its order. They are never changed, as
	// entries may hold them: other ones get another list.
	servers []Destination
	reals   []real          // of each of servers
	index   map[DestKey]int // of reals, where there are many
	inOrder bool            // servers are in canonical order
	up      bool            // quorum reached and not lost since
	sorry   bool            // the sorry server is in
	order   *Order          // nil: none
}

// manyServers is from how many on they are found by a map. One costs as much
// memory as the servers themselves, and there may be thousands of services.
const manyServers = 32

// server is the real server with a key; nil: there is none.
func (s *virtual) server(k DestKey) *real {
	if s.index != nil {
		if i, ok := s.index[k]; ok {
			return &s.reals[i]
		}
		return nil
	}
	for i := range s.reals {
		if r := &s.reals[i]; r.DestKey == k {
			return r
		}
	}
	return nil
}

// real is the state of a real server.
type real struct {
	*Destination // of virtual.servers
	*serverSettings
	*history
	failed int32 // checks that are not up
	step   int16 // of rampSteps that its weight has; rampSteps: all of it
	told   bool  // listeners know that it is down
	untold bool  // down since a predecessor: they may know, see ResumePool
}

// serverSettings are what a real server has in its configuration beside a destination.
// Servers share them, and they are never changed.
type serverSettings struct {
	Inhibit   bool
	Checks    []Check
	Order     Order
	SlowStart time.Duration
}

var noSettings = &serverSettings{}

// settingsOf returns those of a server: the former ones if they are the same.
func settingsOf(r *RealServer, former *serverSettings) *serverSettings {
	switch {
	case former != nil && former.of(r):
		return former
	case noSettings.of(r):
		return noSettings
	}
	return &serverSettings{r.Inhibit, r.Checks, r.Order, r.SlowStart}
}

func (s *serverSettings) of(r *RealServer) bool {
	return s.Inhibit == r.Inhibit && s.Order == r.Order && s.SlowStart == r.SlowStart && slices.Equal(s.Checks, r.Checks)
}

// history is what a real server may have beside its settings. See real.own.
type history struct {
	checks map[string]*checkState // nil: none
	orders *[sources]Order        // nil: none
	ramp   time.Time              // when the first step was
}

// noHistory is of all servers that have nothing of it. It is never changed.
var noHistory = &history{}

// own is the history of this server, to be changed.
func (r *real) own() *history {
	if r.history == noHistory {
		r.history = &history{}
	}
	return r.history
}

type checkState struct {
	up     bool
	known  bool // there was a verdict
	left   bool // up is what a predecessor left, see ResumePool
	alpha  bool // Check.Alpha
	weight int  // the last one asked for; -1: none
}

// NewPool returns a pool with the state before the first check, and the
// events that this state is to be announced with. A service or server that
// occurs twice counts once, the first time.
func NewPool(services []VirtualServer) (*Pool, []Event) {
	return ResumePool(len(services), slices.Values(services), nil)
}

// Verdict takes a verdict and returns the events that follow from it. One for
// something that is not in the pool is ignored.
func (p *Pool) Verdict(v Verdict) []Event {
	s := p.services.get(v.Service)
	if s == nil {
		return nil
	}
	r := s.server(v.Server)
	if r == nil {
		return nil
	}
	c := r.checks[v.Check]
	if c == nil {
		return nil
	}
	events := s.change(r, v.At, !v.Up, func() {
		if c.up != v.Up {
			c.up = v.Up
			if v.Up {
				r.failed--
			} else {
				r.failed++
			}
		}
		c.known = true
		if v.Up {
			c.weight = v.Weight
		}
	})
	p.note(s)
	return s.judge(events, false)
}

// Stop returns the events of the end: those of services with Omega.
func (p *Pool) Stop() []Event {
	var events []Event
	for _, s := range p.services.list {
		if s.Omega {
			events = append(events, s.gone()...)
		}
	}
	return events
}

// weight is the one that is ordered, or else the configured weight as the
// checks change it: each that asks for a weight adds its difference to the
// configured one.
func (r *real) weight() uint32 {
	if o, _ := r.order(); o.Action == Weigh {
		return min(o.Weight, maxWeight)
	}
	w := int(r.Weight)
	for _, c := range r.checks {
		if c.weight >= 0 {
			w += c.weight - int(r.Weight)
		}
	}
	return uint32(min(max(w, 0), maxWeight))
}

// maxWeight is the largest weight that the kernel takes; keepalived passes on
// what is configured, also above the 65535 of the manual (2.2.7, measured).
const maxWeight = math.MaxInt32

// judge compares the weights that are up with the quorum, and appends what is to be
// told of that. start is set when the configuration is new: a service that is not up
// then gets its sorry server although there was no loss.
func (s *virtual) judge(events []Event, start bool) []Event {
	sum := s.sum()
	quorum, hysteresis := s.quorum()
	switch {
	case !s.up && sum >= quorum+hysteresis:
		s.up, s.sorry = true, false
		return append(events, Event{Service: s.ServiceKey, Up: true, Sum: sum, Quorum: quorum + hysteresis})
	case s.up && (sum == 0 || sum < quorum-hysteresis),
		start && !s.up && s.Sorry != nil && !s.sorry:
		s.up, s.sorry = false, s.Sorry != nil
		return append(events, Event{Service: s.ServiceKey, Sum: sum, Quorum: quorum - hysteresis, Sorry: s.sorry})
	}
	return events
}

// quorum returns the limits in force.
func (s *virtual) quorum() (quorum, hysteresis uint64) {
	var total uint64
	for i := range s.servers {
		total += uint64(s.servers[i].Weight)
	}
	// A service whose configured weights are all 0 comes up once a check
	// gives one of them a weight.
	quorum = max(min(uint64(s.Quorum), total), 1)
	return quorum, min(uint64(s.Hysteresis), quorum-1)
}

func (s *virtual) serverEvent(r *real, up bool) Event {
	return Event{Service: s.ServiceKey, Server: r.DestKey, Real: true, Up: up}
}

// gone returns the events of a service that ends: its servers go down one after
// another, and then the service.
func (s *virtual) gone() []Event {
	var events []Event
	for i := range s.reals {
		if r := &s.reals[i]; r.standing() != down {
			events = append(events, s.serverEvent(r, false))
		}
	}
	if s.up {
		events = append(events, Event{Service: s.ServiceKey})
	}
	return events
}

// sum is the weight of the servers that are up.
func (s *virtual) sum() uint64 {
	var sum uint64
	for i := range s.reals {
		if r := &s.reals[i]; r.standing() == up {
			sum += uint64(r.weight())
		}
	}
	return sum
}

// asConfigured reports whether the kernel should have the servers just as they are
// configured, as it should of most services.
func (s *virtual) asConfigured() bool {
	if !s.inOrder || s.sorry || s.Sorry != nil && s.Sorry.Inhibit {
		return false
	}
	for i := range s.reals {
		if r := &s.reals[i]; r.standing() != up || r.tableWeight() != r.Weight {
			return false
		}
	}
	return true
}

// entry is what the kernel should have for the service. Its list may be the pool's.
func (s *virtual) entry() Entry {
	if s.asConfigured() {
		return Entry{Service: s.Service, Dests: slices.Clip(s.servers)}
	}
	most := len(s.reals)
	if s.Sorry != nil {
		most++
	}
	e := Entry{Service: s.Service, Dests: make([]Destination, 0, most)}
	if s.Sorry != nil && (s.sorry || s.Sorry.Inhibit) {
		d := s.Sorry.Destination
		d.Weight = 0
		if s.sorry {
			d.Weight = 1
		}
		e.Dests = append(e.Dests, d)
	}
	for i := range s.reals {
		r := &s.reals[i]
		d := *r.Destination
		order, _ := r.order()
		switch at := r.standing(); {
		case at == up && !s.sorry:
			d.Weight = r.tableWeight()
		case order.out():
			continue
		case at == draining, r.Inhibit:
			d.Weight = 0
		default:
			continue
		}
		if i := slices.IndexFunc(e.Dests, func(o Destination) bool { return o.DestKey == d.DestKey }); i >= 0 {
			// The sorry server is a real server as well: in service as
			// whichever of them is.
			if !s.sorry {
				e.Dests[i] = d
			}
			continue
		}
		e.Dests = append(e.Dests, d)
	}
	e.sort()
	return e
}

// Table is the wanted table, in canonical order. Its lists are the pool's: they are
// only read.
func (p *Pool) Table() Table {
	t := make(Table, 0, len(p.services.list))
	for _, s := range p.services.list {
		t = append(t, s.entry())
	}
	t.Sort()
	return t
}

// Entry is the wanted entry of one service. Its list is the pool's: it is only read,
// and stays as it is.
func (p *Pool) Entry(k ServiceKey) (Entry, bool) {
	s := p.services.get(k)
	if s == nil {
		return Entry{}, false
	}
	return s.entry(), true
}

// Services lists the services in the order of the configuration.
func (p *Pool) Services() []ServiceKey {
	keys := make([]ServiceKey, len(p.services.list))
	for i, s := range p.services.list {
		keys[i] = s.ServiceKey
	}
	return keys
}
