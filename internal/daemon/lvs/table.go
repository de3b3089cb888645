package lvs

import (
	"errors"
	"maps"
	"slices"
	"time"

	"holdfast/ipvs"
)

// table is what is known of the kernel's table and what is to be done to it.
type table struct {
	kernel ipvs.Kernel // nil: not connected

	// have are entries of the tables that were read or told, never nil.
	have    map[ipvs.ServiceKey]*ipvs.Entry
	known   bool // have is what the kernel had when it was last read or told
	read    time.Time
	foreign []ipvs.ServiceKey

	all   bool                     // every service is to be looked at
	dirty map[ipvs.ServiceKey]bool // so are these
	stuck map[ipvs.ServiceKey]bool // and these, but not before retryAt: the kernel refused

	tries   tries
	repairs uint64 // changes by others that were undone
}

// unstick notes that what was looked at is as wanted. When nothing is stuck any
// more the kernel is to be asked at once whether the error is over.
func (t *table) unstick(now time.Time) {
	if len(t.stuck) == 0 {
		return
	}
	maps.DeleteFunc(t.stuck, func(k ipvs.ServiceKey, _ bool) bool { return t.all || t.dirty[k] })
	if len(t.stuck) == 0 && t.tries.failing() {
		t.tries.at = now
	}
}

func (t *table) dirtyAll() { t.all = true }

func (t *table) dirtyOne(keys ...ipvs.ServiceKey) {
	if t.dirty == nil {
		t.dirty = map[ipvs.ServiceKey]bool{}
	}
	for _, k := range keys {
		t.dirty[k] = true
	}
}

// needsKernel reports whether there is anything to be done in the kernel.
func (l *LVS) needsKernel() bool { return l.kernelFor() != "" }

// kernelFor says what needs the kernel's IPVS, the first thing found; empty:
// nothing does.
func (l *LVS) kernelFor() string {
	g := &l.cfg.Global
	switch {
	case len(l.services.order) > 0:
		return "the configuration has services"
	case g.LVSSyncDaemon != nil:
		return "the configuration has lvs_sync_daemon"
	case len(g.LVSProfile) > 0:
		return "the configuration has lvs_profile"
	case !l.owned.empty():
		return "services of a predecessor are to be removed"
	}
	return ""
}

func (l *LVS) open() error {
	if l.table.kernel != nil {
		return nil
	}
	k, err := l.deps.Open()
	if err != nil {
		return err
	}
	l.table.kernel, l.table.known = k, false
	return nil
}

func (l *LVS) closeKernel() {
	if l.table.kernel != nil {
		_ = l.table.kernel.Close()
		l.table.kernel = nil
	}
	l.stats.close()
}

// work does what is due in the kernel and returns the time until something is
// due again.
func (l *LVS) work(now time.Time) time.Duration {
	if l.stopping() {
		return 0
	}
	if !l.needsKernel() {
		l.ready()
		return readEvery
	}
	t := &l.table
	late := earlier(l.leftLate(now), l.elected(now))
	full := !t.tries.waiting(now) && (!t.known || t.tries.failing() || now.Sub(t.read) >= readEvery)
	news := t.known && (t.all || len(t.dirty) > 0)
	if full || news {
		err := l.bring(now, full)
		switch {
		case errors.Is(err, errStopping):
			return 0
		case err != nil:
			t.tries.failed(now, err, l.log)
		case full && t.tries.succeeded():
			l.log.Info("the kernel's table is as wanted again")
		}
	}
	l.ready() // addresses wait for this, and for nothing below
	l.workBeside(now)
	next := t.read.Add(readEvery)
	if t.tries.failing() {
		next = t.tries.at
	}
	if b := &l.daemons.tries; t.kernel != nil && b.failing() && b.at.Before(next) {
		next = b.at
	}
	if !late.IsZero() && late.Before(next) {
		next = late
	}
	return max(next.Sub(now), 0)
}

