package config

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"time"
)

// finish completes what can only be judged when everything is read, in
// keepalived's order, and checks the whole.
func (d *decoder) finish() {
	b := d.state
	d.cfg.Global = b.global.GlobalDefs
	d.cfg.Global.GARP = garpDefaults(b.global.GARP, b.global.GARP.Delay, b.global.GARP.Repeat)
	if b.global.lowerPrioNoAdvert != nil {
		d.cfg.Global.LowerPrioNoAdvert = *b.global.lowerPrioNoAdvert
	}
	if d.cfg.Global.VMACAddrPrefix == "" {
		d.cfg.Global.VMACAddrPrefix = d.cfg.Global.VMACPrefix
	}
	d.splitFamilies()
	for _, i := range b.instances {
		d.finishInstance(i)
	}
	d.finishGroups()
	d.finishTrackGroups()
	for _, i := range b.instances {
		d.cfg.Instances = append(d.cfg.Instances, i.VRRPInstance)
	}
	d.duplicateRouters()
	d.cfg.VirtualServers, b.kept = slices.Grow(d.cfg.VirtualServers, len(b.services)), slices.Grow(b.kept, len(b.services))
	for _, s := range b.services {
		for _, one := range s.each() {
			d.finishService(one)
		}
	}
	for _, g := range b.serviceGroups {
		d.cfg.ServiceGroups = append(d.cfg.ServiceGroups, g.VirtualServerGroup)
	}
	d.duplicateServices()
	d.finishSync()
	d.lintInstances()
	d.lintSources()
	d.lintServices()
	d.noServices()
	d.commands()
}

// about reports a finding on a whole instance.
func (d *decoder) about(i *instance, s Severity, c Class, id, format string, args ...any) {
	d.report(i.pos, s, c, id, "vrrp_instance "+i.Name+": "+fmt.Sprintf(format, args...))
}

// finishInstance resolves what depends on several keywords.
func (d *decoder) finishInstance(i *instance) {
	g := &d.state.global
	d.finishVRF(i)
	d.instanceIdentity(i)
	i.StrictMode = g.VRRPStrict
	if i.strict != nil {
		i.StrictMode = *i.strict
	}
	d.instanceVersion(i)
	d.unicast(i)
	d.addresses(i)
	d.priorities(i)
	d.intervals(i)
	d.authentication(i)
	d.finishAuth(i)
	d.inherit(i)
	d.policies(i)
	d.instanceLinks(i)
	if i.StrictMode {
		d.strictMode(i)
	}
	d.finishAccept(i)
	d.finishVMAC(i)
	d.linkLocalFirst(i)
}

// instanceIdentity checks interface and VRID.
func (d *decoder) instanceIdentity(i *instance) {
	if i.Interface == "" {
		i.Interface, i.interfacePos = d.state.global.defaultInterface, i.pos
	}
	if i.Interface == "" {
		d.about(i, Error, ClassGeneral, "no-interface", "interface is missing")
	} else {
		d.interfaceExists(i.Interface, i.interfacePos, "interface of vrrp_instance "+i.Name)
	}
	if !i.vridSet {
		d.about(i, Error, ClassGeneral, "no-vrid", "virtual_router_id is missing")
	}
	i.TrackInterfaces = without(i.TrackInterfaces, func(t Track) bool {
		if t.Name != i.Interface {
			return false
		}
		d.about(i, Warning, ClassGeneral, "own-interface", "track_interface: %s is its own interface, which is tracked anyway: ignored", t.Name)
		return true
	})
	if i.Family == 0 {
		i.Family = 4
	}
}

// unicast decides whether adverts go by unicast.
func (d *decoder) unicast(i *instance) {
	if i.ttlGiven && len(i.UnicastPeer) == 0 && !d.toml() {
		d.report(i.end, Warning, ClassGeneral, "no-effect", "vrrp_instance "+i.Name+": unicast_ttl without unicast_peer has no effect")
	}
	if i.FaultNoPeer = i.FaultNoPeer && len(i.UnicastPeer) == 0; i.FaultNoPeer {
		d.about(i, Warning, ClassNone, "no-peers", "unicast_fault_no_peer without unicast_peer: it stays in FAULT")
		return
	}
	if !i.unicast || len(i.UnicastPeer) > 0 {
		return
	}
	if d.toml() {
		d.report(i.unicastPos, Error, ClassGeneral, "no-peers", "vrrp_instance "+i.Name+": unicast without unicast_peer")
		return
	}
	d.report(i.unicastPos, Warning, ClassGeneral, "no-peers", "vrrp_instance "+i.Name+": unicast without unicast_peer: multicast is used")
	if !i.McastSrcIP.IsValid() {
		i.McastSrcIP = i.UnicastSrcIP
	}
	i.UnicastSrcIP = netip.Addr{}
}

// maxVIPs is the largest number of addresses in one advert (RFC 3768 5.3.5).
const maxVIPs = 255

