package load_test

import (
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// TestOneErrorForOneFault: what follows from a mistake that is told is not told as
// another one.
func TestOneErrorForOneFault(t *testing.T) {
	const rest = "lb_algo = \"rr\"\nlb_kind = \"NAT\"\n[[virtual_server.real_server]]\nip = \"192.0.2.2\"\nport = 80\n[[virtual_server.real_server.TCP_CHECK]]\n"
	group := func(entries string) string {
		return entries + "\n[[virtual_server]]\ngroup = \"G\"\nprotocol = \"TCP\"\n" + rest
	}
	const address = "[[virtual_server]]\nip = \"192.0.2.1\"\nport = 80\n"
	for name, c := range map[string]struct{ text, want string }{
		"protocol of a mark":       {"[[virtual_server]]\nfwmark = 3\nprotocol = \"TCP\"\n" + rest, "k.toml:3:1: error: virtual_server FWM 3: a firewall mark stands for every protocol, and protocol has no effect (leave protocol out)"},
		"a mark":                   {"[[virtual_server]]\nfwmark = 3\n" + rest, ""},
		"group, another shape":     {group("[virtual_server_group.G]\nvirtual_server = [\"192.0.2.1 80\"]"), `k.toml:2:1: error: virtual_server_group has no argument "virtual_server"; it takes ip, port, fwmark, inet, inet6`},
		"group, its only address":  {group("[virtual_server_group]\nG = [\"192.0.2.1-300 80\"]"), "k.toml:2:7: error: virtual_server_group G: the end of range 192.0.2.1-300 is no address and no last part of one"},
		"group, one of its marks":  {group("[virtual_server_group]\nG = [\"192.0.2.1 80\", \"fwmark 0\"]"), "k.toml:2:23: error: virtual_server_group G: fwmark 0 is outside 1..4294967295"},
		"group, not there":         {group(""), "k.toml:2:1: error: virtual_server group G: there is no virtual_server_group G"},
		"group, nothing in it":     {group("[virtual_server_group]\nG = []"), "k.toml:2:1: error: virtual_server_group G: it has no entries"},
		"protocol, not one":        {address + "protocol = \"TCPX\"\n" + rest, "k.toml:4:13: error: protocol: 'TCPX' is not one of TCP UDP SCTP (did you mean TCP?)"},
		"protocol, another type":   {address + "protocol = [[6]]\n" + rest, "k.toml:4:"},
		"protocol, there is none":  {address + rest, "k.toml:1:1: error: virtual_server [192.0.2.1]:udp:80: protocol is missing"},
		"protocol, no such option": {address + "protocoll = \"TCP\"\n" + rest, "k.toml:4:1: error: unknown keyword 'protocoll' in virtual_server (did you mean protocol?)"},
	} {
		_, diags := load.Load("k.toml", load.Options{Files: func(string) ([]byte, error) { return []byte(c.text), nil }})
		var lines []string
		for _, d := range diags {
			if d.Severity == config.Error {
				lines = append(lines, d.String())
			}
		}
		if len(lines) > 1 || !strings.HasPrefix(strings.Join(lines, "\n"), c.want) || (c.want == "") != (len(lines) == 0) {
			t.Errorf("%s: %q, want %q", name, lines, c.want)
		}
	}
}
