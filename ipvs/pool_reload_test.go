package ipvs

import (
	"fmt"
	"slices"
	"testing"
)

func TestPoolReload(t *testing.T) {
	tests := []struct {
		name        string
		before      VirtualServer
		steps       []string
		after       []VirtualServer
		want        string // table | events
		then        string // a step after it
		wantAfterIt string
	}{
		{
			name: "nothing changed", before: vs(1, 2), steps: []string{"1 down"}, after: []VirtualServer{vs(1, 2)},
			want: "2=2 | ", then: "1 up", wantAfterIt: "1=1 2=2 | 1 up",
		},
		{name: "weights", before: vs(1, 2), steps: []string{"1 down"}, after: []VirtualServer{vs(5, 5)}, want: "2=5 | "},
		{
			name: "a server more and one less", before: vs(1, 2),
			after: []VirtualServer{vs(1, 2, 3).with(func(v *VirtualServer) { v.Servers = v.Servers[1:] })},
			want:  "2=2 3=3 | 1 down",
		},
		{name: "service removed", before: vs(1, 2), steps: []string{"1 down"}, want: " | 2 down, VS down"},
		{
			name: "a changed check of a down server", before: vs(1, 2), steps: []string{"1 down"},
			after: []VirtualServer{vs(1, 2).with(func(v *VirtualServer) { v.Servers[0].Checks = []Check{{ID: "z"}} })},
			want:  "1=1 2=2 | 1 up",
		},
		{
			name: "a changed check of an up server, alpha", before: vs(1).with(alpha), steps: []string{"1 up"},
			after: []VirtualServer{vs(1).with(func(v *VirtualServer) { v.Servers[0].Checks = []Check{{ID: "z", Alpha: true}} })},
			want:  "1=1 | ", then: "1z down", wantAfterIt: " | 1 down, VS down",
		},
		{
			name: "alpha taken from a server that is down", before: vs(1, 2).with(alpha), steps: []string{"1 down", "2 up"},
			after: []VirtualServer{vs(1, 2)}, want: "2=2 | ", then: "1 up", wantAfterIt: "1=1 2=2 | 1 up",
		},
		{
			name: "alpha taken from a server that nothing was seen of", before: vs(1).with(alpha),
			after: []VirtualServer{vs(1)}, want: "1=1 | 1 up, VS up", then: "1 down", wantAfterIt: " | 1 down, VS down",
		},
		{
			name: "alpha given to servers that are up and down", before: vs(1, 2), steps: []string{"1 down", "2 up"},
			after: []VirtualServer{vs(1, 2).with(alpha)}, want: "2=2 | ", then: "1 up", wantAfterIt: "1=1 2=2 | 1 up",
		},
		{
			name: "alpha given to a server that nothing was seen of", before: vs(1), after: []VirtualServer{vs(1).with(alpha)},
			want: "1=1 | ", then: "1 down", wantAfterIt: " | 1 down, VS down",
		},
		{
			name: "alpha taken, and one of two checks has failed", before: vs(1).with(second).with(alpha), steps: []string{"1 down"},
			after: []VirtualServer{vs(1).with(second)}, want: " | ", then: "1 up", wantAfterIt: "1=1 | 1 up, VS up",
		},
		{
			name: "alpha given to the check of a server that is down by another", before: vs(1).with(second), steps: []string{"1 down"},
			after: []VirtualServer{vs(1).with(second).with(alpha)}, want: " | ", then: "1 up", wantAfterIt: " | ",
		},
		{
			name: "alpha taken from one of two checks of which nothing was seen", before: vs(1).with(second).with(alpha), steps: []string{"1 up"},
			after: []VirtualServer{vs(1).with(second).with(func(v *VirtualServer) { v.Servers[0].Checks[1].Alpha = true })},
			want:  " | ", then: "1b up", wantAfterIt: "1=1 | 1 up, VS up",
		},
		{
			name: "sorry server added while down", before: vs(1), steps: []string{"1 down"},
			after: []VirtualServer{vs(1).with(sorry)}, want: "9=1 | VS down",
		},
		{
			name: "another sorry server while down", before: vs(1).with(sorry), steps: []string{"1 down"},
			after: []VirtualServer{vs(1).with(func(v *VirtualServer) { v.Sorry = &SorryServer{Destination: dest(8, 0)} })},
			want:  "8=1 | VS down",
		},
		{
			name: "sorry server removed while down", before: vs(1).with(sorry), steps: []string{"1 down"},
			after: []VirtualServer{vs(1)}, want: " | ",
		},
		{
			name: "inhibit_on_failure added while down", before: vs(1, 1), steps: []string{"1 down"},
			after: []VirtualServer{vs(1, 1).with(inhibit)}, want: "1=0 2=1 | ",
		},
		{
			name: "a quorum that would not be reached, but is not lost", before: vs(1, 1).with(sorry),
			after: []VirtualServer{vs(1, 1).with(sorry).with(quorum(2, 1))}, want: "1=1 2=1 | ",
		},
		{
			name: "a quorum that is lost", before: vs(1, 1).with(sorry), steps: []string{"1 down"},
			after: []VirtualServer{vs(1, 1).with(sorry).with(quorum(2, 0))}, want: "9=1 | VS down",
		},
		{
			name: "a weight that a check asked for stays", before: vs(4), steps: []string{"1 weight 7"},
			after: []VirtualServer{vs(5)}, want: "1=7 | ",
		},
		{
			name: "a failure that was told is not told again", before: vs(1).with(alpha), steps: []string{"1 down"},
			after: []VirtualServer{vs(2).with(alpha)}, want: " | ", then: "1 down", wantAfterIt: " | ",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := NewPool([]VirtualServer{tt.before})
			for _, s := range tt.steps {
				step(t, p, s)
			}
			events := p.Reload(len(tt.after), slices.Values(tt.after))
			if got := show(p) + " | " + lines(events); got != tt.want {
				t.Errorf("after the reload: %q, want %q", got, tt.want)
			}
			if tt.then == "" {
				return
			}
			events = step(t, p, tt.then)
			if got := show(p) + " | " + lines(events); got != tt.wantAfterIt {
				t.Errorf("after %q: %q, want %q", tt.then, got, tt.wantAfterIt)
			}
		})
	}
}

