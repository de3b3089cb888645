package ipvs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// configure is NewPool or Reload.
func (w *world) configure(v VirtualServer) {
	before := w.vs
	w.vs = v
	known := map[DestKey]bool{}
	for _, r := range before.Servers {
		known[r.DestKey] = true
	}
	checks, orders := w.checks, w.orders
	w.checks, w.orders = map[DestKey]map[string]verdictOf{}, map[DestKey]*[sources]Order{}
	heard := map[DestKey]standing{}
	for _, r := range v.Servers {
		k := r.DestKey
		wasUp := known[k]
		for _, c := range checks[k] {
			wasUp = wasUp && c.up
		}
		w.checks[k] = map[string]verdictOf{}
		for _, c := range r.Checks {
			st := verdictOf{up: !c.Alpha || wasUp, weight: -1}
			st.alpha = c.Alpha
			if old, ok := checks[k][c.ID]; ok && known[k] && (old.said || old.alpha == c.Alpha) {
				st = old
				st.alpha = c.Alpha
			}
			w.checks[k][c.ID] = st
		}
		w.orders[k] = &[sources]Order{}
		w.orders[k][ByConfig] = r.Order
		if known[k] {
			config := orders[k][ByConfig]
			*w.orders[k] = *orders[k]
			if w.orders[k][ByConfig] = r.Order; config.Action == r.Order.Action {
				w.orders[k][ByConfig] = config
			}
			heard[k] = w.heard[k]
		} else {
			o := w.all
			o.Done = o.Action == Drain // a new server has no connections
			w.orders[k][ByService] = o
			heard[k] = w.standing(k)
			w.unheard[k] = heard[k] == down
		}
	}
	gone := w.heard
	w.heard = heard
	var events []Event
	given := v
	given.Servers = slices.Clone(v.Servers)
	if w.pool == nil {
		w.pool, events = NewPool([]VirtualServer{given})
	} else {
		events = w.pool.Reload(1, slices.Values([]VirtualServer{given}))
	}
	clear(given.Servers)     // the pool has its own
	for k, s := range gone { // a server that is gone is told down, once, if it was in service
		if _, stays := heard[k]; !stays {
			w.heard[k] = s
			defer delete(w.heard, k)
		}
	}
	w.hear(events)
	for k := range gone {
		if _, stays := heard[k]; !stays && w.heard[k] != down {
			w.Fatalf("server %v is gone, and nobody was told", k)
		}
	}
}

// hear takes events; each has to be news.
func (w *world) hear(events []Event) {
	for _, e := range events {
		if e.Service != key1() {
			w.Fatalf("event of a strange service: %+v", e)
		}
		if !e.Real {
			if e.Up == w.service && !(e.Sorry && !e.Up) {
				w.Fatalf("the service is told %v twice", e.Up)
			}
			w.service = e.Up
			continue
		}
		was, is := w.heard[e.Server], down
		switch {
		case e.Up:
			is = up
		case e.Drain:
			is = draining
		}
		if e.Drain && is == up && was != draining || !e.Drain && is == up && was != down {
			w.Fatalf("server %v comes up as if it was not %d: %+v", e.Server, was, e)
		}
		if was == is && !(is == down && w.unheard[e.Server]) {
			w.Fatalf("server %v: %+v is no news", e.Server, e)
		}
		w.heard[e.Server], w.unheard[e.Server] = is, false
	}
}

// step does something that can happen.
func (w *world) step() {
	what := rapid.IntRange(0, 11).Draw(w.T, "what")
	if what == 0 {
		w.configure(drawService(w.T))
		return
	}
	if what == 1 {
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 12).Draw(w.T, "seconds")) * time.Second)
		events, _, next := w.pool.Advance(w.now)
		if !next.IsZero() && !next.After(w.now) {
			w.Fatalf("due again at %v, which is not after %v", next, w.now)
		}
		for _, r := range w.vs.Servers {
			if o := w.inForce(r.DestKey); o.Action == Drain && !o.Done && !o.Deadline.IsZero() && !w.now.Before(o.Deadline) {
				o.Done = true
			}
		}
		w.hear(events)
		return
	}
	if len(w.vs.Servers) == 0 {
		return
	}
	r := rapid.SampledFrom(w.vs.Servers).Draw(w.T, "server")
	if what == 2 {
		if o := w.strongest(r.DestKey); o.Action == Drain && !o.Done && (w.alive(r.DestKey) || r.Inhibit) {
			w.inForce(r.DestKey).Done = true
		}
		w.hear(w.pool.Drained(key1(), r.DestKey, w.now))
		return
	}
	if what < 6 {
		o := Order{Action: Action(rapid.IntRange(0, int(Disable)).Draw(w.T, "action"))}
		switch o.Action {
		case Weigh:
			o.Weight = rapid.Uint32Range(0, 30).Draw(w.T, "ordered weight")
		case Drain:
			if s := rapid.IntRange(0, 9).Draw(w.T, "deadline"); s > 0 {
				o.Deadline = w.now.Add(time.Duration(s) * time.Second)
			}
		}
		src := Source(rapid.IntRange(int(ByService), int(ByFile)).Draw(w.T, "source"))
		if src == ByService {
			w.all = o
			for _, r := range w.vs.Servers {
				w.give(src, r.DestKey, o)
			}
		} else {
			w.give(src, r.DestKey, o)
		}
		w.hear(w.pool.Order(src, key1(), r.DestKey, o, w.now))
		return
	}
	if len(r.Checks) == 0 {
		return
	}
	c := rapid.SampledFrom(r.Checks).Draw(w.T, "check")
	v := verdictOf{up: rapid.Bool().Draw(w.T, "up"), said: true, weight: rapid.IntRange(-1, 30).Draw(w.T, "given weight")}
	old, asked := w.checks[r.DestKey][c.ID], v.weight
	if !v.up {
		v.weight = old.weight
	}
	w.checks[r.DestKey][c.ID] = v
	w.hear(w.pool.Verdict(Verdict{Service: key1(), Server: r.DestKey, Check: c.ID, Up: v.up, Weight: asked, At: w.now}))
}

