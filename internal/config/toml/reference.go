package toml

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"holdfast/internal/config"
)

// samples gives the value that the reference shows for a keyword: by block and
// name, or by name alone. A keyword without a sample gets one by its kind.
var samples = map[string]string{
	"vrrp_instance":                  "VI_1",
	"virtual_server_group":           `web = ["192.0.2.10 80", "192.0.2.20-29 80", { ip = "2001:db8::/120", port = 80 }, "fwmark 7 inet"]`,
	"virtual_server/group":           `"web"`,
	"vrrp_sync_group":                "VG_1",
	"vrrp_script":                    "chk_web",
	"router_id":                      `"lvs1"`,
	"default_interface":              `"eth0"`,
	"vrrp_version":                   "2",
	"vrrp_mcast_group4":              `"224.0.0.18"`,
	"vrrp_mcast_group6":              `"ff02::12"`,
	"mcast_dst_ip":                   `"224.0.0.18"`,
	"dynamic_interfaces":             `"allow_if_changes"`,
	"script_user":                    `"root root"`,
	"user":                           `"nobody"`,
	"reload_check_config":            "true",
	"notify_fifo":                    `"/run/holdfast/notify"`,
	"vrrp_notify_fifo":               `"/run/holdfast/notify-vrrp"`,
	"lvs_notify_fifo":                `"/run/holdfast/notify-lvs"`,
	"lvs_flush_on_stop":              `"VS"`,
	"lvs_timeouts":                   "{ tcp = 900, tcpfin = 120, udp = 300 }",
	"lvs_sync_daemon":                `{ interface = "eth1", instance = "VI_1", id = 51 }`,
	"lvs_follow_vrrp":                `"auto"`,
	"lvs_profile":                    `["director", "sync"]`,
	"script":                         `"/usr/bin/curl -sf -o /dev/null http://127.0.0.1/"`,
	"group":                          `["VI_2", "VI_3"]`,
	"track_interface":                `["eth1", "eth2 weight -20", { name = "eth3", weight = 20 }]`,
	"track_script":                   `["chk_web", { name = "chk_smtp", weight = -20 }]`,
	"vrrp_instance/track_file":       `["load", { name = "load2", weight = -2 }]`,
	"vrrp_instance/track_process":    `["nginx", "nginx2 weight -20"]`,
	"vrrp_instance/track_bfd":        `["uplink"]`,
	"vrrp_sync_group/track_file":     `["load"]`,
	"vrrp_sync_group/track_process":  `["nginx"]`,
	"vrrp_sync_group/track_bfd":      `["uplink"]`,
	"track_file":                     "load",
	"file":                           `"/run/load-of-this-machine"`,
	"init_file":                      `{ value = 0, overwrite = true }`,
	"vrrp_track_process":             "nginx",
	"process":                        `["nginx"]`,
	"param_match":                    `"partial"`,
	"bfd_instance":                   "uplink",
	"neighbor_ip":                    `"192.0.2.254"`,
	"source_ip":                      `"192.0.2.2"`,
	"linkbeat_interfaces":            `["eth1", "eth2 ETHTOOL"]`,
	"interface_up_down_delays":       `["eth0 1 2", { name = "eth1", down = 0.5 }]`,
	"state":                          `"BACKUP"`,
	"interface":                      `"eth0"`,
	"virtual_router_id":              "51",
	"priority":                       "150",
	"version":                        "2",
	"virtual_ipaddress":              `["192.0.2.10/24", { ip = "192.0.2.11/24", dev = "eth0", label = "eth0:web" }]`,
	"virtual_ipaddress_excluded":     `["198.51.100.10/24 dev eth1"]`,
	"unicast_peer":                   `["192.0.2.3", { ip = "192.0.2.4", min_ttl = 255 }]`,
	"auth_type":                      `"PASS"`,
	"auth_pass":                      `"holdfast"`,
	"auth_hmac/key":                  `[[1, "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"]]`,
	"anti_replay":                    `"time"`,
	"auth_hmac/mode":                 `"enforce"`,
	"v3_checksum":                    `"follow"`,
	"advert_paths":                   `["eth1", "eth2"]`,
	"lb_algo":                        `"sh"`,
	"lb_kind":                        `"DR"`,
	"lvs_method":                     `"DR"`,
	"sorry_server_lvs_method":        `"DR"`,
	"protocol":                       `"TCP"`,
	"persistence_timeout":            `"10m"`,
	"persistence_granularity":        `"255.255.255.0"`,
	"persistence_engine":             `"sip"`,
	"ip_family":                      `"inet"`,
	"sorry_server":                   `{ ip = "127.0.0.1", port = 80 }`,
	"virtualhost":                    `"www.example.org"`,
	"vrrp_rx_bufs_policy":            `"ADVERT"`,
	"virtual_server/port":            "80",
	"real_server/port":               "80",
	"virtual_server/ip":              `"192.0.2.10"`,
	"real_server/ip":                 `"192.0.2.21"`,
	"connect_port":                   "80",
	"http_protocol":                  `"1.1"`,
	"path":                           `"/"`,
	"global_defs/maintenance_file":   `"/etc/holdfast/maintenance"`,
	"real_server/maintenance_file":   `"/run/maintenance/web1"`,
	"digest":                         `"d41d8cd98f00b204e9800998ecf8427e"`,
	"status_code":                    `[200, "300-302"]`,
	"quorum":                         "1",
	"real_server/weight":             "10",
	"vrrp_script/weight":             "-20",
	"vrrp_instance/notify":           `["/usr/local/bin/on-change", "with two words", "as arguments"]`,
	"mcast_src_ip":                   `"192.0.2.2"`,
	"unicast_src_ip":                 `"192.0.2.2"`,
	"notify_master":                  `{ command = "/usr/local/bin/on-master VI_1", user = "root" }`,
	"vrrp_instance/advert_int":       "1",
	"vrrp_script/timeout":            `"500ms"`,
	"vrrp_instance/preempt_delay":    `"1m30s"`,
	"virtual_server/hysteresis":      "0",
	"vrrp_instance/use_vmac":         "true",
	"vrrp_instance/use_ipvlan":       `{ name = "ipvl.51", address = "192.0.2.3/24", mode = "bridge" }`,
	"vrrp_garp_interval":             "0.001",
	"vrrp_gna_interval":              "0.001",
	"vrrp_garp_extra_if":             `{ seconds = 600, all = true }`,
	"garp_extra_if":                  "600",
	"garp_group/garp_interval":       `"2ms"`,
	"FILE_CHECK/track_file":          `"load"`,
	"FILE_CHECK/weight":              "-2",
	"BFD_CHECK/name":                 `"web1"`,
	"DNS_CHECK/type":                 `"A"`,
	"DNS_CHECK/name":                 `"www.example.org"`,
	"SMTP_CHECK/helo_name":           `"lvs1.example.org"`,
	"payload":                        `"0a1b2c"`,
	"require_reply":                  `"0aXX"`,
	"min_reply_length":               "2",
	"max_reply_length":               "512",
	"notification_email":             `["root@example.org", "ops@example.org"]`,
	"notification_email_from":        `"lvs1@example.org"`,
	"smtp_server":                    `{ host = "192.0.2.25", port = 25 }`,
	"smtp_helo_name":                 `"lvs1.example.org"`,
	"bind_if":                        `"eth0"`,
	"state_dump_file":                `"/run/holdfast/state"`,
	"stats_dump_file":                `"/run/holdfast/stats"`,
	"json_dump_file":                 `"/run/holdfast/state.json"`,
	"nftables_ipvs":                  `"keepalived_ipvs"`,
	"nftables_ipvs_start_fwmark":     "1000",
	"ca":                             `"/etc/ssl/certs/ca-certificates.crt"`,
	"certificate":                    `"/etc/holdfast/check.crt"`,
	"SSL/key":                        `"/etc/holdfast/check.key"`,
	"password":                       `"secret"`,
	"sni_name":                       `"www.example.org"`,
	"regex":                          `"it works"`,
	"regex_options":                  `["caseless", "multiline"]`,
	"regex_stack":                    "[1024, 65536]",
	"garp_group/gna_interval":        `"2ms"`,
	"garp_group/interface":           `"eth2"`,
	"garp_group/interfaces":          `["eth0", "eth1"]`,
	"vrrp_instance/notify_deleted":   "true",
	"vrrp_instance/accept":           "true",
	"vrrp_down_timer_adverts":        "3",
	"down_timer_adverts":             "3",
	"vrrp_garp_master_repeat":        "5",
	"garp_master_repeat":             "5",
	"uthreshold":                     "1000",
	"lthreshold":                     "800",
	"bindto":                         `"192.0.2.2"`,
	"bind_port":                      "20000",
	"rise":                           "2",
	"fall":                           "2",
	"retry":                          "3",
	"vrrp_strict":                    "false",
	"vrrp_instance/strict_mode":      "false",
	"global_defs/vrrp_startup_delay": "2.5",

	"instance":             `"blue"`,
	"net_namespace":        `"blue"`,
	"net_namespace_ipvs":   `"blue"`,
	"umask":                `"IWGRP | IWOTH"`,
	"include_check":        `"+read +match"`,
	"reload_time_file":     `"/etc/holdfast/reload-at"`,
	"reload_file":          `"/run/holdfast/reloading"`,
	"config_save_dir":      `"/var/tmp"`,
	"tmp_config_directory": `"/var/tmp"`,

	"track_group":      "TG_1",
	"static_ipaddress": `["192.0.2.100/32 dev eth0", { ip = "2001:db8::100/64", dev = "eth0", track_group = "TG_1" }]`,
	"static_routes":    `["203.0.113.0/24 via 192.0.2.254", { to = "198.51.100.0/24", via = "192.0.2.253", metric = 50 }]`,
	"static_rules":     `["from 192.0.2.100 table 100 priority 1000", { to = "203.0.113.0/24", table = "100", priority = 1001 }]`,
	"virtual_routes": `["203.0.113.0/24 via 192.0.2.254", { to = "198.51.100.0/24", via = "192.0.2.253", src = "192.0.2.10", metric = 50 }, ` +
		`{ to = "default", table = "100", nexthop = ["via 192.0.2.254 weight 2", "via 192.0.2.253"] }, { type = "blackhole", to = "192.0.2.128/25" }]`,
	"virtual_rules": `["from 192.0.2.10 table 100 priority 1002", { fwmark = "0x10/0xff", iif = "eth0", goto = 1010, priority = 1003 }]`,
}

