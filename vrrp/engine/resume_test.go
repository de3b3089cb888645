package engine

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
	"holdfast/vrrp/route"
)

type linkNet = link.MemNet

func resumeAt(name string, at time.Time) func(*Deps) {
	return func(d *Deps) { d.Resume = []Resume{{Name: name, LastAdvert: sinceBoot(at)}} }
}

func TestResumeInTime(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		last := l.lastSent("a", 1, false)
		if age := time.Since(last); age < 0 || age > time.Second {
			t.Fatalf("last sent %v ago", age)
		}
		a.kill()
		removed := false
		l.net.Change(func(n *linkNet) {
			f := n.OnAddress
			n.OnAddress = func(at time.Time, host, ifname string, p netip.Prefix, added bool) {
				f(at, host, ifname, p, added)
				removed = removed || host == "a" && !added
			}
		})
		time.Sleep(time.Until(last.Add(2800 * time.Millisecond)))
		at := time.Now()
		a.start(config(vr(1, 150)), resumeAt("VI_1", last))
		a.is(vrrp.Master)
		if got := prios(l.adverts("a", at)); !slices.Equal(got, []int{150}) {
			t.Fatalf("sent %v", got)
		}
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		if told := b.obs.told(); len(told) != 1 || removed {
			t.Fatalf("the peer noticed: %q, address removed: %v", told, removed)
		}
		if told := a.obs.told(); !slices.Equal(told, []string{"VI_1 INIT>MASTER"}) {
			t.Fatalf("told %q", told)
		}
	})
}

func TestResumeTooLate(t *testing.T) {
	for _, age := range []time.Duration{
		3*time.Second + time.Second/256,
		2900 * time.Millisecond, // no time is left for sending
		-time.Hour,              // an advert of the future proves nothing
	} {
		bubble(t, func(t *testing.T, l *lab) {
			a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
			time.Sleep(10 * time.Second)
			a.is(vrrp.Master)
			a.kill()
			time.Sleep(5 * time.Second)
			at := time.Now()
			a.start(config(vr(1, 150)), resumeAt("VI_1", at.Add(-age)))
			a.is(vrrp.Backup)
			if a.host.Has(addr("192.0.2.101")) || len(l.adverts("a", at)) != 0 {
				t.Fatal("the left-over address is still there, or something was sent")
			}
		})
	}
}

// A router that could go on when its process began, and whose interface comes
// when its peers may have taken over, does not go on.
func TestResumeOutrun(t *testing.T) {
	for _, late := range []bool{false, true} {
		bubble(t, func(t *testing.T, l *lab) {
			a := l.node("a", "")
			a.start(config(vr(1, 150)), resumeAt("VI_1", time.Now()))
			time.Sleep(2 * time.Second)
			if late {
				time.Sleep(time.Second)
			}
			at := time.Now()
			a.host.AddInterface("eth0", netip.MustParsePrefix("192.0.2.1/24"))
			time.Sleep(10 * time.Millisecond)
			if sent := len(l.adverts("a", at)); sent == 0 != late {
				t.Fatalf("late %v: %d adverts", late, sent)
			}
		})
	}
}

// What a predecessor held elsewhere than on the router's interface, which is gone,
// does not stay for ever: peers have it by now.
func TestResumeWithoutItsInterface(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		r := vr(1, 150)
		r.Interface, r.VIPs[0].Dev = "eth5", "eth0"
		for name, end := range map[string]func(){
			"time":   func() { time.Sleep(time.Second) },
			"reload": func() { a.reload(config(vr(2, 100))) },
			"stop":   func() { _ = a.stop() },
		} {
			if err := a.host.AddAddress("eth0", r.VIPs[0].Prefix); err != nil {
				t.Fatal(err)
			}
			a.start(config(r), resumeAt("VI_1", time.Now()))
			time.Sleep(2 * time.Second)
			if !a.host.Has(addr("192.0.2.101")) {
				t.Fatal("removed while the router could go on")
			}
			end()
			synctest.Wait()
			if a.host.Has(addr("192.0.2.101")) {
				t.Fatalf("%s: nobody is master, and the address is there", name)
			}
			a.kill()
		}
	})
}