func (d *decoder) addresses(i *instance) {
	if len(i.VirtualIPAddress) == 0 && !i.noVIPs {
		if i.Version == 3 || i.StrictMode {
			d.about(i, Error, ClassGeneral, "no-vips", "virtual_ipaddress is missing: at least one address is needed")
		} else {
			d.about(i, Warning, ClassGeneral, "no-vips", "virtual_ipaddress is missing: at least one address makes sense")
		}
	}
	if n := len(i.VirtualIPAddress); n > maxVIPs {
		d.about(i, Warning, ClassGeneral, "too-many-vips", "an advert holds %d addresses, not %d: the others are moved to virtual_ipaddress_excluded", maxVIPs, n)
		i.VirtualIPAddressExcluded = append(slices.Clone(i.VirtualIPAddress[maxVIPs:]), i.VirtualIPAddressExcluded...)
		i.VirtualIPAddress = i.VirtualIPAddress[:maxVIPs:maxVIPs]
	}
}

// priorities resolves state, priority and preemption.
func (d *decoder) priorities(i *instance) {
	switch {
	case i.priority == 0 && i.wantMaster:
		i.priority = 255
	case i.priority == 0:
		i.priority = 100
	}
	i.Priority = uint8(i.priority)
	i.StateMaster = i.wantMaster || i.Priority == 255
	if i.NoPreempt && i.Priority == 255 {
		d.about(i, Warning, ClassGeneral, "nopreempt", "nopreempt does not go with priority 255: it is ignored")
		i.ignore("nopreempt", "priority 255")
		i.NoPreempt = false
	}
	if i.NoPreempt && i.PreemptDelay > 0 && !i.wantMaster {
		d.about(i, Warning, ClassGeneral, "preempt-delay", "preempt_delay does not go with nopreempt: it is ignored")
		i.ignore("preempt_delay", "nopreempt")
		i.PreemptDelay = 0
	}
	if !i.wantMaster {
		return
	}
	if i.NoPreempt {
		d.about(i, Warning, ClassGeneral, "nopreempt", "nopreempt does not go with state MASTER: it is ignored")
		i.ignore("nopreempt", "state MASTER")
		i.NoPreempt = false
	}
	if i.PreemptDelay > 0 {
		d.about(i, Warning, ClassGeneral, "preempt-delay", "preempt_delay does not go with state MASTER: it is ignored")
		i.ignore("preempt_delay", "state MASTER")
		i.PreemptDelay = 0
	}
}

// ignore notes a keyword that has no effect because of another one.
func (i *instance) ignore(keyword, because string) {
	i.Ignored = append(i.Ignored, keyword+" (because of "+because+")")
}

// maxAdvertInt is the longest interval of version 3: 12 bits of centiseconds.
const maxAdvertInt = 4095 * 10 * time.Millisecond

func (d *decoder) intervals(i *instance) {
	const centi = 10 * time.Millisecond
	if i.Version == 3 {
		if i.AdvertInt > maxAdvertInt {
			d.about(i, Warning, ClassGeneral, "advert-int", "advert_int %v is too long for version 3: 40.95 s is used", i.AdvertInt)
			i.AdvertInt = maxAdvertInt
		}
		if r := i.AdvertInt.Round(centi); r != i.AdvertInt {
			d.about(i, Warning, ClassGeneral, "advert-int", "advert_int %v is not a multiple of 10 ms: %v is used", i.AdvertInt, max(r, centi))
			i.AdvertInt = max(r, centi)
		}
		return
	}
	if r := i.AdvertInt.Round(time.Second); r != i.AdvertInt {
		r = max(r, time.Second)
		d.about(i, Warning, ClassGeneral, "advert-int", "advert_int %v: version 2 has whole seconds: %v is used", i.AdvertInt, r)
		i.AdvertInt = r
	}
}

func (d *decoder) authentication(i *instance) {
	drop := func(why string) {
		d.about(i, Warning, ClassGeneral, "authentication", "%s: authentication is ignored", why)
		i.ignore("authentication", why)
		i.AuthType, i.AuthPass = AuthNone, nil
	}
	switch {
	case i.AuthType == AuthNone && len(i.AuthPass) == 0:
		return
	case i.StrictMode:
		drop("strict mode has no authentication")
	case i.Version == 3:
		drop("version 3 has no authentication")
	case i.AuthType == AuthNone:
		i.AuthPass = nil
	case len(i.AuthPass) == 0:
		drop("auth_pass is missing")
	case i.AuthType == AuthAH:
		if i.wantMaster {
			d.about(i, Warning, ClassGeneral, "authentication", "state MASTER does not go with AH: BACKUP is used")
			i.StateMaster = false
		}
	}
}

