package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

func openScript(d *decoder, _ any, n *Node) {
	s := &VRRPScript{Interval: time.Second, Timeout: unset, Rise: 1, Fall: 1}
	if _, ok := arg1(d, n); !ok {
		d.within(s, nil)
		return
	}
	s.Name = n.Arg(0)
	d.within(s, func() {
		if _, taken := d.state.scripts[s.Name]; taken {
			d.report(n.Pos, Warning, ClassNone, "duplicate-name", "vrrp_script "+s.Name+" is already defined: this one is ignored")
			return
		}
		if !s.Command.Set() {
			d.report(d.closing(n), Warning, ClassGeneral, "no-script", "vrrp_script "+s.Name+" has no script: it is ignored")
			return
		}
		if s.Interval == 0 {
			s.Interval = time.Second
		}
		if s.Timeout <= 0 {
			s.Timeout = s.Interval
		}
		if !d.usable(&s.Command, n) {
			return
		}
		d.state.scripts[s.Name] = s
		d.state.scriptPos[s.Name] = n.Pos
		d.cfg.Scripts = append(d.cfg.Scripts, *s)
	})
}

// usable checks a command against script security: without a user to run it
// as it is refused.
func (d *decoder) usable(c *Command, n *Node) bool {
	if d.state.nobody[c] {
		return false
	}
	g := &d.state.global
	if c.User == "" && g.ScriptUser == "" && g.EnableScriptSecurity &&
		d.opts.UserExists != nil && !d.opts.UserExists("keepalived_script") {
		d.report(d.closing(n), Warning, ClassGeneral, "no-script-user",
			"enable_script_security needs script_user or a user keepalived_script: "+n.Text()+" is ignored")
		return false
	}
	return true
}

func openGroup(d *decoder, _ any, n *Node) {
	g := &group{pos: n.Pos}
	if g.Name = d.blockName(n); d.top().skip {
		return
	}
	d.within(g, func() {
		if d.state.groupName[g.Name] {
			d.report(n.Pos, Warning, ClassGeneral, "duplicate-name", "vrrp_sync_group "+g.Name+" is already defined: this one is ignored")
			return
		}
		d.state.groupName[g.Name] = true
		d.state.groups = append(d.state.groups, g)
	})
}

func openInstance(d *decoder, _ any, n *Node) {
	g := &d.state.global
	i := &instance{pos: n.Pos, end: d.closing(n)}
	i.Accept = true
	i.AdvertInt = time.Second
	i.GARP = g.GARP
	i.SkipCheckAdvAddr = g.VRRPSkipCheckAdvAddr
	i.CheckUnicastSrc = g.VRRPCheckUnicastSrc
	i.DownTimerAdverts = g.downTimerAdverts
	i.StickyHoldOff = defaultHoldOff
	if i.Name = d.blockName(n); d.top().skip {
		return
	}
	d.within(i, func() {
		if _, taken := d.state.byName[i.Name]; taken {
			d.report(n.Pos, Warning, ClassGeneral, "duplicate-name", "vrrp_instance "+i.Name+" is already defined: this one is ignored")
			return
		}
		d.state.byName[i.Name] = i
		switch len(d.state.instances) {
		case maxInstances:
			if !d.taken(&d.state.instances, "") {
				d.report(n.Pos, Error, ClassGeneral, "too-many-instances", fmt.Sprintf("there are more than %d vrrp_instances", maxInstances))
			}
		default:
			d.state.instances = append(d.state.instances, i)
		}
	})
}

// maxInstances bounds what a sequence may make: 128 interfaces with every VRID.
const maxInstances = 128 * 255

func instanceState(d *decoder, i *instance, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	switch s {
	case "MASTER":
		i.wantMaster, i.wantBackup = true, false
	case "BACKUP":
		if i.wantMaster && !d.toml() {
			d.bad(n, 0, ClassGeneral, "MASTER was given before: BACKUP is ignored")
			return
		}
		i.wantMaster, i.wantBackup = false, true
	default:
		i.wantMaster, i.wantBackup = false, true
		d.bad(n, 0, ClassGeneral, "'%s' is neither MASTER nor BACKUP: BACKUP is used", clip(s))
	}
}

