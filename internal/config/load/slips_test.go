package load_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/diff"
	"holdfast/internal/config/load"
)

// TestSlipsKeepWhatRuns makes sure that what keepalived complains about, and
// what changes its exit code, takes no address, service, authentication or
// tracking away: an earlier holdfast was lenient, and after an upgrade or a
// reload the same text has to stand for the same.
func TestSlipsKeepWhatRuns(t *testing.T) {
	const router = "virtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\n"
	const servers = "lb_algo rr\nlb_kind NAT\nprotocol TCP\nsorry_server 192.0.2.9 82\nreal_server 192.0.2.2 81 {\nweight 3\nuthreshold 9\nlthreshold 8\n}\n}\n"
	service := "virtual_server 192.0.2.1 80 {\n" + servers
	mark := "virtual_server fwmark 7 {\n" + strings.Replace(servers, "protocol TCP\n", "", 1)
	group := "virtual_server_group G {\n192.0.2.1-3 80\nfwmark 7\n}\nvirtual_server group G {\n" + servers
	instance := func(more string) string { return "vrrp_instance A {\ninterface eth0\n" + router + more + "}\n" }
	tests := []struct {
		name, good, slip string
		exit             int // of keepalived -t for slip
	}{
		{"interface", instance(""), "vrrp_instance A {\ninterface eth0 # uplink to rack 7 \\\n" + router + "}\n", 5},
		{"router", instance(""), "vrrp_instance A {\ninterface eth0\n" + strings.Replace(router, " 1\n", " 1 # x\\\n", 1) + "}\n", 5},
		{"address", instance(""), strings.Replace(instance(""), "10.0.0.1\n", "10.0.0.1 # x\\\n", 1), 5},
		{"blocks", instance(""), strings.NewReplacer("{\n", "{ # x \\\n", "}\n", "} # x \\\n").Replace(instance("")), 5},
		{"lines without words", instance(""), "# x \\\n" + instance("# x\\\n"), 5},
		{
			"service", "virtual_server 192.0.2.1 80 {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server 192.0.2.2 80 {\nweight 3\n}\n}\n",
			"virtual_server 192.0.2.1 80 { # x\\\nlb_algo rr # x\\\nlb_kind NAT # x\\\nprotocol TCP # x\\\nreal_server 192.0.2.2 80 { # x\\\nweight 3 # x\\\n}\n}\n", 5,
		},
		{"port of a service", service, strings.Replace(service, "1 80 ", "1 80,90 ", 1), 5},
		{"port with a sign", service, strings.Replace(service, "1 80 ", "1 +80 ", 1), 0},
		{"port of a real server", service, strings.Replace(service, "2 81 ", "2 81-90 ", 1), 5},
		{"port of a sorry server", service, strings.Replace(service, "9 82", "9 82x", 1), 5},
		{"weight", service, strings.Replace(service, "weight 3", "weight 3x", 1), 5},
		{"weight of a service", strings.Replace(service, "weight 3\n", "}\nweight 3\nreal_server 192.0.2.3 81 {\n", 1), strings.Replace(service, "weight 3\n", "}\nweight 3.5\nreal_server 192.0.2.3 81 {\n", 1), 5},
		{"uthreshold", service, strings.Replace(service, "uthreshold 9", "uthreshold 9.5", 1), 5},
		{"lthreshold", service, strings.Replace(service, "lthreshold 8", "lthreshold 8x", 1), 5},
		{"mark", mark, strings.Replace(mark, "fwmark 7", "fwmark 7.5", 1), 5},
		{"mark of a group", group, strings.Replace(group, "fwmark 7", "fwmark 7x", 1), 5},
		{"port of a group", group, strings.Replace(group, "3 80", "3 80x", 1), 5},
		{"range", group, strings.Replace(group, "192.0.2.1-3 80", "192.0.2.1-192.0.2.3-9 80", 1), 0},
		{"quorum without bounds", strings.Replace(service, "lb_algo", "quorum 3\nlb_algo", 1), strings.Replace(service, "lb_algo", "quorum 4294967295\nlb_algo", 1), 5},
		{"hysteresis without bounds", strings.Replace(service, "lb_algo", "hysteresis 2\nquorum 3\nlb_algo", 1), strings.Replace(service, "lb_algo", "hysteresis 4294967295\nquorum 3\nlb_algo", 1), 5},
		{"options of NAT", service, strings.Replace(service, "NAT", "NAT type gue port 5", 1), 0},
		{"state", instance("state MASTER\n"), instance("state MASTER # x\\\n"), 5},
		{"include", "include inc.conf\n" + instance(""), "include inc.conf # x\\\n" + instance(""), 0},
		{"include alone", "include inc.conf\n", "include inc.conf # x\\\n", 0},
		{"checked include", "includea inc.conf\n", "includea inc.conf # x\\\n", 6},
		{"PASS", instance("authentication {\nauth_type PASS\nauth_pass x\n}\n"), instance("authentication {\nauth_type pass\nauth_pass x\n}\n"), 5},
		{"AH", instance("authentication {\nauth_type AH\nauth_pass x\n}\n"), instance("authentication {\nauth_type ah\nauth_pass x\n}\n"), 5},
		{"track_interface, option", instance("track_interface {\neth1\n}\n"), instance("track_interface {\neth1 wieght 5\n}\n"), 5},
		{"track_interface, value", instance("track_interface {\neth1\n}\n"), instance("track_interface {\neth1 weight\n}\n"), 5},
		{"track_interface, both", instance("track_interface {\neth1 weight 5\n}\n"), instance("track_interface {\neth1 foo weight 5\n}\n"), 5},
		{"track_script", script + instance("track_script {\ns\n}\n"), script + instance("track_script {\ns wieght 5\n}\n"), 6},
		{"track_file", file + instance("track_file {\ntf weight 5\n}\n"), file + instance("track_file {\ntf weight 5 foo\n}\n"), 5},
		{"track_process", process + instance("track_process {\ntp\n}\n"), process + instance("track_process {\ntp weight\n}\n"), 5},
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "inc.conf"), []byte(strings.NewReplacer(" A ", " B ", "id 1", "id 2").Replace(instance("track_interface {\neth1 wieght 5\n}\n"))), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(text string) (*config.Config, []config.Diagnostic) {
		path := filepath.Join(dir, "k.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return load.Load(path, load.Options{ConfigID: "test", Interfaces: func() map[string]bool {
			return map[string]bool{"lo": true, "eth0": true, "eth1": true}
		}})
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			want, diags := read(tc.good)
			if want == nil {
				t.Fatal(diags)
			}
			got, diags := read(tc.slip)
			if got == nil {
				t.Fatalf("refused: %v", diags)
			}
			if changes := diff.Compare(want, got); !changes.Empty() {
				t.Errorf("the slip changes %v", changes.Items)
			}
			if exit := config.TestExit(diags); exit != tc.exit {
				t.Errorf("exit code %d, keepalived's is %d: %v", exit, tc.exit, diags)
			}
			if slices.ContainsFunc(diags, config.Diagnostic.RefusesReload) {
				t.Errorf("a running daemon would refuse it: %v", diags)
			}
			if len(diags) == 0 {
				t.Error("nothing is said about it")
			}
		})
	}
}

