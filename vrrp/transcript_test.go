package vrrp

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the transcripts in testdata anew")

// TestTranscripts plays testdata/transcripts. A file is a story: lines of
// "TIME > COMMAND" are what happens to the routers, the indented lines between
// them are what the routers did, with the time in seconds. Everything else is
// kept as it is. go test -run Transcripts -update writes the indented lines.
//
// Commands:
//
//	router NAME [version=] [vrid=] [priority=] [advert_int=] [addresses=A,B] [nopreempt] [sticky] [hold_off=] [preempt_delay=]
//	       [startup_delay=] [master] [track=KEY[:WEIGHT[:reverse]],...] [refresh=] [no_lower_advert] [higher_advert]
//	group NAME MEMBER... [track=...]; regroup: this one is all there is
//	apply DURATION|never       how long the kernel takes for addresses
//	start|shutdown|lost|remove NAME, resume NAME
//	link NAME up|down, track KEY up|down
//	advert NAME priority=N [from=ADDR] [advert_int=D] [addresses=...] [ttl=]
//	reload NAME [as router]
//	stop                       everything
//	sleep                      a pause of the machine until the next command: no timer runs meanwhile
//	status NAME
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := string(raw)
			got, err := play(want)
			if err != nil {
				t.Fatal(err)
			}
			if *update && got != want {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
			for i := range max(len(a), len(b)) {
				if i >= len(a) || i >= len(b) || a[i] != b[i] {
					t.Fatalf("line %d: got\n%s\nwant\n%s", i+1, strings.Join(a[i:min(len(a), i+5)], "\n"), strings.Join(b[i:min(len(b), i+5)], "\n"))
				}
			}
		})
	}
}

// player plays one transcript.
type player struct {
	*stage
	out    strings.Builder
	ids    map[string]ID
	names  map[ID]string
	cfgs   map[string]Config
	groups []GroupConfig
}

func play(story string) (string, error) {
	p := &player{ids: map[string]ID{}, names: map[ID]string{}, cfgs: map[string]Config{}}
	p.stage = newStage(func(now time.Time, a Action) {
		who := a.Group
		if a.Kind != ActionGroupChanged {
			who = p.names[a.ID]
		}
		p.say("%s: %s", who, text(a))
	})
	var asleep bool
	var prose strings.Builder // goes after what happened up to the next command
	for i, line := range strings.SplitAfter(story, "\n") {
		at, command, ok := strings.Cut(line, " > ")
		if !ok {
			if !strings.HasPrefix(line, "\t") {
				prose.WriteString(line)
			}
			continue
		}
		seconds, err := strconv.ParseFloat(strings.TrimSpace(at), 64)
		if err != nil {
			return "", fmt.Errorf("line %d: %w", i+1, err)
		}
		when := epoch.Add(time.Duration(seconds*1e6+0.5) * time.Microsecond)
		if when.Before(p.now) {
			return "", fmt.Errorf("line %d: time runs backwards", i+1)
		}
		if asleep {
			p.now = when
		} else {
			p.until(when)
		}
		p.out.WriteString(prose.String() + line)
		prose.Reset()
		words := strings.Fields(command)
		asleep = words[0] == "sleep"
		if err := p.command(words); err != nil {
			return "", fmt.Errorf("line %d: %w", i+1, err)
		}
		if !asleep {
			for len(p.queue) > 0 && !p.queue[0].at.After(p.now) {
				p.until(p.now)
			}
		}
	}
	return p.out.String() + prose.String(), nil
}

func (p *player) say(format string, args ...any) {
	fmt.Fprintf(&p.out, "\t%.3f  %s\n", p.now.Sub(epoch).Seconds(), fmt.Sprintf(format, args...))
}

func (p *player) command(w []string) error {
	verb, args := w[0], w[1:]
	who := ID(-1)
	if len(args) > 0 {
		if id, ok := p.ids[args[0]]; ok {
			who = id
		}
	}
	switch verb {
	case "router":
		cfg, err := parseConfig(v2(100), args)
		if err != nil {
			return err
		}
		id := p.d.Add(cfg)
		p.ids[cfg.Name], p.names[id], p.cfgs[cfg.Name] = id, cfg.Name, cfg
	case "reload":
		cfg, err := parseConfig(v2(100), args)
		if err != nil {
			return err
		}
		p.cfgs[cfg.Name] = cfg
		p.do(p.d.Update(p.now, who, cfg, p.acts[:0]))
	case "group", "regroup":
		if verb == "regroup" {
			p.groups = nil
		}
		g := GroupConfig{Name: args[0]}
		for _, a := range args[1:] {
			if v, ok := strings.CutPrefix(a, "track="); ok {
				g.Tracks = parseTracks(v)
				continue
			}
			g.Members = append(g.Members, p.ids[a])
		}
		p.groups = append(p.groups, g)
		p.do(p.d.SetGroups(p.now, p.groups, p.acts[:0]))
	case "apply":
		p.apply = -1
		if args[0] != "never" {
			d, err := time.ParseDuration(args[0])
			if err != nil {
				return err
			}
			p.apply = d
		}
	case "start":
		p.step(who, Event{Kind: EventStart})
	case "resume":
		p.step(who, Event{Kind: EventResume})
	case "shutdown":
		p.step(who, Event{Kind: EventShutdown})
	case "lost":
		p.step(who, Event{Kind: EventAddressLost})
	case "link":
		p.step(who, Event{Kind: EventLink, Up: args[1] == "up"})
	case "track":
		for id := range p.d.routers {
			p.step(ID(id), Event{Kind: EventTrack, Key: args[0], Up: args[1] == "up"})
		}
	case "remove":
		p.do(p.d.Remove(p.now, who, p.acts[:0]))
	case "stop":
		p.do(p.d.Shutdown(p.now, p.acts[:0]))
	case "sleep":
	case "expire":
		p.do(p.d.Expire(p.now, p.acts[:0]))
	case "advert":
		return p.advert(who, args[1:])
	case "status":
		s := p.d.Router(who).Status()
		p.say("%s: %v, priority %d of base %d, faults %v, agreement %v", s.Name, s.State, s.EffectivePriority, s.BasePriority, s.Faults, s.Agreement)
		if s.Rival.Addr.IsValid() {
			p.say("%s: %d times a second master, the last one %v with priority %d, %d adverts", s.Name, s.SecondMaster, s.Rival.Addr, s.Rival.Priority, s.Rival.Adverts)
		}
		for _, c := range s.Contributions {
			p.say("%s: %s %+d, up %v, pending %v", s.Name, c.Key, c.Value, c.Up, c.Pending)
		}
	default:
		return fmt.Errorf("what is %q?", verb)
	}
	return nil
}

