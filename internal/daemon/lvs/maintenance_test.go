package lvs

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	// Whole at once: it is read at any moment.
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestMaintenanceFileOfServer(t *testing.T) {
	dir := t.TempDir()
	bubble(t, func(t *testing.T, r *rig) {
		file := filepath.Join(dir, "web1")
		v := virtual(1, 1, 2)
		v.RealServers[0].Extras = &config.ServerExtras{MaintenanceFile: file}
		write(t, file, "")
		r.start(configOf(v))
		r.wantTable("1:2=2") // never in, not even at the start
		r.pass(3 * time.Second)
		if ops := r.kernel.Ops(); slices.ContainsFunc(ops, func(o ipvs.Op) bool { return o.Dest.Addr == v.RealServers[0].Addr }) {
			t.Errorf("operations %v", ops)
		}
		const rs = "RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 "
		r.wantLines("VS [192.0.2.1]:tcp:80 UP", rs+"DOWN")
		if o := r.status().Services[0].Servers[0].Orders; len(o) != 1 || o[0].From != "maintenance" || o[0].File != file || o[0].Order != "disable" {
			t.Errorf("status %+v", o)
		}
		r.reload(configOf(v))
		r.mustSet("192.0.2.1", "198.51.100.1", "enable", "out of service") // the file says otherwise
		r.wantTable("1:2=2")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		r.pass(2 * time.Second)
		r.wantTable("1:1=1,2=2")
		r.wantLines(rs + "UP")
		write(t, file, "weight 50\n")
		r.pass(2 * time.Second)
		r.wantTable("1:1=50,2=2")
		write(t, file, "what?")
		r.pass(2 * time.Second)
		r.wantTable("1:2=2") // somebody wants it out
		r.kernel.SetConnections(key(1), ipvs.DestKey{Addr: v.RealServers[0].Addr, Port: 80}, 1, 0)
		write(t, file, "enable")
		r.pass(2 * time.Second)
		write(t, file, "drain 30")
		r.pass(20 * time.Second)
		r.wantTable("1:1=0,2=2")
		r.pass(20 * time.Second)
		r.wantTable("1:2=2")
		r.wantLines(rs+"DOWN", rs+"UP", rs+"DRAIN", rs+"DOWN")
		r.reload(configOf(virtual(1, 1, 2))) // without the keyword
		r.wantTable("1:1=1,2=2")
		r.end()
	})
}

func TestMaintenanceList(t *testing.T) {
	dir := t.TempDir()
	bubble(t, func(t *testing.T, r *rig) {
		file := filepath.Join(dir, "list")
		cfg := configOf(virtual(1, 1, 2, 3), virtual(2, 1, 2))
		cfg.Global.MaintenanceFile = file
		r.start(cfg)
		r.wantTable("1:1=1,2=2,3=3 2:1=1,2=2")
		write(t, file, "# both services\n198.51.100.1\n192.0.2.1:80 198.51.100.2:80 weight 9 # one of them\n203.0.113.77 # of another director\n198.51.100.3 nonsense\nnonsense\n")
		r.pass(2 * time.Second)
		r.wantTable("1:2=9 2:2=2")
		write(t, file, "192.0.2.1:80 198.51.100.2:80 weight 9\n")
		r.kernel.Ops()
		r.pass(2 * time.Second)
		r.wantTable("1:1=1,2=9,3=3 2:1=1,2=2")
		r.wantOps("+d +d +d")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(file, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(file, "198.51.100.2:80"), "")
		write(t, filepath.Join(file, "198.51.100.1"), "weight 4")
		write(t, filepath.Join(file, "README"), "what this folder is for")
		r.pass(2 * time.Second)
		r.wantTable("1:1=4,3=3 2:1=4")
		r.end()
	})
}

