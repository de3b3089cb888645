package lvs

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
	"holdfast/vrrp/link"
)

// daemons is what is known of connection sync, timeouts and settings.
type daemons struct {
	dirty   bool // to be looked at
	tries   tries
	begun   syncBegun // ours
	link    *Link     // of the interface, as it was seen last
	problem string    // why what is wanted does not work
	since   time.Time // of the problem
	renewed uint64    // how often daemons were replaced that something outside had broken
	stale   bool      // a reload left the length of messages to the kernel, which does not say its default
}

// SyncKernel is what connection sync asks of the kernel beside its daemons.
type SyncKernel struct {
	Sockets func([]ipvs.Daemon) ([]ipvs.SyncSocket, error)
	Counts  func() (ipvs.SyncCounts, error)
	Get     func(name string) (string, error) // a setting of IPVS
	Set     func(name, value string) error
}

// systemSync is the kernel of this process's network namespace.
func systemSync() *SyncKernel {
	return &SyncKernel{Sockets: ipvs.SyncSockets, Counts: ipvs.CountSynced, Get: ipvs.Setting, Set: ipvs.SetSetting}
}

// Settings of IPVS that belong to connection sync.
const (
	settingPorts      = "sync_ports"
	settingBackupOnly = "backup_only"
)

// wantedDaemons are those that the configuration and mastership ask for;
// known is false while the state of the instance is not known.
func (l *LVS) wantedDaemons() (want syncWant, known bool) {
	c := l.cfg.Global.LVSSyncDaemon
	if c == nil || l.services.mixed != "" {
		return want, true
	}
	d := ipvs.Daemon{
		Interface: c.Interface, SyncID: uint32(max(c.ID, 0)), MaxLen: c.MaxLen,
		Group: c.Group, Port: c.Port, TTL: c.TTL,
	}
	if c.ID < 0 {
		for i := range l.cfg.Instances {
			if in := &l.cfg.Instances[i]; in.Name == c.Instance {
				d.SyncID = uint32(in.VirtualRouterID)
			}
		}
	}
	master, backup := d, d
	master.Role, backup.Role = ipvs.SyncMaster, ipvs.SyncBackup
	if want.threads = c.SyncPorts; want.threads == 0 && l.owned.SyncPorts > 0 {
		want.threads, want.back = l.owned.SyncPorts, true
	}
	if c.Instance == "" || c.Both {
		want.daemons = []ipvs.Daemon{master, backup}
		return want, true
	}
	r := l.routers[c.Instance]
	if want.daemons = []ipvs.Daemon{backup}; r != nil && r.master {
		want.daemons = []ipvs.Daemon{master}
	}
	return want, r.turns()
}

// bringDaemons starts and stops connection sync. A role that runs as wanted
// is left alone.
func (l *LVS) bringDaemons(now time.Time) error {
	want, known := l.wantedDaemons()
	mixed := l.services.mixed
	if len(want.daemons) == 0 && !l.owned.hasSync() && mixed == "" {
		l.syncProblem(now, "")
		return nil
	}
	if len(want.daemons) > 0 {
		l.followLinks()
	}
	world, err := l.syncWorld(want)
	if err != nil {
		return err
	}
	if !known && len(world.running) > 0 && len(l.owned.Daemons) > 0 {
		return nil // whether it is to turn is told soon, or it ends soon
	}
	mine := func(r ipvs.SyncRole) bool {
		return l.cfg.Global.LVSSyncDaemon != nil || slices.Contains(l.owned.Daemons, r)
	}
	steps := world.plan(want, mine)
	threads := l.bringThreads(world, steps)
	if threads != nil {
		want.stay = true
		steps = world.plan(want, mine)
	}
	if err := errors.Join(threads, l.openPackets(), l.takeSteps(want, world, steps)); err != nil {
		l.syncProblem(now, err.Error())
		return err
	}
	if err := l.closePackets(); err != nil {
		l.syncProblem(now, err.Error())
		return err
	}
	if len(steps) > 0 {
		if world, err = l.syncWorld(want); err != nil {
			return err
		}
	}
	problem := mixed
	for _, d := range want.daemons {
		if problem == "" {
			problem = world.problem(d)
		}
	}
	l.syncProblem(now, problem)
	return nil
}

