package load_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// TestLanguagesAgree decodes the same configuration from both languages. Where
// their defaults differ the text says it.
func TestLanguagesAgree(t *testing.T) {
	const conf = `global_defs {
 lvs_follow_vrrp auto
 lvs_timeouts tcp 100
 vrrp_garp_master_refresh 60
 vrrp_higher_prio_send_advert
}
vrrp_script chk {
 script "/bin/true 'a b'"
 weight -20
}
vrrp_instance VI_1 {
 interface eth0
 virtual_router_id 51
 priority 150
 version 3
 advert_int 0.25
 virtual_ipaddress {
  192.0.2.10/24 label eth0:1 no_track
  192.0.2.11/24
 }
 track_script {
  chk weight 5
 }
 notify_master "/bin/echo 'a b' c"
}
virtual_server 192.0.2.10 80 {
 lb_algo rr
 lb_kind DR
 protocol TCP
 persistence_timeout 50
 sorry_server 127.0.0.1 80
 quorum 2
 real_server 198.51.100.1 80 {
  weight 2
  HTTP_GET {
   url {
    path /
    status_code 200-204
   }
  }
  TCP_CHECK {
  }
 }
}
`
	const toml = `[[virtual_server]]
ip = "192.0.2.10"
port = 80
lb_algo = "rr"
lb_kind = "DR"
protocol = "TCP"
persistence_timeout = 50
sorry_server = { ip = "127.0.0.1", port = 80 }
quorum = 2

[[virtual_server.real_server]]
ip = "198.51.100.1"
port = 80
weight = 2
[[virtual_server.real_server.HTTP_GET]]
[[virtual_server.real_server.HTTP_GET.url]]
path = "/"
status_code = "200-204"
[[virtual_server.real_server.TCP_CHECK]]

[vrrp_instance.VI_1]
interface = "eth0"
virtual_router_id = 51
priority = 150
version = 3
advert_int = "250ms"
virtual_ipaddress = [{ ip = "192.0.2.10/24", label = "eth0:1", no_track = true }, "192.0.2.11/24"]
track_script = ["chk weight 5"]
notify_master = "/bin/echo 'a b' c"

[vrrp_script.chk]
script = "/bin/true 'a b'"
weight = -20

[global_defs]
lvs_timeouts = { tcp = 100 }
`
	o := memory(map[string]string{"k.conf": conf, "k.toml": toml})
	a, diags := load.Load("k.conf", o)
	if a == nil {
		t.Fatal(diags)
	}
	b, diags := load.Load("k.toml", o)
	if b == nil {
		t.Fatal(diags)
	}
	// keepalived.conf and TOML differ in one default that no keyword sets.
	for _, s := range b.VirtualServers {
		for _, r := range s.RealServers {
			for k := range r.Checkers() {
				r.Checkers()[k].VerifyTLS = false
			}
		}
	}
	a.Files, b.Files = nil, nil
	if diff := cmp.Diff(a, b, addrs); diff != "" {
		t.Error(diff)
	}
}

// TestTOMLIsStrict looks at mistakes that keepalived.conf may have.
func TestTOMLIsStrict(t *testing.T) {
	const good = "[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\nvirtual_ipaddress = [\"192.0.2.1\"]\n"
	tests := []struct{ text, id string }{
		{good + "piority = 5\n", "unknown-keyword"},
		{good + "priority = 300\n", "bad-value"},
		{good + "track_script = [\"nope\"]\n", "unknown-script"},
		{good + "unicast_src_ip = \"192.0.2.9\"\n", "no-peers"},
		{strings.Replace(good, "interface = \"eth0\"\n", "", 1), "no-interface"},
		{strings.Replace(good, "virtual_router_id = 1\n", "", 1), "no-vrid"},
	}
	for _, tc := range tests {
		cfg, diags := load.Load("k.toml", memory(map[string]string{"k.toml": tc.text}))
		if cfg != nil {
			t.Errorf("accepted: %s", tc.text)
		}
		found := false
		for _, d := range diags {
			found = found || d.ID == tc.id && d.Severity == config.Error && d.Pos.Line > 0
		}
		if !found {
			t.Errorf("no error %s: %v", tc.id, diags)
		}
	}
	if cfg, diags := load.Load("k.toml", memory(map[string]string{"k.toml": good})); cfg == nil || cfg.Global.LVSFollowVRRP != config.FollowAuto {
		t.Error(cfg, diags)
	}
}
