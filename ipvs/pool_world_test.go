package ipvs

import (
	"time"

	"pgregory.net/rapid"
)

// world is a pool and what a listener that hears all events and a kernel that
// is told all operations hold of it. It keeps by itself, in the simplest way,
// what was said to the pool.
type world struct {
	*rapid.T
	pool *Pool
	now  time.Time
	vs   VirtualServer

	checks map[DestKey]map[string]verdictOf // what each check said last
	orders map[DestKey]*[sources]Order
	all    Order // ByService

	heard   map[DestKey]standing
	unheard map[DestKey]bool // down from the start, and nobody was told
	service bool             // heard to be up
	table   Table            // of the kernel
}

type verdictOf struct {
	up, said bool // said: the check itself has; otherwise alpha has
	alpha    bool
	weight   int
}

func key1() ServiceKey { return service(1).ServiceKey }

func drawServer(t *rapid.T, n byte) RealServer {
	r := RealServer{Destination: dest(n, rapid.Uint32Range(0, 25).Draw(t, "weight")), Inhibit: rapid.Bool().Draw(t, "inhibit")}
	for _, id := range []string{"a", "b"}[:rapid.IntRange(0, 2).Draw(t, "checks")] {
		r.Checks = append(r.Checks, Check{ID: id, Alpha: rapid.Bool().Draw(t, "alpha")})
	}
	if rapid.Bool().Draw(t, "slow") {
		r.SlowStart = 10 * time.Second
	}
	if rapid.IntRange(0, 9).Draw(t, "drain") == 0 {
		r.Order = Order{Action: Drain}
	}
	return r
}

func drawService(t *rapid.T) VirtualServer {
	v := VirtualServer{
		Service: service(1), Quorum: rapid.Uint32Range(0, 40).Draw(t, "quorum"),
		Hysteresis: rapid.Uint32Range(0, 10).Draw(t, "hysteresis"), Omega: rapid.Bool().Draw(t, "omega"),
	}
	for n := range rapid.IntRange(1, 4).Draw(t, "servers") {
		if rapid.IntRange(0, 4).Draw(t, "leave out") > 0 {
			v.Servers = append(v.Servers, drawServer(t, byte(n+1)))
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "sorry") {
	case 1:
		v.Sorry = &SorryServer{Destination: dest(9, 0)}
	case 2:
		v.Sorry = &SorryServer{Destination: dest(9, 0), Inhibit: true}
	case 3:
		v.Sorry = &SorryServer{Destination: dest(1, 0)} // it may be a real server as well
	}
	return v
}

func (w *world) alive(k DestKey) bool {
	for _, v := range w.checks[k] {
		if !v.up {
			return false
		}
	}
	return true
}

// strongest is the order that counts.
func (w *world) strongest(k DestKey) Order {
	best, rank := Order{}, 0
	for _, o := range w.orders[k] {
		n := 0
		switch {
		case o.Action == Disable, o.Action == Drain && o.Done:
			n = 3
		case o.Action == Drain:
			n = 2
		case o.Action == Weigh:
			n = 1
		}
		if n >= rank && n > 0 {
			best, rank = o, n
		}
	}
	return best
}

// inForce is the order that counts, in its place: of equal ones the last.
func (w *world) inForce(k DestKey) *Order {
	best, last := w.strongest(k), 0
	for i, o := range w.orders[k] {
		if o == best {
			last = i
		}
	}
	return &w.orders[k][last]
}

func (w *world) out(k DestKey) bool {
	o := w.strongest(k)
	return o.Action == Disable || o.Action == Drain && o.Done
}

func (w *world) standing(k DestKey) standing {
	switch {
	case !w.alive(k) || w.out(k):
		return down
	case w.strongest(k).Action == Drain:
		return draining
	}
	return up
}

func (w *world) weight(r RealServer) uint32 {
	if o := w.strongest(r.DestKey); o.Action == Weigh {
		return o.Weight
	}
	n := int(r.Weight)
	for _, v := range w.checks[r.DestKey] {
		if v.weight >= 0 {
			n += v.weight - int(r.Weight)
		}
	}
	return uint32(max(n, 0))
}

func (w *world) give(src Source, k DestKey, o Order) {
	if w.orders[k] == nil {
		w.orders[k] = &[sources]Order{}
	}
	if o.Action == Drain && w.out(k) {
		o.Done = true
	}
	w.orders[k][src] = o
}
