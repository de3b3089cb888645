package bfd

import (
	"testing"
	"time"
)

var epoch = time.Unix(1_000_000, 0)

const ms = time.Millisecond

func quick() Config {
	return Config{MinTX: 50 * ms, MinRX: 50 * ms, IdleTX: time.Second, Multiplier: 3}
}

func session(cfg Config) *Session {
	return NewSession(cfg, 7, epoch, func() float64 { return 0.999999 })
}

// says is a packet of the neighbour.
func says(st State) *Packet {
	p := &Packet{State: st, Multiplier: 3, My: 9, Your: 7, MinTX: 50 * ms, MinRX: 50 * ms}
	if st == Down || st == AdminDown {
		p.Your = 0
	}
	return p
}

// in makes a session that is in a state.
func in(t *testing.T, st State) *Session {
	t.Helper()
	s := session(quick())
	switch st {
	case Init:
		s.Receive(epoch, says(Down))
	case Up:
		s.Receive(epoch, says(Init))
	}
	if s.state != st {
		t.Fatalf("state %v, want %v", s.state, st)
	}
	return s
}

// TestMachine: every field of the table of section 6.8.6, and section 6.2.
func TestMachine(t *testing.T) {
	for _, c := range []struct {
		local, remote, want State
		diag                Diag
	}{
		{Down, AdminDown, Down, DiagNone},
		{Down, Down, Init, DiagNone},
		{Down, Init, Up, DiagNone},
		{Down, Up, Down, DiagNone},
		{Init, AdminDown, Down, DiagNeighborDown},
		{Init, Down, Init, DiagNone},
		{Init, Init, Up, DiagNone},
		{Init, Up, Up, DiagNone},
		{Up, AdminDown, Down, DiagNeighborDown},
		{Up, Down, Down, DiagNeighborDown},
		{Up, Init, Up, DiagNone},
		{Up, Up, Up, DiagNone},
	} {
		s := in(t, c.local)
		s.Receive(epoch.Add(ms), says(c.remote))
		if s.state != c.want || s.diag != c.diag {
			t.Errorf("%v hears %v: %v (%v), want %v (%v)", c.local, c.remote, s.state, s.diag, c.want, c.diag)
		}
	}
}

// TestDetection: sections 6.8.4 and 6.8.1 (the discriminator is forgotten).
func TestDetection(t *testing.T) {
	s := in(t, Up)
	p := says(Up)
	p.MinTX, p.Multiplier = 100*ms, 4
	s.Receive(epoch, p)
	if d := s.detection(); d != 400*ms {
		t.Errorf("detection time %v, want 4 × max(50, 100) ms", d)
	}
	s.Expire(epoch.Add(399 * ms))
	if s.state != Up {
		t.Fatal("too early")
	}
	s.Expire(epoch.Add(400 * ms))
	if s.state != Down || s.diag != DiagExpired || s.remote != 0 || s.Healthy() {
		t.Errorf("%v, %v, remote discriminator %d", s.state, s.diag, s.remote)
	}
}

// TestRate: section 6.8.3 (a second while not up) and 6.8.7 (jitter, the
// neighbour's requirement, 0: silence).
func TestRate(t *testing.T) {
	gap := func(s *Session, from time.Time) time.Duration {
		t.Helper()
		var sent []time.Time
		for at := from; len(sent) < 2 && at.Before(from.Add(5*time.Second)); at = at.Add(ms) {
			if _, send := s.Expire(at); send {
				sent = append(sent, at)
			}
			s.expireAt = time.Time{} // silence of the neighbour is not the matter
		}
		if len(sent) < 2 {
			return 0
		}
		return sent[1].Sub(sent[0])
	}
	if d := gap(session(quick()), epoch); d < 999*ms || d > 1001*ms {
		t.Errorf("down: every %v, want 1 s", d)
	}
	if d := gap(in(t, Up), epoch); d < 49*ms || d > 51*ms {
		t.Errorf("up: every %v, want 50 ms", d)
	}
	slow := in(t, Up)
	p := says(Up)
	p.MinRX = 200 * ms
	slow.Receive(epoch, p)
	slow.expireAt = time.Time{}
	if d := gap(slow, epoch.Add(300*ms)); d < 199*ms || d > 201*ms {
		t.Errorf("the neighbour wants 200 ms: every %v", d)
	}
	p.MinRX = 0
	slow.Receive(epoch, p)
	slow.expireAt = time.Time{}
	if d := gap(slow, epoch.Add(10*time.Second)); d != 0 {
		t.Errorf("the neighbour wants nothing: every %v", d)
	}
	for _, mult := range []uint8{1, 3} {
		cfg := quick()
		cfg.Multiplier = mult
		high := 1000 * ms
		if mult == 1 {
			high = 900 * ms
		}
		for _, x := range []float64{0, 0.5, 0.999} {
			s := NewSession(cfg, 7, epoch, func() float64 { return x })
			if d := s.jitter(time.Second); d < 750*ms || d > high {
				t.Errorf("multiplier %d: %v", mult, d)
			}
		}
	}
}

