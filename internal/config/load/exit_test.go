package load_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// file returns the options for a configuration held in memory.
func memory(files map[string]string) load.Options {
	return load.Options{
		ConfigID: "test",
		Files: func(path string) ([]byte, error) {
			text, ok := files[path]
			if !ok {
				return nil, fmt.Errorf("%s: %w", path, os.ErrNotExist)
			}
			return []byte(text), nil
		},
		Interfaces: func() map[string]bool { return map[string]bool{"eth0": true, "lo": true} },
	}
}

// conf loads keepalived.conf text.
func conf(text string) (*config.Config, []config.Diagnostic) {
	return load.Load("k.conf", memory(map[string]string{"k.conf": text}))
}

// instance wraps statements into a good vrrp_instance A.
func instance(more string) string {
	return "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n  10.0.0.1\n }\n" + more + "\n}\n"
}

// server wraps statements into a good virtual_server.
func server(more, real string) string {
	return "virtual_server 10.0.0.1 80 {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n" + more +
		"\n real_server 10.0.1.1 80 {\n" + real + "\n }\n}\n"
}

// mixed is a virtual_server with a server of each family.
func mixed(above, real, below string) string {
	return "virtual_server 192.0.2.1 80 {\n protocol TCP\n lb_algo rr\n" + above +
		" real_server 198.51.100.1 80 {\n }\n real_server 2001:db8::1 80 {\n" + real + " }\n" + below + "}\n"
}

// TestADotEndsADNSName: a full name is taken whole, also in TOML.
func TestADotEndsADNSName(t *testing.T) {
	const text = "[[virtual_server]]\nfwmark = 1\nlb_algo = \"rr\"\nlb_kind = \"NAT\"\n[[virtual_server.real_server]]\nip = \"192.0.2.21\"\n[[virtual_server.real_server.DNS_CHECK]]\nname = \"a.example.org.\"\n"
	if c, diags := load.Load("k.toml", memory(map[string]string{"k.toml": text})); c == nil {
		t.Error(diags)
	}
	_, diags := conf(server("", "DNS_CHECK {\n name a.example.org.\n}"))
	for _, d := range diags {
		if d.Severity == config.Warning && d.ID != config.NotActive && d.ID != config.NotActiveKept {
			t.Error(d)
		}
	}
}

