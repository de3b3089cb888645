package ipvs

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A reload leaves servers where they are, takes the configuration of services that
// are unchanged from the pool itself, and gets the others in memory that is used
// again for the next one. Entries hold the pool's own lists. None of that shows: a pool whose servers come in another
// order at each reload, in memory of their own, says and does the same.
func TestReloadInPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []VirtualServer
		var in, anew *Pool
		var held Table // from before, and what it said
		var said string
		now := time.Unix(1000, 0)
		same := func(what string, a, b []Event) {
			for _, l := range [][]Event{a, b} {
				slices.SortFunc(l, func(x, y Event) int { return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
			}
			if !slices.Equal(a, b) {
				t.Fatalf("%s: told\n%v, and anew\n%v", what, a, b)
			}
			if held.String() != said {
				t.Fatalf("%s: an entry of before became\n%v, it was\n%v", what, held, said)
			}
			held = in.Table()
			said = held.String()
			if !in.Table().Equal(anew.Table()) {
				t.Fatalf("%s:\n%v, and anew\n%v", what, in.Table(), anew.Table())
			}
			_, _, next := in.Advance(now)
			if _, _, other := anew.Advance(now); !next.Equal(other) {
				t.Fatalf("%s: due at %v, and anew at %v", what, next, other)
			}
			for i := range list {
				a, _ := in.State(list[i].ServiceKey)
				b, _ := anew.State(list[i].ServiceKey)
				for _, s := range []*ServiceState{&a, &b} {
					slices.SortFunc(s.Servers, func(x, y ServerState) int { return x.Key.Compare(y.Key) })
				}
				if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
					t.Fatalf("%s:\n%s, and anew\n%s", what, x, y)
				}
			}
		}
		configure := func() {
			kept := map[ServiceKey]bool{}
			var next []VirtualServer
			for _, v := range list {
				switch rapid.IntRange(0, 3).Draw(t, "fate") {
				case 0: // goes
				case 1:
					kept[v.ServiceKey] = true
					next = append(next, v)
				default:
					w := drawWide(t)
					w.Service.ServiceKey = v.ServiceKey
					next = append(next, w)
				}
			}
			for n := range byte(3) {
				fresh := !slices.ContainsFunc(next, func(v VirtualServer) bool { return v.ServiceKey == service(n).ServiceKey })
				if fresh && rapid.Bool().Draw(t, "comes") {
					w := drawWide(t)
					w.Service.ServiceKey = service(n).ServiceKey
					delete(kept, w.ServiceKey)
					next = append(next, w)
				}
			}
			list = next
			shared := func(yield func(VirtualServer) bool) {
				var memory []RealServer
				for _, v := range list {
					if kept[v.ServiceKey] {
						init := v.InitNotifies
						v = in.Unchanged(v.ServiceKey)
						v.InitNotifies = init
					} else {
						memory = append(memory[:0], v.Servers...)
						v.Servers = memory
					}
					if !yield(v) {
						return
					}
				}
			}
			own := func(yield func(VirtualServer) bool) {
				for _, v := range list {
					v.Servers = slices.Clone(v.Servers)
					if turn := rapid.IntRange(0, max(len(v.Servers)-1, 0)).Draw(t, "turn"); turn > 0 {
						v.Servers = slices.Concat(v.Servers[turn:], v.Servers[:turn])
					}
					if !yield(v) {
						return
					}
				}
			}
			reload := func(p **Pool, seq iter.Seq[VirtualServer]) (events []Event) {
				if *p == nil {
					*p, events = ResumePool(len(list), seq, nil)
					return events
				}
				return (*p).Reload(len(list), seq)
			}
			same("reload", reload(&in, shared), reload(&anew, own))
		}
		configure()
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			what := rapid.IntRange(0, 9).Draw(t, "what")
			if what == 0 || len(list) == 0 {
				configure()
				continue
			}
			k := rapid.SampledFrom(list).Draw(t, "service").ServiceKey
			d := dest(byte(rapid.IntRange(1, 5).Draw(t, "server")), 0).DestKey
			switch {
			case what < 5:
				v := Verdict{
					Service: k, Server: d, Check: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "check"),
					Up: rapid.Bool().Draw(t, "up"), Weight: rapid.IntRange(-1, 30).Draw(t, "given weight"), At: now,
				}
				same("verdict", in.Verdict(v), anew.Verdict(v))
			case what < 7:
				o := Order{Action: Action(rapid.IntRange(0, int(Disable)).Draw(t, "action")), Weight: 7}
				if o.Action == Drain {
					o.Deadline = now.Add(5 * time.Second)
				}
				src := Source(rapid.IntRange(int(ByService), int(ByFile)).Draw(t, "source"))
				same("order", in.Order(src, k, d, o, now), anew.Order(src, k, d, o, now))
			case what < 8:
				same("drained", in.Drained(k, d, now), anew.Drained(k, d, now))
			default:
				now = now.Add(time.Duration(rapid.IntRange(1, 6).Draw(t, "seconds")) * time.Second)
				a, _, _ := in.Advance(now)
				b, _, _ := anew.Advance(now)
				same("time", a, b)
			}
		}
	})
}

// drawWide is drawService, now and then with so many servers that they are found
// by a map.
func drawWide(t *rapid.T) VirtualServer {
	v := drawService(t)
	if rapid.IntRange(0, 9).Draw(t, "wide") == 0 {
		for n := range byte(manyServers) {
			v.Servers = append(v.Servers, RealServer{Destination: dest(n+100, 1)})
		}
	}
	return v
}