// check compares the pool with what must hold.
func (w *world) check() {
	s, _ := w.pool.State(key1())
	var sum, total uint64
	for _, r := range w.vs.Servers {
		total += uint64(r.Weight)
		if w.standing(r.DestKey) == up {
			sum += uint64(w.weight(r))
		}
		if told := w.heard[r.DestKey]; told != w.standing(r.DestKey) {
			w.Fatalf("server %v is %d, and %d was told", r.DestKey, w.standing(r.DestKey), told)
		}
	}
	quorum := max(min(uint64(w.vs.Quorum), total), 1)
	hysteresis := min(uint64(w.vs.Hysteresis), quorum-1)
	switch {
	case s.Sum != sum || s.Quorum != quorum || s.Hysteresis != hysteresis:
		w.Fatalf("weight %d, quorum %d, hysteresis %d; want %d, %d, %d", s.Sum, s.Quorum, s.Hysteresis, sum, quorum, hysteresis)
	case s.Up != w.service:
		w.Fatalf("up %v, and %v was told", s.Up, w.service)
	case s.Up && (sum == 0 || sum < quorum-hysteresis):
		w.Fatalf("up with %d of %d-%d", sum, quorum, hysteresis)
	case !s.Up && sum >= quorum+hysteresis:
		w.Fatalf("down with %d of %d+%d", sum, quorum, hysteresis)
	case s.Sorry != (!s.Up && w.vs.Sorry != nil):
		w.Fatalf("sorry server in %v, up %v", s.Sorry, s.Up)
	}
	e, _ := w.pool.Entry(key1())
	have := map[DestKey]Destination{}
	for _, d := range e.Dests {
		have[d.DestKey] = d
	}
	sorry := DestKey{}
	if w.vs.Sorry != nil {
		sorry = w.vs.Sorry.DestKey
		d, in := have[sorry]
		if s.Sorry && (!in || d.Weight != 1) {
			w.Fatalf("the service is down without its sorry server: %v", e.Dests)
		}
	}
	for _, r := range w.vs.Servers {
		d, in := have[r.DestKey]
		delete(have, r.DestKey)
		if r.DestKey == sorry && (s.Sorry || w.vs.Sorry.Inhibit) {
			continue // in service as the sorry server
		}
		switch at := w.standing(r.DestKey); {
		case w.out(r.DestKey):
			if in {
				w.Fatalf("server %v is in the table: %v", r.DestKey, e.Dests)
			}
		case at == up && !s.Sorry:
			whole := w.weight(r)
			if !in || d.Weight > whole || d.Weight == 0 && whole > 0 || r.SlowStart == 0 && d.Weight != whole {
				w.Fatalf("server %v has %d of weight %d", r.DestKey, d.Weight, whole)
			}
		case in && d.Weight > 0:
			w.Fatalf("server %v that is dead, drains or waits beside the sorry server takes connections: %v", r.DestKey, e.Dests)
		case in != (at == draining || r.Inhibit):
			w.Fatalf("server %v in the table at weight 0: %v", r.DestKey, in)
		}
	}
	if d, in := have[sorry]; in && sorry != (DestKey{}) && d.Weight > 0 != s.Sorry {
		w.Fatalf("sorry server: %v", e.Dests)
	}
	delete(have, sorry)
	if len(have) > 0 {
		w.Fatalf("strangers in the table: %v", have)
	}
	w.apply()
}

// apply does to the kernel's table what the plan says, one operation at a time:
// additions come first, and servers take connections all the while if they do
// before and after.
func (w *world) apply() {
	want := w.pool.Table()
	taking := func(t Table) bool {
		return len(t) == 1 && slices.ContainsFunc(t[0].Dests, func(d Destination) bool { return d.Weight > 0 })
	}
	always := taking(w.table) && taking(want)
	var k Fake
	k.table = w.table.Clone()
	deleted := false
	for _, op := range Plan(w.table, want, nil) {
		if err := k.Change(op); err != nil {
			w.Fatalf("%v: %v", op, err)
		}
		deleted = deleted || op.Kind == DelDest
		if deleted && op.Kind != DelDest {
			w.Fatalf("%v after a deletion", op)
		}
		if always && !taking(k.table) {
			w.Fatalf("after %q no server takes connections:\n%s", op, k.table)
		}
	}
	if !k.table.Equal(want) {
		w.Fatalf("the plan leads to\n%s, not to\n%s", k.table, want)
	}
	w.table = want
}

// Whatever is said to a pool, in whatever order: a service is up exactly when
// quorum and hysteresis say so, no dead, draining or disabled server takes
// connections, the sorry server does exactly while the service is down,
// everything is told once, and the kernel's table is never without servers on
// the way.
func TestPoolInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{T: t, now: time.Unix(1000, 0), heard: map[DestKey]standing{}, unheard: map[DestKey]bool{}}
		w.configure(drawService(t))
		w.check()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			w.step()
			w.check()
		}
		omega := w.pool.Stop()
		if len(omega) > 0 && !w.vs.Omega {
			t.Fatalf("told at the end: %v", fmt.Sprint(omega))
		}
		w.hear(omega)
		if w.vs.Omega {
			for k, s := range w.heard {
				if s != down {
					t.Fatalf("server %v is not told down at the end", k)
				}
			}
			if w.service {
				t.Fatal("the service is not told down at the end")
			}
		}
	})
}