// TestPoll: section 6.5; the answer comes at once, and an interval that grows
// counts only then.
func TestPoll(t *testing.T) {
	s := in(t, Up)
	out, _ := s.Expire(s.sendAt)
	if !out.Poll {
		t.Error("the interval changed with the state: no poll")
	}
	final := says(Up)
	final.Final = true
	s.Receive(epoch.Add(10*ms), final)
	if s.polling {
		t.Error("the final does not end the poll")
	}
	poll := says(Up)
	poll.Poll = true
	if out, send := s.Receive(epoch.Add(20*ms), poll); !send || !out.Final || out.Poll {
		t.Errorf("answer to a poll: %v %+v", send, out)
	}
	cfg := quick()
	cfg.MinTX, cfg.MinRX = 300*ms, 10*ms
	s.Update(cfg, epoch.Add(30*ms))
	if s.interval() != 50*ms || s.detection() != 150*ms || s.desired() != 300*ms {
		t.Errorf("before the final: every %v, detection %v, announced %v", s.interval(), s.detection(), s.desired())
	}
	s.Receive(epoch.Add(40*ms), final)
	if s.interval() != 300*ms {
		t.Errorf("after the final: every %v", s.interval())
	}
}

// TestPassive: section 6.1.
func TestPassive(t *testing.T) {
	cfg := quick()
	cfg.Passive = true
	s := session(cfg)
	if !s.Deadline().IsZero() {
		t.Error("a passive session wants to speak")
	}
	s.Receive(epoch, says(Down))
	if out, send := s.Expire(epoch); !send || out.State != Init || out.Your != 9 {
		t.Errorf("after a word of the neighbour: %v %+v", send, out)
	}
	s.Expire(epoch.Add(time.Hour))
	if !s.Deadline().IsZero() {
		t.Error("it goes on although the neighbour is gone")
	}
}

// TestAdministratively: RFC 5882 section 4.2.
func TestAdministratively(t *testing.T) {
	at := epoch
	hear := func(s *Session, st State, want bool, what string) {
		t.Helper()
		at = at.Add(ms)
		s.Receive(at, says(st))
		if s.Healthy() != want {
			t.Errorf("%s: healthy %v", what, s.Healthy())
		}
	}
	s := in(t, Up)
	hear(s, AdminDown, true, "taken out of service")
	s.Expire(at.Add(time.Minute))
	if !s.Healthy() {
		t.Error("silent after that: a failure")
	}
	at = at.Add(time.Minute)
	hear(s, Down, true, "coming back")
	hear(s, Init, true, "up again")
	if s.state != Up || s.excuse {
		t.Errorf("%v, %v", s.state, s.excuse)
	}
	hear(s, Down, false, "failed")
	hear(s, AdminDown, false, "out of service after it failed")

	lost := in(t, Up)
	hear(lost, AdminDown, true, "taken out of service")
	hear(lost, Down, true, "coming back")
	lost.Expire(at.Add(time.Minute))
	if lost.Healthy() {
		t.Error("lost while it came back: no failure")
	}
}

// TestWrongDiscriminator: section 6.8.6.
func TestWrongDiscriminator(t *testing.T) {
	s := in(t, Up)
	p := says(Down)
	p.Your = 8
	if _, send := s.Receive(epoch, p); send || s.state != Up {
		t.Error("a packet for another session counts")
	}
}
