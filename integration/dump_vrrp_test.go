package integration

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/config"
	"holdfast/vrrp/route"
)

// This file and dump_lvs_test.go tell our configuration as "keepalived -d"
// tells its own: the same names of things and fields, the same values. A field
// that is not set has no value; what keepalived does not print is not here.

// set gives a field a value; none where given is false.
func (f fieldsOf) set(key string, given bool, value ...any) {
	if !given {
		f[key] = nil
		return
	}
	f.add(key, strings.TrimSuffix(fmt.Sprintln(value...), "\n"))
}

// list is a field with one entry a line below it.
func (f fieldsOf) list(key string, entries []string) {
	f[key] = nil
	if len(entries) > 0 {
		f.add(key, entries...)
	}
}

func word(v bool, yes, no string) string {
	if v {
		return yes
	}
	return no
}

func boolWord(v bool) string { return strconv.FormatBool(v) }
func yesNo(v bool) string    { return word(v, "yes", "no") }

func secs(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// script is a command; keepalived leaves out those whose program it does not
// find.
func (f fieldsOf) script(key string, c config.Command) {
	text := quotedWords(c.Args)
	if c.Shell {
		text = c.Args[0]
	}
	f.set(key, found(c), text)
}

func found(c config.Command) bool {
	if !c.Set() || c.Shell {
		return c.Shell
	}
	_, err := exec.LookPath(c.Args[0])
	return err == nil
}

// quotedWords puts the words of a command in quotes, its program by the last
// part of its path: keepalived follows symbolic links.
func quotedWords(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		if i == 0 {
			a = a[strings.LastIndexByte(a, '/')+1:]
		}
		out[i] = "'" + a + "'"
	}
	return strings.Join(out, " ")
}

// ourVRRP tells the VRRP side.
func ourVRRP(c *config.Config) dumped {
	d := dumped{}
	ourGlobal(d.in("global_defs"), &c.Global)
	groups := map[string]string{}
	for i := range c.SyncGroups {
		g := &c.SyncGroups[i]
		f := d.in("VRRP Sync Group " + g.Name)
		f.list("VRRP member instances", g.Members)
		f.set("Using smtp notification", true, yesNo(g.SMTPAlert))
		f.set("sync group tracking weight set", g.TrackingWeight, "")
		ourTracks(f, g.TrackInterfaces, g.TrackScripts, g.TrackFiles, g.TrackProcesses)
		ourNotify(f, &g.Notify)
		for _, m := range g.Members {
			groups[m] = g.Name
		}
	}
	for i := range c.Instances {
		in := &c.Instances[i]
		f := d.in("VRRP Instance " + in.Name)
		f.set("Sync group", groups[in.Name] != "", groups[in.Name])
		ourInstance(f, in)
	}
	for i := range c.Scripts {
		s := &c.Scripts[i]
		if !found(s.Command) {
			continue
		}
		f := d.in("VRRP Script " + s.Name)
		f.script("Command", s.Command)
		f.set("Interval", true, secs(s.Interval), "sec")
		f.set("Weight", true, weight(s.Weight, s.Reverse))
		f.set("Rise", true, s.Rise)
		f.set("Fall", true, s.Fall)
	}
	for i := range c.TrackFiles {
		t := &c.TrackFiles[i]
		f := d.in("Track file " + t.Name)
		f.set("File", true, t.Path)
		f.set("Weight", true, weight(t.Weight, t.Reverse))
	}
	for i := range c.TrackProcesses {
		p := &c.TrackProcesses[i]
		f := d.in("VRRP Track process " + p.Name)
		f.set("Process", true, p.Process)
		f.set("Min processes", true, p.Quorum)
		f.set("Max processes", p.QuorumMax >= 0, p.QuorumMax)
		f.set("Weight", true, weight(p.Weight, p.Reverse))
		f.set("Full command", true, boolWord(p.FullCommand || len(p.Args) > 0))
	}
	for i := range c.BFDInstances {
		if b := &c.BFDInstances[i]; b.VRRP {
			d.in("VRRP Track BFD "+b.Name).set("Weight", true, weight(b.Weight, b.Reverse))
		}
	}
	return d
}

func weight(v int, reverse bool) string { return strconv.Itoa(v) + word(reverse, " reverse", "") }

