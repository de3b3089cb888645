package ipvs

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Fake is a [Kernel] in memory. It starts empty, holds what it is told and
// refuses what Linux refuses; a test of this package runs the same requests
// against both. Its zero value is ready.
type Fake struct {
	// Fail, if set, is asked before each operation and each StartDaemon,
	// StopDaemon (with a zero Op) is done; an error is returned as the
	// kernel's.
	Fail func(Op) error
	// Broken, if set, is asked before every call; an error ends the call, as
	// when the connection to the kernel fails.
	Broken func() error
	// Lost, if set, is asked after each Apply; an error takes the place of
	// what came of it, as when the kernel's acknowledgement is lost.
	Lost func() error
	// Schedulers and Engines that exist; nil: those of Linux 6.1.
	Schedulers []string
	Engines    []string
	// Interfaces that a sync daemon can run on; nil: every one.
	Interfaces []string

	mu       sync.Mutex
	table    Table
	places   map[ServiceKey]int // in table, where nothing went since; as many as it has
	stats    map[ServiceKey]map[DestKey]DestStats
	daemons  []Daemon
	timeouts Timeouts
	ops      []Op
	reads    int
}

var _ Kernel = (*Fake)(nil)

// The names that Linux 6.1 knows.
var (
	linuxSchedulers = []string{
		"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "none",
	}
	linuxEngines = []string{"sip"}
)

// linuxTimeouts are what a new network namespace has.
var linuxTimeouts = Timeouts{TCP: 15 * time.Minute, TCPFin: 2 * time.Minute, UDP: 5 * time.Minute}

