package lvs

import (
	"time"

	"holdfast/ipvs"
)

// OrderStatus is an order for a real server or for all of a service.
type OrderStatus struct {
	// From says who gave it: "set", "virtual_server" (set for the whole
	// service), "configuration" or "maintenance".
	From     string    `json:"from"`
	Order    string    `json:"order"` // "weight 5", "drain", "drained", "disable"
	Deadline time.Time `json:"deadline,omitzero"`
	By       *Author   `json:"by,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Keep     bool      `json:"keep,omitempty"` // a reload leaves it
	File     string    `json:"file,omitempty"` // of maintenance
}

// orderSources are the names of sources in the status.
var orderSources = [...]string{"configuration", "virtual_server", "set", "maintenance"}

func (s Setting) status() OrderStatus {
	o := orderStatus(s.source(), s.Order)
	o.By, o.At, o.Keep = &s.By, s.At, s.Keep
	return o
}

func orderStatus(src ipvs.Source, o ipvs.Order) OrderStatus {
	return OrderStatus{From: orderSources[src], Order: word(o), Deadline: o.Deadline}
}

// orders are all that a server was given, the one of the last source first.
func (l *LVS) orders(t subject) []OrderStatus {
	var out []OrderStatus
	for _, src := range []ipvs.Source{ipvs.ByFile, ipvs.ByServer, ipvs.ByService, ipvs.ByConfig} {
		o := l.pool.OrderOf(src, t.service, t.server)
		if o.Action == ipvs.NoOrder {
			continue
		}
		st := orderStatus(src, o)
		switch src {
		case ipvs.ByFile:
			st.File = l.pins[t].file
		case ipvs.ByServer:
			set := l.settings[t]
			set.Order = o
			st = set.status()
		case ipvs.ByService:
			set := l.settings[subject{service: t.service}]
			set.Order = o
			st = set.status()
		}
		out = append(out, st)
	}
	return out
}

// stateName is the state of a server in one word.
func stateName(r ipvs.ServerState) string {
	switch {
	case r.Order.Action == ipvs.Disable:
		return "disabled"
	case r.Order.Action == ipvs.Drain && r.Order.Done:
		return "drained"
	case !r.Alive:
		return "down"
	case r.Order.Action == ipvs.Drain:
		return "draining"
	}
	return "up"
}
