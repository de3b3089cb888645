package load_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// TestLints: what bites later is said, with a hint, and nothing is said about
// the same service without it. keepalived takes all of these without a word.
func TestLints(t *testing.T) {
	const text = `
global_defs { #SYNC
}
vrrp_instance VI_1 {
 interface eth0
 virtual_router_id 51
 virtual_ipaddress { 192.0.2.10/24 }
}
virtual_server 192.0.2.10 53 {
 lb_algo rr
 lb_kind TUN
 protocol UDP
 #SERVICE
 real_server 192.0.2.21 53 {
  #SERVER
  TCP_CHECK { #CHECK
  }
 }
}
`
	const markText = "virtual_server fwmark 7 {\nlb_algo rr\nlb_kind DR\nreal_server 192.0.2.21 {\nTCP_CHECK {\n}\n}\n}\n"
	tests := []struct {
		name, old, cur, id string
		severity           config.Severity
	}{
		{"nothing", "", "", "", 0},
		{"hash without fallback", "lb_algo rr", "lb_algo mh\ninhibit_on_failure", "hash-no-fallback", config.Warning},
		{"hash without fallback, full server", "lb_algo rr\n lb_kind TUN\n protocol UDP\n #SERVICE\n real_server 192.0.2.21 53 {\n  #SERVER", "lb_algo sh\nlb_kind TUN\nprotocol UDP\nreal_server 192.0.2.21 53 {\nuthreshold 5", "hash-no-fallback", config.Warning},
		{"hash with fallback", "lb_algo rr", "lb_algo mh\nmh-fallback\ninhibit_on_failure", "", 0},
		{"hash of servers that are removed", "lb_algo rr", "lb_algo sh", "", 0},
		{"persistent one-packet service", "#SERVICE", "ops\npersistence_timeout 60", "persistence-ops", config.Warning},
		{"a GRE tunnel with a checksum", "lb_kind TUN", "lb_kind TUN type gre csum", "gre-csum", config.Warning},
		{"a server behind one", "real_server 192.0.2.21 53 {\n", "real_server 192.0.2.21 53 {\nlvs_method TUN type gre csum\n", "gre-csum", config.Warning},
		{"one-packet service with NAT", "lb_kind TUN\n protocol UDP\n #SERVICE\n", "lb_kind NAT\n protocol UDP\n ops\n", "ops-nat", config.Warning},
		{"one-packet service with a server of NAT", "lb_kind TUN\n protocol UDP\n #SERVICE\n real_server 192.0.2.21 53 {\n", "lb_kind TUN\n protocol UDP\n ops\n real_server 192.0.2.21 53 {\nlvs_method NAT\n", "ops-nat", config.Warning},
		{"one-packet service", "#SERVICE", "ops", "", 0},
		{"no check", "TCP_CHECK { #CHECK\n  }", "", "unchecked", config.Info},
		{"another family with a sync daemon", "#SYNC", "\nlvs_sync_daemon eth1 VI_1", "sync-mixed-families", config.Warning},
		{"an IPv4 address written as IPv6", "virtual_server 192.0.2.10", "virtual_server ::ffff:192.0.2.10", "mapped-address", config.Warning},
		{"a real server's written so", "real_server 192.0.2.21", "real_server ::ffff:192.0.2.21", "mapped-address", config.Warning},
		{"a sorry server's written so", "#SERVICE", "sorry_server ::ffff:192.0.2.22 53", "mapped-address", config.Warning},
		{"short messages of a sync daemon", "#SYNC", "\nlvs_sync_daemon eth1 VI_1 maxlen 1", "sync-maxlen", config.Warning},
		{"nearly as short", "#SYNC", "\nlvs_sync_daemon eth1 VI_1 maxlen 1023", "sync-maxlen", config.Warning},
		{"the least for both", "#SYNC", "\nlvs_sync_daemon eth1 VI_1 maxlen 1024", "", 0},
		{"address of no router", "virtual_server 192.0.2.10", "virtual_server 192.0.2.11", "vip-not-held", config.Info},
		{"weights of an owner", "virtual_router_id 51", "virtual_router_id 51\n priority 255\n track_interface {\n eth1 weight 20\n }", "owner-weight", config.Warning},
		{"weights with nopreempt", "virtual_router_id 51", "virtual_router_id 51\n nopreempt\n track_interface {\n eth1 weight 20\n }", "nopreempt-weight", config.Info},
		{"small weights", "virtual_router_id 51", "virtual_router_id 51\n track_interface {\n eth1 weight -2\n }", "small-weight", config.Info},
		{"weights", "virtual_router_id 51", "virtual_router_id 51\n track_interface {\n eth1 weight -20\n }", "", 0},
		{"mark without a port", "virtual_server", markText + "virtual_server", "check-port-0", config.Warning},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			conf := text
			if tc.id == "sync-mixed-families" {
				conf = strings.Replace(conf, "real_server 192.0.2.21 53", "real_server 2001:db8::21 53", 1)
			}
			if !strings.Contains(conf, tc.old) {
				t.Fatal("the text to replace is not there")
			}
			conf = strings.Replace(conf, tc.old, tc.cur, 1)
			_, diags := load.Load("k.conf", load.Options{Files: func(string) ([]byte, error) { return []byte(conf), nil }})
			var ids []string
			for _, d := range diags {
				ids = append(ids, d.ID)
				if d.ID == tc.id && (d.Severity != tc.severity || d.Hint == "" || d.Pos.Line == 0) {
					t.Errorf("%+v", d)
				}
			}
			want := []string{tc.id}
			if tc.id == "" {
				want = nil
			}
			if !slices.Equal(ids, want) {
				t.Errorf("findings %v, want %v\n%s", diags, want, conf)
			}
			if exit := config.TestExit(diags); exit != 0 {
				t.Errorf("keepalived -t would say 0, we say %d", exit)
			}
		})
	}
}

