package lvs

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"holdfast/ipvs"
)

// After an error the kernel is asked again after retryFirst, then after twice
// as long each time, up to readEvery.
const retryFirst = 100 * time.Millisecond

// tries is how attempts at one kind of work in the kernel go. The table and
// what stands beside it have one each, so that neither holds up the other.
type tries struct {
	pause time.Duration // until the next attempt; 0: the last one went well
	at    time.Time     // of the next attempt
	err   error
	since time.Time // of the error
}

// failing reports whether the last attempt failed.
func (t *tries) failing() bool { return t.pause > 0 }

// waiting reports whether the next attempt is still to come.
func (t *tries) waiting(now time.Time) bool { return t.failing() && now.Before(t.at) }

// failed notes an attempt that did not go well.
func (t *tries) failed(now time.Time, err error, log *slog.Logger) {
	if t.err == nil {
		t.since = now
	}
	err = brief(err)
	if t.err == nil || t.err.Error() != err.Error() {
		log.Error("the kernel refuses, trying again", "err", err)
	}
	t.err = err
	if t.waiting(now) {
		return // this was not the attempt that was waited for
	}
	t.pause = min(max(2*t.pause, retryFirst), readEvery)
	t.at = now.Add(t.pause)
}

// succeeded reports whether it follows a failure.
func (t *tries) succeeded() (again bool) {
	again = t.err != nil
	*t = tries{}
	return again
}

// briefly is how many of many errors are shown.
const briefly = 3

// brief names the first errors of a joined one and counts the others. Servers
// of a service that could not be added are not mentioned.
func brief(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var all []error
	for _, e := range joined.Unwrap() {
		if inner, ok := e.(interface{ Unwrap() []error }); ok {
			all = append(all, inner.Unwrap()...)
		} else {
			all = append(all, e)
		}
	}
	var last *ipvs.OpError // an addition comes before those of its servers
	all = slices.DeleteFunc(all, func(e error) bool {
		var oe *ipvs.OpError
		if !errors.As(e, &oe) {
			return false
		}
		if last != nil && oe.FollowsFrom(last) {
			return true
		}
		last = oe
		return false
	})
	if len(all) <= briefly {
		return errors.Join(all...)
	}
	return fmt.Errorf("%w\n(and %d more)", errors.Join(all[:briefly]...), len(all)-briefly)
}
