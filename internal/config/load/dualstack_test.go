package load_test

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

const dual = `[vrrp_instance.VI_1]
interface = "eth0"
virtual_router_id = 51
priority = 150
unicast_src_ip = "192.0.2.1"
unicast_peer = ["2001:db8::2", "192.0.2.2"]
virtual_ipaddress = ["192.0.2.10/24", "fe80::10/64", "2001:db8::10/64"]
virtual_ipaddress_excluded = ["192.0.2.11/24", "2001:db8::11/64"]
notify_master = "/bin/true"
authentication = { auth_type = "PASS", auth_pass = "x" }
`

// TestDualStack reads a block of both families: two instances and a group.
func TestDualStack(t *testing.T) {
	read := func(text string) (*config.Config, []config.Diagnostic) {
		return load.Load("k.toml", memory(map[string]string{"k.toml": text}))
	}
	cfg, diags := read(dual)
	if cfg == nil || len(cfg.Instances) != 2 || len(cfg.SyncGroups) != 1 {
		t.Fatal(diags)
	}
	show := func(i *config.VRRPInstance) string {
		s := fmt.Sprintf("%s v%d/%d auth %d group %v src %v:", i.Name, i.Version, i.Family, i.AuthType, i.McastDstIP, i.UnicastSrcIP)
		for _, v := range append(i.VirtualIPAddress, i.VirtualIPAddressExcluded...) {
			s += " " + v.Prefix.String()
		}
		for _, p := range i.UnicastPeer {
			s += " to " + p.Addr.String()
		}
		return s
	}
	for k, want := range []string{
		"VI_1-ipv4 v2/4 auth 1 group 224.0.0.18 src 192.0.2.1: 192.0.2.10/24 192.0.2.11/24 to 192.0.2.2",
		"VI_1-ipv6 v3/6 auth 0 group ff02::12 src invalid IP: fe80::10/64 2001:db8::10/64 2001:db8::11/64 to 2001:db8::2",
	} {
		i := &cfg.Instances[k]
		if got := show(i); got != want || i.Notify.Master.Set() || i.Priority != 150 {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	g := cfg.SyncGroups[0]
	if g.Name != "VI_1" || fmt.Sprint(g.Members) != "[VI_1-ipv4 VI_1-ipv6]" || !g.Notify.Master.Set() || !g.TrackingWeight {
		t.Errorf("%+v", g)
	}

	// A group of the file takes both.
	cfg, diags = read(dual + "[vrrp_instance.VI_2]\ninterface = \"eth0\"\nvirtual_router_id = 52\nvirtual_ipaddress = [\"192.0.2.20\"]\n" +
		"[vrrp_sync_group.G]\ngroup = [\"VI_1\", \"VI_2\"]\n")
	if cfg == nil || len(cfg.SyncGroups) != 1 || fmt.Sprint(cfg.SyncGroups[0].Members) != "[VI_1-ipv4 VI_1-ipv6 VI_2]" {
		t.Fatal(diags)
	}
	if !cfg.Instances[0].Notify.Master.Set() || cfg.Instances[1].Notify.Master.Set() {
		t.Error("the scripts of a block in a group run for its IPv4 part, and once")
	}

	for change, want := range map[[2]string]string{
		{`"fe80::10/64", "2001:db8::10/64"`, `"192.0.2.12"`}: "2001:db8::2 is not of vrrp_instance VI_1's family (IPv4)",
		{`["2001:db8::2", "192.0.2.2"]`, `["192.0.2.2"]`}:    "vrrp_instance VI_1-ipv6: unicast without unicast_peer",
		{"[vrrp_instance.VI_1]", "[vrrp_instance.VI_1-ipv6]\ninterface = \"eth0\"\nvirtual_router_id = 9\nvirtual_ipaddress = [\"192.0.2.9\"]\n[vrrp_instance.VI_1]"}: "VI_1-ipv6 is defined already",
		{"notify_master", "version = 3\nnotify_master"}: "VI_1-ipv4: version 3 has no authentication",
	} {
		cfg, diags := read(strings.Replace(dual, change[0], change[1], 1))
		if cfg != nil || !strings.Contains(fmt.Sprint(diags), want) {
			t.Errorf("%q: %v", change[1], diags)
		}
	}
	// keepalived.conf keeps its rule.
	if cfg, diags := conf(instance(" virtual_ipaddress {\n 2001:db8::1\n }")); cfg == nil || len(cfg.Instances) != 1 || len(cfg.Instances[0].VirtualIPAddress) != 1 {
		t.Error(diags)
	}
}
