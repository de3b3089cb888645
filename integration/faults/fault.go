package faults

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// Fault is one kind of harm.
type Fault struct {
	Name string
	// Lasts is how long it goes on; zero: until the backup has had its time.
	Lasts time.Duration
	// Silence is what the timers allow the client to miss, from the beginning
	// of the fault to its end and beyond; nil: the harm itself silences the
	// client, whatever the directors do.
	Silence func(Setting) time.Duration
	// Calm: neither director has a reason to move the address.
	Calm bool

	begin func(*Scene) (end func() error, err error)
}

func none(Setting) time.Duration { return 0 }

// All are the faults, in the order of a campaign.
func All(flood time.Duration) []Fault {
	return []Fault{
		{Name: "crash of the master", Silence: Setting.Down, begin: crash},
		{Name: "stop of the master", Silence: Setting.Skew, begin: stop},
		{Name: "pause of the master", Silence: none, begin: pause(false)},
		{Name: "pause of the backup", Silence: none, Calm: true, begin: pause(true)},
		{Name: "master's cable pulled", Silence: Setting.Down, begin: cable},
		{Name: "master cut off, link up", Silence: Setting.Down, begin: block(false, true, true)},
		{Name: "master mute", Silence: Setting.Down, begin: block(false, true, false)},
		{Name: "master deaf", begin: block(false, false, true)},
		{Name: "backup cut off, link up", Silence: none, begin: block(true, true, true)},
		{Name: "backup mute", Silence: none, Calm: true, begin: block(true, true, false)},
		{Name: "backup deaf", begin: block(true, false, true)},
		// What the machine itself loses under this load is no matter of the directors.
		{Name: fmt.Sprintf("%d packets/s", FloodRate), Lasts: flood, Calm: true, begin: flooding},
	}
}

// crash cuts the master off and kills it; the machine comes back.
func crash(s *Scene) (func() error, error) {
	if _, err := s.A.proc.Crash(); err != nil {
		return nil, err
	}
	return func() error {
		if err := s.A.Host.Restore(); err != nil {
			return err
		}
		return s.A.again()
	}, nil
}

// stop ends the master as an administrator does.
func stop(s *Scene) (func() error, error) {
	exit, err := s.A.proc.Stop(10 * time.Second)
	if err == nil && exit != 0 {
		err = fmt.Errorf("%s ended with %d", s.A.Daemon.Name, exit)
	}
	return s.A.start, err
}

// pause stops all processes for longer than the peer's dead time; the machine
// goes on answering, as that of a starved daemon does.
func pause(backup bool) func(*Scene) (func() error, error) {
	return func(s *Scene) (func() error, error) {
		n := s.side(backup)
		return func() error { return n.signal(syscall.SIGCONT) }, n.signal(syscall.SIGSTOP)
	}
}

func cable(s *Scene) (func() error, error) { return s.A.Host.Restore, s.A.Host.Cut() }

// block loses frames without a sign.
func block(backup, mute, deaf bool) func(*Scene) (func() error, error) {
	return func(s *Scene) (func() error, error) {
		h := s.side(backup).Host
		return func() error { return h.Block(false, false) }, h.Block(mute, deaf)
	}
}

func flooding(s *Scene) (func() error, error) {
	f, err := s.startFlood()
	if err != nil {
		return nil, err
	}
	return func() error {
		sent, took, err := f.stop()
		rate := float64(sent) / took.Seconds()
		if err == nil && rate < FloodRate*0.9 {
			err = fmt.Errorf("flood: only %.0f packets a second", rate)
		}
		return err
	}, nil
}

func (s *Scene) side(backup bool) *Node {
	if backup {
		return s.B
	}
	return s.A
}