// needed names the keys without which the reference would not be a valid
// file; all others are shown as comments.
var needed = []string{
	"vrrp_script/script", "vrrp_sync_group/group", "track_group/group", "track_file/file", "vrrp_track_process/process", "bfd_instance/neighbor_ip",
	"garp_group/garp_interval", "garp_group/interfaces",
	"vrrp_instance/interface", "vrrp_instance/virtual_router_id", "vrrp_instance/virtual_ipaddress",
	"virtual_server/ip", "virtual_server/port", "virtual_server/lb_algo", "virtual_server/lb_kind", "virtual_server/protocol",
	"virtual_server/real_server/ip", "virtual_server/real_server/port",
	"virtual_server/real_server/FILE_CHECK/track_file", "virtual_server/real_server/BFD_CHECK/name", "virtual_server/real_server/SSL_GET/url/path",
	"virtual_server/real_server/MISC_CHECK/misc_path", "virtual_server/real_server/HTTP_GET/url/path",
	"vrrp_instance/auth_hmac/key", "vrrp_instance/authentication/auth_type", "vrrp_instance/authentication/auth_pass",
}

// WriteReference writes a TOML file that shows every keyword that is read, but
// for the obsolete ones, with its meaning, its default and a value. The file is
// valid as it is; keys that are not needed are comments.
func WriteReference(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# Reference of holdfast.toml, generated from the schema: every keyword. Those
# with "not active yet" are read and checked, and have no effect.
#
# The words and their meaning are keepalived.conf's; see holdfast.toml(5) for
# how the two languages relate. A key in comment marks shows a value that can
# be used. Times take a number of seconds (1, 0.25) or a text with a unit
# ("250ms", "1m30s"). Take this page to look things up, not to start from: for
# that there are the examples.
`)
	for _, k := range config.Keywords("") { // keys of the top level come before any table
		if k.Shape != config.ShapeBlock && !k.Named {
			writeKey(&b, k.Block, k.Name, meaning(k), k.Default, sample(k.Block, k.Name, firstArg(k)))
		}
	}
	for _, k := range config.Keywords("") {
		switch {
		case k.Shape == config.ShapeBlock:
			writeBlock(&b, k, nil)
		case k.Named:
			fmt.Fprintf(&b, "\n# %s\n[%s]\n%s\n", sentence(meaning(k)), k.Name, sample("", k.Name, config.Arg{}))
		}
	}
	b.WriteString(`
# What the blocks above refer to.
[vrrp_instance.VI_2]
interface = "eth1"
virtual_router_id = 52
virtual_ipaddress = ["198.51.100.11/24"]

[vrrp_instance.VI_3]
interface = "eth1"
virtual_router_id = 53
virtual_ipaddress = ["198.51.100.12/24"]

[vrrp_script.chk_smtp]
script = "/usr/bin/pgrep -x master"

[bfd_instance.web1]
neighbor_ip = "192.0.2.21"

[track_file.load2]
file = "/run/load-of-the-other"

[vrrp_track_process.nginx2]
process = ["nginx", "-c", "/etc/nginx/other.conf"]
`)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeBlock writes one block with what is in it; outer is the path of the
// table around it.
func writeBlock(b *strings.Builder, k *config.Keyword, outer []string) {
	if k.Path() == "vrrp_instance/auth_hmac" {
		outer = []string{"vrrp_instance", "VI_2"} // VI_1 has authentication, and it is either
	}
	path := append(slices.Clone(outer), k.Name)
	if k.Named {
		path = append(path, sample(k.Block, k.Name, config.Arg{}))
	}
	header := "[" + strings.Join(path, ".") + "]"
	if k.Repeat && !k.Named {
		header = "[" + header + "]"
	}
	fmt.Fprintf(b, "\n# %s\n%s\n", sentence(meaning(k)), header)
	if !k.Named {
		for _, a := range k.Args {
			doc := "argument of " + k.Name
			if a.Key != "" {
				doc += ", in place of ip and port"
			}
			writeKey(b, k.Path(), a.Name, doc, "", sample(k.Path(), a.Name, a))
		}
	}
	var blocks []*config.Keyword
	for _, row := range config.Keywords(k.Path()) {
		switch {
		case row.Tier == "obsolete":
		case row.Shape == config.ShapeBlock:
			blocks = append(blocks, row)
		default:
			writeKey(b, k.Path(), row.Name, meaning(row), row.Default, sample(k.Path(), row.Name, firstArg(row)))
		}
	}
	for _, row := range blocks {
		writeBlock(b, row, path)
	}
}

// meaning is the text of a row, and whether it has an effect.
func meaning(k *config.Keyword) string {
	if k.Status == config.ParsedNotActive {
		return k.Doc + "; not active yet"
	}
	return k.Doc
}

// firstArg is what a keyword takes first; one without arguments is a flag.
func firstArg(k *config.Keyword) config.Arg {
	if len(k.Args) == 0 {
		return config.Arg{Kind: config.KindFlag}
	}
	return k.Args[0]
}

func writeKey(b *strings.Builder, block, name, doc, def, value string) {
	fmt.Fprintf(b, "\n# %s", sentence(doc))
	if def != "" && def != "required" {
		fmt.Fprintf(b, " Default: %s.", def)
	}
	mark := "#"
	if slices.Contains(needed, block+"/"+name) {
		mark = ""
	}
	fmt.Fprintf(b, "\n%s%s = %s\n", mark, name, value)
}

// sentence makes a sentence of the text of a row.
func sentence(doc string) string {
	if doc == "" {
		return ""
	}
	return strings.ToUpper(doc[:1]) + doc[1:] + "."
}

// sample returns the value shown for a key of a block.
func sample(block, name string, a config.Arg) string {
	last := block[strings.LastIndexByte(block, '/')+1:]
	for _, key := range []string{last + "/" + name, name} {
		if v, ok := samples[key]; ok {
			return v
		}
	}
	switch a.Kind {
	case config.KindInt:
		return "1"
	case config.KindSeconds, config.KindTimer:
		return "5"
	case config.KindMillis:
		return "1000"
	case config.KindBool, config.KindFlag:
		return "true"
	case config.KindAddr:
		return `"192.0.2.21"`
	case config.KindCommand:
		return `"/usr/local/bin/` + strings.ReplaceAll(name, "_", "-") + ` argument"`
	}
	return `"` + a.Name + `"`
}
