package ipvs

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	cf "github.com/cloudflare/ipvs"
	"github.com/mdlayher/netlink"
)

func (g *genl) Info() (Info, error) {
	unlock, err := g.start()
	if err != nil {
		return Info{}, err
	}
	defer unlock()
	info, err := g.client.Info()
	return info, wrap("info", g.checked(err))
}

func (g *genl) Table() (Table, error) {
	all, err := g.Stats()
	if err != nil {
		return nil, err
	}
	t := make(Table, len(all))
	for i, s := range all {
		t[i].Service = s.Service
		t[i].Dests = make([]Destination, len(s.Dests))
		for j, d := range s.Dests {
			t[i].Dests[j] = d.Destination
		}
	}
	return t, nil
}

// Stats reads services by our own decoder, which knows persistence engines,
// and destinations by the client.
func (g *genl) Stats() ([]ServiceStats, error) {
	unlock, err := g.start()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return g.stats()
}

func (g *genl) stats() ([]ServiceStats, error) {
	all, err := g.services()
	if err != nil {
		return nil, err
	}
	kept := all[:0]
	var missing error
	for _, s := range all {
		s.Dests, err = g.dests(s.ServiceKey)
		switch {
		case errors.Is(err, syscall.ESRCH): // deleted since the dump
			continue
		case errors.Is(err, os.ErrNotExist):
			missing = err
		case err != nil:
			return nil, err
		}
		kept = append(kept, s)
	}
	// Once for all: a table may have thousands of services without servers.
	if err := g.checked(missing); errors.Is(err, errUnloaded) {
		return nil, wrap("read servers", err)
	}
	return sortStats(kept), nil
}

// oneAnswer is how many services fit into one message of the kernel for sure:
// 3,776 bytes (NLMSG_GOODSIZE), and up to 500 bytes for each.
const oneAnswer = 7

// services reads the services without their destinations, each once, sorted.
//
// The kernel goes on with a dump where its count of the services of all
// namespaces had come to. What somebody adds or deletes meanwhile, in whatever
// namespace, makes it give a service twice or leave one out. So a dump that
// takes several messages is believed when the next one says the same.
func (g *genl) services() ([]ServiceStats, error) {
	last, err := g.dumpServices()
	if err != nil || len(last) <= oneAnswer {
		return last, err
	}
	all := last
	for range 5 {
		next, err := g.dumpServices()
		if err != nil {
			return nil, err
		}
		if slices.EqualFunc(last, next, func(a, b ServiceStats) bool { return a.ServiceKey == b.ServiceKey }) {
			return next, nil
		}
		last, all = next, sortStats(slices.Concat(next, all))
	}
	// Whoever is in one of them was there; whether he is still there is asked
	// for with his destinations.
	return all, nil
}

func (g *genl) dumpServices() ([]ServiceStats, error) {
	msgs, err := g.ask(cmdGetService, netlink.Dump, nil)
	if err != nil {
		return nil, wrap("read services", err)
	}
	all := make([]ServiceStats, 0, len(msgs))
	for _, m := range msgs {
		s, err := decodeService(m)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return sortStats(all), nil
}

func (g *genl) Dests(k ServiceKey) ([]DestStats, error) {
	unlock, err := g.start()
	if err != nil {
		return nil, err
	}
	defer unlock()
	list, err := g.dests(k)
	switch {
	case errors.Is(err, syscall.ESRCH):
		return nil, nil
	case errors.Is(err, os.ErrNotExist):
		if err := g.checked(err); errors.Is(err, errUnloaded) {
			return nil, wrap("read servers of "+k.String(), err)
		}
		return list, nil
	}
	return list, err
}

// dests reads the destinations of a service. The error wraps ESRCH for a
// service that does not exist, and ENOENT, with an empty list, for one without
// destinations or when the module is gone, which is for the caller to ask.
func (g *genl) dests(k ServiceKey) ([]DestStats, error) {
	dests, err := g.client.Destinations(cf.Service{
		Family: k.Family, Protocol: k.Protocol, Address: k.Addr, Port: k.Port, FWMark: k.FWMark,
	})
	switch {
	case errors.Is(err, os.ErrNotExist):
		return []DestStats{}, err
	case errors.Is(err, syscall.ESRCH):
		return nil, err
	case err != nil:
		return nil, wrap("read servers of "+k.String(), g.checked(err))
	}
	list := make([]DestStats, 0, len(dests))
	for _, d := range dests {
		list = append(list, fromClient(d))
	}
	return list, nil
}

func fromClient(d cf.DestinationExtended) DestStats {
	return DestStats{
		Destination: Destination{
			DestKey: DestKey{Addr: d.Address, Port: d.Port},
			Method:  d.FwdMethod, TunType: d.TunnelType, TunPort: d.TunnelPort, TunFlags: d.TunnelFlags,
			Weight: d.Weight, Upper: d.UpperThreshold, Lower: d.LowerThreshold,
		},
		Active: d.ActiveConnections, Inactive: d.InactiveConnections, Persistent: d.PersistentConnections,
		Stats: d.Stats64,
	}
}

func (g *genl) Timeouts() (Timeouts, error) {
	unlock, err := g.start()
	if err != nil {
		return Timeouts{}, err
	}
	defer unlock()
	c, err := g.client.Config()
	if err != nil {
		return Timeouts{}, wrap("read timeouts", g.checked(err))
	}
	sec := func(v uint32) time.Duration { return time.Duration(v) * time.Second }
	return Timeouts{TCP: sec(c.TCPTimeout), TCPFin: sec(c.TCPFinTimeout), UDP: sec(c.UDPTimeout)}, nil
}

func (g *genl) Daemons() ([]Daemon, error) {
	unlock, err := g.start()
	if err != nil {
		return nil, err
	}
	defer unlock()
	msgs, err := g.ask(cmdGetDaemon, netlink.Dump, nil)
	if err != nil {
		return nil, wrap("read sync daemons", err)
	}
	var all []Daemon
	for _, m := range msgs {
		d, err := decodeDaemon(m)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// ask sends one request and returns the attributes of each answer.
func (g *genl) ask(command uint8, flags netlink.HeaderFlags, attrs func(*netlink.AttributeEncoder)) ([][]byte, error) {
	body, err := encode(nil, command, attrs)
	if err != nil {
		return nil, err
	}
	msgs, err := g.nl.Execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(g.family), Flags: netlink.Request | flags},
		Data:   body,
	})
	if err := g.checked(err); err != nil {
		return nil, err
	}
	var all [][]byte
	for _, m := range msgs {
		if m.Header.Type == netlink.HeaderType(g.family) && len(m.Data) >= 4 {
			all = append(all, m.Data[4:])
		}
	}
	return all, nil
}
