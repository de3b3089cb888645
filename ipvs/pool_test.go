package ipvs

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// second gives every server a check "b" besides.
func second(v *VirtualServer) {
	for i := range v.Servers {
		v.Servers[i].Checks = append(v.Servers[i].Checks, Check{ID: "b"})
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
	if got := lines(p.Stop()); got != "2 down, VS down" {
		t.Errorf("with omega: %q", got)
	}
	p, _ = NewPool([]VirtualServer{vs(1, 2)})
	if got := lines(p.Stop()); got != "" {
		t.Errorf("without omega: %q", got)
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
