package load_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config/load"
)

func TestStickyMaster(t *testing.T) {
	for _, c := range []struct {
		name, lines, says string
		sticky            bool
		hold              time.Duration
	}{
		{"off", "", "", false, 5 * time.Second},
		{"on", "sticky_master\n", "", true, 5 * time.Second},
		{"hold-off", "sticky_master\nsticky_hold_off 0.5\n", "", true, 500 * time.Millisecond},
		{"off again", "sticky_master false\n", "", false, 5 * time.Second},
		{"owner", "sticky_master\npriority 255\n", "sticky_master does not go with priority 255", false, 5 * time.Second},
		{"strict", "sticky_master\nstrict_mode\n", "sticky_master does not go with strict mode", false, 5 * time.Second},
		{"too high", "sticky_master\npriority 250\n", "use one below 250", true, 5 * time.Second},
		{"nopreempt", "sticky_master\nnopreempt\n", "nopreempt adds nothing", true, 5 * time.Second},
		{"delay", "sticky_master\npreempt_delay 3\n", "preempt_delay does not go with sticky_master", true, 5 * time.Second},
		{"bad hold-off", "sticky_master\nsticky_hold_off 1001\n", "sticky_hold_off", true, 5 * time.Second},
	} {
		cfg, diags := conf(instance(c.lines))
		if cfg == nil {
			t.Fatalf("%s: %v", c.name, diags)
		}
		in := cfg.Instances[0]
		if in.StickyMaster != c.sticky || in.StickyHoldOff != c.hold || in.PreemptDelay != 0 {
			t.Errorf("%s: sticky %v, hold-off %v, delay %v", c.name, in.StickyMaster, in.StickyHoldOff, in.PreemptDelay)
		}
		if text := fmt.Sprint(diags); !strings.Contains(text, c.says) || c.says == "" && len(diags) > 0 {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

// unicast_fault_no_peer by itself means unicast, and without peers it holds in
// both languages.
func TestFaultNoPeer(t *testing.T) {
	const toml = "[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\nvirtual_ipaddress = [\"192.0.2.1\"]\n"
	for _, c := range []struct {
		file, text string
		want       bool
	}{
		{"k.conf", instance("unicast_fault_no_peer"), true},
		{"k.conf", instance("unicast_src_ip 192.0.2.9\nunicast_fault_no_peer"), true},
		{"k.conf", instance("unicast_peer {\n192.0.2.9\n}\nunicast_fault_no_peer"), false},
		{"k.conf", instance("unicast_src_ip 192.0.2.9"), false},
		{"k.toml", toml + "unicast_fault_no_peer = true\n", true},
		{"k.toml", toml + "unicast_src_ip = \"192.0.2.9\"\nunicast_fault_no_peer = true\n", true},
		{"k.toml", toml + "unicast_peer = [\"192.0.2.9\"]\nunicast_fault_no_peer = true\n", false},
	} {
		cfg, diags := load.Load(c.file, memory(map[string]string{c.file: c.text}))
		if cfg == nil || cfg.Instances[0].FaultNoPeer != c.want {
			t.Errorf("%q: %v %v", c.text, cfg, diags)
		}
	}
}

func TestOwnerIgnoreAdverts(t *testing.T) {
	for _, c := range []struct {
		global, lines string
		want          bool
	}{
		{"", "priority 255\n", false},
		{"vrrp_owner_ignore_adverts", "priority 255\n", true},
		{"vrrp_owner_ignore_adverts", "priority 255\nowner_ignore_adverts false\n", false},
		{"", "priority 255\nowner_ignore_adverts\n", true},
		{"vrrp_strict", "priority 255\n", true},
	} {
		cfg, diags := conf("global_defs {\n" + c.global + "\n}\n" + instance(c.lines))
		if cfg == nil || cfg.Instances[0].OwnerIgnoreAdverts != c.want {
			t.Errorf("%q, %q: not %v: %v", c.global, c.lines, c.want, diags)
		}
	}
}
