package load_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config/load"
)

// TestOrderOfService: what real servers inherit of their virtual_server may
// stand below them.
func TestOrderOfService(t *testing.T) {
	const lines = `
 delay_loop 6
 lb_algo sh
 sh-port
 lb_kind TUN type gre
 protocol TCP
 persistence_timeout 50
 sorry_server 198.51.100.9 80
 weight 42
 inhibit_on_failure
 alpha
 quorum 50
 virtualhost www.example.org
 connect_timeout 2
 retry 4
 smtp_alert
`
	const servers = `
 real_server 198.51.100.1 80 {
  TCP_CHECK {
  }
 }
 real_server 198.51.100.2 80 {
  weight 3
  inhibit_on_failure false
  HTTP_GET {
   url {
    path /
   }
  }
 }
`
	read := func(block string) any {
		o := memory(map[string]string{"k.conf": "virtual_server 192.0.2.10 80 {" + block + "}\n"})
		cfg, diags := load.Load("k.conf", o)
		if cfg == nil {
			t.Fatal(diags)
		}
		return cfg.VirtualServers
	}
	above, below := read(lines+servers), read(servers+lines)
	if diff := cmp.Diff(above, below, addrs); diff != "" {
		t.Errorf("below the servers (-above +below):\n%s", diff)
	}
}