// TestLintSources: an IPv6 address that the master would begin connections from is
// told, and more urgently where checks come from it.
func TestLintSources(t *testing.T) {
	const service = "virtual_server 2001:db8::10 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 2001:db8::21 80 {\n  TCP_CHECK {\n  }\n }\n}\n"
	for _, tc := range []struct {
		vip, more string
		want      string // severity; empty: nothing is said
		hint      string
	}{
		{"2001:db8::10/128", service, "", ""},
		{"2001:db8::10", service, "", ""},
		{"2001:db8::10/64 preferred_lft 0", service, "", ""},
		{"2001:db8::10/64 use_vmac", "", "", ""},
		{"2001:db8::10/64", "", "info", "2001:db8::10/128, or preferred_lft 0"},
		{"2001:db8::10 preferred_lft forever", "", "info", "leave preferred_lft out"},
		{"2001:db8::10/64 preferred_lft 30", service, "warning", "2001:db8::10/128, or preferred_lft 0"},
		{"2001:db8::10/64", service, "warning", "2001:db8::10/128, or preferred_lft 0"},
		{"2001:db8::10/64", strings.Replace(service, "DR", "NAT", 1), "info", "2001:db8::10/128, or preferred_lft 0"},
		{"2001:db8::10/64", strings.Replace(service, "CHECK {", "CHECK {\nbindto 2001:db8::1", 1), "info", "2001:db8::10/128, or preferred_lft 0"},
		{"2001:db8::10/64", strings.Replace(service, "::10 80", "::11 80", 1), "info", "2001:db8::10/128, or preferred_lft 0"},
	} {
		for _, block := range []string{"virtual_ipaddress", "virtual_ipaddress_excluded"} {
			own := ""
			if block != "virtual_ipaddress" {
				own = "virtual_ipaddress {\n fe80::10\n }\n"
			}
			conf := "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n " + own + block + " {\n  fe80::9/64\n  " + tc.vip + "\n }\n}\n" + tc.more
			_, diags := load.Load("k.conf", load.Options{Files: func(string) ([]byte, error) { return []byte(conf), nil }})
			var got []config.Diagnostic
			for _, d := range diags {
				if d.ID == "vip-source" {
					got = append(got, d)
				}
			}
			switch {
			case tc.want == "" && len(got) == 0:
			case tc.want == "" || len(got) != 1:
				t.Errorf("%s of %s: %v\n%s", tc.vip, block, got, conf)
			case got[0].Severity.String() != tc.want || got[0].Hint != tc.hint || got[0].Pos.Line == 0:
				t.Errorf("%s of %s: %+v\n%s", tc.vip, block, got[0], conf)
			}
			if tc.want == "warning" && !strings.Contains(got[0].Text, "real_server 2001:db8::21") {
				t.Errorf("%s", got[0].Text)
			}
		}
	}
}

// TestManyLints: what holds for thousands of services is told for a few.
func TestManyLints(t *testing.T) {
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, "virtual_server 192.0.2.%d 80 {\nlb_algo rr\nlb_kind DR\nprotocol TCP\nreal_server 192.0.2.200 80 {\n}\n}\n", i+1)
	}
	_, diags := load.Load("k.conf", load.Options{Files: func(string) ([]byte, error) { return []byte(text.String()), nil }})
	if len(diags) != 6 || !strings.Contains(diags[5].Text, "35 more services") {
		t.Errorf("%d findings: %v", len(diags), diags)
	}
}

// TestKeywordsWithoutServices: what acts on the IPVS table waits for a
// virtual_server, which connection sync is not, and is told of where there is none.
// keepalived -t has no word about it.
func TestKeywordsWithoutServices(t *testing.T) {
	const text = "global_defs {\nlvs_sync_daemon eth1 VI_1\nlvs_timeouts tcp 60\nlvs_flush\nlvs_flush_on_stop VS\n}\n"
	const service = "virtual_server fwmark 7 {\nlb_algo rr\nlb_kind DR\nreal_server 192.0.2.21 {\nTCP_CHECK {\nconnect_port 80\n}\n}\n}\n"
	for _, tc := range []struct {
		text string
		want []string
	}{
		{text + instance(""), []string{"k.conf:3:1: info: lvs_timeouts has no effect: ", "k.conf:4:1: info: lvs_flush has no effect: ", "k.conf:5:1: info: lvs_flush_on_stop has no effect: "}},
		{text + instance("") + service, nil},
	} {
		cfg, diags := conf(tc.text)
		var got []string
		for _, d := range diags {
			if d.ID == "no-effect" {
				got = append(got, d.String())
			}
		}
		if !slices.EqualFunc(got, tc.want, strings.HasPrefix) || cfg.Flushes() != (tc.want == nil) || (cfg.Timeouts() != config.LVSTimeouts{}) != (tc.want == nil) || config.TestExit(diags) != 0 {
			t.Errorf("%s\ngot %q, want %q; flushes %v, timeouts %v", tc.text, got, tc.want, cfg.Flushes(), cfg.Timeouts())
		}
	}
}
