package load_test

import (
	"strings"
	"testing"

	"holdfast/internal/config"
)

// wordLines has for every word within lines one that uses it; the first word of
// an alias is replaced in the line of its name.
var wordLines = map[string]string{
	"virtual_ipaddress dev":           "10.0.0.2 dev eth0",
	"virtual_ipaddress scope":         "10.0.0.2 scope link",
	"virtual_ipaddress label":         "10.0.0.2 label eth0:1",
	"virtual_ipaddress brd":           "10.0.0.2/24 brd +",
	"virtual_ipaddress peer":          "10.0.0.2 peer 10.0.0.3",
	"virtual_ipaddress preferred_lft": "2001:db8::2 preferred_lft forever",
	"virtual_ipaddress use_vmac":      "10.0.0.2 use_vmac",
	"virtual_ipaddress home":          "2001:db8::2 home",
	"virtual_ipaddress -nodad":        "2001:db8::2 -nodad",
	"virtual_ipaddress mngtmpaddr":    "2001:db8::2 mngtmpaddr",
	"virtual_ipaddress noprefixroute": "10.0.0.2/24 noprefixroute",
	"virtual_ipaddress autojoin":      "10.0.0.2/24 autojoin",
	"virtual_ipaddress no_track":      "10.0.0.2 no_track",

	"virtual_routes to":                 "to 10.1.0.0/16 dev eth0",
	"virtual_routes inet":               "inet 10.1.0.0/16 dev eth0",
	"virtual_routes inet6":              "inet6 default via 2001:db8::fe dev eth0",
	"virtual_routes src":                "10.1.0.0/16 dev eth0 src 10.0.0.1",
	"virtual_routes via":                "10.1.0.0/16 via 10.0.0.9 dev eth0",
	"virtual_routes or":                 "10.1.0.0/16 via 10.0.0.9 or 10.0.0.8",
	"virtual_routes from":               "2001:db8:1::/48 from 2001:db8:2::/48 dev eth0",
	"virtual_routes nexthop":            "10.1.0.0/16 nexthop via 10.0.0.9 dev eth0 weight 5 nexthop via 10.0.0.8 dev eth0 onlink",
	"virtual_routes encap":              "10.1.0.0/16 via 10.0.0.9 dev eth0 encap mpls 100",
	"virtual_routes expires":            "2001:db8:1::/48 dev eth0 expires 600",
	"virtual_routes as":                 "10.1.0.0/16 dev eth0 as to 100/200",
	"virtual_routes tos":                "10.1.0.0/16 dev eth0 tos 0x10",
	"virtual_routes table":              "10.1.0.0/16 dev eth0 table 100",
	"virtual_routes protocol":           "10.1.0.0/16 dev eth0 protocol static no_track",
	"virtual_routes scope":              "10.1.0.0/16 dev eth0 scope link",
	"virtual_routes metric":             "10.1.0.0/16 dev eth0 metric 5",
	"virtual_routes dev":                "10.1.0.0/16 dev eth0",
	"virtual_routes onlink":             "10.1.0.0/16 via 10.0.0.9 dev eth0 onlink",
	"virtual_routes mtu":                "10.1.0.0/16 dev eth0 mtu lock 1400",
	"virtual_routes hoplimit":           "10.1.0.0/16 dev eth0 hoplimit 5",
	"virtual_routes advmss":             "10.1.0.0/16 dev eth0 advmss lock 1000",
	"virtual_routes rtt":                "10.1.0.0/16 dev eth0 rtt 300ms",
	"virtual_routes rttvar":             "10.1.0.0/16 dev eth0 rttvar 300ms",
	"virtual_routes reordering":         "10.1.0.0/16 dev eth0 reordering 5",
	"virtual_routes window":             "10.1.0.0/16 dev eth0 window 1000",
	"virtual_routes cwnd":               "10.1.0.0/16 dev eth0 cwnd lock 10",
	"virtual_routes ssthresh":           "10.1.0.0/16 dev eth0 ssthresh 10",
	"virtual_routes realms":             "10.1.0.0/16 dev eth0 realms 1/2",
	"virtual_routes rto_min":            "10.1.0.0/16 dev eth0 rto_min 300ms",
	"virtual_routes initcwnd":           "10.1.0.0/16 dev eth0 initcwnd 10",
	"virtual_routes initrwnd":           "10.1.0.0/16 dev eth0 initrwnd 10",
	"virtual_routes features":           "10.1.0.0/16 dev eth0 features ecn",
	"virtual_routes quickack":           "10.1.0.0/16 dev eth0 quickack 1",
	"virtual_routes congctl":            "10.1.0.0/16 dev eth0 congctl lock reno",
	"virtual_routes pref":               "2001:db8:1::/48 dev eth0 pref high",
	"virtual_routes ttl-propagate":      "10.1.0.0/16 dev eth0 ttl-propagate enabled",
	"virtual_routes fastopen_no_cookie": "10.1.0.0/16 dev eth0 fastopen_no_cookie 1",
	"virtual_routes vrf":                "10.1.0.0/16 dev eth0 vrf lo",
	"virtual_routes add":                "add 10.1.0.0/16 dev eth0",
	"virtual_routes prepend":            "prepend 10.1.0.0/16 dev eth0",
	"virtual_routes append":             "append 10.1.0.0/16 dev eth0",
	"virtual_routes no_track":           "10.1.0.0/16 dev eth0 no_track",

	"virtual_rules inet":                  "inet fwmark 1 table 5 priority 9",
	"virtual_rules inet6":                 "inet6 fwmark 1 table 5 priority 9",
	"virtual_rules not":                   "not from 10.1.0.0/16 table 5 priority 9",
	"virtual_rules from":                  "from 10.1.0.0/16 table 5 priority 9",
	"virtual_rules to":                    "to 10.1.0.0/16 table 5 priority 9",
	"virtual_rules table":                 "from 10.1.0.0/16 table 5 priority 9",
	"virtual_rules priority":              "from 10.1.0.0/16 table 5 priority 9",
	"virtual_rules tos":                   "tos 0x10 table 5 priority 9",
	"virtual_rules fwmark":                "fwmark 0x10/0xff table 5 priority 9",
	"virtual_rules realms":                "from 10.1.0.0/16 table 5 realms 1/2 priority 9",
	"virtual_rules suppress_prefixlength": "from 10.1.0.0/16 table 5 suppress_prefixlength 0 priority 9",
	"virtual_rules suppress_ifgroup":      "from 10.1.0.0/16 table 5 suppress_ifgroup 3 priority 9",
	"virtual_rules iif":                   "iif eth0 table 5 priority 9",
	"virtual_rules oif":                   "oif eth0 table 5 priority 9",
	"virtual_rules tunnel-id":             "tunnel-id 5 table 5 priority 9",
	"virtual_rules uidrange":              "uidrange 5-6 table 5 priority 9",
	"virtual_rules l3mdev":                "iif eth0 l3mdev priority 9",
	"virtual_rules protocol":              "from 10.1.0.0/16 table 5 protocol 18 priority 9",
	"virtual_rules ipproto":               "ipproto tcp table 5 priority 9",
	"virtual_rules sport":                 "sport 1-2 table 5 priority 9",
	"virtual_rules dport":                 "dport 80 table 5 priority 9",
	"virtual_rules goto":                  "from 10.1.0.0/16 goto 20 priority 9",
	"virtual_rules nop":                   "from 10.1.0.0/16 nop priority 9",
	"virtual_rules type":                  "type blackhole from 10.1.0.0/16 priority 9",
	"virtual_rules no_track":              "from 10.1.0.0/16 table 5 priority 9 no_track",
}