// A name in a list may leave port and protocol out, and means each server that it
// fits: the server is out in all of them, in place of in none.
func TestMaintenanceListNamesSeveral(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list")
	bubble(t, func(t *testing.T, r *rig) {
		two := virtual(1, 1, 2) // a second program on the first server
		second := two.RealServers[0]
		second.Port, second.Weight = 8080, 7
		two.RealServers = append(two.RealServers, second)
		udp := virtual(1, 1, 2)
		udp.Protocol = 17
		cfg := configOf(two, udp)
		cfg.Global.MaintenanceFile = file
		r.start(cfg)
		taken := func() string {
			var out []string
			for _, s := range r.status().Services {
				for _, d := range s.Servers {
					if d.State == "disabled" {
						out = append(out, s.ShortName+" "+netip.AddrPortFrom(d.Addr, d.Port).String())
					}
				}
			}
			return strings.Join(out, ", ")
		}
		for _, tc := range []struct{ list, want string }{
			{"", ""},
			{"198.51.100.1\n", "192.0.2.1:80/tcp 198.51.100.1:80, 192.0.2.1:80/tcp 198.51.100.1:8080, 192.0.2.1:80/udp 198.51.100.1:80"},
			{"192.0.2.1:80 198.51.100.2\n", "192.0.2.1:80/tcp 198.51.100.2:80, 192.0.2.1:80/udp 198.51.100.2:80"},
			{"192.0.2.1:80/udp 198.51.100.2\n", "192.0.2.1:80/udp 198.51.100.2:80"},
			{"192.0.2.1:80/tcp 198.51.100.1:8080\n", "192.0.2.1:80/tcp 198.51.100.1:8080"},
			{"all 198.51.100.1:8080\n", "192.0.2.1:80/tcp 198.51.100.1:8080"},
			{"192.0.2.2:80 198.51.100.1\n", ""},
			{"198.51.100.1 weight 1\n198.51.100.1:8080 drain 5m\n192.0.2.1:80 198.51.100.1:8080\n198.51.100.1 drain 5m\n", "192.0.2.1:80/tcp 198.51.100.1:8080"},
			{"198.51.100.2 enable\n192.0.2.1:80/udp 198.51.100.2\n", "192.0.2.1:80/udp 198.51.100.2:80"},
		} {
			write(t, file, tc.list)
			r.pass(2 * time.Second)
			if got := taken(); got != tc.want {
				t.Errorf("%q: out of service are %q, want %q", tc.list, got, tc.want)
			}
		}
		r.end()
	})
}

// A service of a list that is no name is told, as its server stays in service.
func TestMaintenanceListOfNoService(t *testing.T) {
	list, err := listPins("list", "web 198.51.100.1 drain\n192.0.2.1:80 198.51.100.2\n")
	if len(list) != 1 || err == nil || !strings.Contains(err.Error(), `line 1: "web" is no name`) {
		t.Errorf("%v, %v", list, err)
	}
}

// A file system that hangs holds one reader and one wait, not those of each
// reload, and what the file says is taken over when it answers.
func TestMaintenanceFileThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := configOf(virtual(1, 1, 2))
		cfg.Global.MaintenanceFile = "list"
		var hanging atomic.Int32
		answers := make(chan struct{})
		r.lvs = New(cfg, r.deps())
		r.lvs.readPin = func(s pinSource) ([]pin, error) {
			hanging.Add(1)
			defer hanging.Add(-1)
			<-answers
			return []pin{{file: s.path, server: "198.51.100.1", order: Order{Action: ipvs.Disable}}}, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		r.stop, r.done = cancel, make(chan error, 1)
		go func() { r.done <- r.lvs.Run(ctx) }()
		r.pass(2 * pinWait)
		r.wantTable("1:1=1,2=2")
		before := time.Now()
		goroutines := runtime.NumGoroutine()
		for range 50 {
			r.reload(cfg)
		}
		if waited := time.Since(before); waited > 0 || hanging.Load() != 1 || runtime.NumGoroutine() > goroutines+25 {
			t.Errorf("waited %v, %d readers, %d goroutines and before %d", waited, hanging.Load(), runtime.NumGoroutine(), goroutines)
		}
		close(answers)
		r.pass(time.Second)
		r.wantTable("1:2=2")
		r.reload(cfg)
		r.wantTable("1:2=2")
		r.end()
	})
}

