package vrrp

import "time"

// skewTime is RFC 3768 section 6.1 (always parts of one second) and RFC 9568
// section 6.1 (parts of the active router's interval), in nanoseconds where
// the RFCs count centiseconds: at 10 ms and priority 254 it is 78 µs.
func skewTime(version, priority uint8, interval time.Duration) time.Duration {
	if version == 2 {
		interval = time.Second
	}
	return time.Duration(256-int(priority)) * interval / 256
}

// skew is the router's Skew_Time now.
func (r *Router) skew() time.Duration {
	return skewTime(r.cfg.Version, r.effective, r.learned)
}

// masterDown is the router's Active_Down_Interval now: down_timer_adverts
// intervals of the master, learned with v3, and the skew time.
func (r *Router) masterDown() time.Duration {
	return time.Duration(r.cfg.DownTimerAdverts)*r.learned + r.skew()
}

// nextOnGrid is the first instant after now that lies whole intervals after
// last, so that adverts keep their phase and a pause is not followed by a
// burst of the missed ones.
func nextOnGrid(last, now time.Time, interval time.Duration) time.Time {
	late := now.Sub(last)
	if late < 0 {
		return last
	}
	return last.Add((late/interval + 1) * interval)
}

// nextAdvert is when a master's adverts go on after one that leaves now for a
// reason of its own: an interval later, or as Director.Spread says.
func (r *Router) nextAdvert(now time.Time) time.Time {
	next := now.Add(r.cfg.AdvertInt)
	if !r.spread {
		return next
	}
	over := time.Duration(next.UnixNano()-int64(r.phase)) % r.cfg.AdvertInt
	if over < 0 { // a clock before 1970
		over += r.cfg.AdvertInt
	}
	return next.Add(-over)
}

// due tells whether the timer t is set and has come.
func due(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// earlier is the earlier of two timers, of which either may not be set.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Deadline is when Expire wants to be called next; zero: never.
func (r *Router) Deadline() time.Time {
	d := earlier(r.timer, r.tellBy)
	d = earlier(d, r.garpSecond)
	d = earlier(d, r.garpRefresh)
	d = earlier(d, r.garpExtra)
	d = earlier(d, r.garpDefend)
	return earlier(d, r.garpLower)
}

// stopTimers forgets everything that was to happen later.
func (r *Router) stopTimers() {
	r.timer, r.tellBy = time.Time{}, time.Time{}
	r.stopMasterTimers()
	r.preemptAt = time.Time{}
	r.wantMaster = false
}

// stopMasterTimers forgets what only a master does later.
func (r *Router) stopMasterTimers() {
	r.tellBy = time.Time{}
	r.stopAnnouncements()
}

// slept begins the timers anew after a sleep of the machine, see EventSlept.
func (r *Router) slept(now time.Time) {
	switch r.state {
	case Master:
		r.timer = r.nextAdvert(now)
	case Backup:
		r.timer = now.Add(r.masterDown())
		r.expiry = ReasonTimeout
	}
}