func instanceInterface(d *decoder, i *instance, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	if i.Interface != "" { // the last one counts; keepalived looks for each
		d.interfaceExists(i.Interface, i.interfacePos, "interface of vrrp_instance "+i.Name)
	}
	i.Interface, i.interfacePos = s, n.ArgPos(0)
	if s == "lo" && d.opts.Interfaces != nil && !d.toml() {
		d.report(n.ArgPos(0), Info, ClassGeneral, "loopback", i.Name+": keepalived takes no loopback interface and leaves the instance out; here it runs, and no other director hears it")
	}
	if i.VRF != "" {
		d.bad(n, 0, ClassGeneral, "vrf is for an instance without an interface: it is ignored")
		i.VRF = ""
	}
	if len(s) > maxIfName {
		d.bad(n, 0, ClassGeneral, "'%s' is longer than %d characters", clip(s), maxIfName)
	}
}

// maxIfName is the longest name of an interface (IFNAMSIZ without its zero).
const maxIfName = 15

func instancePriority(d *decoder, i *instance, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	v, err := parseInt(s, 1, 255)
	if err != nil {
		d.bad(n, 0, ClassInvalidNumber, "%v: 100 is used", err)
		v = 100
	}
	i.priority, i.priorityPos = v, n.Pos
}

func mcastDst(d *decoder, i *instance, a netip.Addr, n *Node) {
	if !a.IsMulticast() {
		d.bad(n, 0, ClassGeneral, "%v is not a multicast address, ignored", a)
		return
	}
	if d.family(i, a) || d.mayBeDual(i, n, 0, a) {
		i.McastDstIP = a
		return
	}
	d.wrongFamily(i, n, 0, a)
}

// family fixes the family of an instance at its first address and reports
// whether a is of it.
func (d *decoder) family(i *instance, a netip.Addr) bool {
	f := familyOf(a)
	if i.Family == 0 {
		i.Family = f
	}
	return i.Family == f
}

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return 4
	}
	return 6
}

func (d *decoder) wrongFamily(i *instance, n *Node, arg int, a netip.Addr) {
	d.report(n.ArgPos(arg), Warning, ClassGeneral, "wrong-family", d.notOfFamily(i, a))
}

func (d *decoder) notOfFamily(i *instance, a netip.Addr) string {
	return d.kw.Name + ": " + a.String() + " is not of vrrp_instance " + i.Name + "'s family (IPv" + strconv.Itoa(int(i.Family)) + "): it is ignored"
}

func (d *decoder) source(i *instance, a netip.Addr, n *Node, to *netip.Addr) {
	if !d.family(i, a) && !d.mayBeDual(i, n, 0, a) {
		d.wrongFamily(i, n, 0, a)
		return
	}
	*to = a
}

func (d *decoder) peer(i *instance, n *Node) {
	w := n.Words[0]
	a, err := d.addressIn(w.Text, n, -1)
	if err != nil {
		d.report(w.Pos, Warning, ClassGeneral, "bad-value", "unicast_peer: '"+clip(w.Text)+"' is not an IP address, ignored")
		return
	}
	if !d.family(i, a) && !d.mayBeDual(i, n, -1, a) {
		d.wrongFamily(i, n, -1, a)
		return
	}
	p := UnicastPeer{Addr: a, MinTTL: unset, MaxTTL: unset}
	for k := 1; k < len(n.Words); k += 2 {
		var to *int
		switch n.Words[k].Text {
		case "min_ttl":
			to = &p.MinTTL
		case "max_ttl":
			to = &p.MaxTTL
		default:
			d.report(n.Words[k].Pos, Warning, ClassGeneral, "bad-value", "unicast_peer: unknown option '"+clip(n.Words[k].Text)+"', ignored")
			k--
			continue
		}
		if k+1 >= len(n.Words) {
			d.report(n.Words[k].Pos, Warning, ClassGeneral, "missing-parameter", "unicast_peer: no value for "+n.Words[k].Text+", ignored")
			break
		}
		v, err := parseInt(n.Words[k+1].Text, 0, 255)
		if err != nil {
			d.report(n.Words[k+1].Pos, Warning, ClassInvalidNumber, "bad-value", "unicast_peer: "+n.Words[k].Text+": "+err.Error()+", ignored")
			continue
		}
		*to = v
		i.CheckUnicastSrc = true
	}
	i.UnicastPeer = append(i.UnicastPeer, p)
}

