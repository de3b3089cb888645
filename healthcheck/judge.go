package healthcheck

import "time"

// Judge turns the results of one check into verdicts (keepalived's rules). It
// is pure: no clock, no chance, no goroutine.
//
//   - A server that is up goes down when Retry+1 looks in a row failed; between
//     them DelayBeforeRetry passes.
//   - A server that is down comes up with the first success; of a check with
//     several URLs, when all were good in a row.
//   - A server not yet checked goes down with the first failure, unless it is
//     known to have been up ([Item.Up]). With alpha it
//     counted as down all along; the verdict says the same, but is now known.
type Judge struct {
	retry        int
	retryDelay   time.Duration
	loop         time.Duration
	failedDelay  time.Duration // after a failure of a server that is not up
	fastRecovery bool

	checked bool // there has been a verdict
	up      bool // by the last verdict, or by what is known from before the first
	failed  int  // in a row, while up
	weight  int  // of the last good result; -1: it gave none
}

// NewJudge returns the judge for a check, with no verdict yet.
func NewJudge(c Config) Judge {
	j := Judge{
		retry: max(c.Retry, 0), retryDelay: c.DelayBeforeRetry, loop: c.delayLoop(),
		fastRecovery: c.FastRecovery, weight: -1,
	}
	j.failedDelay = j.loop
	if c.Kind == HTTP || c.Kind == SSL {
		j.failedDelay = max(j.loop, j.retryDelay)
	}
	return j
}

// Known reports whether there is a verdict, and which.
func (j *Judge) Known() (up, known bool) { return j.up, j.checked }

// Weight is the weight that the last good result gave (misc_dynamic); -1: it
// gave none, the configured one counts (as keepalived does after exit status 0).
func (j *Judge) Weight() int { return j.weight }

// Failed is how many looks in a row failed since the server was last seen up.
func (j *Judge) Failed() int { return j.failed }

// Next takes a result. changed says that there is a new verdict: the first, a
// change of Up, or a change of weight. wait is the time until the next look.
func (j *Judge) Next(r Result) (changed bool, wait time.Duration) {
	if r.Up {
		return j.good(r)
	}
	switch {
	case !j.checked && !j.up:
		j.checked = true
		return true, j.failedDelay
	case !j.up:
		return false, j.failedDelay
	}
	if j.failed++; j.failed <= j.retry {
		return false, j.retryDelay
	}
	j.up, j.checked = false, true
	return true, j.failedDelay
}

func (j *Judge) good(r Result) (changed bool, wait time.Duration) {
	if !j.up && r.More {
		if j.fastRecovery {
			return false, 0
		}
		return false, j.loop
	}
	changed = !j.up || !j.checked || r.Weight != j.weight
	j.up, j.checked, j.failed = true, true, 0
	j.weight = r.Weight
	return changed, j.loop
}
