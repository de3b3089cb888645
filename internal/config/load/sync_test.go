package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// TestSyncOptions has the options of lvs_sync_daemon that keepalived does not
// know, in both languages.
func TestSyncOptions(t *testing.T) {
	want := &config.LVSSyncDaemon{Interface: "eth0", Instance: "A", ID: 1, Both: true, SyncPorts: 4}
	cfg, diags := conf("global_defs {\n lvs_sync_daemon eth0 A roles both sync_ports 4\n}\n" + instance(""))
	if cfg == nil {
		t.Fatal(diags)
	}
	if d := cmp.Diff(want, cfg.Global.LVSSyncDaemon, addrs); d != "" {
		t.Error(d)
	}
	text := "[global_defs]\nlvs_sync_daemon = { interface = \"eth0\", instance = \"A\", roles = \"both\", sync_ports = 4 }\n" +
		"[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\nvirtual_ipaddress = [\"192.0.2.10\"]\n"
	cfg, diags = load.Load("h.toml", load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	if cfg == nil {
		t.Fatal(diags)
	}
	if d := cmp.Diff(want, cfg.Global.LVSSyncDaemon, addrs); d != "" {
		t.Error(d)
	}
	for text, says := range map[string]string{
		"sync_ports 3":   "sync_ports: 3 is not a power of two",
		"sync_ports 128": "sync_ports: ",
		"roles some":     "roles 'some' is neither follow nor both",
	} {
		cfg, diags := conf("global_defs {\n lvs_sync_daemon eth0 A " + text + "\n}\n" + instance(""))
		if cfg == nil || !strings.Contains(fmt.Sprint(diags), says) {
			t.Errorf("%s: %v", text, diags)
		}
		if cfg != nil && (cfg.Global.LVSSyncDaemon.Both || cfg.Global.LVSSyncDaemon.SyncPorts != 0) {
			t.Errorf("%s: %+v", text, cfg.Global.LVSSyncDaemon)
		}
	}
}

// TestSyncPortsEnd: each thread has a port of its own, and they end at 65535.
func TestSyncPortsEnd(t *testing.T) {
	for text, ok := range map[string]bool{
		"port 65532 sync_ports 4": true, "port 65533 sync_ports 4": false, "port 65535": true, "sync_ports 64": true,
	} {
		_, diags := conf("global_defs {\n lvs_sync_daemon eth0 A " + text + "\n}\n" + instance(""))
		if got := !strings.Contains(fmt.Sprint(diags), "none above 65535"); got != ok {
			t.Errorf("%s: %v", text, diags)
		}
	}
}

// TestSyncOfInstance: the old form in an instance has the ID 0, not the VRID
// that the new one has. A peer's keepalived sends with it.
func TestSyncOfInstance(t *testing.T) {
	for text, want := range map[string]*config.LVSSyncDaemon{
		instance(" lvs_sync_daemon_interface eth0"):                                               {Interface: "eth0", Instance: "A"},
		"global_defs {\n lvs_sync_daemon eth0 A\n}\n" + instance(""):                              {Interface: "eth0", Instance: "A", ID: 1},
		"global_defs {\n lvs_sync_daemon eth0 inst A id 7\n}\n" + instance(""):                    {Interface: "eth0", Instance: "A", ID: 7},
		"global_defs {\n lvs_sync_daemon eth0\n}\n" + instance(""):                                {Interface: "eth0"},
		"global_defs {\n lvs_sync_daemon eth1\n}\n" + instance(" lvs_sync_daemon_interface eth0"): {Interface: "eth1"},
	} {
		cfg, diags := conf(text)
		if cfg == nil {
			t.Fatal(diags)
		}
		if d := cmp.Diff(want, cfg.Global.LVSSyncDaemon, addrs); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
	}
}