// inherit takes global values over that the instance leaves open.
func (d *decoder) inherit(i *instance) {
	g := &d.state.global
	i.GARP = garpDefaults(i.GARP, d.cfg.Global.GARP.LowerPrioDelay, d.cfg.Global.GARP.LowerPrioRep)
	pick := func(own, global *bool, fallback bool) bool {
		if own != nil {
			return *own
		}
		if global != nil {
			return *global
		}
		return fallback
	}
	i.LowerPrioNoAdvert = pick(i.lowerPrio, g.lowerPrioNoAdvert, i.StrictMode)
	i.HigherPrioSendAdvert = pick(i.higherPrio, &g.HigherPrioSendAdvert, false)
	i.NotifyPriorityChanges = pick(i.priorityNote, &g.NotifyPriorityChange, false)
	i.SMTPAlert = d.alert(i.smtpAlert, g.smtpAlertVRRP, false)
}

// alert resolves smtp_alert.
func (d *decoder) alert(own, side *bool, fallback bool) bool {
	for _, v := range []*bool{own, side, d.state.global.smtpAlert} {
		if v != nil {
			return *v
		}
	}
	return fallback
}

// strictMode applies what strict mode asks for besides authentication and
// addresses.
func (d *decoder) strictMode(i *instance) {
	if i.wantMaster && i.Priority != 255 {
		d.about(i, Warning, ClassGeneral, "strict", "strict mode: state MASTER needs priority 255: BACKUP is used")
		i.ignore("state MASTER", "strict mode")
		i.StateMaster = false
	}
	if i.wantBackup && i.Priority == 255 {
		d.about(i, Warning, ClassGeneral, "strict", "strict mode: priority 255 is that of the address owner, who begins as MASTER: state BACKUP is ignored")
		i.ignore("state BACKUP", "strict mode")
	}
	if i.PreemptDelay > 0 {
		d.about(i, Warning, ClassGeneral, "strict", "strict mode has no preempt_delay: it is ignored")
		i.ignore("preempt_delay", "strict mode")
		i.PreemptDelay = 0
	}
	if i.DownTimerAdverts != 3 {
		d.about(i, Warning, ClassGeneral, "strict", "strict mode needs down_timer_adverts 3: it is used")
		i.DownTimerAdverts = 3
	}
	d.strictAdverts(i)
}

// finishGroups resolves members and drops groups without any.
func (d *decoder) finishGroups() {
	in := map[string]string{} // instance -> its group
	for _, g := range d.state.groups {
		var members []string
		for k, m := range g.Members {
			i, ok := d.state.byName[m]
			switch {
			case !ok:
				d.reportHint(g.memberPos[k], Warning, ClassGeneral, "unknown-member",
					"vrrp_sync_group "+g.Name+": there is no vrrp_instance "+clip(m)+": it is ignored", d.didYouMean(m, d.instanceNames))
			case in[m] == g.Name:
				d.report(g.memberPos[k], Warning, ClassGeneral, "duplicate-name", "vrrp_sync_group "+g.Name+": "+m+" is named twice")
			case in[m] != "":
				d.report(g.memberPos[k], Warning, ClassGeneral, "duplicate-name", "vrrp_sync_group "+g.Name+": "+m+" is in group "+in[m]+" already: it is ignored")
			default:
				in[m] = g.Name
				members = append(members, m)
				d.groupTracking(g, i)
				if i.priorityNote == nil && g.priorityNote != nil {
					i.NotifyPriorityChanges = *g.priorityNote
				}
			}
		}
		g.Members = members
		if len(members) == 0 {
			at := g.pos
			if g.emptyAt.Line != 0 {
				at = g.emptyAt
			}
			d.report(at, Warning, ClassGeneral, "empty-group", "vrrp_sync_group "+g.Name+" has no member: it is ignored")
			continue
		}
		if len(members) == 1 {
			d.report(g.pos, Warning, ClassGeneral, "small-group", "vrrp_sync_group "+g.Name+" has one member only")
		}
		g.SMTPAlert = d.alert(g.smtpAlert, d.state.global.smtpAlertVRRP, false)
		d.cfg.SyncGroups = append(d.cfg.SyncGroups, g.SyncGroup)
	}
}

func (d *decoder) instanceNames() []string {
	var out []string
	for n := range d.state.byName {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// groupTracking removes the weights of a member's trackers: members of a group
// have no priority of their own, unless sync_group_tracking_weight. A weighted
// interface then counts as one without weight, a weighted script is not
// tracked.
func (d *decoder) groupTracking(g *group, i *instance) {
	if g.TrackingWeight {
		return
	}
	d.memberTracking(i)
	for k := range i.TrackInterfaces {
		if t := &i.TrackInterfaces[k]; t.Weight != 0 {
			d.about(i, Warning, ClassGeneral, "group-weight", "track_interface %s: a member of a sync group has no weights: down means FAULT", t.Name)
			t.Weight, t.Reverse = 0, false
		}
	}
	i.TrackScripts = without(i.TrackScripts, func(t Track) bool {
		if t.Weight == 0 {
			return false
		}
		d.about(i, Warning, ClassGeneral, "group-weight", "track_script %s: a member of a sync group has no weights: it is not tracked", t.Name)
		return true
	})
}
