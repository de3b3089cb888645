package encode

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/config"
)

func (e *encoder) instance(i *config.VRRPInstance) {
	g := &e.c.Global
	e.block(true, func() {
		if i.StateMaster && i.Priority != 255 {
			e.put("state", "MASTER")
		}
		if i.VRF != "" {
			e.put("vrf", i.VRF)
		} else {
			e.put("interface", i.Interface)
		}
		e.put("virtual_router_id", strconv.Itoa(int(i.VirtualRouterID)))
		e.put("priority", strconv.Itoa(int(i.Priority)))
		e.version(i)
		e.time("advert_int", i.AdvertInt, time.Second)
		e.policy(i)
		e.boolean("strict_mode", i.StrictMode, g.VRRPStrict)
		strict := i.StrictMode && i.Priority != 255
		e.flag("accept", i.Accept && strict)
		e.flag("no_accept", !i.Accept && !strict)
		e.authentication(i)
		e.vmac(&i.VMAC, len(i.UnicastPeer) > 0)
		e.adverts(i)
		e.tracks(lists{i.TrackScripts, i.TrackInterfaces, i.TrackFiles, i.TrackProcesses, i.TrackBFDs})
		e.flag("dont_track_primary", i.DontTrackPrimary)
		e.flag("promote_secondaries", i.PromoteSecondaries)
		e.instanceGARP(i)
		e.notify(&i.Notify)
		e.boolean("notify_priority_changes", i.NotifyPriorityChanges, g.NotifyPriorityChange)
		e.boolean("smtp_alert", i.SMTPAlert, false)
		e.vips("virtual_ipaddress", i.VirtualIPAddress)
		e.flag("no_virtual_ipaddress", len(i.VirtualIPAddress) == 0)
		e.vips("virtual_ipaddress_excluded", i.VirtualIPAddressExcluded)
		e.routes("virtual_routes", i.VirtualRoutes)
		e.rules("virtual_rules", i.VirtualRules)
	}, "vrrp_instance", i.Name)
}

func (e *encoder) version(i *config.VRRPInstance) {
	def := e.c.Global.VRRPVersion
	if i.Family == 6 {
		def = 3
	}
	e.number("version", int(i.Version), int(def))
	// Nothing else may say the family of an instance without addresses.
	if i.Family == 6 && len(i.VirtualIPAddress) == 0 && len(i.UnicastPeer) == 0 {
		e.put("native_ipv6")
	}
}

// policy is what decides about taking over.
func (e *encoder) policy(i *config.VRRPInstance) {
	g := &e.c.Global
	e.flag("nopreempt", i.NoPreempt)
	e.time("preempt_delay", i.PreemptDelay, 0)
	e.boolean("sticky_master", i.StickyMaster, false)
	e.time("sticky_hold_off", i.StickyHoldOff, 5*time.Second)
	e.number("down_timer_adverts", i.DownTimerAdverts, 3)
	if !i.StrictMode { // which has it on
		e.boolean("lower_prio_no_advert", i.LowerPrioNoAdvert, g.LowerPrioNoAdvert)
	}
	if !i.StrictMode {
		e.boolean("higher_prio_send_advert", i.HigherPrioSendAdvert, g.HigherPrioSendAdvert)
	}
	e.boolean("owner_ignore_adverts", i.OwnerIgnoreAdverts, i.StrictMode)
	e.boolean("skip_check_adv_addr", i.SkipCheckAdvAddr, g.VRRPSkipCheckAdvAddr)
}

func (e *encoder) authentication(i *config.VRRPInstance) {
	e.hmac(&i.AuthHMAC, i.AdvertInt)
	if i.AuthType == config.AuthNone {
		return
	}
	e.block(true, func() {
		e.put("auth_type", map[config.AuthType]string{config.AuthPass: "PASS", config.AuthAH: "AH"}[i.AuthType])
		e.put("auth_pass", string(i.AuthPass))
	}, "authentication")
}

func (e *encoder) hmac(h *config.AuthHMAC, advertInt time.Duration) {
	e.block(false, func() {
		for _, k := range h.Keys {
			key := "hex:" + hex.EncodeToString(k.Key)
			if k.File != "" {
				key = "file:" + k.File
			}
			e.put("key", strconv.Itoa(int(k.ID)), key)
		}
		if len(h.Keys) > 1 {
			e.put("active_key", strconv.Itoa(int(h.ActiveKey)))
		}
		if h.Monotonic {
			e.put("anti_replay", "monotonic")
		}
		if len(h.Keys) > 0 {
			e.time("time_window", h.TimeWindow, max(3*advertInt, 5*time.Second))
		}
		if h.Mode != config.HMACEnforce {
			e.put("mode", [...]string{"enforce", "permissive", "receive-only"}[h.Mode])
		}
	}, "auth_hmac")
}

