package vrrpd

import (
	"holdfast/internal/config"
	"holdfast/internal/daemon/notifier"
	"holdfast/notify"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// transitions tells notify scripts and pipes what the engine tells. It belongs
// to the teller's goroutine.
type transitions struct {
	out    *notifier.Notifier
	global config.GlobalDefs
	sets   map[target]config.NotifySet
	// left are the sets of what the configuration no longer has, until its deletion is
	// told. A router that is replaced is deleted as well, and its name stays in sets.
	left map[target]config.NotifySet
	// priorities names the instances that tell changes of their priority.
	priorities map[string]bool
}

type target struct {
	group bool
	name  string
}

// configure takes over a configuration. The sets of what it no longer has are
// kept until their deletion has been told.
func (t *transitions) configure(cfg *config.Config, readers bool) {
	t.global = cfg.Global
	before := t.sets
	t.sets = make(map[target]config.NotifySet, len(cfg.Instances)+len(cfg.SyncGroups))
	t.priorities = map[string]bool{}
	for i := range cfg.Instances {
		t.priorities[cfg.Instances[i].Name] = cfg.Instances[i].NotifyPriorityChanges
		t.sets[target{false, cfg.Instances[i].Name}] = cfg.Instances[i].Notify
	}
	for i := range cfg.SyncGroups {
		t.sets[target{true, cfg.SyncGroups[i].Name}] = cfg.SyncGroups[i].Notify
	}
	if t.left == nil {
		t.left = map[target]config.NotifySet{}
	}
	for k, set := range before {
		if _, has := t.sets[k]; !has {
			t.left[k] = set
		}
	}
	shared := cfg.Global.NotifyFIFO
	if !readers {
		// The lvs process starts the reader of the pipe that both write to.
		shared.Script = config.Command{}
	}
	t.out.Configure(cfg.Global, cfg.Global.VRRPNotifyFIFO, shared)
	t.out.LookUp()
}

func (t *transitions) pipes() []config.FIFO {
	return []config.FIFO{t.global.VRRPNotifyFIFO, t.global.NotifyFIFO}
}

// changed tells one change: the script of that state, the script for every
// state, then the pipes.
func (t *transitions) changed(c engine.Change) {
	k := target{c.Group, c.Name}
	set, has := t.sets[k]
	if !has {
		set = t.left[k]
	}
	if c.Event {
		t.event(c, set)
		return
	}
	state, script := stateName(c, set)
	if state == "" {
		return
	}
	tr := notify.Transition{Group: c.Group, Name: c.Name, State: state, Priority: int(c.Priority)}
	if c.Group {
		tr.Priority = 0
	}
	t.out.Queue(tr.Target(), tr.Commands(t.out.Command(script), t.out.Command(set.Any))...)
	t.out.Write(tr.Line(), t.pipes()...)
	if c.Deleted {
		delete(t.left, k)
	}
}

// states writes the state of every router, then of every group, to the pipes
// (fifo_write_vrrp_states_on_reload).
func (t *transitions) states(st engine.Status) {
	write := func(group bool, name string, s vrrp.State, priority uint8) {
		if state, _ := stateName(engine.Change{To: s}, config.NotifySet{}); state != "" {
			line := notify.Transition{Group: group, Name: name, State: state, Priority: int(priority)}
			t.out.Write(line.Line(), t.pipes()...)
		}
	}
	for i := range st.Routers {
		r := &st.Routers[i]
		write(false, r.Name, r.Told, r.EffectivePriority)
	}
	for _, g := range st.Groups {
		write(true, g.Name, g.State, 0)
	}
}

func (t *transitions) event(c engine.Change, set config.NotifySet) {
	switch c.Reason {
	case vrrp.ReasonLowerAdvert:
		if set.MasterRxLower.Set() {
			t.out.Queue(notify.Transition{Group: c.Group, Name: c.Name}.Target(), t.out.Command(set.MasterRxLower))
		}
		t.out.Write(notify.RxLowerLine(c.Name, int(c.Priority)), t.pipes()...)
	case vrrp.ReasonPriority:
		if t.priorities[c.Name] && (c.To == vrrp.Master || c.To == vrrp.Backup) {
			t.out.Write(notify.PriorityLine(c.Name, c.To.String(), int(c.Priority)), t.pipes()...)
		}
	}
}

// stateName is the state as notify names it, and the script for it.
func stateName(c engine.Change, set config.NotifySet) (string, config.Command) {
	switch {
	case c.Deleted && set.NotifyDeleted, c.Deleted && set.Deleted.Set():
		return "DELETED", set.Deleted
	case c.Deleted:
		return "FAULT", set.Fault
	case c.To == vrrp.Master:
		return "MASTER", set.Master
	case c.To == vrrp.Backup:
		return "BACKUP", set.Backup
	case c.To == vrrp.Fault:
		return "FAULT", set.Fault
	case c.Reason == vrrp.ReasonShutdown:
		return "STOP", set.Stop
	}
	return "", config.Command{}
}
