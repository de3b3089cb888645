package daemon

import (
	"net/netip"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/daemon/role"
)

// The vrrp process has to know which addresses have a service, by groups too.
func TestWithoutServersKeepsWhereServicesAre(t *testing.T) {
	cfg := &config.Config{
		VirtualServers: []config.VirtualServer{
			{Addr: netip.MustParseAddr("192.0.2.1"), Port: 80, RealServers: make([]config.RealServer, 3)},
			{Group: "web", RealServers: make([]config.RealServer, 3)},
		},
		ServiceGroups: []config.VirtualServerGroup{{Name: "web"}},
	}
	enc, err := encodeWithoutServers(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c, err := role.Decode(enc)
	if err != nil {
		t.Fatal(err)
	}
	if c.VirtualServers[0].Addr != cfg.VirtualServers[0].Addr || c.VirtualServers[1].Group != "web" || len(c.ServiceGroups) != 1 {
		t.Errorf("left out: %+v", c)
	}
	if c.VirtualServers[0].RealServers != nil || cfg.VirtualServers[0].RealServers == nil {
		t.Error("real servers are kept, or those of the configuration are gone")
	}
}