func ourGlobal(f fieldsOf, g *config.GlobalDefs) {
	if g.NotificationEmailFrom != "" {
		f.list("Email notification to", g.NotificationEmail)
	}
	if _, err := netip.ParseAddr(g.SMTPServer); err == nil { // keepalived resolves names while it reads
		f.set("Smtp server", true, g.SMTPServer)
		f.set("Smtp server port", true, g.SMTPPort)
	}
	f.set("LVS flush", true, boolWord(g.LVSFlush))
	f.set("LVS flush on stop", true, [...]string{"disabled", "full", "VS"}[g.LVSFlushOnStop])
	f.set("Disable local IGMP", true, yesNo(g.DisableLocalIGMP))
	f.set("Dynamic interfaces", true, boolWord(g.DynamicInterfaces))
	f.set("VRRP notify priority changes", true, boolWord(g.NotifyPriorityChange))
	f.set("VRRP IPv4 mcast group", true, g.VRRPMcastGroup4)
	f.set("VRRP IPv6 mcast group", true, g.VRRPMcastGroup6)
	f.set("Gratuitous ARP delay", true, secs(g.GARP.Delay))
	f.set("Gratuitous ARP repeat", true, g.GARP.Repeat)
	f.set("Gratuitous ARP refresh timer", true, secs(g.GARP.Refresh))
	f.set("Gratuitous ARP refresh repeat", true, g.GARP.RefreshRepeat)
	f.set("Gratuitous ARP lower priority delay", true, secs(g.GARP.LowerPrioDelay))
	f.set("Gratuitous ARP lower priority repeat", true, g.GARP.LowerPrioRep)
	f.set("Gratuitous ARP for each secondary VMAC", true, secs(g.GARP.ExtraIf)+"s")
	f.set("Send advert after receive lower priority advert", true, boolWord(!g.LowerPrioNoAdvert))
	f.set("Send advert after receive higher priority advert", true, boolWord(g.HigherPrioSendAdvert))
	f.set("Gratuitous ARP interval", true, fmt.Sprintf("%.6f", g.GARPInterval.Seconds()))
	f.set("Gratuitous NA interval", true, fmt.Sprintf("%.6f", g.GNAInterval.Seconds()))
	f.set("VRRP default protocol version", true, g.VRRPVersion)
	f.set("VRRP check unicast_src", true, boolWord(g.VRRPCheckUnicastSrc))
	f.set("VRRP skip check advert addresses", true, boolWord(g.VRRPSkipCheckAdvAddr))
	f.set("VRRP strict mode", true, boolWord(g.VRRPStrict))
	f.set("vrrp_startup_delay", g.VRRPStartupDelay > 0, secs(g.VRRPStartupDelay))
	f.set("Script security "+word(g.EnableScriptSecurity, "enabled", "disabled"), true, "")
	f.set("Script security "+word(!g.EnableScriptSecurity, "enabled", "disabled"), false)
}

func ourInstance(f fieldsOf, i *config.VRRPInstance) {
	v3 := i.Version == 3
	f.set("VRRP Version", true, i.Version)
	if f["Sync group"] == nil { // one member that is down takes it from all
		f.set("Wantstate", true, word(i.StateMaster, "MASTER", "BACKUP"))
	}
	dev := i.Interface
	if i.VMAC.Kind != config.VMACNone {
		dev = i.VMAC.Name
		if dev == "" {
			dev = fmt.Sprintf("vrrp%s.%d", word(i.Family == 6, "6", ""), i.VirtualRouterID)
		}
		dev += "@" + i.Interface
	} else {
		f.set("Interface", true, i.Interface)
	}
	f.set("VRRP interface tracking disabled", i.DontTrackPrimary, "")
	f.set("Skip checking advert IP addresses", i.SkipCheckAdvAddr, "")
	f.set("Enforcing strict VRRP compliance", i.StrictMode, "")
	f.set("Using Native IPv6", i.Family == 6, "")
	src, unicast := i.McastSrcIP, len(i.UnicastPeer) > 0
	if unicast {
		src = i.UnicastSrcIP
	}
	if src.IsValid() {
		f.set("Using src_ip", true, src, "(from configuration)")
	}
	f.set("Multicast address", !unicast, i.McastDstIP)
	ourGARP(f, &i.GARP)
	f.set("Down timer adverts", true, i.DownTimerAdverts)
	f.set("Send advert after receive lower priority advert", true, boolWord(!i.LowerPrioNoAdvert))
	f.set("Send advert after receive higher priority advert", true, boolWord(i.HigherPrioSendAdvert))
	f.set("Virtual Router ID", true, i.VirtualRouterID)
	f.set("Priority", true, i.Priority)
	if v3 {
		f.set("Advert interval", true, i.AdvertInt.Milliseconds(), "milli-sec")
	} else {
		f.set("Advert interval", true, secs(i.AdvertInt), "sec")
	}
	f.set("Accept", true, word(i.Accept, "enabled", "disabled"))
	f.set("Preempt", true, word(!i.NoPreempt, "enabled", "disabled"))
	f.set("Preempt delay", i.PreemptDelay > 0, secs(i.PreemptDelay), "secs")
	f.set("Authentication type", !v3, [...]string{"none", "SIMPLE_PASSWORD", "IPSEC_AH"}[i.AuthType])
	f.set("Password", i.AuthType == config.AuthPass, string(i.AuthPass))
	f.list("Virtual IP", vipLines(i, i.VirtualIPAddress, dev))
	f.list("Virtual IP Excluded", vipLines(i, i.VirtualIPAddressExcluded, dev))
	f.list("Virtual Routes", routeLines(i.VirtualRoutes))
	f.set("Check unicast src", unicast, yesNo(i.CheckUnicastSrc))
	var peers []string
	for _, p := range i.UnicastPeer {
		ttl := func(v, none int) int {
			if v < 0 {
				return none
			}
			return v
		}
		peers = append(peers, fmt.Sprintf("%v min_ttl %d max_ttl %d", p.Addr, ttl(p.MinTTL, 0), ttl(p.MaxTTL, 255)))
	}
	f.list("Unicast Peer", peers)
	ourTracks(f, i.TrackInterfaces, i.TrackScripts, i.TrackFiles, i.TrackProcesses)
	var bfds []string
	for _, b := range i.TrackBFDs {
		bfds = append(bfds, b.Name+": weight "+weight(b.Weight, b.Reverse))
	}
	if len(bfds) > 0 {
		f.list("Tracked BFDs", bfds)
	}
	f.set("Using smtp notification", true, yesNo(i.SMTPAlert))
	f.set("Notify deleted", true, word(i.Notify.NotifyDeleted, "Deleted", "Fault"))
	f.set("Notify priority changes", true, boolWord(i.NotifyPriorityChanges))
	ourNotify(f, &i.Notify)
}