// Outcome is what came of a fault.
type Outcome struct {
	// Silence is the client's longest silence.
	Silence time.Duration
	// During and After are the longest times in which both held the address,
	// in the fault and after its end.
	During, After time.Duration
	// Moves is how often the address came or went while the fault lasted.
	Moves int
	// Took is when the backup had the address, Answered when the client had its
	// first answer after that, both beyond what the timers give: the master-down interval
	// after the last advert, or the skew time after a farewell. Valid only when
	// the backup took over.
	Took, Answered time.Duration
	TookOver       bool
	// Due is when the timers gave the address to the backup.
	Due time.Time
	// Waited is how long the backup's processes were ready to run and did not, in
	// all of the run.
	Waited time.Duration
	// Back is how long after the end of the fault everything was as before.
	Back time.Duration
}

// Run has one fault happen at a random phase of the adverts, waits until the
// scene is settled again and tells what was seen.
func (s *Scene) Run(f Fault) (Outcome, error) {
	var o Outcome
	lasts := f.Lasts
	if lasts == 0 {
		lasts = s.Down() + 3*s.Interval
	}
	time.Sleep(time.Duration(time.Now().UnixNano()) % s.Interval)
	waited := s.B.proc.Waited()
	begun := time.Now()
	end, err := f.begin(s)
	if err != nil {
		return o, fmt.Errorf("%s: %w", f.Name, err)
	}
	time.Sleep(lasts)
	ended := time.Now()
	if err := end(); err != nil {
		return o, fmt.Errorf("%s: %w", f.Name, err)
	}
	if err := s.Settle(); err != nil {
		return o, fmt.Errorf("%s: %w", f.Name, err)
	}
	settled := time.Now()
	o.Waited = s.B.proc.Waited() - waited
	o.Silence, _ = s.pinger.Silence(begun, settled)
	if took, ok := s.watch.FirstAdded(s.B.Host.Name, VIP, begun); ok {
		due := s.due(took)
		o.TookOver, o.Due, o.Took = true, due, took.Round(0).Sub(due)
		o.Answered = s.pinger.Next(took).Sub(due)
	}
	o.Back = settled.Sub(ended)
	for _, h := range s.watch.History(VIP, begun) {
		if len(h.Hosts) < 2 {
			continue
		}
		if h.From.Before(ended) {
			o.During = max(o.During, earlier(h.To, ended).Sub(h.From))
		}
		if h.To.After(ended) {
			o.After = max(o.After, h.To.Sub(later(h.From, ended)))
		}
	}
	for _, e := range s.watch.Events() {
		if e.Addr == VIP && e.At.After(begun) && e.At.Before(ended) {
			o.Moves++
		}
	}
	return o, s.watch.Err()
}

// due is when the backup had to take over, by what it heard until it did.
func (s *Scene) due(took time.Time) (due time.Time) {
	took = took.Round(0)
	for _, a := range s.capture.Adverts(took.Add(-4 * s.Down())) {
		switch {
		case a.From != s.A.Host.Name || a.VRID != vrid || a.At.After(took):
		case a.Priority == 0:
			due = a.At.Add(s.Skew())
		default:
			due = a.At.Add(s.Down())
		}
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Judge tells what about an outcome breaks what the protocol promises; slack
// is what the machine may add to any time.
func (f Fault) Judge(s Setting, o Outcome, slack time.Duration) error {
	var errs []error
	if o.After > s.Interval+slack {
		errs = append(errs, fmt.Errorf("two holders for %v after the end", o.After))
	}
	if f.Silence != nil && o.Silence > f.Silence(s)+slack {
		errs = append(errs, fmt.Errorf("the client heard nothing for %v, the timers allow %v", o.Silence, f.Silence(s)))
	}
	if f.Calm && (o.Moves > 0 || o.During > 0) {
		errs = append(errs, fmt.Errorf("the address moved %d times, two holders for %v", o.Moves, o.During))
	}
	return errors.Join(errs...)
}

// Worse has the worst of both outcomes in every respect.
func (o Outcome) Worse(p Outcome) Outcome {
	return Outcome{
		Silence: max(o.Silence, p.Silence), During: max(o.During, p.During), After: max(o.After, p.After),
		Moves: max(o.Moves, p.Moves), Back: max(o.Back, p.Back),
		TookOver: o.TookOver || p.TookOver, Took: max(o.Took, p.Took), Answered: max(o.Answered, p.Answered),
	}
}
