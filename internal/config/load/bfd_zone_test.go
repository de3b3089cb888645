package load_test

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/config/load"
)

// TestLinkLocalBFD: a link-local neighbour has its interface behind it, which
// keepalived 2.2.7 refuses; without one it takes the address and cannot send.
func TestLinkLocalBFD(t *testing.T) {
	for _, tc := range []struct{ address, want, finding string }{
		{"fe80::1%eth0", "fe80::1%eth0", ""},
		{"fe80::1%eth7", "fe80::1%eth7", "neighbor_ip: eth7 does not exist"},
		{"fe80::1", "fe80::1", "packets cannot be sent without an interface behind it, fe80::1%eth0"},
		{"2001:db8::1%eth0", "", "is not an IP address"},
		{"fe80::1%a-name-that-is-too-long", "", "is not an IP address"},
		{"fe80::1%", "", "is not an IP address"},
		{"192.0.2.1", "192.0.2.1", ""},
	} {
		for lang, text := range map[string]string{
			"k.conf": "bfd_instance B {\n hoplimit 255\n neighbor_ip " + tc.address + "\n}\n" + instance(""),
			"k.toml": "[bfd_instance.B]\nneighbor_ip = \"" + tc.address + "\"\n[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\nvirtual_ipaddress = [\"10.0.0.1\"]\n",
		} {
			cfg, diags := load.Load(lang, memory(map[string]string{lang: text}))
			got := ""
			if cfg != nil && len(cfg.BFDInstances) == 1 {
				got = cfg.BFDInstances[0].Neighbor.String()
			}
			if got != tc.want && !(lang == "k.toml" && tc.finding != "" && cfg == nil) || !strings.Contains(fmt.Sprint(diags), tc.finding) {
				t.Errorf("%s: %s: %q, %v", lang, tc.address, got, diags)
			}
		}
	}
}
