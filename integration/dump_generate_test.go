package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A drawer writes configurations at random; the same seed gives the same text.
type drawer struct {
	*rand.Rand
	strings.Builder
}

func newDrawer(seed uint64) *drawer { return &drawer{Rand: rand.New(rand.NewPCG(seed, 4))} }

func (d *drawer) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

// some writes each of the lines with one chance in three.
func (d *drawer) some(lines ...string) {
	for _, l := range lines {
		if d.IntN(3) == 0 {
			d.line("%s", l)
		}
	}
}

// one writes one of the lines.
func (d *drawer) one(lines ...string) { d.line("%s", lines[d.IntN(len(lines))]) }

// generatedVRRP has what both know of virtual routers, but for what is told in
// docs/differences.md.
func generatedVRRP() map[string]string {
	out := map[string]string{}
	for seed := range uint64(4) {
		d := newDrawer(seed)
		d.line("global_defs {\nrouter_id R\nenable_script_security\nscript_user root")
		d.some("vrrp_version 3", "vrrp_garp_master_delay 3", "vrrp_garp_master_repeat 2", "vrrp_garp_master_refresh 60", "vrrp_garp_master_refresh_repeat 2",
			"vrrp_garp_lower_prio_delay 4", "vrrp_garp_lower_prio_repeat 3", "vrrp_garp_interval 0.002", "vrrp_gna_interval 0.1", "vrrp_lower_prio_no_advert",
			"vrrp_higher_prio_send_advert", "vrrp_skip_check_adv_addr", "vrrp_check_unicast_src", "vrrp_notify_priority_changes", "vrrp_startup_delay 2.5",
			"dynamic_interfaces", "lvs_flush", "lvs_flush_on_stop VS", "vrrp_mcast_group4 224.0.0.20", "vrrp_mcast_group6 ff02::20", "smtp_alert", "smtp_alert_vrrp off")
		d.line("}\ntrack_file tf {\nfile /tmp/tf")
		d.some("weight -3", "init_file 2")
		d.line("}\nvrrp_track_process tp {\nprocess sleep 100")
		d.some("weight 4 reverse", "quorum 2", "full_command", "terminate_delay 2", "fork_delay 1")
		d.line("}\nvrrp_script s {\nscript \"/bin/true a\"")
		d.some("interval 3", "timeout 2", "weight -5", "rise 2", "fall 3", "init_fail", "user nobody")
		d.line("}")
		for i := 1; i <= 12; i++ {
			d.router(i)
		}
		d.line("vrrp_sync_group G {\ngroup {\nV1\nV2\n}")
		d.some("notify_master /bin/true", "notify_backup \"/bin/echo b\"", "notify_fault /bin/false", "notify_stop /bin/true", "notify /bin/true", "smtp_alert", "track_script {\ns weight 9\n}", "sync_group_tracking_weight")
		d.line("}")
		out[fmt.Sprintf("generated-vrrp-%d.conf", seed)] = d.String()
	}
	out["slips.conf"] = slips
	out["devices.conf"] = devices
	return out
}

// devices has the names of devices that are made for addresses, and the least of
// announcements.
const devices = `global_defs {
vrrp_min_garp
}
vrrp_instance A {
interface eth0
virtual_router_id 1
use_vmac
virtual_ipaddress {
192.0.2.1/24
192.0.2.2/24 dev eth0
198.51.100.1/24 dev eth1
198.51.100.2/24 dev eth1 use_vmac
}
virtual_ipaddress_excluded {
2001:db8::1/64
198.51.100.3/24 dev eth1 use_vmac
}
}
vrrp_instance B {
interface eth0
virtual_router_id 2
use_vmac no
use_vmac_addr
garp_master_repeat 3
garp_master_refresh 30
virtual_ipaddress {
192.0.2.3/24
198.51.100.4/24 dev eth1
}
}
vrrp_instance C {
interface eth0
virtual_router_id 3
use_vmac vmac3
garp_master_refresh_repeat 2
virtual_ipaddress {
2001:db8::3/64
2001:db8:1::3/64 dev eth1 use_vmac
}
}
vrrp_instance D {
interface eth0
virtual_router_id 4
use_vmac_addr
virtual_ipaddress {
192.0.2.4/24
198.51.100.5/24 dev eth1
}
}
`

