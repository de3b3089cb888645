package config

import (
	"math"
	"slices"
	"time"
)

// TOML refreshes announcements every minute by default: a neighbour that was
// told another address while two masters were about learns the right one.
const tomlRefresh = time.Minute

// GARPGroup holds one garp_group: interfaces that share the gaps between
// announcements.
type GARPGroup struct {
	Interfaces []string
	Interval   time.Duration // garp_interval; 0: none
	GNA        time.Duration // gna_interval; 0: none
}

// garpGroup is a garp_group in the making.
type garpGroup struct {
	GARPGroup
	pos  Pos
	zero bool // an interval was given as 0
}

// maxGroupGap is the longest gap of a garp_group in keepalived.
const maxGroupGap = math.MaxInt32 * time.Microsecond

// maxExtraIf is the longest period of garp_extra_if.
const maxExtraIf = 24 * 60 * 60

// extraIf reads "[all] SECONDS", the seconds in low..86400.
func extraIf[T any](low int, get func(t *T) *GARP) value {
	return custom("[all] <"+numberRange(low, maxExtraIf, KindSeconds)+">", []Arg{
		{Name: "seconds", Kind: KindSeconds},
		{Name: "all", Key: "all", Kind: KindFlag, Optional: true},
	}, func(d *decoder, t *T, n *Node) {
		if n.Keyword() != d.kw.Name {
			d.report(n.Pos, Warning, ClassDeprecated, "deprecated", n.Keyword()+" is an old spelling of "+d.kw.Name)
		}
		all, v := false, -1
		for k, w := range n.Args() {
			if w.Text == "all" {
				all = true
				continue
			}
			var err error
			if v, err = parseInt(w.Text, low, maxExtraIf); err != nil {
				d.bad(n, k, ClassInvalidNumber, "%v, ignored", err)
				return
			}
		}
		if v < 0 {
			d.missing(n, len(n.Args()))
			return
		}
		g := get(t)
		g.ExtraIf, g.ExtraIfAll = time.Duration(v)*time.Second, all
	})
}

// minGARPRow stands before what it sets: TOML has no order of its own.
func minGARPRow() Keyword {
	return row("vrrp_min_garp", rare, optBool(func(g *globals, on bool) {
		if on {
			g.GARP.Repeat, g.GARP.Delay, g.GARP.Refresh, g.GARP.RefreshRepeat = 1, 0, 0, 0
		}
	}), "off", "announce every address once: no repeats, no second set, no refresh")
}

func garpGlobalRows() []Keyword {
	gap := func(set func(g *globals, v time.Duration)) value { return zeroOff(microTimer(0, maxMicros, set)) }
	return []Keyword{
		row("vrrp_garp_interval", rare, gap(func(g *globals, v time.Duration) { g.GARPInterval = v }), "0",
			"least time between two gratuitous ARPs on an interface that is in no garp_group"),
		row("vrrp_gna_interval", rare, gap(func(g *globals, v time.Duration) { g.GNAInterval = v }), "0",
			"least time between two unsolicited neighbour advertisements there"),
		row("vrrp_garp_extra_if", rare, extraIf(1, func(g *globals) *GARP { return &g.GARP }), "off",
			"announce so often on VMACs of addresses that live on other interfaces, one address on each; all: on other interfaces of every kind").alias("vrrp_vmac_garp_intvl"),
	}
}

func garpInstanceRows() []Keyword {
	return []Keyword{
		row("garp_extra_if", rare, extraIf(0, func(i *instance) *GARP { return &i.GARP }), "the global value",
			"as vrrp_garp_extra_if; 0: not at all").alias("vmac_garp_intvl"),
	}
}

func openGARPGroup(d *decoder, _ any, n *Node) {
	g := &garpGroup{pos: n.Pos}
	d.within(g, func() {
		what := "garp_group"
		g.Interfaces = slices.DeleteFunc(g.Interfaces, func(name string) bool {
			twice := d.state.names[onceKey{&d.state.garpGroups, name}]
			if twice {
				d.report(n.Pos, Warning, ClassGeneral, "duplicate-name", what+": interface "+name+" is in another garp_group already: ignored")
			}
			return twice
		})
		switch {
		case len(g.Interfaces) == 0:
			d.report(n.Pos, Warning, ClassGeneral, "no-interface", what+" has no interface: it is ignored")
		case g.Interval == 0 && g.GNA == 0:
			class := ClassGeneral
			if g.zero {
				class = d.quietClass()
			}
			d.report(d.closing(n), Warning, class, "no-interval", what+" has neither garp_interval nor gna_interval: it is ignored")
		default:
			for _, name := range g.Interfaces {
				d.taken(&d.state.garpGroups, name)
			}
			d.state.garpGroups = append(d.state.garpGroups, g)
			d.cfg.GARPGroups = append(d.cfg.GARPGroups, g.GARPGroup)
		}
	})
}

func garpGroupRows() []Keyword {
	add := func(d *decoder, g *garpGroup, w Word) {
		switch {
		case len(w.Text) > maxIfName:
			d.report(w.Pos, Warning, ClassGeneral, "bad-value", d.kw.Name+": '"+clip(w.Text)+"' is no name of an interface, ignored")
		case d.taken(g, w.Text):
			d.report(w.Pos, Warning, ClassGeneral, "duplicate-name", d.kw.Name+": "+w.Text+" is given twice")
		default:
			d.interfaceExists(w.Text, w.Pos, "interface of garp_group")
			g.Interfaces = append(g.Interfaces, w.Text)
		}
	}
	return []Keyword{
		row("garp_interval", rare, microTimer(0, maxGroupGap, func(g *garpGroup, v time.Duration) { g.Interval, g.zero = v, v == 0 }), "0",
			"least time between two gratuitous ARPs on the group's interfaces together"),
		row("gna_interval", rare, microTimer(0, maxGroupGap, func(g *garpGroup, v time.Duration) { g.GNA, g.zero = v, v == 0 }), "0",
			"least time between two unsolicited neighbour advertisements there"),
		row("interface", rare, custom("<interface>", []Arg{{Name: "name"}}, func(d *decoder, g *garpGroup, n *Node) {
			if _, ok := arg1(d, n); ok {
				add(d, g, n.Words[1])
			}
		}), "", "an interface of the group"),
		linesRow("interfaces", rare, lineBlock("<interface>", func(d *decoder, g *garpGroup, n *Node) {
			for _, w := range n.Words {
				add(d, g, w)
			}
		}), []Arg{{Name: "name", Rest: true}}, "the interfaces of the group"),
	}
}
