package track

import (
	"time"

	"holdfast/internal/config"
)

// quorum judges how many processes of a kind run. It is pure.
type quorum struct {
	cfg   config.TrackProcess
	count int
	known bool // up was told
	up    bool
	// since is when the count began to speak against up; zero: it does not.
	since time.Time
}

// enough is what the count says by itself.
func (q *quorum) enough() bool {
	switch {
	case q.cfg.QuorumMax == 0:
		return q.count == 0
	case q.cfg.QuorumMax > 0 && q.count > q.cfg.QuorumMax:
		return false
	}
	return q.count >= q.cfg.Quorum
}

// set takes a count and reports whether up changed; the first count counts at
// once, later ones after fork_delay or terminate_delay.
func (q *quorum) set(now time.Time, count int) bool {
	q.count = count
	if !q.known {
		q.known, q.up = true, q.enough()
		return true
	}
	if q.enough() == q.up {
		q.since = time.Time{}
		return false
	}
	if q.since.IsZero() {
		q.since = now
	}
	return q.expire(now)
}

// deadline is when expire wants to be called; zero: never.
func (q *quorum) deadline() time.Time {
	if q.since.IsZero() {
		return time.Time{}
	}
	if q.up {
		return q.since.Add(q.cfg.TerminateDelay)
	}
	return q.since.Add(q.cfg.ForkDelay)
}

// expire changes up when the count has spoken against it for long enough.
func (q *quorum) expire(now time.Time) bool {
	d := q.deadline()
	if d.IsZero() || now.Before(d) {
		return false
	}
	q.up, q.since = !q.up, time.Time{}
	return true
}

// commLength is how much of a process's name the kernel keeps.
const commLength = 15

// matches tells whether a process is one of those that p means. args are the
// command line, which may be empty (kernel threads).
func matches(p *config.TrackProcess, comm string, args []string) bool {
	name := p.Process
	if p.FullCommand {
		if len(args) == 0 || args[0] != name {
			return false
		}
	} else if comm != name[:min(len(name), commLength)] {
		return false
	}
	if p.Match == config.MatchAny {
		return true
	}
	if len(args) > 0 {
		args = args[1:]
	}
	if len(args) < len(p.Args) || len(args) > len(p.Args) && (p.Match != config.MatchPartial || len(p.Args) == 0) {
		return false
	}
	for k, want := range p.Args {
		have := args[k]
		if k == len(p.Args)-1 && p.Match == config.MatchInitial && len(have) > len(want) {
			have = have[:len(want)]
		}
		if have != want {
			return false
		}
	}
	return true
}