// Left-overs that no configuration names any more are removed as well.
func TestLeftOvers(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		for _, p := range []string{"192.0.2.101/32", "192.0.2.77/32", "192.0.2.88/32"} {
			if err := a.host.AddAddress("eth0", vr(1, 1, p).VIPs[0].Prefix); err != nil {
				t.Fatal(err)
			}
		}
		a.start(config(vr(1, 100)), func(d *Deps) {
			d.LeftOvers.Addresses = []link.Address{{Ifindex: 1, Prefix: vr(1, 1, "192.0.2.77/32").VIPs[0].Prefix}}
		})
		a.is(vrrp.Backup)
		if a.host.Has(addr("192.0.2.101")) || a.host.Has(addr("192.0.2.77")) || !a.host.Has(addr("192.0.2.88")) {
			t.Fatal("want the configured and the listed one removed, and no other")
		}
	})
}

// A master that was stopped for longer than its peers wait finds another one:
// it says nothing, gives up its addresses, and preempts as anyone would.
func TestLateWakeUpYields(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		a.proc.Pause()
		time.Sleep(20 * time.Second)
		b.is(vrrp.Master)
		announced := len(a.proc.Announced())
		at := time.Now()
		a.proc.Continue()
		synctest.Wait()
		a.is(vrrp.Backup)
		if got := l.adverts("a", at); len(got) != 0 || a.host.Has(addr("192.0.2.101")) || len(a.proc.Announced()) != announced {
			t.Fatalf("it should be silent and without address: %+v", got)
		}
		if s := a.status(); s.Lateness.Max < 19*time.Second {
			t.Fatalf("lateness %+v", s.Lateness)
		}
		if told := a.obs.told(); told[len(told)-1] != "VI_1 MASTER>BACKUP" || a.obs.all()[len(a.obs.all())-1].Peer != addr("192.0.2.2") {
			t.Fatalf("told %q", told)
		}
		time.Sleep(2 * time.Second) // b's adverts have the lower priority
		if got := l.adverts("a", at); len(got) != 0 {
			t.Fatalf("preempted too early: %+v", got)
		}
		time.Sleep(3 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
	})
}

func TestLateWakeUpAlone(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		time.Sleep(10 * time.Second)
		told := len(a.obs.told())
		a.proc.Pause()
		time.Sleep(20 * time.Second)
		at := time.Now()
		a.proc.Continue()
		synctest.Wait()
		if got := prios(l.adverts("a", at)); !slices.Equal(got, []int{150}) {
			t.Fatalf("want one advert, not the missed ones: %v", got)
		}
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		if got := a.obs.told(); len(got) != told {
			t.Fatalf("told %q", got)
		}
	})
}

// Shorter than the peers wait: the master goes on, whoever was heard.
func TestShortPause(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.proc.Pause()
		time.Sleep(2900 * time.Millisecond)
		a.proc.Continue()
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		if told := b.obs.told(); len(told) != 1 {
			t.Fatalf("told %q", told)
		}
	})
}

// A backup that was stopped has adverts waiting in its socket: it reads them
// before it believes its timer.
func TestLateWakeUpOfABackup(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		b.proc.Pause()
		time.Sleep(2 * time.Hour) // more than a receive buffer holds, too
		b.proc.Continue()
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		if got := l.adverts("b", l.began); len(got) != 0 {
			t.Fatalf("sent %+v", got)
		}
	})
}

// What Inspect passes on is never older than the last change that was told.
func TestInspectInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.prepare(config(vr(1, 255)))
		a.proc.ApplyDelay(300 * time.Millisecond)
		a.run()
		seen := map[string]bool{}
		for range 50 {
			a.eng.Inspect(func(s Status) {
				r, told := s.Routers[0], vrrp.Init
				taking := false
				for _, c := range a.obs.all() {
					if !c.Event {
						told = c.To
					}
					taking = taking || c.TakingOver
				}
				if r.Told != told {
					t.Errorf("the copy says %v when %v was told", r.Told, told)
				}
				if (r.State == vrrp.Master) != taking || (len(r.Wanted.Addresses) == 1) != taking {
					t.Errorf("state %v, wanted %v, taking over told: %v", r.State, r.Wanted, taking)
				}
				seen[r.State.String()+" "+r.Told.String()] = true
			})
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if !seen["MASTER INIT"] || !seen["MASTER MASTER"] {
			t.Errorf("seen %v", seen)
		}
	})
}