// syncWorld asks how things are.
func (l *LVS) syncWorld(want syncWant) (w syncWorld, err error) {
	if w.running, err = l.table.kernel.Daemons(); err != nil {
		return w, err
	}
	// Where /proc cannot be read less is known, and nothing is wrong.
	w.sockets, _ = l.deps.Sync.Sockets(w.running)
	if want.threads > 0 {
		text, err := l.deps.Sync.Get(settingPorts)
		w.portsErr = err
		w.ports, _ = strconv.Atoi(text)
	}
	w.begun, w.stale = l.daemons.begun, l.daemons.stale
	if len(want.daemons) > 0 {
		list, err := l.deps.Links.List()
		if err != nil {
			return w, fmt.Errorf("connection sync: %w", err)
		}
		w.link = linkOf(list, want.daemons[0].Interface)
		l.daemons.link = w.link
	}
	return w, nil
}

// bringThreads sets the number of threads where a step asks for that. A role is
// stopped for it only when it could be set: one with another number of threads is
// better than one that is stopped and started with each attempt.
func (l *LVS) bringThreads(w syncWorld, steps []syncStep) error {
	i := slices.IndexFunc(steps, func(s syncStep) bool { return s.ports > 0 })
	if i < 0 {
		return nil
	}
	if w.portsErr != nil {
		return w.portsErr
	}
	was := l.owned
	o := l.owned.clone()
	if o.SyncPorts == 0 {
		o.SyncPorts = w.ports
	}
	l.keep(o)
	if err := l.deps.Sync.Set(settingPorts, strconv.Itoa(steps[i].ports)); err != nil {
		l.keep(was)
		return err
	}
	return nil
}