// TestWordsOfLines makes sure that every word of which docs/keywords.md says
// that it works within lines is taken there, in each of its spellings.
func TestWordsOfLines(t *testing.T) {
	seen := 0
	for _, list := range []string{"virtual_ipaddress", "virtual_routes", "virtual_rules"} {
		for _, k := range config.Keywords("vrrp_instance/" + list) {
			line, ok := wordLines[list+" "+k.Name]
			if !ok || !strings.Contains(" "+line+" ", " "+k.Name+" ") {
				t.Errorf("%s: no line with %s", list, k.Name)
				continue
			}
			seen++
			for _, name := range append([]string{k.Name}, k.Aliases...) {
				text := strings.Replace(" "+line, " "+k.Name+" ", " "+name+" ", 1)
				block := list
				if list == "virtual_ipaddress" {
					block = "virtual_ipaddress_excluded"
				}
				cfg, diags := conf(instance(" " + block + " {\n " + text + "\n }"))
				if cfg == nil {
					t.Fatalf("%s: %v", text, diags)
				}
				for _, d := range diags {
					if d.ID == "bad-value" || d.ID == "bad-route" || d.ID == "bad-rule" || d.ID == "unknown-keyword" {
						t.Errorf("%s: %s: %v (%s)", block, text, d, d.ID)
					}
				}
				i := cfg.Instances[0]
				if len(i.VirtualIPAddressExcluded)+len(i.VirtualRoutes)+len(i.VirtualRules) != 1 {
					t.Errorf("%s: %s: left out: %v", block, text, diags)
				}
			}
		}
	}
	if seen != len(wordLines) {
		t.Errorf("%d words, %d lines", seen, len(wordLines))
	}
}