// What a predecessor held is removed when the new process cannot hold it: its
// link is down, or what it tracks is.
func TestResumeThatCannotBe(t *testing.T) {
	for name, spoil := range map[string]func(a *node, c *Config){
		"link":  func(a *node, _ *Config) { a.host.SetUp("eth0", false) },
		"track": func(_ *node, c *Config) { c.Routers[0].Tracks = []vrrp.Track{{Key: "interface nosuch0"}} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *lab) {
				a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
				time.Sleep(10 * time.Second)
				a.is(vrrp.Master)
				last := l.lastSent("a", 1, false)
				a.kill()
				c := config(vr(1, 150))
				c.Routers[0].VIPs[0].Dev = "eth0"
				spoil(a, &c)
				a.start(c, resumeAt("VI_1", last))
				synctest.Wait()
				if a.router(0).State == vrrp.Master || a.host.Has(addr("192.0.2.101")) {
					t.Fatalf("%v, and holds the address: %v", a.router(0).State, a.host.Has(addr("192.0.2.101")))
				}
			})
		})
	}
}

// Of a sync group some routers may go on and others not, as their intervals
// differ: those others follow at once, in whatever order they are listed.
func TestResumeOfAPartOfAGroup(t *testing.T) {
	for _, slowFirst := range []bool{true, false} {
		bubble(t, func(t *testing.T, l *lab) {
			slow, fast := vr(1, 150), vr(2, 150)
			slow.AdvertInt = 2 * time.Second
			c := config(slow, fast)
			if !slowFirst {
				c = config(fast, slow)
			}
			c.Groups = []Group{{Name: "G", Members: []string{"VI_1", "VI_2"}}}
			a := l.node("a", "192.0.2.1/24").start(c)
			time.Sleep(20 * time.Second)
			a.is(vrrp.Master)
			last := time.Now()
			a.kill()
			time.Sleep(4 * time.Second) // too long for the fast one
			a.start(c, func(d *Deps) {
				d.Resume = []Resume{{Name: "VI_1", LastAdvert: sinceBoot(last)}, {Name: "VI_2", LastAdvert: sinceBoot(last)}}
			})
			synctest.Wait()
			s := a.status()
			if s.Routers[0].State != vrrp.Master || s.Routers[1].State != vrrp.Master || s.Groups[0].State != vrrp.Master {
				t.Fatalf("slow first %v: %s is %v, %s is %v, the group %v", slowFirst, s.Routers[0].Name, s.Routers[0].State,
					s.Routers[1].Name, s.Routers[1].State, s.Groups[0].State)
			}
		})
	}
}

// Routes and rules of a predecessor are kept for a router that is to go on, and
// removed when it cannot.
func TestResumeThatCannotBeTakesRoutesAlong(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.host.SetUp("eth0", false)
		r := vr(1, 150)
		r.Routes = []route.Route{routeTo("10.1.0.0/16", "eth0")}
		sweeps := &sweepRecorder{}
		a.start(config(r), resumeAt("VI_1", time.Now()), func(d *Deps) { sweeps.Applier, d.Applier = d.Applier, sweeps })
		a.is(vrrp.Fault)
		if len(sweeps.removed) != 1 || sweeps.removed[0].Text != "10.1.0.0/16 dev eth0" {
			t.Fatalf("removed %v", sweeps.removed)
		}
	})
}

// sweepRecorder keeps what was to be removed.
type sweepRecorder struct {
	link.Applier
	removed []link.Object
}

func (s *sweepRecorder) Sweep(remove, keep link.Wanted) error {
	s.removed = append(s.removed, remove.Objects...)
	return s.Applier.Sweep(remove, keep)
}

// A predecessor of which nobody knows when it was heard last is not followed as master.
func TestResumeOfNobodyKnowsWhen(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		if err := a.host.AddAddress("eth0", vr(1, 150).VIPs[0].Prefix); err != nil {
			t.Fatal(err)
		}
		a.start(config(vr(1, 150)), func(d *Deps) {
			d.Resume = []Resume{{Name: "VI_1"}}
			d.Boot = func() time.Duration { return time.Second } // the machine has just begun
		})
		a.is(vrrp.Backup)
		if a.host.Has(addr("192.0.2.101")) {
			t.Fatal("the left-over address is still there")
		}
	})
}