// takeSteps changes the kernel. What will be ours is told before, and what is
// after.
func (l *LVS) takeSteps(want syncWant, w syncWorld, steps []syncStep) error {
	o := l.owned.clone()
	for _, d := range want.daemons {
		if !slices.Contains(o.Daemons, d.Role) {
			o.Daemons = append(o.Daemons, d.Role)
		}
	}
	slices.Sort(o.Daemons)
	l.keep(o)
	set := false
	var errs []error
	for _, s := range steps {
		if s.ports > 0 { // bringThreads did it
			set = true
			continue
		}
		err := l.takeStep(s)
		if s.start != nil && w.unready(*s.start) && (errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL)) {
			continue // it is started when the interface is up and has an address
		}
		same := func(o error) bool { return o.Error() == err.Error() }
		if err != nil && !slices.ContainsFunc(errs, same) { // both roles for one reason
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	l.daemons.stale = false
	o = l.owned.clone()
	if o.Daemons = nil; w.link != nil {
		for _, d := range want.daemons {
			o.Daemons = append(o.Daemons, d.Role)
		}
		slices.Sort(o.Daemons)
		o.SyncIndex, l.daemons.begun.index = w.link.Index, w.link.Index
	} else {
		o.SyncIndex, l.daemons.begun = 0, syncBegun{}
	}
	if (want.threads == 0 || want.back) && !want.stay && o.SyncPorts > 0 {
		if !set {
			if err := l.deps.Sync.Set(settingPorts, strconv.Itoa(o.SyncPorts)); err != nil {
				return err
			}
		}
		o.SyncPorts = 0
	}
	l.keep(o)
	for _, s := range steps {
		if s.start != nil && s.start.Role == ipvs.SyncMaster {
			l.daemons.begun.addrs = w.link.Addrs
		}
	}
	return nil
}

func (l *LVS) takeStep(s syncStep) error {
	if s.stop != 0 {
		l.log.Info("connection sync: stopping", "role", s.stop, "why", s.why)
		if s.broken {
			l.daemons.renewed++
		}
		return l.table.kernel.StopDaemon(s.stop)
	}
	d := s.start
	l.log.Info("connection sync: starting", "role", d.Role, "interface", d.Interface, "id", d.SyncID)
	err := l.table.kernel.StartDaemon(*d)
	if errors.Is(err, syscall.EINVAL) { // none of ours, else it would not be wanted
		for _, e := range l.table.have {
			for i := range e.Dests {
				if mixed(e.ServiceKey, e.Dests[i].Addr) {
					return fmt.Errorf("%w: %s of virtual_server %s is of another family, which IPVS does not allow together with connection sync",
						err, e.Dests[i].Addr, e.ServiceKey)
				}
			}
		}
	}
	return err
}

// mixed reports whether a server of a service is of another family.
func mixed(k ipvs.ServiceKey, server netip.Addr) bool { return ipvs.FamilyOf(server) != k.Family }

// findMixed looks for a server that IPVS does not allow together with connection sync:
// whichever came second would be refused. The servers go first, whose clients would
// have nobody; also one that is not in the table just now, as it may come at any time.
func (s *services) findMixed() {
	for i, name := range s.order {
		v := s.conf[i]
		for _, k := range s.of(name) {
			what, addr := "", netip.Addr{}
			for i := range v.RealServers {
				if a := v.RealServers[i].Addr; what == "" && mixed(k, a) {
					what, addr = "real_server", a
				}
			}
			if y := v.SorryServer; what == "" && y != nil && mixed(k, y.Addr) {
				what, addr = "sorry_server", y.Addr
			}
			if what != "" {
				s.mixed = fmt.Sprintf("it is not started: %s %s of virtual_server %s is of another family than the service, which IPVS does not allow together with connection sync", what, addr, k)
				return
			}
		}
	}
}

// explainMixed says why IPVS refuses a server that connection sync stands
// against.
func (l *LVS) explainMixed(err error) error {
	var op *ipvs.OpError
	if l.cfg.Global.LVSSyncDaemon == nil || !errors.As(err, &op) || !errors.Is(op.Err, syscall.EINVAL) ||
		op.Op.Kind != ipvs.AddDest || !mixed(op.Op.Service.ServiceKey, op.Op.Dest.Addr) {
		return err
	}
	return fmt.Errorf("%w (IPVS allows no server of another family than its service's while connection sync runs)", brief(err))
}

// forwards reports whether this director forwards packets, or is about to,
// while it may have the backup role; known is false while the state of the
// instance is not known.
func (l *LVS) forwards() (yes, known bool) {
	c := l.cfg.Global.LVSSyncDaemon
	if c == nil || c.Instance == "" {
		return c != nil, true
	}
	r := l.routers[c.Instance]
	return r != nil && r.master, r.turns()
}

// openPackets clears backup_only on a director that forwards: with it the
// kernel passes no packet to IPVS as long as the backup role runs, also beside
// the master role.
func (l *LVS) openPackets() error {
	if yes, _ := l.forwards(); !yes {
		return nil
	}
	v, err := l.deps.Sync.Get(settingBackupOnly)
	if err != nil || v == "0" {
		return nil // a kernel without it has nothing to be cleared
	}
	was := l.owned
	o := l.owned.clone()
	o.BackupOnly = true
	l.keep(o)
	l.log.Info("connection sync: clearing backup_only while this director forwards")
	if err := l.deps.Sync.Set(settingBackupOnly, "0"); err != nil {
		l.keep(was)
		return err
	}
	return nil
}

// closePackets sets backup_only again where it was cleared.
func (l *LVS) closePackets() error {
	if yes, known := l.forwards(); yes || !known || !l.owned.BackupOnly {
		return nil
	}
	if err := l.deps.Sync.Set(settingBackupOnly, "1"); err != nil {
		return err
	}
	o := l.owned.clone()
	o.BackupOnly = false
	l.keep(o)
	return nil
}

// syncProblem notes why connection sync does not work; empty: it does.
func (l *LVS) syncProblem(now time.Time, text string) {
	d := &l.daemons
	if text == d.problem {
		return
	}
	switch {
	case text == "":
		l.log.Info("connection sync works again", "after", now.Sub(d.since).Round(time.Millisecond))
	default:
		l.log.Warn("connection sync does not work", "why", text)
	}
	d.problem, d.since = text, now
}

// syncFollows reports whether the roles follow a virtual router.
func syncFollows(c *config.Config, router string) bool {
	d := c.Global.LVSSyncDaemon
	return d != nil && d.Instance == router
}

// linkRetry is how long to wait after news of interfaces could not be had.
const linkRetry = 5 * time.Second

// watchLinks hands on every change of interfaces and addresses.
func (l *LVS) watchLinks(ctx context.Context) {
	for {
		err := l.deps.Links.Watch(ctx.Done(), func(u link.Update) {
			l.inbox.post(func() { l.linkNews(u.Interfaces) })
		})
		if err == nil {
			return
		}
		l.log.Error("news of interfaces cannot be had", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(linkRetry):
		}
	}
}

// releaseSync stops connection sync and restores its settings.
func (l *LVS) releaseSync() error {
	var errs []error
	if len(l.owned.Daemons) > 0 {
		have, err := l.table.kernel.Daemons()
		errs = append(errs, err)
		for _, d := range have {
			if slices.Contains(l.owned.Daemons, d.Role) {
				errs = append(errs, l.table.kernel.StopDaemon(d.Role))
			}
		}
	}
	if l.owned.SyncPorts > 0 {
		errs = append(errs, l.deps.Sync.Set(settingPorts, strconv.Itoa(l.owned.SyncPorts)))
	}
	if l.owned.BackupOnly {
		errs = append(errs, l.deps.Sync.Set(settingBackupOnly, "1"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	o := l.owned.clone()
	o.Daemons, o.SyncIndex, o.SyncPorts, o.BackupOnly = nil, 0, 0, false
	l.keep(o)
	return nil
}
