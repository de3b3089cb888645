package load

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Of services that IPVS cannot tell apart the first one counts, wherever they stand
// among others; a group's are told apart by their order.
func TestServicesThatStandTwice(t *testing.T) {
	var text strings.Builder
	service := func(name string, weight int) {
		fmt.Fprintf(&text, "virtual_server %s {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 198.51.100.1 80 {\n weight %d\n }\n}\n", name, weight)
	}
	text.WriteString("virtual_server_group web {\n 192.0.2.200 80\n}\n")
	service("192.0.2.9 80", 1)
	service("fwmark 7", 1)
	for n := range 40 {
		service(fmt.Sprintf("192.0.2.%d 80", n), n+2)
	}
	service("192.0.2.9 81", 1)
	service("192.0.2.9 80", 99)
	service("fwmark 7", 99)
	service("group web", 1)
	service("group web", 2)
	cfg, diags := Load("k.conf", Options{Files: func(string) ([]byte, error) { return []byte(text.String()), nil }})
	if cfg == nil {
		t.Fatal(diags)
	}
	if n := len(cfg.VirtualServers); n != 47-3 {
		t.Errorf("%d services", n)
	}
	for i := range cfg.VirtualServers {
		if v := &cfg.VirtualServers[i]; v.RealServers[0].Weight == 99 || v.Port == 80 && v.Addr.String() == "192.0.2.9" && v.RealServers[0].Weight != 1 {
			t.Errorf("%v %d has weight %d", v.Addr, v.Port, v.RealServers[0].Weight)
		}
	}
	var lines []int
	for _, d := range diags {
		if d.ID == "duplicate-service" {
			if !strings.Contains(d.Text, "line ") {
				t.Errorf("%s", d.Text)
			}
			lines = append(lines, d.Pos.Line)
		}
	}
	if !slices.Equal(lines, []int{4 + 8*(2+9), 4 + 8*(2+40+1), 4 + 8*(2+40+2)}) {
		t.Errorf("found at %v", lines)
	}
}