func authType(d *decoder, i *instance, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	switch s {
	case "PASS", "pass":
		i.AuthType = AuthPass
	case "AH", "ah":
		i.AuthType = AuthAH
	default:
		d.bad(n, 0, ClassGeneral, "'%s' is neither PASS nor AH, ignored", clip(s))
		return
	}
	if upper := strings.ToUpper(s); s != upper && !d.toml() {
		d.bad(n, 0, ClassGeneral, "'%s' is taken as %s; keepalived 2.2.7 ignores it", s, upper)
	}
}

func authPass(d *decoder, i *instance, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	if len(s) > 8 {
		d.bad(n, 0, ClassGeneral, "longer than 8 bytes: the first 8 are used")
		s = s[:8]
	}
	i.AuthPass = []byte(s)
}

func instanceSyncDaemon(d *decoder, i *instance, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	d.report(n.Pos, Warning, ClassDeprecated, "deprecated", "lvs_sync_daemon_interface is deprecated: use lvs_sync_daemon in global_defs")
	g := &d.state.global
	if g.LVSSyncDaemon != nil {
		return // the global keyword wins
	}
	g.LVSSyncDaemon = &LVSSyncDaemon{Interface: s, Instance: i.Name} // not the VRID for an ID (keepalived 2.2.7, measured)
	g.syncPos = n.Pos
}

// trackInterface reads one line of track_interface.
func (d *decoder) trackInterface(to *[]Track, n *Node) {
	t := d.track(n, 0, false, 253)
	if d.taken(to, t.Name) {
		d.report(n.Pos, Warning, ClassGeneral, "duplicate-name", "track_interface: "+t.Name+" is already tracked: this line is ignored")
		return
	}
	d.interfaceExists(t.Name, n.Pos, "tracked interface")
	*to = append(*to, t)
}

// trackScript reads one line of track_script.
func (d *decoder) trackScript(to *[]Track, owner string, n *Node) {
	name := n.Words[0].Text
	s, ok := d.state.scripts[name]
	if !ok {
		d.reportHint(n.Pos, Warning, ClassGeneral, "unknown-script",
			owner+": track_script "+clip(name)+" is not defined"+map[bool]string{false: " above"}[d.toml()]+": it is ignored",
			d.didYouMean(name, func() []string { return slices.Sorted(maps.Keys(d.state.scripts)) }))
		return
	}
	t := d.track(n, s.Weight, s.Reverse, 253)
	if d.taken(to, t.Name) {
		d.report(n.Pos, Warning, ClassGeneral, "duplicate-name", "track_script: "+t.Name+" is already tracked: this line is ignored")
		return
	}
	*to = append(*to, t)
}

// track reads "NAME [weight N [reverse|noreverse]]"; weight and reverse are
// what holds when the line does not say, limit the largest weight.
func (d *decoder) track(n *Node, weight int, reverse bool, limit int) Track {
	t := Track{Name: n.Words[0].Text, Weight: weight, Reverse: reverse}
	for k := 1; k < len(n.Words); k++ {
		w := n.Words[k]
		switch w.Text {
		case "weight":
			if k++; k >= len(n.Words) {
				d.report(w.Pos, Warning, ClassGeneral, "bad-value", d.kw.Name+" "+t.Name+": no value for weight, ignored; keepalived 2.2.7 does not track it then")
				return t
			}
			v, err := parseInt(n.Words[k].Text, -limit, limit)
			if err != nil {
				if big, err2 := parseInt(n.Words[k].Text, -254, 254); err2 == nil {
					v, err = max(-253, min(253, big)), nil
					d.report(n.Words[k].Pos, Warning, ClassInvalidNumber, "bad-value", d.kw.Name+" "+t.Name+": weight 254 is out of reach: 253 is used")
				}
			}
			if err != nil {
				d.report(n.Words[k].Pos, Warning, ClassInvalidNumber, "bad-value", d.kw.Name+" "+t.Name+": weight "+err.Error()+": the default is used")
				continue
			}
			t.Weight = v
		case "reverse":
			t.Reverse = true
		case "noreverse":
			t.Reverse = false
		default:
			// keepalived tracks an interface all the same when its weight was read.
			theirs := "; keepalived 2.2.7 does not track it then"
			if d.kw.Name == "track_interface" && k > 2 {
				theirs = ""
			}
			d.report(w.Pos, Warning, ClassGeneral, "bad-value", d.kw.Name+" "+t.Name+": unknown option '"+clip(w.Text)+"', ignored"+theirs)
		}
	}
	return t
}
