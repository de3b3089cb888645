package plan_test

import (
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/config/load"
	"holdfast/internal/daemon/plan"
	"holdfast/internal/daemon/role"
)

// TestNothingChangesOnTheWay: the daemon's configuration has been encoded, the
// one of a file has not. They are the same, for every keyword there is.
func TestNothingChangesOnTheWay(t *testing.T) {
	files, _ := filepath.Glob("../../../examples/*.conf")
	more, _ := filepath.Glob("../../../examples/*.toml")
	files = append(append(files, more...), "../../../docs/reference.toml")
	if len(files) < 3 {
		t.Fatal(files)
	}
	for _, file := range files {
		cfg, diags := load.Load(file, load.Options{NoKeyFiles: true})
		if cfg == nil {
			t.Fatal(file, diags)
		}
		encoded, err := role.Encode(cfg)
		if err != nil {
			t.Fatal(err)
		}
		back, err := role.Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if p := plan.Make(back, cfg, nil, nil, true); !p.Empty() || len(p.Routers) > 0 {
			t.Errorf("%s: %+v", file, p.Items)
		}
	}
	text := "vrrp_track_process p {\n process x\n}\nvrrp_script s {\n script /bin/true\n}\n" +
		"vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n"
	cfg, diags := load.Load("k.conf", load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	if cfg == nil {
		t.Fatal(diags)
	}
	encoded, _ := role.Encode(cfg)
	back, err := role.Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if p := plan.Make(back, cfg, nil, nil, true); !p.Empty() {
		t.Errorf("%s\n%+v", strings.ReplaceAll(text, "\n", ";"), p.Items)
	}
}