// TestExitCodes compares findings and exit codes with what keepalived 2.2.7 was
// seen to do under -t. An entry without id has no finding of keepalived's.
func TestExitCodes(t *testing.T) {
	const secure = "global_defs {\n enable_script_security\n script_user root\n}\n"
	tests := []struct {
		name, text string
		exit       int
		id         string // a finding that is there
		fails      bool   // holdfast does not run it: keepalived stops as well
	}{
		{"plain", instance(""), 0, "", false},
		{"empty", "", 0, "", false},
		{"loopback", strings.Replace(instance(""), "eth0", "lo", 1), 5, "loopback", false},
		{"unknown keyword", instance(" foo"), 5, "unknown-keyword", false},
		{"unknown block", "foo {\n bar\n}\n" + instance(""), 5, "unexpected-brace", false},
		{"missing vrid", "vrrp_instance A {\n interface eth0\n virtual_ipaddress { 10.0.0.1 }\n}", 5, "no-vrid", true},
		{"vrid 256", "vrrp_instance A {\n interface eth0\n virtual_router_id 256\n virtual_ipaddress { 10.0.0.1 }\n}", 5, "bad-value", true},
		{"priority 0", instance(" priority 0"), 5, "bad-value", false},
		{"priority alone", instance(" priority"), 2, "missing-parameter", true},
		{"missing brace", strings.TrimSuffix(instance(""), "}\n"), 5, "unclosed-block", false},
		{"extra brace", instance("") + "}\n", 5, "extra-brace", false},
		{"bad interface", strings.Replace(instance(""), "eth0", "nosuch", 1), 5, "no-such-interface", false},
		{"duplicate vrid", instance("") + strings.Replace(instance(""), "instance A", "instance B", 1), 5, "duplicate-vrid", true},
		{"duplicate name", instance("") + instance(""), 5, "duplicate-name", false},
		{"no vips v2", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n}", 5, "no-vips", false},
		{"no vips v3", "vrrp_instance A {\n version 3\n interface eth0\n virtual_router_id 1\n}", 5, "no-vips", true},
		{"one line", "vrrp_instance A { interface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 } }", 0, "", false},
		{"brace on next line", strings.ReplaceAll(instance(""), " {", "\n{"), 0, "", false},
		{"two keywords in a line", "vrrp_instance A {\n interface eth0 virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n}", 5, "no-vrid", true},
		{"upper-case boolean", instance(" smtp_alert TRUE"), 5, "bad-value", false},
		{"advert 0.5 v2", instance(" advert_int 0.5"), 5, "advert-int", false},
		{"advert 41 v3", instance(" version 3\n advert_int 41"), 5, "advert-int", false},
		{"nopreempt and 255", instance(" state MASTER\n priority 255\n nopreempt"), 5, "nopreempt", false},
		{"unicast without peers", instance(" unicast_src_ip 10.9.0.1"), 5, "no-peers", false},
		{"unicast without peers, in FAULT", instance(" unicast_src_ip 10.9.0.1\n unicast_fault_no_peer"), 0, "no-peers", false},
		{"mixed families", instance(" unicast_src_ip 2001:db8::1"), 5, "wrong-family", false},
		{"include missing", "include /nonexistent/x.conf\n" + instance(""), 0, "no-file", false},
		{"checked include missing", "includea /nonexistent/x.conf\n" + instance(""), 6, "no-file", false},

		{"unknown script", instance(" track_script { nope }"), 5, "unknown-script", false},
		{"script without security", "vrrp_script s {\n script /bin/true\n}\n" + instance(" track_script { s }"), 6, "script-security", false},
		{"script after use", secure + instance(" track_script { s }") + "vrrp_script s {\n script /bin/true\n}\n", 5, "unknown-script", false},
		{"script with security", secure + "vrrp_script s {\n script /bin/true\n}\n" + instance(" track_script { s }"), 0, "", false},
		{"script without script", "vrrp_script s {\n}\n" + instance(""), 5, "no-script", false},
		{"long auth_pass", instance(" authentication {\n auth_type PASS\n auth_pass 123456789\n }"), 5, "bad-value", false},
		{"auth v3", instance(" version 3\n authentication {\n auth_type PASS\n auth_pass 1234\n }"), 5, "authentication", false},
		{"globals after", instance("") + "global_defs {\n vrrp_garp_master_repeat 2\n}\n", 0, "", false},
		{"parameter", "$V=10.0.0.9\n" + instance(" virtual_ipaddress_excluded { $V\n ${V}/24 }"), 0, "", false},
		{"blank before =", "$V =1\n" + instance(""), 5, "unknown-keyword", false},
		{"undefined parameter", instance(" virtual_ipaddress_excluded {\n10.0.0.${V}\n}"), 5, "bad-value", false},
		{"condition", "@test foo\n" + instance(""), 5, "unknown-keyword", false},
		{"other condition", "@other foo\n@^test foo\n" + instance(""), 0, "", false},
		{"comment in quotes", instance(" authentication {\n auth_type PASS\n auth_pass \"a#b!\" # x\n }"), 0, "", false},
		{"crlf", strings.ReplaceAll(instance(""), "\n", "\r\n"), 0, "", false},
		{"tabs", strings.ReplaceAll(instance(""), " ", "\t"), 0, "", false},
		{"long line", "# " + strings.Repeat("a", 2000) + "\nfoo " + strings.Repeat("a", 1100) + "\n" + instance(""), 5, "long-line", false},
		{"prefix 33", instance(" virtual_ipaddress_excluded { 10.0.0.2/33 }"), 5, "bad-value", false},
		{"vip twice", instance(" virtual_ipaddress_excluded { 10.0.0.1 }"), 0, "", false},
		{"priority 255", instance(" priority 255"), 0, "", false},
		{"backup 255", instance(" state BACKUP\n priority 255"), 0, "", false},
		{"master 100", instance(" state MASTER\n priority 100"), 0, "", false},
		{"nopreempt with preempt_delay", instance(" nopreempt\n preempt_delay 10"), 5, "preempt-delay", false},
		{"nopreempt with preempt_delay 0", instance(" preempt_delay 0\n nopreempt"), 0, "", false},
		{"master with preempt_delay", instance(" state MASTER\n priority 100\n preempt_delay 5"), 5, "preempt-delay", false},
		{"master with nopreempt", instance(" state MASTER\n priority 100\n nopreempt"), 5, "nopreempt", false},
		{"lower-case state", instance(" state master"), 5, "bad-value", false},
		{"unknown member", instance("") + "vrrp_sync_group G { group { A\nZ } }", 5, "unknown-member", false},
		{"300 vips", strings.Replace(instance(""), "  10.0.0.1\n", many(300), 1), 5, "too-many-vips", false},
		{"weight 300", secure + "vrrp_script s {\n script /bin/true\n weight 300\n}\n" + instance(""), 5, "bad-value", false},
		{"ah and master", instance(" state MASTER\n priority 100\n authentication {\n auth_type AH\n auth_pass x\n }"), 5, "authentication", false},
		{"old sync daemon", instance(" lvs_sync_daemon_interface eth0"), 5, "deprecated", false},
		{"unmatched quote", instance(" priority \"50"), 2, "unmatched-quote", true},

		{"service", server("", ""), 0, "", false},
		{"no protocol", strings.Replace(server("", ""), " protocol TCP\n", "", 1), 5, "protocol", false},
		{"no scheduler", strings.Replace(server("", ""), " lb_algo rr\n", "", 1), 5, "scheduler", false},
		{"no method", strings.Replace(server("", ""), " lb_kind NAT\n", "", 1), 5, "method", false},
		{"no server", "virtual_server 10.0.0.1 80 {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n}", 5, "no-real-servers", false},
		{"port with DR", strings.NewReplacer("NAT", "DR", "10.0.1.1 80", "10.0.1.1 8080").Replace(server("", "")), 5, "port-mismatch", false},
		{"port with NAT", strings.Replace(server("", ""), "10.0.1.1 80", "10.0.1.1 8080", 1), 0, "", false},
		{"quorum too high", server(" quorum 9", ""), 5, "quorum", false},
		{"port 0", strings.ReplaceAll(server("", ""), " 80", " 0"), 5, "port-0", false},
		{"hashed", server(" hashed", ""), 5, "no-effect", false},
		{"lower-case method", server(" lb_kind nat", ""), 5, "bad-value", false},
		{"mixed real server", strings.Replace(server("", ""), "10.0.1.1", "2001:db8::1", 1), 5, "wrong-family", false},
		{"server twice, of two methods", server(" real_server 10.0.1.2 81 {\n }\n real_server 10.0.1.2 81 {\n lvs_method DR\n }", ""), 5, "duplicate-server", false},
		{"mixed tunnel", mixed(" lb_kind TUN\n", "", ""), 0, "", false},
		{"mixed tunnel below", mixed("", "", " lb_kind TUN\n"), 5, "tunnel-below", false},
		{"mixed tunnel of the server", mixed("", "  lvs_method TUN\n", " lb_kind TUN\n"), 0, "", false},
		{"mixed tunnel below, by mark", strings.Replace(mixed("", "", " lb_kind TUN\n"), "192.0.2.1 80", "fwmark 5", 1), 5, "tunnel-below", false},
		{"mixed sorry server", mixed(" lb_kind TUN\n sorry_server 2001:db8::9 80\n", "", ""), 0, "", false},
		{"mixed sorry server, tunnel below", mixed(" sorry_server 2001:db8::9 80\n lb_kind TUN\n", "", ""), 5, "tunnel-below", false},
		{"mixed sorry server, its tunnel below", mixed(" sorry_server 2001:db8::9 80\n sorry_server_lvs_method TUN\n lb_kind TUN\n", "", ""), 0, "", false},
		{"fwmark protocol", strings.Replace(server("", ""), "10.0.0.1 80", "fwmark 1", 1), 5, "protocol", false},
		{"misc without path", server("", "MISC_CHECK { }"), 5, "no-script", false},
		{"misc without security", server("", "MISC_CHECK { misc_path /bin/true }"), 6, "script-security", false},
		{"http without url", server("", "HTTP_GET { }"), 5, "no-url", false},
		{"http without path", server("", "HTTP_GET { url { status_code 200 } }"), 5, "no-path", false},
		{"tcp values", server("", "TCP_CHECK { connect_timeout 0 }"), 5, "bad-value", false},
		{"weight -1", server("", " weight -1"), 5, "bad-value", false},
		{"persistence 0", server(" persistence_timeout 0", ""), 5, "bad-value", false},

		{"route", instance(" virtual_routes {\n 10.1.0.0/16 via 10.0.0.9 dev eth0\n }"), 0, "", false},
		{"other checker", server("", "SMTP_CHECK {\n host { connect_ip 10.0.0.1\n }\n connect_timeout 3\n }"), 0, "not-active-kept", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			cfg, diags := conf(tc.text)
			if got := config.TestExit(diags); got != tc.exit {
				t.Errorf("exit code %d, keepalived gives %d", got, tc.exit)
			}
			if fails := cfg == nil; fails != tc.fails {
				t.Errorf("refused: %v, want %v", fails, tc.fails)
			}
			found := tc.id == ""
			for _, d := range diags {
				found = found || d.ID == tc.id
				if d.Pos.File != "k.conf" && d.ID != "script-security" {
					t.Errorf("finding without a place: %v", d)
				}
			}
			if !found {
				t.Errorf("no finding %s", tc.id)
			}
			if t.Failed() {
				for _, d := range diags {
					t.Log(d, d.ID, d.Class)
				}
			}
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  10.0.%d.%d\n", i/200, i%200+1)
	}
	return b.String()
}