// TestReloadSorryMethod: a sorry server gets the method of the new
// configuration, in use or not, and goes when it is no longer inhibited.
func TestReloadSorryMethod(t *testing.T) {
	tunnelled := func(method Method, inhibit bool) VirtualServer {
		return vs(1).with(sorry).with(func(v *VirtualServer) { v.Sorry.Method, v.Sorry.Inhibit = method, inhibit })
	}
	for _, steps := range [][]string{nil, {"1 down"}} {
		p, _ := NewPool([]VirtualServer{tunnelled(Tunnel, true)})
		for _, s := range steps {
			step(t, p, s)
		}
		p.Reload(1, slices.Values([]VirtualServer{tunnelled(Masquerade, true)}))
		e, _ := p.Entry(p.Services()[0])
		weight := uint32(len(steps))
		if d := e.Dests[len(e.Dests)-1]; d.DestKey != dest(9, 0).DestKey || d.Method != Masquerade || d.Weight != weight {
			t.Errorf("after %v: sorry server %+v, want NAT and weight %d", steps, d, weight)
		}
		p.Reload(1, slices.Values([]VirtualServer{tunnelled(Masquerade, false)}))
		want := map[bool]string{false: "1=1", true: "9=1"}[len(steps) > 0]
		if got := show(p); got != want {
			t.Errorf("after %v, not inhibited: %q, want %q", steps, got, want)
		}
	}
}

// TestReloadOfWhatWasLeft: a server that a predecessor left out of the table stays
// out when a reload takes alpha away, and one that it left there stays when alpha
// is given.
func TestReloadOfWhatWasLeft(t *testing.T) {
	past := func(*VirtualServer) *Past {
		return &Past{Servers: map[DestKey]PastServer{dest(1, 1).DestKey: {Up: true}, dest(2, 2).DestKey: {}}}
	}
	for _, alphas := range [][]func(*VirtualServer){{alpha, func(*VirtualServer) {}}, {func(*VirtualServer) {}, alpha}} {
		p, _ := ResumePool(1, slices.Values([]VirtualServer{vs(1, 2).with(alphas[0])}), past)
		for range 2 {
			events := p.Reload(1, slices.Values([]VirtualServer{vs(1, 2).with(alphas[1])}))
			if got := show(p) + " | " + lines(events); got != "1=1 | " {
				t.Errorf("after the reload: %q, want %q", got, "1=1 | ")
			}
		}
		events := step(t, p, "2 up")
		if got := show(p) + " | " + lines(events); got != "1=1 2=2 | 2 up" {
			t.Errorf("after the check: %q", got)
		}
	}
}

// Of a service that comes twice the first one counts, also where a later one is as
// before; one that is to stay and is not there is none. What is gone is told first, as
// it was configured, and while the pool asks for services it is the one before.
func TestReloadInOrder(t *testing.T) {
	at := func(n int, weight uint32) VirtualServer {
		return vs(weight).with(func(v *VirtualServer) { v.ServiceKey = MarkKey(INET, uint32(n)) })
	}
	told := func(events []Event) (out []string) {
		for _, e := range events {
			if !e.Real {
				out = append(out, fmt.Sprint(e.Service, " ", e.Up))
			}
		}
		return out
	}
	p, events := NewPool([]VirtualServer{at(3, 1), at(5, 1), at(1, 1), at(3, 9), at(2, 1)})
	if got, want := told(events), []string{"FWM 3 true", "FWM 5 true", "FWM 1 true", "FWM 2 true"}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	keys := func() (out []uint32) {
		for _, k := range p.Services() {
			e, _ := p.Entry(k)
			out = append(out, k.FWMark, e.Dests[0].Weight)
		}
		return out
	}
	before := []uint32{3, 1, 5, 1, 1, 1, 2, 1}
	events = p.Reload(5, func(yield func(VirtualServer) bool) {
		for _, v := range []VirtualServer{p.Unchanged(MarkKey(INET, 8)), at(4, 1), at(1, 2), p.Unchanged(MarkKey(INET, 1)), at(1, 7), p.Unchanged(MarkKey(INET, 4))} {
			if got := keys(); !slices.Equal(got, before) {
				t.Errorf("meanwhile the pool has marks and weights %v, want %v", got, before)
			}
			yield(v)
			if v.FWMark == 1 {
				before[5] = 2 // a service that both have is one
			}
		}
	})
	if got, want := told(events), []string{"FWM 3 false", "FWM 5 false", "FWM 2 false", "FWM 4 true"}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	if got, want := keys(), []uint32{4, 1, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("marks and weights %v, want %v", got, want)
	}
}
