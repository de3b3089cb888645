package config

import "time"

// defaultHoldOff is how much longer a sticky router listens after its start
// and after its link came up: LACP and fast spanning trees need up to 5 s.
const defaultHoldOff = 5 * time.Second

// policyRows are the keywords of an instance about who may be master.
func policyRows() []Keyword {
	late := value{args: []Arg{{Name: "adverts", Kind: KindInt, Optional: true}}, syntax: "[<1..254>]", set: func(d *decoder, _ any, n *Node) {
		d.report(n.Pos, Info, ClassNone, "always-on", n.Keyword()+" is always on: an instance that woke up later than its peers wait reads everything that came meanwhile, and yields if another one is master")
	}}
	return []Keyword{
		row("sticky_master", own, optBool(func(i *instance, v bool) { i.StickyMaster = v }), "off", "whoever is master stays it while it lives, also against a higher priority and against weights; the master advertises 250 to 254, growing with its age, for keepalived beside it"),
		row("sticky_hold_off", own, timer("seconds", 0, 1000*time.Second, func(i *instance, v time.Duration) { i.StickyHoldOff = v }), "5", "with sticky_master: listen so much longer after the start and after the link came up"),
		row("owner_ignore_adverts", rare, optBool(func(i *instance, v bool) { i.ownerIgnore = &v }), "vrrp_owner_ignore_adverts", "with priority 255: take no adverts of others").since("2.3.3"),
		row("timer_expired_backup", rare, late, "always on", "a wake-up later than the peers wait yields to whoever is master by then").since("2.2.8"),
		row("thread_timer_expired", "obsolete", late, "always on", "as timer_expired_backup").since("2.3.2"),
	}
}

// policies checks who may be master, once priority and state are known.
func (d *decoder) policies(i *instance) {
	i.OwnerIgnoreAdverts = i.StrictMode
	switch g := d.state.global.ownerIgnore; {
	case i.ownerIgnore != nil:
		i.OwnerIgnoreAdverts = *i.ownerIgnore
	case g != nil:
		i.OwnerIgnoreAdverts = *g
	}
	if !i.StickyMaster {
		return
	}
	off := func(why string) {
		d.about(i, Warning, ClassGeneral, "sticky-master", "sticky_master does not go with %s: it is ignored", why)
		i.ignore("sticky_master", why)
		i.StickyMaster = false
	}
	switch {
	case i.Priority == 255:
		off("priority 255, which takes over from everybody")
		return
	case i.StrictMode:
		off("strict mode, as it advertises another priority than the configured one")
		return
	case i.Priority >= 250:
		d.about(i, Warning, ClassNone, "sticky-priority", "sticky_master: priority %d is among those that say how old a master is: use one below 250", i.Priority)
	}
	if i.NoPreempt {
		d.about(i, Info, ClassNone, "sticky-master", "nopreempt adds nothing to sticky_master")
	}
	if i.PreemptDelay > 0 {
		d.about(i, Warning, ClassGeneral, "sticky-master", "preempt_delay does not go with sticky_master, which never preempts: it is ignored")
		i.ignore("preempt_delay", "sticky_master")
		i.PreemptDelay = 0
	}
	if i.StateMaster {
		d.about(i, Info, ClassNone, "sticky-master", "state MASTER has no effect with sticky_master: who is master stays it")
	}
}
