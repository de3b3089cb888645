package daemon

import (
	"log/slog"
	"os"
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/lastadvert"
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

// last is when each router has sent its last advert: the zero time for one that has
// sent none, or a farewell. Of one that is not in it nothing is known.
func (a *adverts) last(log *slog.Logger) map[string]time.Time {
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

// lastAdvert is when a router whose process is dead has sent its last advert at the
// earliest; the zero time: nobody can say that it was not long ago. The time of the
// death tells little: it is noticed late when the parent stands still itself.
func (p *Parent) lastAdvert(router string, died time.Time, noted map[string]time.Time) time.Time {
	at, ok := noted[router]
	if !ok {
		return died.Add(-p.cfg.intervals[router])
	}
	age := died.Round(0).Sub(at)
	if at.IsZero() || age < 0 { // a clock that was set proves nothing
		return time.Time{}
	}
	return died.Add(-age)
}
