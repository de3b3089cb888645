package bfd

import "time"

// Config describes one session. All fields are explicit.
type Config struct {
	MinTX      time.Duration // desired, of an up session; 1 µs up
	MinRX      time.Duration // required
	IdleTX     time.Duration // interval while the session is not up; 1 s at least
	Multiplier uint8         // 1..255
	Passive    bool          // say nothing before the neighbour does
}

// minIdle is the least interval of a session that is not up (section 6.8.3).
const minIdle = time.Second

// Counters count since the session was made.
type Counters struct {
	Sent, Received, Ups, Downs uint64
}

// Session is the state machine of one session (RFC 5880 section 6.8). It is
// not safe for concurrent use.
type Session struct {
	cfg   Config
	state State
	diag  Diag
	local uint32

	remote      uint32 // discriminator; 0: unknown
	remoteState State
	remoteDiag  Diag
	remoteMinRX time.Duration
	remoteMinTX time.Duration
	remoteMult  uint8
	demand      bool

	polling bool
	slowTX  time.Duration // kept until the poll ends: the former interval, if shorter
	wideRX  time.Duration // kept until the poll ends: the former requirement, if longer

	sendAt   time.Time     // zero: nothing is sent
	every    time.Duration // that sendAt was planned with
	lastSent time.Time
	expireAt time.Time // zero: nothing was received

	chance func() float64 // 0 <= x < 1
	excuse bool           // the neighbour is, or comes from being, administratively down
	up     bool           // what Healthy says
	count  Counters
}

// NewSession makes a session in Down. discriminator is unique on this machine
// and not 0; chance gives numbers from 0 to below 1 for the jitter.
func NewSession(cfg Config, discriminator uint32, now time.Time, chance func() float64) *Session {
	s := &Session{cfg: normal(cfg), state: Down, local: discriminator, remoteState: Down, remoteMinRX: time.Microsecond, chance: chance}
	if !s.cfg.Passive {
		s.sendAt = now
	}
	return s
}

func normal(c Config) Config {
	c.IdleTX = max(c.IdleTX, minIdle)
	c.MinTX = max(c.MinTX, time.Microsecond)
	if c.Multiplier == 0 {
		c.Multiplier = 3
	}
	return c
}

// Healthy is what a client goes by: the session is up, or it was before the
// neighbour was taken out of service on purpose.
func (s *Session) Healthy() bool { return s.up }

// desired is the interval that packets announce.
func (s *Session) desired() time.Duration {
	if s.state == Up {
		return s.cfg.MinTX
	}
	return max(s.cfg.IdleTX, s.cfg.MinTX)
}

// interval is the time between two packets before the jitter; 0: none are sent.
func (s *Session) interval() time.Duration {
	if s.remoteMinRX == 0 {
		return 0
	}
	d := s.desired()
	if s.slowTX > 0 {
		d = min(d, s.slowTX)
	}
	return max(d, s.remoteMinRX)
}

// detection is how long the neighbour may be silent.
func (s *Session) detection() time.Duration {
	return time.Duration(s.remoteMult) * max(s.cfg.MinRX, s.wideRX, s.remoteMinTX)
}

// Deadline is when Expire wants to be called; zero: never.
func (s *Session) Deadline() time.Time {
	if s.sendAt.IsZero() || !s.expireAt.IsZero() && s.expireAt.Before(s.sendAt) {
		return s.expireAt
	}
	return s.sendAt
}

// Update changes the configuration of a running session; the neighbour hears
// of new intervals by a poll (section 6.8.3).
func (s *Session) Update(cfg Config, now time.Time) {
	cfg = normal(cfg)
	if cfg == s.cfg {
		return
	}
	if s.state == Up {
		s.polling = true
		if cfg.MinTX > s.cfg.MinTX {
			s.slowTX = s.interval()
		}
		if cfg.MinRX < s.cfg.MinRX {
			s.wideRX = s.cfg.MinRX
		}
	}
	s.cfg = cfg
	if cfg.Passive && s.remote == 0 {
		s.sendAt = time.Time{}
	} else {
		s.plan(now)
	}
}

// plan sets the time of the next packet after the intervals changed.
func (s *Session) plan(now time.Time) {
	d := s.interval()
	if d == 0 || s.cfg.Passive && s.remote == 0 || s.demanded() {
		s.sendAt = time.Time{}
		return
	}
	if s.every == d && s.sendAt.After(now) {
		return // the dice are cast
	}
	s.every = d
	if s.lastSent.IsZero() {
		s.sendAt = now
		return
	}
	next := s.lastSent.Add(s.jitter(d))
	if next.Before(now) {
		next = now
	}
	s.sendAt = next
}

// demanded: the neighbour asked for silence (section 6.6).
func (s *Session) demanded() bool {
	return s.demand && s.state == Up && s.remoteState == Up && !s.polling
}