// What is tracked.
const (
	script  = "vrrp_script s {\nscript /bin/true\n}\n"
	file    = "track_file tf {\nfile /tmp/tf\n}\n"
	process = "vrrp_track_process tp {\nprocess sleep\n}\n"
)

// TestBackslashError makes sure that what is wrong without the backslash of a
// comment is an error with it as well, with keepalived's exit code.
func TestBackslashError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.conf")
	if err := os.WriteFile(path, []byte("vrrp_instance A {\ninterface eth0\nvirtual_router_id # x\\\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := load.Load(path, load.Options{ConfigID: "test"})
	if exit := config.TestExit(diags); cfg != nil || !config.HasErrors(diags) || exit != 5 {
		t.Errorf("exit code %d, %v", exit, diags)
	}
}

// TestAuthTypeTOML makes sure that TOML takes auth_type in lower case, too.
func TestAuthTypeTOML(t *testing.T) {
	for word, want := range map[string]config.AuthType{"PASS": config.AuthPass, "pass": config.AuthPass, "AH": config.AuthAH, "ah": config.AuthAH} {
		path := filepath.Join(t.TempDir(), "k.toml")
		text := "[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\nvirtual_ipaddress = [\"10.0.0.1\"]\nauthentication = { auth_type = \"" + word + "\", auth_pass = \"x\" }\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, diags := load.Load(path, load.Options{})
		if cfg == nil || cfg.Instances[0].AuthType != want || string(cfg.Instances[0].AuthPass) != "x" {
			t.Errorf("%s: %v", word, diags)
		}
	}
}

// TestDefaultRouteIPv6 makes sure that an option that IPv6 has only makes an
// IPv6 route of default, as in keepalived.
func TestDefaultRouteIPv6(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.conf")
	for line, six := range map[string]bool{
		"default dev eth0 expires 60":              true,
		"expires 60 default dev eth0":              true,
		"default dev eth0 pref high":               true,
		"default via fe80::1 dev eth0 expires 60":  true,
		"default dev eth0 metric 5":                false,
		"default dev eth0 metric 5 via 10.0.0.254": false,
	} {
		text := "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\nvirtual_routes {\n" + line + "\n}\n}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, diags := load.Load(path, load.Options{ConfigID: "test"})
		if cfg == nil || len(cfg.Instances[0].VirtualRoutes) != 1 {
			t.Errorf("%s: %v", line, diags)
			continue
		}
		if r := cfg.Instances[0].VirtualRoutes[0]; (r.Family == 6) != six || r.To.Addr().Is6() != six || r.To.Bits() != 0 {
			t.Errorf("%s: family %d, to %v", line, r.Family, r.To)
		}
	}
}