// listed are the differences that docs/differences.md tells of: what keepalived
// leaves out for a slip and we do not.
var listed = map[string][]string{"slips.conf": {
	`VRRP Instance A: Authentication type: keepalived "none", holdfast "SIMPLE_PASSWORD"`,
	`VRRP Instance A: Password: keepalived "", holdfast "secret"`,
	`VRRP Instance A: Tracked files: keepalived "", holdfast "tf, weight 5"`,
	`VRRP Instance A: Tracked interfaces: keepalived "", holdfast "eth1 weight 0"`,
	`VRRP Instance A: Tracked processes: keepalived "", holdfast "tp, weight 0"`,
	`VRRP Instance A: Tracked scripts: keepalived "", holdfast "s weight 3"`,
}}

// slips is what people get wrong and keepalived goes on with.
const slips = `global_defs {
smtp_server 192.0.2.9 99999
lvs_flush_on_stop XX
}
vrrp_script s {
script /bin/true
weight 3
}
track_file tf {
file /tmp/tf
}
vrrp_track_process tp {
process sleep
}
vrrp_instance A { # the first \
interface eth0 # on the left
virtual_router_id 1
authentication {
auth_type pass
auth_pass secret
}
track_interface {
eth1 weight
}
track_script {
s wieght 5
}
track_file {
tf weight 5 foo
}
track_process {
tp weight
}
virtual_ipaddress {
192.0.2.1/24x
192.0.2.2/24 \
192.0.2.3/24 # the third \
}
}
vrrp_instance B { # tracks what would not be told otherwise
interface eth0
virtual_router_id 2
track_script {
s
}
track_file {
tf
}
track_process {
tp
}
virtual_ipaddress {
192.0.2.5/24
}
}
`

func (d *drawer) router(i int) {
	d.line("vrrp_instance V%d {\nvirtual_router_id %d", i, i)
	d.one("interface eth0", "interface eth1")
	d.one("", "state BACKUP", "state BACKUP\nnopreempt", "state BACKUP\npreempt_delay 5.25")
	d.some("priority 150", "advert_int 2", "garp_master_delay 7", "garp_master_repeat 4", "garp_master_refresh 30",
		"garp_master_refresh_repeat 3", "garp_lower_prio_delay 8", "garp_lower_prio_repeat 6", "lower_prio_no_advert", "higher_prio_send_advert", "lower_prio_no_advert off",
		"down_timer_adverts 5", "skip_check_adv_addr", "notify_priority_changes", "smtp_alert", "smtp_alert no", "dont_track_primary", "promote_secondaries", "no_accept",
		"notify_master \"/bin/echo a b\" nobody", "notify_backup /bin/true", "notify_fault /bin/false", "notify_stop /bin/true", "notify \"/bin/true x\"",
		"notify_master_rx_lower_pri /bin/true", "notify_deleted", "track_interface {\neth1 weight 5\neth0\n}", "track_script {\ns\n}", "track_file {\ntf weight 2 reverse\n}", "track_process {\ntp weight -7\n}")
	switch d.IntN(4) {
	case 0:
		d.line("unicast_src_ip 192.0.2.9\nunicast_peer {\n192.0.2.3\n192.0.2.4 min_ttl 9 max_ttl 200\n}")
		d.some("check_unicast_src")
	case 1:
		d.line("mcast_src_ip 192.0.2.9")
	case 2:
		d.line("virtual_ipaddress {\n2001:db8::%d/64\n2001:db8:1::%d/64 dev eth1 home\n}\n}", i, i)
		return
	}
	d.some("version 2")
	d.line("virtual_ipaddress {\n192.0.2.%d/24", 100+i)
	d.some("192.0.3.1", "192.0.2.77/24 brd 192.0.2.255 label eth0:x", "198.51.100.5/25 dev eth1 scope link no_track", "198.51.100.6/25 brd - dev eth1")
	d.line("}")
	d.some("virtual_ipaddress_excluded {\n2001:db8::77/64\n192.0.4.4/24 dev eth1\n}", "virtual_routes {\n203.0.113.0/24 via 192.0.2.254\nblackhole 198.51.100.128/25\n10.9.0.0/16 via 192.0.2.253 dev eth0 metric 5\n}")
	d.line("}")
}

// generatedLVS has what both know of services and checks.
func generatedLVS() map[string]string {
	out := map[string]string{}
	for seed := range uint64(3) {
		d := newDrawer(seed)
		d.line("global_defs {\nenable_script_security\nscript_user root")
		d.some("smtp_alert_checker", "smtp_alert")
		d.line("}\ntrack_file tf {\nfile /tmp/tf\nweight 3 reverse\n}\nbfd_instance b {\nneighbor_ip 192.0.2.9\n}")
		for i := 1; i <= 12; i++ {
			d.service(i)
		}
		out[fmt.Sprintf("generated-lvs-%d.conf", seed)] = d.String()
	}
	return out
}

