package starter

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config"
	"holdfast/internal/config/keepalived"
	"holdfast/internal/config/load"
)

func answers() Answers {
	return Answers{RouterID: "lvs1", Interface: "eth0", VIP: netip.MustParsePrefix("192.0.2.10/24"), VRID: 51, First: true}
}

// read loads text without a word of complaint.
func read(t *testing.T, name, text string) *config.Config {
	t.Helper()
	c, diags := load.Load(name, load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	if c == nil || len(diags) > 0 {
		t.Fatalf("%s: %v\n%s", name, diags, text)
	}
	return c
}

// TestBothLanguagesSayTheSame writes every kind of configuration in both
// languages and reads them: no finding, and the same routers and services.
func TestBothLanguagesSayTheSame(t *testing.T) {
	peer := answers()
	peer.First, peer.Peer, peer.Source = false, netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.1")
	served := answers()
	served.Port, served.Servers = 80, []netip.Addr{netip.MustParseAddr("192.0.2.21"), netip.MustParseAddr("192.0.2.22")}
	for name, a := range map[string]Answers{"multicast": answers(), "unicast": peer, "servers": served} {
		t.Run(name, func(t *testing.T) {
			conf, err := Keepalived(a)
			if err != nil {
				t.Fatal(err)
			}
			text, err := TOML(a)
			if err != nil {
				t.Fatal(err)
			}
			k, o := read(t, "k.conf", conf), read(t, "h.toml", text)
			if d := cmp.Diff(k.VirtualServers, o.VirtualServers, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
				t.Error(d)
			}
			if len(k.Instances) != 1 || len(k.VirtualServers) != min(len(a.Servers), 1) {
				t.Errorf("%d routers, %d services", len(k.Instances), len(k.VirtualServers))
			}
			x, y := k.Instances[0], o.Instances[0]
			if x.Priority != y.Priority || int(x.Priority) != a.Priority() || x.Interface != y.Interface || x.VirtualRouterID != y.VirtualRouterID ||
				len(x.UnicastPeer) != len(y.UnicastPeer) || x.VirtualIPAddress[0].Prefix != a.VIP || y.VirtualIPAddress[0].Prefix != a.VIP {
				t.Errorf("keepalived.conf %+v\nTOML %+v", x, y)
			}
			if laid, err := keepalived.Format(conf); err != nil || laid != conf {
				t.Errorf("not laid out as holdfast fmt does it: %v", err)
			}
		})
	}
}

func TestWrongAnswers(t *testing.T) {
	tests := map[string]func(*Answers){
		"interface":  func(a *Answers) { a.Interface = "eth0 {" },
		"is missing": func(a *Answers) { a.VIP = netip.Prefix{} },
		"be IPv4":    func(a *Answers) { a.VIP = netip.MustParsePrefix("2001:db8::1/64") },
		"1..255":     func(a *Answers) { a.VRID = 256 },
		"own":        func(a *Answers) { a.Peer = netip.MustParseAddr("192.0.2.1"); a.Source = a.Peer },
		"like the":   func(a *Answers) { a.Peer = netip.MustParseAddr("2001:db8::2") },
		"1..65535":   func(a *Answers) { a.Servers = []netip.Addr{netip.MustParseAddr("192.0.2.21")} },
	}
	for want, change := range tests {
		a := answers()
		change(&a)
		if _, err := TOML(a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want …%s…", err, want)
		}
	}
}
