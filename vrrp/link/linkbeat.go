package link

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// BeatKind is a way to ask a driver for the state of its link.
type BeatKind string

// The kinds, in the order in which they are tried.
const (
	BeatMII     BeatKind = "MII"     // the link bit of the transceiver's status register
	BeatEthtool BeatKind = "ETHTOOL" // ETHTOOL_GLINK
	BeatIOCTL   BeatKind = "IOCTL"   // the flag IFF_RUNNING
)

// beatTime is between two questions.
const beatTime = time.Second

// BeatConfig says how the state of links is found.
type BeatConfig struct {
	Delays map[string]Delay
	// Polls are the interfaces whose link is asked for once a second in place
	// of trusting the kernel's messages, with the kind tried first (empty: MII).
	Polls map[string]BeatKind
}

// Prober asks an interface that is up for its link; kinds are tried in turn
// until the driver knows one. used is that one.
type Prober interface {
	Link(name string, first BeatKind) (up bool, used BeatKind, err error)
}

// Beat is a Watcher whose interfaces are up when Polls and Delays say so.
// Methods may be called from any goroutine.
type Beat struct {
	Watcher
	prober Prober
	log    *slog.Logger

	mu     sync.Mutex
	cfg    BeatConfig
	settle Settle
	last   []Interface     // as the kernel says
	beats  map[string]beat // last answers
	tell   func(Update)    // while Watch runs
	timer  *time.Timer     // the settle deadline
	tick   *time.Ticker
}

// beat is the last answer of a driver.
type beat struct {
	up   bool
	used BeatKind
	err  string
}

// BeatStatus is what is known of a polled interface.
type BeatStatus struct {
	Interface string
	Up        bool
	Kind      BeatKind
	Err       string
}

// NewBeat wraps w; p is asked on w's goroutines and on those of Watch.
func NewBeat(w Watcher, p Prober, cfg BeatConfig, log *slog.Logger) *Beat {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b := &Beat{Watcher: w, prober: p, log: log, beats: map[string]beat{}, tick: time.NewTicker(beatTime)}
	b.timer = time.AfterFunc(time.Hour, b.again)
	b.timer.Stop()
	b.take(cfg)
	return b
}

func (b *Beat) take(cfg BeatConfig) {
	b.cfg = cfg
	b.settle.Configure(cfg.Delays)
	b.tick.Stop()
	if len(cfg.Polls) > 0 {
		b.tick.Reset(beatTime)
	}
}

// Configure takes another configuration; what changes by it is told at once.
func (b *Beat) Configure(cfg BeatConfig) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.take(cfg)
	b.poll()
	b.retell()
}

// List implements Watcher.
func (b *Beat) List() ([]Interface, error) {
	list, err := b.Watcher.List()
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tell == nil {
		// Otherwise Watch knows better: what was read here may be older than what
		// it has told meanwhile, and would be told again after that.
		b.last = slices.Clone(list)
	}
	b.filter(list)
	return list, nil
}

// Watch implements Watcher.
func (b *Beat) Watch(stop <-chan struct{}, f func(Update)) error {
	b.mu.Lock()
	b.tell = f
	b.mu.Unlock()
	done := make(chan struct{})
	var polling sync.WaitGroup
	polling.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-b.tick.C:
				b.mu.Lock()
				if b.poll() {
					b.retell()
				}
				b.mu.Unlock()
			}
		}
	})
	err := b.Watcher.Watch(stop, func(u Update) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.last = slices.Clone(u.Interfaces)
		u.Interfaces = slices.Clone(u.Interfaces) // the watcher may keep its own
		b.filter(u.Interfaces)
		f(u)
	})
	close(done)
	polling.Wait()
	b.mu.Lock()
	b.tell = nil
	b.timer.Stop()
	b.mu.Unlock()
	return err
}

// again tells what counts now that a delay is over.
func (b *Beat) again() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retell()
}

func (b *Beat) retell() {
	if b.tell == nil || b.last == nil {
		return
	}
	list := slices.Clone(b.last)
	b.filter(list)
	b.tell(Update{Interfaces: list})
}

// filter brings Up of every interface to what counts.
func (b *Beat) filter(list []Interface) {
	raw := make(map[int]bool, len(list))
	for i := range list {
		raw[list[i].Index] = list[i].Up
	}
	for i := range list {
		in := &list[i]
		if _, polled := b.cfg.Polls[in.Name]; !polled {
			continue
		}
		have, ok := b.beats[in.Name]
		if !ok {
			have = b.ask(in.Name)
		}
		if have.err == "" {
			in.Up = have.up
		}
	}
	now := time.Now()
	b.settle.Filter(now, list)
	inherit(list, raw)
	if d := b.settle.Deadline(); d.IsZero() {
		b.timer.Stop()
	} else {
		b.timer.Reset(max(d.Sub(now), 0))
	}
}

// inherit has virtual interfaces follow what counts of those below them, whose
// link they share: raw is what the kernel said of those.
func inherit(list []Interface, raw map[int]bool) {
	counts := make(map[int]bool, len(list))
	for i := range list {
		counts[list[i].Index] = list[i].Up
	}
	for i := range list {
		in := &list[i]
		if up, ok := counts[in.Below]; ok && in.Below != 0 && up != raw[in.Below] {
			in.Up = up && (in.Up || !raw[in.Below])
		}
	}
}

// poll asks every polled interface that exists and reports whether an answer
// changed.
func (b *Beat) poll() (changed bool) {
	for name := range b.beats {
		if _, ok := b.cfg.Polls[name]; !ok {
			delete(b.beats, name)
			changed = true
		}
	}
	if len(b.cfg.Polls) == 0 {
		return changed
	}
	there := map[string]bool{}
	for i := range b.last {
		there[b.last[i].Name] = true
	}
	for name := range b.cfg.Polls {
		if !there[name] {
			delete(b.beats, name)
			continue
		}
		before, had := b.beats[name]
		if now := b.ask(name); !had || now.up != before.up || now.err != before.err {
			changed = true
		}
	}
	return changed
}

// ask asks one interface; where no kind is known the kernel's word counts.
func (b *Beat) ask(name string) beat {
	up, used, err := b.prober.Link(name, b.cfg.Polls[name])
	now := beat{up: up, used: used}
	if err != nil {
		now.err = err.Error()
	}
	before, had := b.beats[name]
	switch {
	case now.err != "" && now.err != before.err:
		b.log.Warn("the link cannot be asked for, the kernel's messages count", "iface", name, "err", err)
	case now.err == "" && (!had || before.used != now.used):
		b.log.Info("the link is asked for", "iface", name, "by", string(now.used), "up", now.up)
	}
	b.beats[name] = now
	return now
}

// Beats returns the last answers, by name of interface.
func (b *Beat) Beats() []BeatStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []BeatStatus
	for name, a := range b.beats {
		out = append(out, BeatStatus{Interface: name, Up: a.up, Kind: a.used, Err: a.err})
	}
	slices.SortFunc(out, func(a, b BeatStatus) int {
		if a.Interface < b.Interface {
			return -1
		}
		return 1
	})
	return out
}