// adverts is where adverts go to and come from, and how they look.
func (e *encoder) adverts(i *config.VRRPInstance) {
	g := &e.c.Global
	group := g.VRRPMcastGroup4
	if i.Family == 6 {
		group = g.VRRPMcastGroup6
	}
	e.addr("mcast_src_ip", i.McastSrcIP, netip.Addr{})
	e.addr("mcast_dst_ip", i.McastDstIP, group)
	e.addr("unicast_src_ip", i.UnicastSrcIP, netip.Addr{})
	e.flag("track_src_ip", i.TrackSrcIP)
	e.number("kernel_rx_buf_size", i.KernelRxBufSize, 0)
	e.block(false, func() {
		for _, p := range i.UnicastPeer {
			words := []string{p.Addr.String()}
			if p.MinTTL >= 0 {
				words = append(words, "min_ttl", strconv.Itoa(p.MinTTL))
			}
			if p.MaxTTL >= 0 {
				words = append(words, "max_ttl", strconv.Itoa(p.MaxTTL))
			}
			e.put(words...)
		}
	}, "unicast_peer")
	e.flag("unicast_fault_no_peer", i.FaultNoPeer)
	e.flag("check_unicast_src", i.CheckUnicastSrc && !g.VRRPCheckUnicastSrc)
	e.number("unicast_ttl", int(i.UnicastTTL), 0)
	if i.Checksum != config.ChecksumPseudo {
		e.put("v3_checksum", [...]string{"pseudo-header", "message", "old-unicast", "follow"}[i.Checksum])
	}
	e.boolean("drop_adv_addr_mismatch", i.DropAddrMismatch, false)
	e.block(false, func() {
		for _, p := range i.AdvertPaths {
			e.put(p)
		}
	}, "advert_paths")
}

func (e *encoder) instanceGARP(i *config.VRRPInstance) {
	def := e.c.Global.GARP
	if i.StrictMode { // which has none, whatever is asked for
		def.LowerPrioRep, def.LowerPrioDelay = i.GARP.LowerPrioRep, i.GARP.LowerPrioDelay
	}
	e.garp("garp_", i.GARP, def)
}

// deviceName writes the name of a VMAC as keepalived before 2.4 reads it, but for
// one that could be taken for something else.
func deviceName(name string) []string {
	_, err := netip.ParsePrefix(name)
	_, err2 := netip.ParseAddr(name)
	_, err3 := strconv.ParseBool(name)
	other := slices.Contains([]string{"name", "group", "netlink_notify_msg", "bridge", "private", "vepa", "on", "off", "yes", "no"}, name)
	if err == nil || err2 == nil || err3 == nil || other || strings.Contains(name, ":") {
		return []string{"name", name}
	}
	return []string{name}
}

// vmac leaves vmac_xmit_base out where it is implied.
func (e *encoder) vmac(v *config.VMAC, implied bool) {
	var words []string
	switch v.Kind {
	case config.VMACMacvlan:
		words = append(words, "use_vmac")
		if v.Name != "" {
			words = append(words, deviceName(v.Name)...)
		}
		if v.MAC != [6]byte{} {
			parts := make([]string, len(v.MAC))
			for k, b := range v.MAC {
				parts[k] = strings.ToLower(strconv.FormatUint(uint64(b)+0x100, 16)[1:])
			}
			words = append(words, strings.Join(parts, ":"))
		}
	case config.VMACIPVlan:
		words = append(words, "use_ipvlan")
		if v.Name != "" {
			words = append(words, deviceName(v.Name)...)
		}
		if v.Address.IsValid() {
			words = append(words, v.Address.String())
		}
		if v.Mode != config.IPVlanBridge {
			words = append(words, [...]string{"bridge", "private", "vepa"}[v.Mode])
		}
	}
	if v.Kind != config.VMACNone {
		if v.HasGroup {
			words = append(words, "group", strconv.FormatUint(uint64(v.Group), 10))
		}
		e.put(words...)
	}
	e.flag("use_vmac_addr", v.Addresses)
	e.flag("vmac_xmit_base", v.XmitBase && !implied)
}

func (e *encoder) notify(n *config.NotifySet) {
	e.command("notify_master", n.Master)
	e.command("notify_backup", n.Backup)
	e.command("notify_fault", n.Fault)
	e.command("notify_stop", n.Stop)
	e.command("notify", n.Any)
	switch {
	case n.Deleted.Set():
		e.command("notify_deleted", n.Deleted)
	case n.NotifyDeleted:
		e.put("notify_deleted")
	}
	e.command("notify_master_rx_lower_pri", n.MasterRxLower)
}

func (e *encoder) vips(name string, list []config.VIP) {
	e.block(false, func() {
		for k := range list {
			e.put(vip(&list[k])...)
		}
	}, name)
}

// The flags of addresses (IFA_F_* of linux/if_addr.h) and their words.
var vipFlags = []struct {
	flag uint32
	word string
}{{0x10, "home"}, {0x100, "mngtmpaddr"}, {0x200, "noprefixroute"}, {0x400, "autojoin"}}

func vip(v *config.VIP) []string {
	out := []string{v.Prefix.String()}
	add := func(key, value string, set bool) {
		if set {
			out = append(out, key, value)
		}
	}
	if v.Peer.IsValid() {
		out[0] = v.Prefix.Addr().String()
		add("peer", netip.PrefixFrom(v.Peer, v.Prefix.Bits()).String(), true)
	}
	add("dev", v.Dev, v.Dev != "")
	add("scope", strconv.Itoa(int(v.Scope)), v.Scope != 0)
	add("label", v.Label, v.Label != "")
	add("brd", v.Broadcast.String(), v.Broadcast.IsValid())
	if v.PreferredSet {
		lft := strconv.FormatUint(uint64(v.Preferred), 10)
		if v.Preferred == 1<<32-1 {
			lft = "forever"
		}
		add("preferred_lft", lft, true)
	}
	for _, f := range vipFlags {
		if v.Flags&f.flag != 0 {
			out = append(out, f.word)
		}
	}
	for _, f := range []struct {
		set  bool
		word string
	}{{v.DAD, "-nodad"}, {v.UseVMAC, "use_vmac"}, {v.NoTrack, "no_track"}} {
		if f.set {
			out = append(out, f.word)
		}
	}
	add("track_group", v.Group, v.Group != "")
	return out
}