// What cannot be read changes nothing.
func TestMaintenanceListThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "list")
	var said []string
	r := pinReader{readOne: pinSource.read, complain: func(_ string, err error) { said = append(said, err.Error()) }}
	sources := []pinSource{{path: file}}
	if got := r.read(sources); len(got) != 0 || len(said) != 0 {
		t.Errorf("without the file: %v, %q", got, said)
	}
	write(t, file, "198.51.100.1\n")
	if got := r.read(sources); len(got) != 1 {
		t.Errorf("%v", got)
	}
	write(t, file, strings.Repeat("198.51.100.1\n", pinLines+1))
	for range 2 {
		if got := r.read(sources); len(got) != 1 || len(said) != 1 {
			t.Errorf("too long: %d pins, %q", len(got), said)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := r.read(sources); len(got) != 0 {
		t.Errorf("after its end: %v", got)
	}
}

func TestSlowStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		v.RealServers[0].Weight, v.RealServers[0].Extras = 100, &config.ServerExtras{SlowStart: 100 * time.Second}
		r.start(configOf(v))
		r.pass(3 * time.Second)
		r.wantTable("1:1=100,2=2") // the start is no recovery
		r.fail("198.51.100.1:80")
		r.pass(2 * time.Second)
		r.wantTable("1:2=2")
		r.kernel.Ops()
		r.fail()
		r.pass(2 * time.Second)
		r.wantTable("1:1=10,2=2")
		if s := r.status().Services[0].Servers[0]; s.Ramp != 10 || s.Weight != 10 || s.State != "up" {
			t.Errorf("status %+v", s)
		}
		var weights []uint32
		for range 120 {
			r.pass(time.Second)
		}
		for _, op := range r.kernel.Ops() {
			weights = append(weights, op.Dest.Weight)
		}
		if want := []uint32{10, 20, 30, 40, 50, 60, 70, 80, 90, 100}; !slices.Equal(weights, want) {
			t.Errorf("weights %v, want %v", weights, want)
		}
		r.mustSet("192.0.2.1", "198.51.100.1", "disable", "out of service")
		r.mustSet("192.0.2.1", "198.51.100.1", "enable", "in service, weight 100 after slow start, 10 % of it now")
		r.mustSet("192.0.2.1", "198.51.100.1", "enable", "in service, weight 100 after slow start, 10 % of it now") // there is nothing to be taken back
		r.mustSet("192.0.2.1", "198.51.100.1", "weight 80", "in service, weight 80")                                // what is asked for by name holds at once
		r.wantTable("1:1=80,2=2")
		r.mustSet("192.0.2.1", "198.51.100.1", "enable", "in service, weight 100") // and has ended the slow start
		r.wantTable("1:1=100,2=2")

		// Whoever drains a server takes nothing out, so that enable is no new start:
		// the time of one that runs goes on.
		r.kernel.SetConnections(key(1), ipvs.DestKey{Addr: v.RealServers[0].Addr, Port: 80}, 1, 0)
		r.mustSet("192.0.2.1", "198.51.100.1", "disable", "out of service")
		r.mustSet("192.0.2.1", "198.51.100.1", "enable", "in service, weight 100 after slow start, 10 % of it now")
		r.mustSet("192.0.2.1", "198.51.100.1", "drain", "drains")
		r.wantTable("1:1=0,2=2")
		r.pass(45 * time.Second)
		r.mustSet("192.0.2.1", "198.51.100.1", "enable", "in service, weight 100 after slow start, 50 % of it now")
		r.wantTable("1:1=50,2=2")
		r.end()
	})
}

func TestDrainOfConfiguration(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		r.kernel.SetConnections(key(1), ipvs.DestKey{Addr: v.RealServers[0].Addr, Port: 80}, 1, 0)
		r.start(configOf(v))
		r.pass(3 * time.Second)
		r.forget()
		draining := virtual(1, 1, 2)
		draining.RealServers[0].Drain, draining.RealServers[0].Extras = true, &config.ServerExtras{DrainLimit: 40 * time.Second}
		r.reload(configOf(draining))
		r.wantTable("1:1=0,2=2")
		r.pass(30 * time.Second)
		r.reload(configOf(draining)) // it goes on
		r.pass(5 * time.Second)
		r.wantTable("1:1=0,2=2")
		r.pass(6 * time.Second)
		r.wantTable("1:2=2")
		r.reload(configOf(v))
		r.wantTable("1:1=1,2=2")
		const rs = "RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 "
		r.wantLines(rs+"DRAIN", rs+"DOWN", rs+"UP")
		r.end()
	})
}

func TestInitNotifies(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		v.RealServers[1].Checkers()[0].Alpha = true
		v.RealServers[0].Extras = &config.ServerExtras{Scripts: &config.ServerScripts{Up: config.Command{Args: []string{"up"}}}}
		cfg := configOf(v)
		cfg.Global.RSInitNotifies = true
		r.start(cfg)
		r.wantLines("RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 UP", "VS [192.0.2.1]:tcp:80 UP")
		if want := []string{"up"}; !slices.Equal(r.runs, want) {
			t.Errorf("ran %q", r.runs)
		}
		r.end()
	})
}

func FuzzMaintenance(f *testing.F) {
	f.Add("192.0.2.1:80 198.51.100.1 drain 5\n# x\n198.51.100.2")
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := listPins("f", text)
		for _, p := range list {
			if n, err := parseName(p.server); err != nil || !n.addr.IsValid() {
				t.Fatalf("%q is no server", p.server)
			}
		}
	})
}
