package lvs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/ipvs"
)

// Setting is an order of an operator that is in force (`holdfast set`). It is
// plain JSON, for the state file.
type Setting struct {
	Service ipvs.ServiceKey `json:"service"`
	Server  ipvs.DestKey    `json:"server,omitzero"` // zero: of every server of the service
	Order   ipvs.Order      `json:"order"`
	Keep    bool            `json:"keep,omitempty"` // a reload leaves it
	By      Author          `json:"by"`
	At      time.Time       `json:"at"`
}

// Author is who gave an order, as the kernel says of the client at the control
// socket.
type Author struct {
	UID  uint32 `json:"uid"`
	User string `json:"user,omitempty"` // name of UID; empty: it has none
}

func (a Author) String() string { return fmt.Sprintf("%s (uid %d)", cmp.Or(a.User, "?"), a.UID) }

// Ask is a question to set something.
type Ask struct {
	Service string   `json:"service"` // name, see parseName; Every: all
	Server  string   `json:"server,omitempty"`
	Words   []string `json:"words"` // see ParseOrder
	Keep    bool     `json:"keep,omitempty"`
	By      Author   `json:"by"`
}

// Answer says what was set.
type Answer struct {
	Set []Outcome `json:"set"`
}

// Outcome is what became of one real or virtual server.
type Outcome struct {
	Service string `json:"service"`
	Server  string `json:"server,omitempty"`
	// State is what it does now: "in service, weight 5", "drains", "out".
	State string `json:"state"`
	// Still names the orders of others that are in force for it, as far as they
	// decide what it does.
	Still string `json:"still,omitempty"`
}

func (s Setting) subject() subject { return subject{s.Service, s.Server} }

func (s Setting) source() ipvs.Source {
	if s.Server == (ipvs.DestKey{}) {
		return ipvs.ByService
	}
	return ipvs.ByServer
}

// Set carries out what an operator asks for and returns when the kernel has
// been told. The error names what is there if a name is wrong, or says what
// the kernel refuses; the setting then stays, and is tried again.
func (l *LVS) Set(ctx context.Context, ask Ask) (Answer, error) {
	type result struct {
		a   Answer
		err error
	}
	done := make(chan result, 1)
	l.inbox.post(func() {
		a, err := l.set(ask)
		done <- result{a, err}
	})
	select {
	case r := <-done:
		return r.a, r.err
	case <-l.ended:
		return Answer{}, errors.New("lvs: not running")
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("lvs: set: %w", ctx.Err())
	}
}

func (l *LVS) set(ask Ask) (Answer, error) {
	order, err := ParseOrder(ask.Words)
	if err != nil {
		return Answer{}, err
	}
	keys, err := l.services.find(ask.Service)
	if err != nil {
		return Answer{}, err
	}
	var targets []subject
	if ask.Server != "" {
		targets, err = findServers(ask.Server, keys, l.serversOf)
		if err != nil {
			return Answer{}, err
		}
	} else {
		for _, k := range keys {
			targets = append(targets, subject{service: k})
		}
	}
	now := time.Now()
	var list []ipvs.Event
	for _, t := range targets {
		s := Setting{Service: t.service, Server: t.server, Order: order.at(now), Keep: ask.Keep, By: ask.By, At: now}
		if order.Action == ipvs.NoOrder {
			delete(l.settings, t)
			l.enabled[t] = now
		} else {
			l.settings[t] = s
		}
		l.log.Info("set", "virtual_server", ServiceName(t.service), "real_server", named(t.server), "order", word(s.Order), "limit", order.Limit, "keep", ask.Keep, "by", ask.By.String())
		list = append(list, l.obey(s, now)...)
	}
	l.saveSettings()
	l.work(now)
	l.tell(events(list, l.services, nil))
	var out Answer
	for _, t := range targets {
		out.Set = append(out.Set, l.outcome(t))
	}
	if l.needsKernel() && !l.table.known {
		why := l.table.tries.err
		if why == nil {
			why = errors.New("it was not read yet")
		}
		return out, fmt.Errorf("set, but not in the kernel's table, it is tried again: %w", why)
	}
	for _, t := range targets {
		if slices.ContainsFunc(l.services.of(t.service), func(k ipvs.ServiceKey) bool { return l.table.stuck[k] }) {
			return out, fmt.Errorf("virtual_server %s: the kernel refuses, it is tried again: %w", ServiceName(t.service), l.table.tries.err)
		}
	}
	return out, nil
}

// named is the name of a server, or nothing for a service as a whole.
func named(d ipvs.DestKey) string {
	if d == (ipvs.DestKey{}) {
		return ""
	}
	return ServerName(d)
}

// obey hands a setting to the pool.
func (l *LVS) obey(s Setting, now time.Time) []ipvs.Event {
	l.touch(s.Service)
	return l.pool.Order(s.source(), s.Service, s.Server, s.Order, now)
}

func (l *LVS) serversOf(k ipvs.ServiceKey) []ipvs.DestKey {
	st, _ := l.pool.State(k)
	var out []ipvs.DestKey
	for _, r := range st.Servers {
		out = append(out, r.Key)
	}
	return out
}

