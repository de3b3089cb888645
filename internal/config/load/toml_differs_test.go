package load_test

import (
	"errors"
	"os/user"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// tomlInstance is a good vrrp_instance with more in it.
func tomlInstance(more string) string {
	return "[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\nvirtual_ipaddress = [\"10.0.0.1\"]\n" + more + "\n"
}

func loadTOML(text string, users bool) (*config.Config, []config.Diagnostic) {
	o := memory(map[string]string{"k.toml": text})
	o.Users = users
	return load.Load("k.toml", o)
}

func has(diags []config.Diagnostic, id string, s config.Severity) bool {
	return slices.ContainsFunc(diags, func(d config.Diagnostic) bool { return d.ID == id && d.Severity == s })
}

// TestMissingVRF: an interface that is not there yet is no mistake of a TOML
// file, whatever keepalived says of it; a converted file can be used.
func TestMissingVRF(t *testing.T) {
	text := instance("virtual_routes {\n198.51.100.0/24 via 192.0.2.1 vrf red\n}")
	cfg, diags := conf(text)
	if cfg == nil || config.TestExit(diags) != 5 {
		t.Fatalf("keepalived.conf: %d, %v", config.TestExit(diags), diags)
	}
	c, diags, err := load.Convert("k.conf", config.TOML, memory(map[string]string{"k.conf": text}))
	if err != nil {
		t.Fatal(err, diags)
	}
	cfg, diags = loadTOML(c.Text, false)
	if cfg == nil || len(cfg.Instances[0].VirtualRoutes) != 1 || !has(diags, "no-such-interface", config.Warning) {
		t.Errorf("%v of\n%s", diags, c.Text)
	}
}

// TestTwoDestinations: a via that was forgotten leads elsewhere in keepalived,
// which says nothing; TOML refuses it.
func TestTwoDestinations(t *testing.T) {
	const line = "198.51.100.0/24 192.0.2.1 dev eth0"
	cfg, diags := conf(instance("virtual_routes {\n" + line + "\n}"))
	if cfg == nil || cfg.Instances[0].VirtualRoutes[0].To.String() != "192.0.2.1/32" || config.TestExit(diags) != 0 || !has(diags, "no-effect", config.Warning) {
		t.Errorf("keepalived.conf: %v", diags)
	}
	cfg, diags = loadTOML(tomlInstance("virtual_routes = [\""+line+"\"]"), false)
	if cfg != nil || !has(diags, "bad-value", config.Error) {
		t.Errorf("TOML: %v", diags)
	}
}

// TestNumericUsers: a number is nobody's name for keepalived, and an ID in TOML,
// which refuses what would never be run.
func TestNumericUsers(t *testing.T) {
	if u, err := user.LookupId("0"); err != nil || u.Username == "0" {
		t.Skip("no user 0")
	}
	conf := func(text string) (*config.Config, []config.Diagnostic) {
		o := memory(map[string]string{"k.conf": text})
		o.Users = true
		return load.Load("k.conf", o)
	}
	for _, c := range []struct{ conf, toml string }{
		{"global_defs {\nscript_user USER GROUP\n}\n" + instance(""), "[global_defs]\nscript_user = \"USER GROUP\"\n" + tomlInstance("")},
		{
			"vrrp_script s {\nscript /bin/true\nuser USER GROUP\n}\n" + instance("track_script {\ns\n}"),
			"[vrrp_script.s]\nscript = \"/bin/true\"\nuser = \"USER GROUP\"\n" + tomlInstance("track_script = [\"s\"]"),
		},
		{instance("notify_master /bin/true USER GROUP"), tomlInstance("notify_master = { command = \"/bin/true\", user = \"USER\", group = \"GROUP\" }")},
	} {
		with := func(text, user, group string) string {
			return strings.NewReplacer("USER", user, "GROUP", group).Replace(text)
		}
		if _, diags := conf(with(c.conf, "0", "0")); !slices.ContainsFunc(diags, func(d config.Diagnostic) bool { return strings.Contains(d.Text, "user '0' does not exist") }) {
			t.Errorf("keepalived.conf takes a number: %v of\n%s", diags, c.conf)
		}
		cfg, diags := loadTOML(with(c.toml, "0", "0"), true)
		if cfg == nil {
			t.Errorf("TOML refuses a number: %v of\n%s", diags, c.toml)
		} else {
			runs := cfg.Instances[0].Notify.Master
			switch {
			case strings.Contains(c.toml, "script_user"):
				runs = config.Command{User: cfg.Global.ScriptUser, Group: cfg.Global.ScriptGroup}
			case len(cfg.Scripts) > 0:
				runs = cfg.Scripts[0].Command
			}
			if runs.User != "0" || runs.Group != "0" {
				t.Errorf("user %q, group %q of\n%s", runs.User, runs.Group, c.toml)
			}
		}
		for _, nobody := range [][2]string{{"no-such-user", "0"}, {"0", "no-such-group"}, {"4294967294", "0"}} {
			if cfg, diags := loadTOML(with(c.toml, nobody[0], nobody[1]), true); cfg != nil || !config.HasErrors(diags) {
				t.Errorf("TOML takes %v: %v of\n%s", nobody, diags, c.toml)
			}
		}
	}
}

// TestLongTimes: keepalived keeps some times as microseconds in 32 bits; a TOML
// file has no such bound, and cannot be converted then.
func TestLongTimes(t *testing.T) {
	const text = `[global_defs]
vrrp_startup_delay = 7200
vrrp_garp_master_delay = 7201
vrrp_garp_lower_prio_delay = 7202
vrrp_garp_interval = 7203
[[garp_group]]
interfaces = ["eth0"]
garp_interval = 7204
[vrrp_script.s]
script = "/bin/true"
interval = 7205
`
	cfg, diags := loadTOML(text+tomlInstance("track_script = [\"s\"]\ngarp_master_delay = 7206\ngarp_lower_prio_delay = 7207"), false)
	if cfg == nil {
		t.Fatal(diags)
	}
	g, i := &cfg.Global, &cfg.Instances[0]
	for k, got := range []time.Duration{
		g.VRRPStartupDelay, g.GARP.Delay, g.GARP.LowerPrioDelay, g.GARPInterval, cfg.GARPGroups[0].Interval, cfg.Scripts[0].Interval, i.GARP.Delay, i.GARP.LowerPrioDelay,
	} {
		if want := time.Duration(7200+k) * time.Second; got != want {
			t.Errorf("time %d is %v", k, got)
		}
	}
	_, diags, err := load.Convert("k.toml", config.Keepalived, memory(map[string]string{"k.toml": tomlInstance("garp_master_delay = 7200")}))
	if err == nil || errors.Is(err, load.ErrNotSame) || !has(diags, "bad-value", config.Warning) {
		t.Errorf("converted: %v, %v", err, diags)
	}
	_, diags = conf(instance("garp_master_delay 7200"))
	if config.TestExit(diags) != 5 {
		t.Errorf("keepalived.conf: %v", diags)
	}
}

// TestConvertVRF: whoever converts for keepalived learns that it refuses what
// the text says.
func TestConvertVRF(t *testing.T) {
	text := "[vrrp_instance.A]\nvrf = \"blue\"\nvirtual_router_id = 1\nunicast_peer = [\"10.0.0.3\"]\nvirtual_ipaddress = [\"10.0.0.1 dev eth0\"]\n"
	c, diags, err := load.Convert("k.toml", config.Keepalived, memory(map[string]string{"k.toml": text}))
	if err != nil || !slices.Equal(c.Refused, []string{"vrrp_instance A: it has a vrf and no interface"}) {
		t.Errorf("%v, %v, %+v", err, diags, c)
	}
	c, _, err = load.Convert("k.toml", config.Keepalived, memory(map[string]string{"k.toml": tomlInstance("")}))
	if err != nil || len(c.Refused) > 0 {
		t.Errorf("%v, %+v", err, c)
	}
}

// TestStrayBrace: a brace of no block is reported, and what closes it, each once.
func TestStrayBrace(t *testing.T) {
	_, diags := conf("{\nglobal_defs {\n}\n}\n" + instance(""))
	var got []string
	for _, d := range diags {
		if d.Class != config.ClassNone {
			got = append(got, d.Pos.String()+" "+d.ID)
		}
	}
	if want := []string{"k.conf:1:1 unexpected-brace", "k.conf:4:1 unknown-keyword"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
