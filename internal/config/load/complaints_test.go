package load_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// TestComplaints holds texts of which "keepalived -t" (2.2.7) complained in
// one line, marked by a comment in it, with exit code 5: so do we, in that line.
func TestComplaints(t *testing.T) {
	const secure = "global_defs {\n enable_script_security\n script_user root\n}\n"
	global := func(line string) string { return "global_defs {\n " + line + " # here\n}\n" + instance("") }
	routes := func(line string) string { return instance(" virtual_routes {\n " + line + " # here\n }") }
	for _, c := range []struct{ name, text, id string }{
		{"route without dev", routes("10.1.0.0/16 via 10.0.0.9"), "route-untracked"},
		{"blackhole", routes("blackhole 10.1.0.0/16"), "route-untracked"},
		{"nexthops with dev", routes("10.1.0.0/16 nexthop via 10.0.0.9 dev eth0 nexthop via 10.0.0.8 dev eth0"), "route-untracked"},
		{"static route without dev", "static_routes {\n 10.1.0.0/16 via 10.0.0.9 # here\n}\n" + instance(""), "route-untracked"},
		{"protocol of a route", routes("10.1.0.0/16 via 10.0.0.9 dev eth0 protocol static"), "route-protocol"},
		{"gw", routes("10.1.0.0/16 gw 10.0.0.9 dev eth0"), "deprecated"},
		{"garp_interval 0", global("vrrp_garp_interval 0"), "bad-value"},
		{"gna_interval 0", global("vrrp_gna_interval 0.0"), "bad-value"},
		{"fork_delay 0", "vrrp_track_process p {\n process x\n fork_delay 0 # here\n}\n" + instance(""), "bad-value"},
		{"interval 0", secure + "vrrp_script s {\n script /bin/true\n interval 0 # here\n}\n" + instance(""), "bad-value"},
		{"timeout 0", secure + "vrrp_script s {\n script /bin/true\n timeout 0 # here\n}\n" + instance(""), "bad-value"},
		{"no script", "vrrp_script s {\n interval 3\n} # here\n" + instance(""), "no-script"},
		{"no file", "track_file f {\n weight 3\n} # here\n" + instance(""), "no-file"},
		{"no process", "vrrp_track_process p {\n weight 3\n} # here\n" + instance(""), "no-process"},
		{"no neighbour", "bfd_instance b {\n passive\n} # here\n" + instance(""), "bad-bfd"},
		{"no interval", "garp_group {\n interface eth0\n} # here\n" + instance(""), "no-interval"},
		{"file twice", "track_file f {\n file /a\n file /b # here\n}\n" + instance(""), "bad-value"},
		{"process twice", "vrrp_track_process p {\n process a\n process b # here\n}\n" + instance(""), "bad-value"},
		{"name of static_routes", "static_routes x { # here\n 10.1.0.0/16 via 10.0.0.9 dev eth0\n}\n" + instance(""), "extra-words"},
		{"name of static_ipaddress", "static_ipaddress x { # here\n 10.1.0.1/16 dev eth0\n}\n" + instance(""), "extra-words"},
		{"router_id", global("router_id"), "missing-parameter"},
		{"notify_fifo", global("notify_fifo"), "missing-parameter"},
		{"lvs_sync_daemon", global("lvs_sync_daemon"), "missing-parameter"},
		{"script_user", global("script_user"), "missing-parameter"},
		{"garp_extra_if", instance(" garp_extra_if # here"), "missing-parameter"},
		{"weight of a file", "track_file f {\n file /a\n weight # here\n}\n" + instance(""), "missing-parameter"},
		{"check_unicast_src", instance(" check_unicast_src # here"), "no-peers"},
		{"old_unicast_checksum", instance(" version 3\n old_unicast_checksum # here"), "no-peers"},
		{"weight 0", strings.Replace(server("", " weight 0"), "80 {\n", "80 { # here\n", 1), "quorum"},
		{"virtualhost", server(" virtualhost # here", ""), "missing-parameter"},
		{"http_protocol", server("", " HTTP_GET {\n url {\n path /\n status_code 200\n }\n http_protocol # here\n }"), "missing-parameter"},
		{"virtual MAC", instance(" use_vmac 00:00:5e:00:01:07 # here"), "bad-value"},
		{"two versions", instance(" version 3\n version 2 # here"), "bad-value"},
		{"version 2 of IPv6", strings.Replace(instance(" version 2 # here"), "10.0.0.1", "fe80::1", 1), "bad-value"},
		{"no host name", global("smtp_server **"), "bad-value"},
		{"two states", instance(" state MASTER\n state BACKUP # here"), "bad-value"},
		{"two tables", "global_defs {\n nftables a\n nftables b # here\n}\n" + instance(""), "bad-value"},
		{"a prefix twice", "global_defs {\n vmac_prefix a\n vmac_prefix a # here\n}\n" + instance(""), "bad-value"},
		{"two prefixes", "global_defs {\n vmac_prefix a\n vmac_prefix b # here\n}\n" + instance(""), "bad-value"},
		{"two weights of a file", "track_file f {\n file /a\n weight 2\n weight 3 # here\n}\n" + instance(""), "bad-value"},
		{"two weights of a process", "vrrp_track_process p {\n process a\n weight 2\n weight 3 # here\n}\n" + instance(""), "bad-value"},
		{"quorum_up twice", secure + server(" quorum_up /bin/true\n quorum_up /bin/false # here", ""), "bad-value"},
		{"notify_up twice", secure + server("", " notify_up /bin/true\n notify_up /bin/false # here"), "bad-value"},
		{"unicast_ttl", strings.TrimSuffix(instance(" unicast_ttl 7"), "\n") + " # here\n", "no-effect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, diags := conf(c.text)
			if cfg == nil {
				t.Fatalf("refused: %v", diags)
			}
			want := 1 + strings.Count(c.text[:strings.Index(c.text, "# here")], "\n")
			found := false
			for _, d := range diags {
				if d.Class == config.ClassNone {
					continue
				}
				if found = found || d.ID == c.id; d.ID != c.id || d.Pos.Line != want {
					t.Errorf("want %s in line %d: %v (%s)", c.id, want, d, d.ID)
				}
			}
			if code := config.TestExit(diags); !found || code != 5 {
				t.Errorf("exit code %d: %v", code, diags)
			}
		})
	}
}