// advert sends an advert through the codec and the checks to router id.
func (p *player) advert(id ID, args []string) error {
	r := p.d.Router(id)
	cfg := p.cfgs[p.names[id]]
	src, ttl, prio, yield := other, 255, 0, false
	rest := []string{cfg.Name}
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		var err error
		switch k {
		case "from":
			src, err = netip.ParseAddr(v)
		case "ttl":
			ttl, err = strconv.Atoi(v)
		case "priority":
			prio, err = strconv.Atoi(v)
		case "yield":
			yield = true
		default:
			rest = append(rest, a)
		}
		if err != nil {
			return err
		}
	}
	cfg, err := parseConfig(cfg, rest)
	if err != nil {
		return err
	}
	wire := from(cfg, uint8(prio)).AppendTo(nil, src, group4, true)
	m := Meta{Src: src, Dst: group4, TTL: uint8(ttl), TotalLen: len(wire)}
	var a Advert
	d := Decode(&a, &m, wire)
	if d == DropNone {
		d = r.Check(&a, &m)
	}
	if d != DropNone {
		p.say("%s: dropped: %v", cfg.Name, d)
		return nil
	}
	ev := Event{Kind: EventAdvert, Advert: &a, Src: src, Local: self}
	if yield {
		ev.Kind = EventYield
		p.step(id, ev)
		ev.Kind = EventAdvert
	}
	p.step(id, ev)
	return nil
}

// parseConfig changes cfg as the words NAME KEY=VALUE... say.
func parseConfig(cfg Config, words []string) (Config, error) {
	cfg.Name = words[0]
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		n, d := 0, time.Duration(0)
		var err error
		switch k {
		case "version", "vrid", "priority", "down_timer_adverts":
			n, err = strconv.Atoi(v)
		case "advert_int", "preempt_delay", "startup_delay", "hold_off", "refresh":
			d, err = time.ParseDuration(v)
		}
		if err != nil {
			return cfg, err
		}
		switch k {
		case "version":
			cfg.Version = uint8(n)
		case "vrid":
			cfg.VRID = uint8(n)
		case "priority":
			cfg.Priority = uint8(n)
		case "down_timer_adverts":
			cfg.DownTimerAdverts = n
		case "advert_int":
			cfg.AdvertInt = d
		case "preempt_delay":
			cfg.PreemptDelay = d
		case "startup_delay":
			cfg.StartupDelay = d
		case "refresh":
			cfg.GARP.Refresh = d
		case "hold_off":
			cfg.HoldOff = d
		case "sticky":
			cfg.Sticky = true
		case "nopreempt":
			cfg.NoPreempt = true
		case "master":
			cfg.StartMaster = true
		case "strict":
			cfg.StrictAddresses = true
		case "no_lower_advert":
			cfg.LowerPrioNoAdvert = true
		case "higher_advert":
			cfg.HigherPrioSendAdvert = true
		case "dont_track_primary":
			cfg.DontTrackPrimary = true
		case "addresses":
			cfg.Addresses = nil
			for _, a := range strings.Split(v, ",") {
				ip, err := netip.ParseAddr(a)
				if err != nil {
					return cfg, err
				}
				cfg.Addresses = append(cfg.Addresses, ip)
			}
		case "track":
			cfg.Tracks = parseTracks(v)
		default:
			return cfg, fmt.Errorf("what is %q?", k)
		}
	}
	return cfg, nil
}

// parseTracks reads KEY[:WEIGHT[:reverse]],...; all are pending.
func parseTracks(s string) (list []Track) {
	for _, one := range strings.Split(s, ",") {
		f := strings.Split(one, ":")
		t := Track{Key: f[0], Pending: true}
		if len(f) > 1 {
			t.Weight, _ = strconv.Atoi(f[1])
		}
		t.Reverse = len(f) > 2
		list = append(list, t)
	}
	return list
}
