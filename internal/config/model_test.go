package config

import "testing"

// Settings of the kernel need an lvs process as services do, beside virtual
// routers, and are nothing to run by themselves.
func TestWhatIsToRun(t *testing.T) {
	profile := GlobalDefs{LVSProfile: []string{"director"}}
	for name, c := range map[string]struct {
		cfg        Config
		lvs, empty bool
	}{
		"nothing":                {Config{}, false, true},
		"a router":               {Config{Instances: []VRRPInstance{{}}}, false, false},
		"a router and a profile": {Config{Instances: []VRRPInstance{{}}, Global: profile}, true, false},
		"a profile":              {Config{Global: profile}, true, true},
		"a service":              {Config{VirtualServers: []VirtualServer{{}}}, true, false},
		"connection sync":        {Config{Global: GlobalDefs{LVSSyncDaemon: &LVSSyncDaemon{}}}, true, false},
	} {
		if lvs, empty := c.cfg.HasLVS(), c.cfg.Empty(); lvs != c.lvs || empty != c.empty {
			t.Errorf("%s: IPVS %v, nothing to run %v", name, lvs, empty)
		}
	}
}
