package vrrp

import (
	"net/netip"
	"time"
)

// heal ends the chaos.
func (l *life) heal() {
	l.tell("--- quiet from here on")
	l.calm()
	l.inOrder = true
	for _, m := range l.machines {
		m.side, m.news = 0, 0
		clear(m.sick)
		l.resume(m, false)
		l.cable(m, true)
		for _, k := range trackKeys {
			l.track(m, k, true)
		}
		l.fresh(m)
		for i := range m.cfgs {
			m.cfgs[i].AdvertInt = l.interval
			m.cfgs[i].Addresses = m.cfgs[i].Addresses[:1]
		}
		l.reload(m)
		l.segment.start(m)
	}
}

// mischief plans one bad thing and its end.
func (l *life) mischief() {
	m := l.machines[l.rnd.IntN(len(l.machines))]
	at := 8*l.interval + time.Duration(l.rnd.Int64N(int64(80*l.interval)))
	end := at + time.Duration(l.rnd.Int64N(int64(20*l.interval)))
	accidents := []func(m *machine, at, end time.Duration){
		l.crashes, l.stops, l.pauses, l.suspends, l.replaced, l.parted, l.oneWay, l.lossy, l.slowPath,
		l.cables, l.scripts, l.ails, l.weights, l.thief, l.repriority, l.newInterval, l.moreVIPs, l.overrun,
	}
	accidents[l.rnd.IntN(len(accidents))](m, at, end)
}

func (l *life) crashes(m *machine, at, end time.Duration) {
	l.chaos(at, func() { l.crash(m) })
	l.chaos(end, func() { l.segment.start(m) })
}

func (l *life) stops(m *machine, at, end time.Duration) {
	l.chaos(at, func() { l.stop(m) })
	l.chaos(end, func() { l.segment.start(m) })
}

func (l *life) pauses(m *machine, at, end time.Duration) {
	l.chaos(at, func() { l.pause(m) })
	l.chaos(end, func() { l.resume(m, false) })
}

func (l *life) suspends(m *machine, at, end time.Duration) {
	l.chaos(at, func() { l.pause(m) })
	l.chaos(end, func() { l.resume(m, true) })
}

func (l *life) replaced(m *machine, at, _ time.Duration) {
	l.chaos(at, func() { l.hand(m) })
}

// parted cuts the segment in two.
func (l *life) parted(_ *machine, at, end time.Duration) {
	l.chaos(at, func() {
		for _, m := range l.machines {
			m.side = l.rnd.IntN(2)
			l.tell("%s: is on side %d of the partition", m.name, m.side)
		}
	})
	l.chaos(end, func() {
		l.tell("the partition ends")
		for _, m := range l.machines {
			m.side = 0
		}
	})
}

// oneWay lets one machine's adverts not reach another.
func (l *life) oneWay(m *machine, at, end time.Duration) {
	to := l.machines[l.rnd.IntN(len(l.machines))]
	path := [2]int{m.at, to.at}
	l.chaos(at, func() {
		l.tell("%s no longer reaches %s", m.name, to.name)
		l.deaf[path] = true
	})
	l.chaos(end, func() {
		l.tell("%s reaches %s again", m.name, to.name)
		delete(l.deaf, path)
	})
}

func (l *life) lossy(_ *machine, at, end time.Duration) {
	rate := l.rnd.Float64()
	l.chaos(at, func() { l.loss, l.dup = rate, 0.3; l.tell("%.0f %% of the adverts are lost", 100*rate) })
	l.chaos(end, l.calm)
}

// slowPath delays adverts so much that they overtake each other.
func (l *life) slowPath(_ *machine, at, end time.Duration) {
	l.chaos(at, func() {
		l.delay = l.interval * 3 / 2
		l.tell("adverts take up to %v, and overtake each other", l.delay)
	})
	l.chaos(end, l.calm)
}

func (l *life) cables(m *machine, at, end time.Duration) {
	late := time.Duration(l.rnd.Int64N(int64(l.interval)))
	l.chaos(at, func() { m.news = late; l.cable(m, false) })
	l.chaos(end, func() { l.cable(m, true) })
}

func (l *life) scripts(m *machine, at, end time.Duration) {
	l.chaos(at, func() { l.track(m, "chk", false) })
	l.chaos(end, func() { l.track(m, "chk", true) })
}

func (l *life) ails(m *machine, at, end time.Duration) {
	i := l.rnd.IntN(l.routers)
	l.chaos(at, func() { l.ail(m, i, false) })
	l.chaos(end, func() { l.ail(m, i, true) })
}

func (l *life) weights(m *machine, at, end time.Duration) {
	l.chaos(at, func() { l.track(m, "wgt", false) })
	l.chaos(end, func() { l.track(m, "wgt", true) })
}

// thief removes addresses.
func (l *life) thief(m *machine, at, _ time.Duration) {
	for i := range 1 + l.rnd.IntN(6) {
		l.chaos(at+time.Duration(i)*l.interval/2, func() {
			if m.alive && !m.paused {
				k := l.rnd.IntN(l.routers)
				l.tell("%s: the address of router %d is stolen", m.name, k+1)
				m.stolen[k] = m.holds[k]
				m.holds[k] = false
				l.step(m, k, Event{Kind: EventAddressLost})
			}
		})
	}
}

func (l *life) repriority(m *machine, at, _ time.Duration) {
	prio := l.priority()
	l.chaos(at, func() {
		if m.cfgs[0].Priority == ownerPriority {
			return
		}
		for i := range m.cfgs {
			m.cfgs[i].Priority = prio
		}
		l.tell("%s: has priority %d now", m.name, prio)
		l.reload(m)
	})
}

// newInterval changes the interval of one machine: version 3 learns it, version
// 2 hears nobody any more until all have it.
func (l *life) newInterval(m *machine, at, end time.Duration) {
	l.chaos(at, func() {
		l.tell("%s: has another interval now", m.name)
		for i := range m.cfgs {
			m.cfgs[i].AdvertInt = 2 * l.interval
		}
		l.reload(m)
	})
	l.chaos(end, func() {
		for i := range m.cfgs {
			m.cfgs[i].AdvertInt = l.interval
		}
		l.reload(m)
	})
}

// moreVIPs adds an address on one machine first. Nothing may come of it.
func (l *life) moreVIPs(m *machine, at, end time.Duration) {
	l.chaos(at, func() {
		l.tell("%s: has one address more now", m.name)
		for i := range m.cfgs {
			m.cfgs[i].Addresses = append(m.cfgs[i].Addresses[:1:1], netip.AddrFrom4([4]byte{192, 0, 2, byte(200 + i)}))
		}
		l.reload(m)
	})
	l.chaos(end, func() {
		for i := range m.cfgs {
			m.cfgs[i].Addresses = m.cfgs[i].Addresses[:1]
		}
		l.reload(m)
	})
}

// overrun loses news of the kernel; what follows is a look at everything.
func (l *life) overrun(m *machine, at, end time.Duration) {
	l.chaos(at, func() {
		l.tell("%s: learns nothing of its link and scripts", m.name)
		m.link, m.tracks["chk"] = l.rnd.IntN(2) == 0, l.rnd.IntN(2) == 0
	})
	l.chaos(end, func() {
		l.tell("%s: looks anew", m.name)
		m.link, m.tracks["chk"] = true, true
		l.fresh(m)
	})
}
