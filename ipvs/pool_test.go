package ipvs

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// vs is a virtual server of the scenarios: service 192.0.2.1, real servers
// 198.51.100.1, .2, … with the given weights and one check "a" each.
func vs(weights ...uint32) VirtualServer {
	v := VirtualServer{Service: service(1), Quorum: 1}
	for i, w := range weights {
		v.Servers = append(v.Servers, RealServer{Destination: dest(byte(i+1), w), Checks: []Check{{ID: "a"}}})
	}
	return v
}

func (v VirtualServer) with(f func(*VirtualServer)) VirtualServer {
	f(&v)
	return v
}

func alpha(v *VirtualServer) {
	for i := range v.Servers {
		for j := range v.Servers[i].Checks {
			v.Servers[i].Checks[j].Alpha = true
		}
	}
}

func inhibit(v *VirtualServer) {
	for i := range v.Servers {
		v.Servers[i].Inhibit = true
	}
}

func sorry(v *VirtualServer) { v.Sorry = &SorryServer{Destination: dest(9, 0)} }

func quorum(q, h uint32) func(*VirtualServer) {
	return func(v *VirtualServer) { v.Quorum, v.Hysteresis = q, h }
}

// show prints the wanted destinations as "1=1 2=0": last byte of the address
// and weight.
func show(p *Pool) string {
	var words []string
	for _, e := range p.Table() {
		for _, d := range e.Dests {
			words = append(words, fmt.Sprintf("%d=%d", d.Addr.As4()[3], d.Weight))
		}
	}
	return strings.Join(words, " ")
}

// lines prints events as "VS up", "1 down".
func lines(events []Event) string {
	var words []string
	for _, e := range events {
		name := "VS"
		if e.Real {
			name = strconv.Itoa(int(e.Server.Addr.As4()[3]))
		}
		state := " down"
		if e.Up {
			state = " up"
		}
		words = append(words, name+state)
	}
	return strings.Join(words, ", ")
}

// step is "1 up", "2 down", "1b down" (check b), "1 weight 5".
func step(t *testing.T, p *Pool, s string) []Event {
	t.Helper()
	words := strings.Fields(s)
	check := "a"
	if n := words[0]; n[len(n)-1] > '9' {
		check, words[0] = n[len(n)-1:], n[:len(n)-1]
	}
	n, err := strconv.Atoi(words[0])
	if err != nil {
		t.Fatalf("step %q: %v", s, err)
	}
	v := Verdict{Service: service(1).ServiceKey, Server: dest(byte(n), 0).DestKey, Check: check, Up: words[1] != "down", Weight: -1}
	if words[1] == "weight" {
		if v.Weight, err = strconv.Atoi(words[2]); err != nil {
			t.Fatalf("step %q: %v", s, err)
		}
	}
	return p.Verdict(v)
}

