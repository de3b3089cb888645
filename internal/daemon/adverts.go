package daemon

import (
	"log/slog"
	"os"
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/lastadvert"
	"holdfast/vrrp/link"
)

// adverts is where a vrrp process notes when its routers have sent their last adverts,
// which it can be asked for after its death.
type adverts struct {
	file    *os.File // nil: it has said of none
	routers []string // by place
}

// said takes the word of the process.
func (a *adverts) said(m ipc.Message) error {
	if m.File != nil {
		a.close()
		a.file = m.File
	}
	return m.Decode(&a.routers)
}

// last is when, since the machine was started, each router has sent its last advert: 0
// for one that has sent none, or a farewell. Of one that is not in it nothing is known.
func (a *adverts) last(log *slog.Logger) map[string]time.Duration {
	if a.file == nil {
		return nil
	}
	noted, err := lastadvert.Read(a.file, a.routers)
	if err != nil {
		log.Warn("when the last adverts were sent is not known", "err", err)
	}
	return noted
}

func (a *adverts) close() {
	if a.file != nil {
		a.file.Close()
		a.file = nil
	}
}

// death is when a process died, as far as it is known: when it was heard of.
type death struct {
	at time.Time
	// boot is the time since the machine was started. What is counted from the last
	// advert goes by it: the time of day may have been set since, back by just so much
	// that an old advert passes for a new one.
	boot time.Duration
}

func deathNow() death { return death{time.Now(), link.SinceBoot()} }

// lastAdvert is when, since the machine was started, a router whose process is dead has
// sent its last advert at the earliest; false: nobody can say that it was not long ago.
// The time of the death tells little: it is noticed late when the parent stands still
// itself.
func (p *Parent) lastAdvert(router string, died death, noted map[string]time.Duration) (time.Duration, bool) {
	at, ok := noted[router]
	if !ok {
		at = died.boot - p.cfg.intervals[router]
	}
	return at, at > 0 && at <= died.boot // what the process noted may be anything
}