func ourGARP(f fieldsOf, g *config.GARP) {
	f.set("Gratuitous ARP delay", true, secs(g.Delay))
	f.set("Gratuitous ARP repeat", true, g.Repeat)
	f.set("Gratuitous ARP refresh", true, secs(g.Refresh))
	f.set("Gratuitous ARP refresh repeat", true, g.RefreshRepeat)
	f.set("Gratuitous ARP lower priority delay", true, secs(g.LowerPrioDelay))
	f.set("Gratuitous ARP lower priority repeat", true, g.LowerPrioRep)
}

func ourNotify(f fieldsOf, n *config.NotifySet) {
	f.script("Backup state transition script", n.Backup)
	f.script("Master state transition script", n.Master)
	f.script("Fault state transition script", n.Fault)
	f.script("Stop state transition script", n.Stop)
	f.script("Generic state transition script", n.Any)
	f.script("Master rx lower pri state transition script", n.MasterRxLower)
}

func ourTracks(f fieldsOf, interfaces, scripts, files, processes []config.Track) {
	lines := func(list []config.Track, comma string) (out []string) {
		for _, t := range list {
			out = append(out, t.Name+comma+" weight "+weight(t.Weight, t.Reverse))
		}
		return out
	}
	f.list("Tracked interfaces", lines(interfaces, ""))
	f.list("Tracked scripts", lines(scripts, ""))
	f.list("Tracked files", lines(files, ","))
	f.list("Tracked processes", lines(processes, ","))
}

var scopes = map[uint8]string{0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}

// vipLines tells of addresses; dev is the instance's own device, on its interface
// with use_vmac.
func vipLines(i *config.VRRPInstance, list []config.VIP, dev string) (out []string) {
	for _, v := range list {
		words := []string{bare(v.Prefix)}
		if v.Broadcast.IsValid() {
			words = append(words, "brd", v.Broadcast.String())
		}
		below := v.Dev
		if below == "" {
			below = i.Interface
		}
		on := below
		switch own := i.VMAC.Kind == config.VMACMacvlan && v.Prefix.Addr().Is6() == (i.Family == 6) && below == i.Interface; {
		case v.UseVMAC:
			on = fmt.Sprintf("vrrp.%d@%s use_vmac", i.VirtualRouterID, below)
		case own:
			on = dev
		case i.VMAC.Addresses && v.Dev != "":
			on = fmt.Sprintf("vrrp.%d@%s", i.VirtualRouterID, below)
		}
		words = append(words, "dev", on, "scope", scopes[v.Scope])
		if v.Label != "" {
			words = append(words, "label", v.Label)
		}
		for _, w := range []struct {
			set  bool
			word string
		}{{v.Flags&0x10 != 0, "home"}, {v.DAD, "-nodad"}, {v.NoTrack, "no_track"}} {
			if w.set {
				words = append(words, w.word)
			}
		}
		out = append(out, strings.Join(words, " "))
	}
	return out
}

// bare leaves the length of a host's prefix out.
func bare(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// routeLines tell of a route where it goes to and by which ways.
func routeLines(list []route.Route) (out []string) {
	for i := range list {
		r := &list[i]
		words := []string{bare(r.To)}
		for _, h := range append(slices.Clone(r.Hops), r.Next) {
			if h.Via.IsValid() {
				words = append(words, "via inet "+h.Via.String())
			}
			if h.Dev != "" {
				words = append(words, "dev "+h.Dev)
			}
		}
		out = append(out, strings.Join(words, " "))
	}
	return out
}