// The tables and events of these scenarios are those of keepalived 2.2.7 in
// the IPVS kernel, except where a comment says so.
func TestPool(t *testing.T) {
	twoChecks := func(v *VirtualServer) {
		v.Servers[0].Checks = append(v.Servers[0].Checks, Check{ID: "b"})
	}
	tests := []struct {
		name string
		vs   VirtualServer
		// transcript: "step -> table | events", the first step is "start".
		want string
	}{
		{"plain: in service before the first check", vs(1, 2), `
start -> 1=1 2=2 | VS up
1 up -> 1=1 2=2 |
1 down -> 2=2 | 1 down
2 down ->  | 2 down, VS down
1 up -> 1=1 | 1 up, VS up
2 up -> 1=1 2=2 | 2 up`},
		{"sorry server", vs(1, 2).with(sorry), `
start -> 1=1 2=2 | VS up
1 down -> 2=2 | 1 down
2 down -> 9=1 | 2 down, VS down
1 up -> 1=1 | 1 up, VS up`},
		{"inhibit_on_failure", vs(1, 2).with(sorry).with(inhibit), `
start -> 1=1 2=2 | VS up
1 down -> 1=0 2=2 | 1 down
2 down -> 1=0 2=0 9=1 | 2 down, VS down
2 up -> 1=0 2=2 | 2 up, VS up`},
		{"alpha with sorry server", vs(1, 2).with(sorry).with(alpha), `
start -> 9=1 | VS down
1 down -> 9=1 | 1 down
1 down -> 9=1 |
2 up -> 2=2 | 2 up, VS up
1 up -> 1=1 2=2 | 1 up`},
		{"alpha", vs(1, 2).with(alpha), `
start ->  |
1 up -> 1=1 | 1 up, VS up
2 down -> 1=1 | 2 down`},
		{"alpha with inhibit_on_failure", vs(1, 2).with(alpha).with(inhibit), `
start -> 1=0 2=0 |
1 up -> 1=1 2=0 | 1 up, VS up`},
		{"alpha, a server without checks", vs(3, 2).with(alpha).with(func(v *VirtualServer) { v.Servers[0].Checks = nil }), `
start -> 1=3 | VS up
2 up -> 1=3 2=2 | 2 up`},
		{"hysteresis", vs(1, 2, 2).with(quorum(3, 1)).with(sorry), `
start -> 1=1 2=2 3=2 | VS up
1 down -> 2=2 3=2 | 1 down
2 down -> 3=2 | 2 down
1 up -> 1=1 3=2 | 1 up
1 down -> 3=2 | 1 down
3 down -> 9=1 | 3 down, VS down
3 up -> 9=1 | 3 up
1 up -> 9=1 | 1 up
2 up -> 1=1 2=2 3=2 | 2 up, VS up`},
		{"quorum above the sum of weights is reduced", vs(1, 2).with(quorum(9, 0)).with(sorry), `
start -> 1=1 2=2 | VS up
1 down -> 9=1 | 1 down, VS down
1 up -> 1=1 2=2 | 1 up, VS up`},
		{"hysteresis is below the quorum; a sum that is never reached", vs(1, 3).with(quorum(3, 7)), `
start -> 1=1 2=3 |
1 down -> 2=3 | 1 down
2 down ->  | 2 down`},
		{"quorum not reached with a sorry server", vs(1, 2).with(quorum(3, 1)).with(sorry), `
start -> 9=1 | VS down
1 up -> 9=1 |
1 down -> 9=1 | 1 down`},
		{"loss of quorum without a sorry server leaves the others in", vs(1, 2).with(quorum(2, 0)), `
start -> 1=1 2=2 | VS up
2 down -> 1=1 | 2 down, VS down
2 up -> 1=1 2=2 | 2 up, VS up`},
		{"loss of quorum quiesces a live server with inhibit_on_failure", vs(1, 2).with(quorum(3, 0)).with(sorry).with(inhibit), `
start -> 1=1 2=2 | VS up
1 down -> 1=0 2=0 9=1 | 1 down, VS down
1 up -> 1=1 2=2 | 1 up, VS up`},
		{"all weights 0", vs(0, 0).with(sorry), `
start -> 9=1 | VS down
1 down -> 9=1 | 1 down
1 up -> 9=1 | 1 up`},
		{"sorry_server_inhibit", vs(1, 2).with(sorry).with(func(v *VirtualServer) { v.Sorry.Inhibit = true }), `
start -> 1=1 2=2 9=0 | VS up
1 down -> 2=2 9=0 | 1 down
2 down -> 9=1 | 2 down, VS down
2 up -> 2=2 9=0 | 2 up, VS up`},
		{"misc_dynamic", vs(4, 2).with(sorry), `
start -> 1=4 2=2 | VS up
1 weight 0 -> 1=0 2=2 |
2 weight 0 -> 9=1 | VS down
1 weight 100 -> 1=100 2=0 | VS up
1 down -> 9=1 | 1 down, VS down
1 weight 70000 -> 1=70000 2=0 | 1 up, VS up
1 up -> 1=4 2=0 |
2 up -> 1=4 2=2 |`},
		{"all checks of a server must be up", vs(1, 2).with(twoChecks), `
start -> 1=1 2=2 | VS up
1b down -> 2=2 | 1 down
1a up -> 2=2 |
1a down -> 2=2 |
1b up -> 2=2 |
1a up -> 1=1 2=2 | 1 up`},
		{"alpha: one failed check of two is told once", vs(1, 2).with(twoChecks).with(alpha), `
start ->  |
1a up ->  |
1b down ->  | 1 down
1a down ->  |
1a up ->  |
1b up -> 1=1 | 1 up, VS up`},
		{"the sorry server is a real server too", vs(1, 2).with(func(v *VirtualServer) {
			v.Sorry = &SorryServer{Destination: dest(1, 0), Inhibit: true}
		}), `
start -> 1=1 2=2 | VS up
2 down -> 1=1 | 2 down
1 down -> 1=1 | 1 down, VS down`},
		{"twice the same server counts once", vs(1, 2).with(func(v *VirtualServer) {
			v.Servers = append(v.Servers, v.Servers[0])
		}).with(quorum(4, 0)), `
start -> 1=1 2=2 | VS up
1 down -> 2=2 | 1 down, VS down`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got strings.Builder
			var p *Pool
			for _, line := range strings.Split(strings.TrimSpace(tt.want), "\n") {
				s, _, _ := strings.Cut(line, " -> ")
				var events []Event
				if s == "start" {
					p, events = NewPool([]VirtualServer{tt.vs})
				} else {
					events = step(t, p, s)
				}
				fmt.Fprintf(&got, "\n%s -> %s |%s", s, show(p), strings.TrimRight(" "+lines(events), " "))
			}
			if diff := cmp.Diff(tt.want, got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPoolStop(t *testing.T) {
	omega := func(v *VirtualServer) { v.Omega = true }
	p, _ := NewPool([]VirtualServer{vs(1, 2).with(omega)})
	step(t, p, "1 down")
	if got := lines(p.Stop()); got != "VS down, 2 down" {
		t.Errorf("with omega: %q", got)
	}
	p, _ = NewPool([]VirtualServer{vs(1, 2)})
	if got := lines(p.Stop()); got != "" {
		t.Errorf("without omega: %q", got)
	}
}

func TestEventString(t *testing.T) {
	server := dest(1, 1).DestKey
	for want, e := range map[string]Event{
		"VS [192.0.2.1]:tcp:80 UP": {Service: service(1).ServiceKey, Up: true},
		"VS FWM 1 DOWN":            {Service: MarkKey(INET, 1)},
		"RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN":    {Service: service(1).ServiceKey, Server: server, Real: true},
		"RS [198.51.100.1]:udp:80 [2001:db8::1]:udp:53 UP":    {Service: AddrKey(UDP, netip.MustParseAddr("2001:db8::1"), 53), Server: server, Real: true, Up: true},
		"RS [198.51.100.1]:sctp:80 [2001:db8::1]:sctp:5 DOWN": {Service: AddrKey(SCTP, netip.MustParseAddr("2001:db8::1"), 5), Server: server, Real: true},
	} {
		if got := e.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPoolIgnoresStrangers(t *testing.T) {
	p, _ := NewPool([]VirtualServer{vs(1)})
	for _, v := range []Verdict{
		{Service: service(2).ServiceKey, Server: dest(1, 0).DestKey, Check: "a"},
		{Service: service(1).ServiceKey, Server: dest(2, 0).DestKey, Check: "a"},
		{Service: service(1).ServiceKey, Server: dest(1, 0).DestKey, Check: "nosuch"},
	} {
		if events := p.Verdict(v); events != nil {
			t.Errorf("%v: %v", v, events)
		}
	}
	if _, ok := p.State(service(2).ServiceKey); ok {
		t.Error("state of an unknown service")
	}
}

// Whatever comes, events alternate, a service that is up reaches what it has
// to keep, and the table holds exactly what should be in service.
func TestPoolInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) VirtualServer {
			v := vs(rapid.SliceOfN(rapid.Uint32Range(0, 3), 1, 4).Draw(t, label)...)
			v.Quorum = rapid.Uint32Range(0, 8).Draw(t, "quorum")
			v.Hysteresis = rapid.Uint32Range(0, 8).Draw(t, "hysteresis")
			if rapid.Bool().Draw(t, "sorry") {
				sorry(&v)
			}
			if rapid.Bool().Draw(t, "inhibit") {
				inhibit(&v)
			}
			if rapid.Bool().Draw(t, "alpha") {
				alpha(&v)
			}
			return v
		}
		v := draw("weights")
		p, events := NewPool([]VirtualServer{v})
		serviceUp := false
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			for _, e := range events {
				if e.Real {
					continue
				}
				if e.Up && serviceUp {
					t.Fatal("the service came up twice")
				}
				serviceUp = e.Up
			}
			s, _ := p.State(service(1).ServiceKey)
			if s.Up != serviceUp {
				t.Fatalf("service up %v, told %v", s.Up, serviceUp)
			}
			if s.Up && (s.Sum == 0 || s.Sum < s.Quorum-s.Hysteresis) {
				t.Fatalf("up with %d of %d-%d", s.Sum, s.Quorum, s.Hysteresis)
			}
			if !s.Up && s.Sum >= s.Quorum+s.Hysteresis {
				t.Fatalf("down with %d of %d+%d", s.Sum, s.Quorum, s.Hysteresis)
			}
			if s.Sorry && s.Up || !s.Up && !s.Sorry && v.Sorry != nil {
				t.Fatal("the sorry server is in when the service is up, or out when it is down")
			}
			e, _ := p.Entry(service(1).ServiceKey)
			for _, d := range e.Dests {
				if d.DestKey == dest(9, 0).DestKey {
					if !s.Sorry {
						t.Fatal("sorry server in the table of a service that is up")
					}
					continue
				}
				if s.Sorry && d.Weight != 0 {
					t.Fatal("a server takes connections beside the sorry server")
				}
			}
			if rapid.IntRange(0, 9).Draw(t, "what") == 0 {
				v = draw("new weights")
				events = p.Reload([]VirtualServer{v})
				continue
			}
			i := rapid.IntRange(0, len(v.Servers)-1).Draw(t, "server")
			events = p.Verdict(Verdict{
				Service: service(1).ServiceKey, Server: v.Servers[i].DestKey, Check: "a",
				Up: rapid.Bool().Draw(t, "up"), Weight: rapid.IntRange(-1, 4).Draw(t, "weight"),
			})
		}
	})
}