func (d *drawer) service(i int) {
	port := fmt.Sprint(1000 + i)
	switch d.IntN(3) {
	case 0:
		d.line("virtual_server fwmark %d {", i)
		port = "80"
	case 1:
		d.line("virtual_server 192.0.2.%d 0 {\nprotocol TCP\npersistence_timeout", 200+i)
		port = "0"
	default:
		d.line("virtual_server 192.0.2.1 %s {", port)
		d.one("protocol TCP", "protocol UDP", "protocol UDP\nops", "protocol SCTP")
	}
	d.one("lb_algo rr", "lb_algo sh\nsh-port", "lb_algo mh\nmh-fallback", "lb_algo wlc\nflag-2")
	d.one("lb_kind NAT", "lb_kind DR", "lb_kind TUN", "lb_kind TUN type gue port 5000 csum", "lb_kind TUN type gre")
	d.some("persistence_timeout 60", "persistence_granularity 255.255.255.0", "delay_loop 7.5", "connect_timeout 2", "retry 2", "delay_before_retry 1.5", "warmup 3", "alpha", "omega",
		"quorum 2\nhysteresis 1", "quorum_up \"/bin/echo up\"", "quorum_down /bin/false", "virtualhost vs.example.org", "snmp_name vs", "smtp_alert", "smtp_alert no", "weight 3",
		"inhibit_on_failure", "ha_suspend", "sorry_server 192.0.2.99 "+port+"\nsorry_server_inhibit")
	for r := 2; r < 5; r++ {
		d.line("real_server 192.0.2.%d %s {", r, port)
		d.some("weight 7", "uthreshold 100\nlthreshold 50", "inhibit_on_failure no", "lvs_method NAT", "virtualhost rs.example.org", "snmp_name rs", "smtp_alert no", "alpha no", "alpha",
			"delay_loop 4", "connect_timeout 3.25", "retry 5", "warmup 0", "delay_before_retry 2", "notify_up /bin/true", "notify_down \"/bin/echo d\"")
		for range d.IntN(4) {
			d.check()
		}
		d.line("}")
	}
	d.line("}")
}

// check writes one checker.
func (d *drawer) check() {
	kinds := []string{"TCP_CHECK", "HTTP_GET", "SSL_GET", "MISC_CHECK", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "PING_CHECK", "FILE_CHECK"}
	kind := kinds[d.IntN(len(kinds))]
	d.line("%s {", kind)
	common := []string{"delay_loop 9", "warmup 1.5", "retry 0", "retry 4", "delay_before_retry 0.5", "alpha", "alpha no", "log_all_failures"}
	connect := []string{"connect_timeout 1.25", "connect_port 8080", "connect_ip 192.0.2.50", "bindto 192.0.2.51", "bind_port 999", "bind_if lo", "fwmark 3"}
	switch kind {
	case "FILE_CHECK":
		d.line("track_file tf")
		d.some("weight 2", "weight -4 reverse")
	case "MISC_CHECK":
		d.line("misc_path \"/bin/true x\"")
		d.some(append(common, "misc_timeout 3", "misc_dynamic", "user nobody")...)
	case "HTTP_GET", "SSL_GET":
		d.some(append(append(common, connect...), "virtualhost ck.example.org", "http_protocol 1.1", "fast_recovery", "enable_sni")...)
		for u := range 1 + d.IntN(2) {
			d.line("url {\npath /%d", u)
			d.some("status_code 200 301-302", "digest 0123456789abcdef0123456789abcdef", "virtualhost u.example.org", "regex foo", "regex \"a b\"\nregex_no_match\nregex_min_offset 3\nregex_max_offset 90")
			d.line("}")
		}
	case "SMTP_CHECK":
		d.some(append(append(common, connect...), "helo_name me.example.org")...)
	case "DNS_CHECK":
		d.some(append(append(common, connect...), "type MX", "type aaaa", "name www.example.org")...)
	case "UDP_CHECK":
		d.some(append(append(common, connect...), "payload 0102 03", "require_reply", "require_reply 1x22", "min_reply_length 2", "max_reply_length 900")...)
	default:
		d.some(append(common, connect...)...)
	}
	d.line("}")
}