// workBeside does what is due in the kernel beside the table: connection sync,
// timeouts and settings.
func (l *LVS) workBeside(now time.Time) {
	d := &l.daemons
	if l.table.kernel == nil || !d.dirty && (!d.tries.failing() || d.tries.waiting(now)) {
		return
	}
	d.dirty = false
	if err := errors.Join(l.bringTimeouts(), l.bringSettings(), l.bringDaemons(now)); err != nil {
		d.tries.failed(now, err, l.log)
	} else if d.tries.succeeded() {
		l.log.Info("timeouts, settings and connection sync are as wanted again")
	}
}

// bring makes the table as wanted. With full it is read first.
func (l *LVS) bring(now time.Time, full bool) error {
	if err := l.open(); err != nil {
		return err
	}
	if !l.flushed {
		if l.cfg.Flushes() {
			l.log.Info("lvs_flush: removing every service from the kernel")
			if err := l.table.kernel.Flush(); err != nil {
				return err
			}
		}
		l.flushed = true
	}
	if full {
		if err := l.readTable(now); err != nil {
			return err
		}
		l.daemons.dirty = true
	}
	if l.services.mixed != "" && (l.daemons.dirty || l.owned.hasSync()) || l.cfg.Global.LVSSyncDaemon == nil && len(l.owned.Daemons) > 0 {
		// Before the servers that it stands against; where it fails it is tried again
		// after them.
		if err := l.bringDaemons(now); err != nil {
			l.log.Warn("connection sync not stopped", "err", err)
		}
	}
	return l.explainMixed(l.bringTable(now))
}

// readTable asks the kernel and looks for what others changed.
func (l *LVS) readTable(now time.Time) error {
	t := &l.table
	have, err := t.kernel.Table()
	l.cameOn()
	if err != nil {
		t.known = false
		return err
	}
	read := make(map[ipvs.ServiceKey]*ipvs.Entry, len(have))
	for i := range have {
		read[have[i].ServiceKey] = &have[i]
	}
	if t.known && !t.all && len(t.dirty) == 0 && len(t.stuck) == 0 {
		// Everything that was to be done is done, so what is not as
		// wanted now is somebody else's doing.
		if drift := ipvs.Plan(have, l.wanted(read), l.isOurs); len(drift) > 0 {
			t.repairs += uint64(len(drift))
			l.log.Warn("the kernel's table was changed by another program: repairing it", "changes", len(drift), "first", drift[0].String())
		}
	}
	t.have, t.known, t.read, t.all = read, true, now, true
	t.stuck = nil
	foreign := ipvs.Foreign(have, nil, l.isOurs)
	if len(foreign) > 0 && !slices.Equal(foreign, t.foreign) {
		l.log.Warn("the kernel has services that are neither configured nor ours: they are left alone", "count", len(foreign), "first", foreign[0].String())
	}
	t.foreign = foreign
	return nil
}

// isOurs reports whether a service is ours to remove: configured, or
// installed by us.
func (l *LVS) isOurs(k ipvs.ServiceKey) bool { return l.services.behind(k) != nil || l.own.has(k) }

// wanted is the whole wanted table. have answers for services that stay as
// they are.
func (l *LVS) wanted(have map[ipvs.ServiceKey]*ipvs.Entry) ipvs.Table {
	t := make(ipvs.Table, 0, len(l.services.keys))
	for _, k := range l.services.keys {
		if e, ok := l.want(k, have); ok {
			t = append(t, e)
		}
	}
	for k := range l.leaving {
		if e, ok := l.want(k, have); ok && l.services.behind(k) == nil {
			t = append(t, e)
		}
	}
	t.Sort()
	return t
}

// want is the wanted entry of one service; false: it is to be absent.
func (l *LVS) want(k ipvs.ServiceKey, have map[ipvs.ServiceKey]*ipvs.Entry) (ipvs.Entry, bool) {
	e, ok := l.entry(k)
	if _, leaves := l.leaving[k]; leaves {
		if there := have[k]; !ok && there != nil {
			return *there, true
		}
		return e, ok
	}
	if !ok {
		return e, false
	}
	switch l.follow.service(k) {
	case present:
		return e, true
	case asItIs:
		_, there := have[k]
		return e, there
	}
	return e, false
}