// Set lets change set the exported fields of a Fake that is in use.
func (f *Fake) Set(change func(*Fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// Ops returns the operations that were asked for since the last call,
// failed ones included.
func (f *Fake) Ops() []Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	ops := f.ops
	f.ops = nil
	return ops
}

// Reads returns how often the table was read.
func (f *Fake) Reads() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

// Change does ops as another program would: unseen by Ops and by Fail.
func (f *Fake) Change(ops ...Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return apply(ops, func(ops []Op) ([]error, error) {
		errs := make([]error, len(ops))
		for i, op := range ops {
			errs[i] = f.do(op)
		}
		if f.Lost != nil {
			return errs, f.Lost()
		}
		return errs, nil
	})
}

// SetConnections sets what Stats says of one destination.
func (f *Fake) SetConnections(s ServiceKey, d DestKey, active, inactive uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stats == nil {
		f.stats = map[ServiceKey]map[DestKey]DestStats{}
	}
	if f.stats[s] == nil {
		f.stats[s] = map[DestKey]DestStats{}
	}
	f.stats[s][d] = DestStats{Active: active, Inactive: inactive}
}

// call locks and asks Broken.
func (f *Fake) call() (unlock func(), err error) {
	f.mu.Lock()
	if f.Broken != nil {
		if err := f.Broken(); err != nil {
			f.mu.Unlock()
			return nil, err
		}
	}
	return f.mu.Unlock, nil
}

// Info is that of Linux.
func (f *Fake) Info() (Info, error) {
	unlock, err := f.call()
	if err != nil {
		return Info{}, err
	}
	defer unlock()
	return Info{Version: [3]int{1, 2, 1}, ConnectionTableSize: 4096}, nil
}

// Table returns a copy of the table.
func (f *Fake) Table() (Table, error) {
	unlock, err := f.call()
	if err != nil {
		return nil, err
	}
	defer unlock()
	f.reads++
	t := f.table.Clone()
	t.Sort()
	return t, nil
}

// Apply does the operations as described at [Kernel].
func (f *Fake) Apply(ops []Op) error {
	unlock, err := f.call()
	if err != nil {
		return err
	}
	defer unlock()
	return apply(ops, func(ops []Op) ([]error, error) {
		errs := make([]error, len(ops))
		for i, op := range ops {
			f.ops = append(f.ops, op)
			if f.Fail != nil {
				if errs[i] = f.Fail(op); errs[i] != nil {
					continue
				}
			}
			errs[i] = f.do(op)
		}
		if f.Lost != nil {
			return errs, f.Lost()
		}
		return errs, nil
	})
}

// find is the place of a service in the table; -1: it is not there. There may be
// thousands.
func (f *Fake) find(k ServiceKey) int {
	if f.places == nil || len(f.places) != len(f.table) {
		f.places = make(map[ServiceKey]int, len(f.table))
		for i := range f.table {
			f.places[f.table[i].ServiceKey] = i
		}
	}
	i, ok := f.places[k]
	if !ok {
		return -1
	}
	if i >= len(f.table) || f.table[i].ServiceKey != k {
		i = slices.IndexFunc(f.table, func(e Entry) bool { return e.ServiceKey == k })
		f.places[k] = i
	}
	return i
}

// do is one command of the kernel, with the kernel's errors.
func (f *Fake) do(op Op) error {
	k := op.Service.ServiceKey
	i := f.find(k)
	if k.Family != INET && k.Family != INET6 {
		return syscall.EAFNOSUPPORT
	}
	if k.FWMark == 0 && (k.Protocol == 0 || !k.Addr.IsValid()) {
		return syscall.EINVAL
	}
	if op.Kind == AddService {
		if i >= 0 {
			return syscall.EEXIST
		}
		if err := f.checkService(op.Service); err != nil {
			return err
		}
		f.places[k] = len(f.table)
		f.table = append(f.table, Entry{Service: op.Service})
		return nil
	}
	if i < 0 {
		return syscall.ESRCH
	}
	s := &f.table[i]
	switch op.Kind {
	case EditService:
		if err := f.checkService(op.Service); err != nil {
			return err
		}
		s.Service = op.Service
		return nil
	case DelService:
		f.table = slices.Delete(f.table, i, i+1)
		delete(f.places, k)
		return nil
	}
	j := slices.IndexFunc(s.Dests, func(d Destination) bool { return d.DestKey == op.Dest.DestKey })
	switch op.Kind {
	case AddDest, EditDest:
		if err := f.checkDest(k, op.Dest); err != nil {
			return err
		}
		switch {
		case op.Kind == AddDest && j >= 0:
			return syscall.EEXIST
		case op.Kind == AddDest:
			s.Dests = append(s.Dests, op.Dest)
		case j < 0:
			return syscall.ENOENT
		default:
			s.Dests[j] = op.Dest
		}
		return nil
	case DelDest:
		if j < 0 {
			return syscall.ENOENT
		}
		s.Dests = slices.Delete(s.Dests, j, j+1)
		return nil
	}
	return fmt.Errorf("operation %d: %w", op.Kind, syscall.EOPNOTSUPP)
}

func (f *Fake) checkService(s Service) error {
	schedulers, engines := f.Schedulers, f.Engines
	if schedulers == nil {
		schedulers = linuxSchedulers
	}
	if engines == nil {
		engines = linuxEngines
	}
	if !slices.Contains(schedulers, s.Scheduler) {
		return syscall.ENOENT
	}
	if s.PE != "" && !slices.Contains(engines, s.PE) {
		return syscall.ENOENT
	}
	if !s.Netmask.IsValid() || s.Family == INET6 && (!s.Netmask.Is6() || s.Netmask.Bits() < 1) {
		return syscall.EINVAL
	}
	return nil
}

func (f *Fake) checkDest(k ServiceKey, d Destination) error {
	if !d.Addr.IsValid() {
		return syscall.EINVAL
	}
	if FamilyOf(d.Addr) != k.Family && (len(f.daemons) > 0 || d.Method != Tunnel) {
		return syscall.EINVAL
	}
	if int32(d.Weight) < 0 || d.Lower > d.Upper {
		return syscall.ERANGE
	}
	if d.Method == Tunnel && d.TunType == GUE && d.TunPort == 0 {
		return syscall.EINVAL
	}
	if d.Addr.Is6() && d.Addr.IsLinkLocalUnicast() || d.Addr.Is4In6() || d.Addr.Is4() && (d.Addr.IsMulticast() || d.Addr.As4() == [4]byte{255, 255, 255, 255}) {
		return syscall.EINVAL
	}
	return nil
}

// Flush deletes every service.
func (f *Fake) Flush() error {
	unlock, err := f.call()
	if err != nil {
		return err
	}
	defer unlock()
	f.table = nil
	return nil
}

// Zero forgets nothing, as a Fake counts no packets, but knows its services.
func (f *Fake) Zero(k ServiceKey) error {
	unlock, err := f.call()
	if err != nil {
		return err
	}
	defer unlock()
	if k != (ServiceKey{}) && !slices.ContainsFunc(f.table, func(e Entry) bool { return e.ServiceKey == k }) {
		return syscall.ESRCH
	}
	return nil
}

// Timeouts returns what was set, at first the defaults of Linux.
func (f *Fake) Timeouts() (Timeouts, error) {
	unlock, err := f.call()
	if err != nil {
		return Timeouts{}, err
	}
	defer unlock()
	if f.timeouts == (Timeouts{}) {
		return linuxTimeouts, nil
	}
	return f.timeouts, nil
}

// SetTimeouts changes those that are not 0.
func (f *Fake) SetTimeouts(t Timeouts) error {
	unlock, err := f.call()
	if err != nil {
		return err
	}
	defer unlock()
	if f.timeouts == (Timeouts{}) {
		f.timeouts = linuxTimeouts
	}
	for _, p := range []struct{ to, from *time.Duration }{
		{&f.timeouts.TCP, &t.TCP}, {&f.timeouts.TCPFin, &t.TCPFin}, {&f.timeouts.UDP, &t.UDP},
	} {
		if *p.from < 0 {
			return syscall.EINVAL
		}
		if s := p.from.Truncate(time.Second); s != 0 {
			*p.to = s
		}
	}
	return nil
}

// Daemons lists the running daemons.
func (f *Fake) Daemons() ([]Daemon, error) {
	unlock, err := f.call()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(f.daemons), nil
}

// StartDaemon starts one, with the kernel's defaults filled in.
func (f *Fake) StartDaemon(d Daemon) error {
	unlock, err := f.call()
	if err != nil {
		return err
	}
	defer unlock()
	if f.Fail != nil {
		if err := f.Fail(Op{}); err != nil {
			return err
		}
	}
	if d.Role != SyncMaster && d.Role != SyncBackup || d.Interface == "" {
		return syscall.EINVAL
	}
	for _, e := range f.table {
		for _, dst := range e.Dests {
			if FamilyOf(dst.Addr) != e.Family {
				return syscall.EINVAL
			}
		}
	}
	if f.Interfaces != nil && !slices.Contains(f.Interfaces, d.Interface) {
		return syscall.ENODEV
	}
	if slices.ContainsFunc(f.daemons, func(o Daemon) bool { return o.Role == d.Role }) {
		return syscall.EEXIST
	}
	f.daemons = append(f.daemons, d.withDefaults())
	slices.SortFunc(f.daemons, func(a, b Daemon) int { return int(a.Role) - int(b.Role) })
	return nil
}

// StopDaemon stops one.
func (f *Fake) StopDaemon(r SyncRole) error {
	unlock, err := f.call()
	if err != nil {
		return err
	}
	defer unlock()
	if f.Fail != nil {
		if err := f.Fail(Op{}); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(f.daemons, func(d Daemon) bool { return d.Role == r })
	if i < 0 {
		return syscall.ESRCH
	}
	f.daemons = slices.Delete(f.daemons, i, i+1)
	return nil
}

// Close does nothing.
func (f *Fake) Close() error { return nil }
