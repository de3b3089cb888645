package daemon

import (
	"net/netip"
	"strings"
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

// Connection sync needs both processes to change its role; whoever runs one is told.
func TestHalfADaemonSaysWhatItCannotSync(t *testing.T) {
	follows := &config.LVSSyncDaemon{Interface: "eth0", Instance: "VI_1"}
	for _, c := range []struct {
		name      string
		sync      *config.LVSSyncDaemon
		vrrp, lvs bool
		want      string
	}{
		{"both", follows, true, true, ""},
		{"-P", follows, true, false, "lvs_sync_daemon has no effect with -P: the lvs process runs it, and there is none"},
		{"-P without sync", nil, true, false, ""},
		{"-C", follows, false, true, "lvs_sync_daemon does not follow vrrp_instance VI_1 with -C, which runs none: it has the backup role"},
		{"-C, both roles always", &config.LVSSyncDaemon{Interface: "eth0"}, false, true, ""},
		{"-C, both roles beside an instance", &config.LVSSyncDaemon{Interface: "eth0", Instance: "VI_1", Both: true}, false, true, ""},
	} {
		cfg := &config.Config{Global: config.GlobalDefs{LVSSyncDaemon: c.sync}}
		r, err := newRunning(&Options{VRRP: c.vrrp, LVS: c.lvs}, cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.halved, "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