// jitter takes up to a quarter off; with multiplier 1 at least a tenth, so that
// one late packet does not end the session (section 6.8.7).
func (s *Session) jitter(d time.Duration) time.Duration {
	high := 1.0
	if s.cfg.Multiplier == 1 {
		high = 0.9
	}
	return time.Duration(float64(d) * (0.75 + (high-0.75)*s.chance()))
}

// Expire acts on what is due at now. send says that out is to be sent.
func (s *Session) Expire(now time.Time) (out Packet, send bool) {
	if !s.expireAt.IsZero() && !s.expireAt.After(now) {
		s.expireAt = time.Time{}
		s.silent(now)
	}
	if s.sendAt.IsZero() || s.sendAt.After(now) {
		return out, false
	}
	s.count.Sent++
	s.lastSent = now
	s.plan(now)
	return s.packet(false), true
}

// silent is the end of the detection time.
func (s *Session) silent(now time.Time) {
	if s.state == Init || s.state == Up {
		s.enter(Down, DiagExpired)
	}
	if s.remoteState != AdminDown {
		s.excuse = false
		s.judge()
	}
	s.remote = 0
	s.remoteMinRX = time.Microsecond
	s.demand = false
	s.plan(now)
}

// packet is the one to send now; final answers a poll.
func (s *Session) packet(final bool) Packet {
	return Packet{
		Diag: s.diag, State: s.state, Poll: s.polling && !final, Final: final, Multiplier: s.cfg.Multiplier,
		My: s.local, Your: s.remote, MinTX: s.desired(), MinRX: s.cfg.MinRX,
	}
}

// Receive takes a packet that Decode has passed and that is for this session.
// send says that out is to be sent at once: the answer to a poll.
func (s *Session) Receive(now time.Time, p *Packet) (out Packet, send bool) {
	if s.state == AdminDown || p.Your != 0 && p.Your != s.local {
		return out, false
	}
	s.count.Received++
	first := s.remote == 0
	s.remote, s.remoteState, s.remoteDiag, s.demand = p.My, p.State, p.Diag, p.Demand
	s.remoteMinRX, s.remoteMinTX, s.remoteMult = p.MinRX, p.MinTX, p.Multiplier
	if p.Final && s.polling {
		s.polling, s.slowTX, s.wideRX = false, 0, 0
	}
	before := s.state
	s.step(p.State)
	s.judge()
	if s.state == Up && before != Up && s.cfg.MinTX != max(s.cfg.IdleTX, s.cfg.MinTX) {
		s.polling = true
	}
	s.expireAt = now.Add(s.detection())
	s.plan(now)
	if s.state != before || first && s.cfg.Passive {
		s.sendNow(now) // the neighbour need not wait for the next interval
	}
	if p.Poll {
		s.count.Sent++
		return s.packet(true), true
	}
	return out, false
}

// sendNow brings the next packet forward; the interval still bounds the rate
// of what is sent before the neighbour is known.
func (s *Session) sendNow(now time.Time) {
	if !s.sendAt.IsZero() && s.remote != 0 {
		s.sendAt = now
	}
}

// step is the table of section 6.8.6.
func (s *Session) step(remote State) {
	switch {
	case remote == AdminDown:
		s.excuse = s.excuse || s.up
		if s.state != Down {
			s.enter(Down, DiagNeighborDown)
		}
	case s.state == Down && remote == Down:
		s.enter(Init, s.diag)
	case s.state == Down && remote == Init, s.state == Init && remote != Down:
		s.enter(Up, DiagNone)
	case s.state == Up && remote == Down:
		s.enter(Down, DiagNeighborDown)
	}
}

func (s *Session) enter(to State, why Diag) {
	if to == Up {
		s.count.Ups++
		s.excuse = false
	}
	if s.state == Up {
		s.count.Downs++
		s.polling, s.slowTX, s.wideRX = false, 0, 0
	}
	s.state, s.diag = to, why
}

// judge brings up to date what clients go by.
func (s *Session) judge() { s.up = s.state == Up || s.excuse }

// Stop ends the session on purpose; the packet tells the neighbour so, and
// should be sent a few times.
func (s *Session) Stop() Packet {
	s.enter(AdminDown, DiagAdminDown)
	s.sendAt, s.expireAt = time.Time{}, time.Time{}
	return s.packet(false)
}

// Status is a copy of what is worth showing.
type Status struct {
	State, RemoteState State
	Diag, RemoteDiag   Diag
	Local, Remote      uint32
	TX                 time.Duration // interval in force; 0: nothing is sent
	Detection          time.Duration
	Healthy            bool
	Counters
}

// Status returns it.
func (s *Session) Status() Status {
	return Status{
		State: s.state, RemoteState: s.remoteState, Diag: s.diag, RemoteDiag: s.remoteDiag,
		Local: s.local, Remote: s.remote, TX: s.interval(), Detection: s.detection(), Healthy: s.up, Counters: s.count,
	}
}