// bringTable plans and applies what is dirty. After a refusal the table is
// read again; services that are then not as wanted are stuck until the next
// full attempt, the others go on.
func (l *LVS) bringTable(now time.Time) error {
	t := &l.table
	have, want := l.scope()
	l.owns(l.own.and(want))
	l.save() // before the kernel: a kill in between must not make orphans
	err := l.apply(have, want)
	if errors.Is(err, ipvs.ErrFound) {
		// Somebody else made it. Servers that it has beside ours get connections.
		l.log.Info("a service that is wanted now was in the kernel already: taking it over")
		if err := l.readTable(now); err != nil {
			return err
		}
		have, want = l.scope()
		err = l.apply(have, want)
	}
	if errors.Is(err, errStopping) {
		return err // release takes away all that may have come
	} else if err != nil {
		if rerr := l.readTable(now); rerr != nil {
			return errors.Join(err, rerr)
		}
		t.all, t.dirty = false, nil
		l.findStuck()
		l.disown()
		return err
	}
	for _, e := range have {
		if l.isOurs(e.ServiceKey) {
			delete(t.have, e.ServiceKey)
		}
	}
	if len(t.have) == 0 { // with room for all: a map that grows takes twice the memory
		t.have = make(map[ipvs.ServiceKey]*ipvs.Entry, len(want))
	}
	for i := range want {
		t.have[want[i].ServiceKey] = &want[i]
	}
	t.unstick(now)
	t.all, t.dirty = false, nil
	l.disown()
	return nil
}

// scope returns what the kernel has and what it should have of the services
// that are to be looked at.
func (l *LVS) scope() (have, want ipvs.Table) {
	t := &l.table
	if t.all {
		return l.had(), l.wanted(t.have)
	}
	for k := range t.dirty {
		if e, ok := t.have[k]; ok {
			have = append(have, *e)
		}
		if e, ok := l.want(k, t.have); ok {
			want = append(want, e)
		}
	}
	have.Sort()
	want.Sort()
	return have, want
}

// had is what the kernel has, in canonical order.
func (l *LVS) had() ipvs.Table {
	t := &l.table
	have := make(ipvs.Table, 0, len(t.have))
	for _, k := range l.services.keys { // most of it, and in order
		if e, ok := t.have[k]; ok {
			have = append(have, *e)
		}
	}
	if len(have) < len(t.have) {
		for k, e := range t.have {
			if l.services.behind(k) == nil {
				have = append(have, *e)
			}
		}
		have.Sort()
	}
	return have
}

// findStuck notes the services that are not as wanted.
func (l *LVS) findStuck() {
	t := &l.table
	t.all = true
	have, want := l.scope()
	t.all = false
	t.stuck = map[ipvs.ServiceKey]bool{}
	for _, op := range ipvs.Plan(have, want, l.isOurs) {
		t.stuck[op.Service.ServiceKey] = true
	}
}

// owns notes which services are ours from now on.
func (l *LVS) owns(o own) {
	if !slices.Equal(l.own, o) {
		l.own, l.ownChanged = o, true
	}
}

// disown forgets services that are gone from the kernel.
func (l *LVS) disown() {
	l.owns(l.own.still(func(k ipvs.ServiceKey) bool { return l.table.have[k] != nil }))
	l.save()
}

// save hands on which services are ours if that changed.
func (l *LVS) save() {
	if l.ownChanged {
		l.keep(l.owned)
	}
}

// keep hands on what is ours; the services are those of now.
func (l *LVS) keep(o Owned) {
	l.ownChanged = false
	o.Services = Services(l.own)
	if !o.equal(l.owned) {
		l.owned = o
		l.deps.SaveOwned(o)
	}
}