// outcome says what a server, or those of a service, do now.
func (l *LVS) outcome(t subject) Outcome {
	o := Outcome{Service: l.services.nameOf(t.service), Server: named(t.server)}
	st, _ := l.pool.State(t.service)
	if o.Server == "" {
		n := 0
		for _, r := range st.Servers {
			if r.Up {
				n++
			}
		}
		o.State = fmt.Sprintf("%d of %d real servers in service", n, len(st.Servers))
		o.State += instead(st)
		o.Still = stillOrdered(st)
		return o
	}
	for _, r := range st.Servers {
		if r.Key != t.server {
			continue
		}
		o.State = standing(r)
		switch {
		case r.Up && st.Sorry:
			o.State = "up, but the quorum is lost: the sorry server takes connections"
		default:
			o.State += instead(st)
		}
		if r.Order.Action != ipvs.NoOrder && r.From != ipvs.ByServer {
			o.Still = word(r.Order) + " by " + sourceName(r.From)
		}
	}
	return o
}

// instead ends what is said of a server or service none of whose real servers takes
// new connections: it says who does.
func instead(st ipvs.ServiceState) string {
	switch {
	case st.Sorry:
		return ", the sorry server takes connections"
	case slices.ContainsFunc(st.Servers, func(r ipvs.ServerState) bool { return r.Up && r.Weight > 0 }):
		return ""
	}
	return ", no server takes new connections"
}

// maxStill bounds how many servers stillOrdered names.
const maxStill = 4

// stillOrdered names the servers of a service that do what another order says
// than that for the service.
func stillOrdered(st ipvs.ServiceState) string {
	var list []string
	more := 0
	for _, r := range st.Servers {
		switch {
		case r.Order.Action == ipvs.NoOrder || r.From == ipvs.ByService:
		case len(list) == maxStill:
			more++
		default:
			list = append(list, fmt.Sprintf("%s of %s by %s", word(r.Order), ServerName(r.Key), sourceName(r.From)))
		}
	}
	if more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return strings.Join(list, ", ")
}

// standing is what a server does.
func standing(r ipvs.ServerState) string {
	switch {
	case r.Order.Action == ipvs.Disable:
		return "out of service"
	case r.Order.Action == ipvs.Drain && r.Order.Done:
		return "drained"
	case !r.Alive:
		return "out of service: its checks fail"
	case r.Order.Action == ipvs.Drain:
		return "drains"
	case r.Ramp < 100:
		return fmt.Sprintf("in service, weight %d after slow start, %d %% of it now", r.Weight, r.Ramp)
	}
	return fmt.Sprintf("in service, weight %d", r.Weight)
}

func sourceName(s ipvs.Source) string {
	return [...]string{"the configuration", "the virtual server's setting", "the operator", "a maintenance file"}[s]
}

// restore gives the orders of a predecessor anew.
func (l *LVS) restore(list []Setting, now time.Time) []ipvs.Event {
	var out []ipvs.Event
	for _, s := range list {
		l.settings[s.subject()] = s
	}
	l.forget(false)
	for _, s := range l.settingList() {
		out = append(out, l.obey(s, now)...)
	}
	return out
}

// forget drops settings of what is not configured any more and, with all, those
// that do not outlive a reload; the pool hears of the latter.
func (l *LVS) forget(all bool) []ipvs.Event {
	var out []ipvs.Event
	for _, s := range l.settingList() {
		gone := !l.configured(s)
		if !gone && (s.Keep || !all) {
			continue
		}
		delete(l.settings, s.subject())
		l.log.Info("setting ends", "virtual_server", ServiceName(s.Service), "real_server", named(s.Server), "order", word(s.Order), "configured", !gone)
		s.Order = ipvs.Order{}
		out = append(out, l.obey(s, time.Now())...)
	}
	return out
}

// giveBack brings settings again that a reload on trial has ended which is taken
// back now. What was said since counts, as the operator saw the trial.
func (l *LVS) giveBack(list []Setting, now time.Time) []ipvs.Event {
	var out []ipvs.Event
	for _, s := range list {
		t := s.subject()
		_, has := l.settings[t]
		if has || l.enabled[t].After(s.At) || !l.configured(s) {
			continue
		}
		l.settings[t] = s
		l.log.Info("setting holds again", "virtual_server", ServiceName(s.Service), "real_server", named(s.Server), "order", word(s.Order), "by", s.By.String())
		out = append(out, l.obey(s, now)...)
	}
	clear(l.enabled)
	return out
}

// withGivenBack are the settings that hold, and those given back where none does.
func withGivenBack(hold, back []Setting) []Setting {
	for _, s := range back {
		if !slices.ContainsFunc(hold, func(o Setting) bool { return o.subject() == s.subject() }) {
			hold = append(hold, s)
		}
	}
	return hold
}

// configured reports whether there is what a setting is about.
func (l *LVS) configured(s Setting) bool {
	return l.services.virtual(s.Service) != nil && (s.source() == ipvs.ByService || slices.Contains(l.serversOf(s.Service), s.Server))
}

// settingList is every setting, in the order of the table.
func (l *LVS) settingList() []Setting {
	out := make([]Setting, 0, len(l.settings))
	for _, s := range l.settings {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Setting) int {
		return cmp.Or(a.Service.Compare(b.Service), a.Server.Compare(b.Server))
	})
	return out
}

// saveSettings hands the settings on, with what became of their drains.
func (l *LVS) saveSettings() {
	for k, s := range l.settings {
		if s.source() == ipvs.ByServer {
			s.Order.Done = l.pool.OrderOf(ipvs.ByServer, s.Service, s.Server).Done
			l.settings[k] = s
		}
	}
	list := l.settingList()
	if !slices.Equal(list, l.savedSettings) {
		l.savedSettings = list
		l.deps.SaveSettings(list)
	}
}

// keepSettings hands on, at the end, only the settings to be kept.
func (l *LVS) keepSettings() {
	for k, s := range l.settings {
		if !s.Keep {
			delete(l.settings, k)
		}
	}
	l.saveSettings()
}
