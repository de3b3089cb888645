package config_test

import (
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

func loadedTOML(t *testing.T, text string) (*config.Config, string) {
	t.Helper()
	c, diags := load.Load("k.toml", load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	var lines []string
	for _, d := range diags {
		lines = append(lines, d.String())
	}
	return c, strings.Join(lines, "\n")
}

// tomlService is a service with some keys; the server has a check.
func tomlService(keys string) string {
	return "[[virtual_server]]\nip = \"192.0.2.1\"\nport = 53\nlb_kind = \"NAT\"\n" + keys +
		"\n[[virtual_server.real_server]]\nip = \"198.51.100.1\"\nport = 53\n[[virtual_server.real_server.TCP_CHECK]]\nconnect_timeout = 3\n"
}

func TestSeveralProtocols(t *testing.T) {
	cfg, says := loadedTOML(t, strings.Replace(tomlService("lb_algo = \"rr\"\nops = true\nprotocol = [\"UDP\", \"tcp\", \"SCTP\"]"), "NAT", "DR", 1))
	if cfg == nil || len(cfg.VirtualServers) != 3 {
		t.Fatalf("%+v\n%s", cfg, says)
	}
	for i, want := range []uint8{17, 6, 132} {
		v := &cfg.VirtualServers[i]
		if v.Protocol != want || v.OnePacket != (want == 17) || len(v.RealServers) != 1 || len(v.RealServers[0].Checkers()) != 1 || v.RealServers[0].Checkers()[0].ConnectPort != 53 {
			t.Errorf("%d: %+v", i, v)
		}
	}
	if strings.Contains(says, "ops") {
		t.Errorf("findings:\n%s", says)
	}
	// What is wrong with a block of several protocols is said once.
	const group = "[virtual_server_group]\nG = [\"192.0.2.1 53\", \"fwmark 5\"]\n[[virtual_server]]\ngroup = \"G\"\nlb_algo = \"rr\"\nlb_kind = \"DR\"\nprotocol = [\"UDP\", \"TCP\", \"SCTP\"]\nreal_server = [{ip = \"198.51.100.1\", port = 53}]\n"
	_, says = loadedTOML(t, group)
	for _, text := range []string{"have no check", "go to the port of the service"} {
		if n := strings.Count(says, text); n != 1 {
			t.Errorf("%q is said %d times:\n%s", text, n, says)
		}
	}
	for _, bad := range []string{`["UDP", "UDP"]`, `["UDP", "ICMP"]`, `["TCP", "UDP", "SCTP", "TCP"]`} {
		if cfg, says := loadedTOML(t, tomlService("lb_algo = \"rr\"\nprotocol = "+bad)); !strings.Contains(says, "error") {
			t.Errorf("%s: %+v\n%s", bad, cfg, says)
		}
	}
	// keepalived looks at the first word only.
	cfg, says = loaded(t, "virtual_server 192.0.2.1 53 {\n lb_algo rr\n lb_kind NAT\n protocol UDP TCP\n"+real4+"}\n")
	if cfg == nil || len(cfg.VirtualServers) != 1 || cfg.VirtualServers[0].Protocol != 17 {
		t.Errorf("keepalived.conf: %+v\n%s", cfg, says)
	}
}

func TestFallbackFlag(t *testing.T) {
	const fallback, port = 0x08, 0x10
	for _, c := range []struct {
		keys  string
		flags uint32
	}{
		{`lb_algo = "sh"`, fallback},
		{`lb_algo = "mh"`, fallback},
		{"lb_algo = \"mh\"\nmh-fallback = false", 0},
		{"lb_algo = \"mh\"\nmh-port = true\nmh-fallback = true", fallback | port},
		{"mh-fallback = false\nmh-port = true\nlb_algo = \"mh\"", port},
		{`lb_algo = "wlc"`, 0},
		{"lb_algo = \"dh\"\nflag-1 = true", fallback},
	} {
		cfg, says := loadedTOML(t, tomlService("protocol = \"TCP\"\n"+c.keys))
		if cfg == nil || len(cfg.VirtualServers) != 1 || cfg.VirtualServers[0].SchedFlags != c.flags {
			t.Errorf("%s: %+v\n%s", c.keys, cfg, says)
		}
	}
	if _, says := loadedTOML(t, tomlService("protocol = \"TCP\"\nlb_algo = \"wlc\"\nsh-fallback = true")); !strings.Contains(says, "error") {
		t.Errorf("sh-fallback without sh: %s", says)
	}
	for algo, flags := range map[string]uint32{"sh": 0, "sh\n sh-fallback": fallback, "sh\n sh-fallback false": fallback} {
		cfg, says := loaded(t, "virtual_server 192.0.2.1 53 {\n lb_algo "+algo+"\n lb_kind NAT\n protocol TCP\n"+real4+"}\n")
		if cfg == nil || cfg.VirtualServers[0].SchedFlags != flags {
			t.Errorf("%s: %+v\n%s", algo, cfg, says)
		}
	}
}