// TestFirstOneCounts holds the values of what is written twice, and of 0 where
// it means 1.
func TestFirstOneCounts(t *testing.T) {
	cfg, diags := conf("global_defs {\n enable_script_security\n script_user root\n}\n" +
		"track_file f {\n file /a\n file /b\n}\nvrrp_track_process p {\n process a\n process b\n}\n" +
		"vrrp_script s {\n script /bin/true\n interval 9\n interval 0\n timeout 0\n}\n" + instance(""))
	if cfg == nil {
		t.Fatal(diags)
	}
	if c, _ := conf(instance(" version 3\n version 2")); c == nil || c.Instances[0].Version != 3 {
		t.Errorf("version: %+v", c)
	}
	if c, _ := conf(strings.Replace(instance(" version 2"), "10.0.0.1", "fe80::1", 1)); c == nil || c.Instances[0].Version != 3 {
		t.Errorf("version of IPv6: %+v", c)
	}
	if c, diags := conf(instance(" priority 7\n state BACKUP\n state MASTER")); c == nil || !c.Instances[0].StateMaster || len(diags) > 0 {
		t.Errorf("MASTER after BACKUP: %v", diags)
	}
	c, diags := conf("global_defs {\n vmac_prefix a\n vmac_prefix b\n}\ntrack_file f {\n file /a\n weight x\n weight 2\n weight 3\n}\n" +
		instance(" state MASTER\n state BACKUP\n priority 7"))
	if c == nil {
		t.Fatal(diags)
	}
	if f := c.TrackFiles[0]; f.Weight != 2 || c.Global.VMACPrefix != "a" || !c.Instances[0].StateMaster {
		t.Errorf("weight %d, prefix %s, master %v", f.Weight, c.Global.VMACPrefix, c.Instances[0].StateMaster)
	}
	if f := cfg.TrackFiles[0]; f.Path != "/a" {
		t.Errorf("file %s", f.Path)
	}
	if p := cfg.TrackProcesses[0]; p.Process != "a" {
		t.Errorf("process %s", p.Process)
	}
	if s := cfg.Scripts[0]; s.Interval != time.Second || s.Timeout != time.Second {
		t.Errorf("interval %v, timeout %v", s.Interval, s.Timeout)
	}
}

// TestIgnoredValue: keepalived 2.2.7 says nothing about the value of
// vrrp_strict and is strict whatever it is.
func TestIgnoredValue(t *testing.T) {
	for value, want := range map[string]struct {
		on   bool
		says string
	}{
		"": {true, ""}, "true": {true, ""}, "0": {true, "it is on"}, "FALSE": {true, "it is on"}, "false": {false, "2.2.7 ignores the value"},
	} {
		cfg, diags := conf("global_defs {\n vrrp_skip_check_adv_addr " + value + "\n}\n" + instance(""))
		if cfg == nil || cfg.Global.VRRPSkipCheckAdvAddr != want.on || config.TestExit(diags) != 0 {
			t.Errorf("%q: %+v, %v", value, cfg, diags)
		}
		if text := fmt.Sprint(diags); want.says == "" != (len(diags) == 0) || !strings.Contains(text, want.says) {
			t.Errorf("%q: %s", value, text)
		}
	}
}

// TestReloadCheckConfig: the file that keepalived writes its findings to is
// read by nobody here, and that is said.
func TestReloadCheckConfig(t *testing.T) {
	for line, want := range map[string]string{"reload_check_config": "", "reload_check_config /x": "no file is written"} {
		_, diags := conf("global_defs {\n " + line + "\n}\n" + instance(""))
		if text := fmt.Sprint(diags); !strings.Contains(text, want) || want == "" && len(diags) > 0 {
			t.Errorf("%s: %s", line, text)
		}
	}
}

// TestNobodysScript: a script whose user or group does not exist is not run as
// somebody else.
func TestNobodysScript(t *testing.T) {
	for _, user := range []string{"nosuchuser", "root nosuchgroup", "root :nosuchgroup"} {
		opts := memory(map[string]string{"k.conf": "vrrp_script s {\n script /bin/true\n user " + user + "\n}\n" + instance("") +
			server("", " MISC_CHECK {\n misc_path /bin/true\n user "+user+"\n }")})
		opts.Users = true
		cfg, diags := load.Load("k.conf", opts)
		if cfg == nil {
			t.Fatal(diags)
		}
		if len(cfg.Scripts) != 0 || len(cfg.VirtualServers[0].RealServers[0].Checkers()) != 0 {
			t.Errorf("user %s: %+v, %+v", user, cfg.Scripts, cfg.VirtualServers[0].RealServers[0].Checkers())
		}
		if n := strings.Count(fmt.Sprint(diags), "does not exist"); n != 2 || config.TestExit(diags) != 5 {
			t.Errorf("user %s: %v", user, diags)
		}
	}
}
