package lvs

import (
	"time"

	"holdfast/ipvs"
)

// since remembers when things last changed, for the status.
type since struct {
	start  time.Time
	events map[subject]time.Time
	came   map[ipvs.ServiceKey]time.Time // with a reload, of services
	checks map[string]checkSince         // by key of the check
}

// subject is a virtual server or, with server set, a real server of it.
type subject struct {
	service ipvs.ServiceKey
	server  ipvs.DestKey
}

type checkSince struct {
	up bool
	at time.Time
}

// init begins.
func (s *since) init() {
	s.start, s.checks = time.Now(), map[string]checkSince{}
}

// event notes one of about so many.
func (s *since) event(k subject, at time.Time, many int) {
	if s.events == nil { // not before there are any: a table is in the kernel by then
		s.events = make(map[subject]time.Time, many)
	}
	s.events[k] = at
}

// of is when the subject last changed, or came with a reload, or when all began.
func (s *since) of(k subject) time.Time {
	if at, ok := s.events[k]; ok {
		return at
	}
	if at, ok := s.came[k.service]; ok {
		return at
	}
	return s.start
}

// check notes a verdict; the time of one that says the same again stays.
func (s *since) check(key string, up bool, at time.Time) {
	if c, ok := s.checks[key]; !ok || c.up != up {
		s.checks[key] = checkSince{up, at}
	}
}

// reload forgets what is not configured any more, and notes what came at that time:
// of the services those that the reload may have changed are looked at.
func (s *since) reload(old, now *services, changed []ipvs.ServiceKey, at time.Time) {
	for k := range s.came {
		if now.virtual(k) == nil {
			delete(s.came, k)
		}
	}
	for _, k := range changed {
		v, was := now.virtual(k), old.virtual(k)
		if was == nil {
			if s.came == nil {
				s.came = map[ipvs.ServiceKey]time.Time{}
			}
			s.came[k] = at
			continue
		}
		for i := range v.RealServers {
			if d := (ipvs.DestKey{Addr: v.RealServers[i].Addr, Port: v.RealServers[i].Port}); realServer(was, d) == nil {
				s.event(subject{k, d}, at, len(changed))
			}
		}
	}
	for key := range s.checks {
		if _, ok := now.refs[key]; !ok {
			delete(s.checks, key)
		}
	}
	for k := range s.events {
		v := now.virtual(k.service)
		if v == nil || k.server != (ipvs.DestKey{}) && realServer(v, k.server) == nil {
			delete(s.events, k)
		}
	}
}
