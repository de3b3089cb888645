package doctor

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/doctor/firewall"
	"holdfast/internal/host"
	"holdfast/internal/realserver"
	"holdfast/ipvs"
)

// Options say where to look.
type Options struct {
	// Director and RealServer say what the host is to be; none: what it looks
	// like.
	Director, RealServer bool
	Config               *config.Config // nil: none
	Daemon               bool           // one answers
	Loaded               bool           // it has read this configuration, so that it needs the modules now
	// Running is the daemon's word on VRRP, asked for after what takes time; nil
	// or its answer nil: there is none.
	Running func() *control.VRRP
	State   string        // file of realserver
	VIPs    []netip.Addr  // that are served as a real server, besides those found
	Listen  time.Duration // for adverts; 0: not at all
}

// Gather takes a snapshot of this host, in the calling thread's network
// namespace. What cannot be read is left out.
func Gather(ctx context.Context, o Options) (*Snapshot, error) {
	h, err := host.Gather()
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Snapshot: h, Config: o.Config, Legacy: map[int]*firewall.Tables{}, Programs: map[int]string{}}
	s.Daemon = o.Daemon || runs("keepalived", "holdfast")
	s.Loader = moduleLoader()
	s.ipvs(o.Loaded)
	s.served(o)
	s.Director, s.RealServer = o.Director, o.RealServer
	if !s.Director && !s.RealServer {
		s.Director = o.Config != nil || s.Daemon || len(s.Table) > 0
		s.RealServer = len(s.Served) > 0
	}
	if f, err := firewall.Gather(); err == nil {
		s.Filter = f
	}
	s.legacy(4, "ip_tables_names", "iptables")
	s.legacy(6, "ip6_tables_names", "ip6tables")
	before := time.Now()
	if s.Director && o.Listen > 0 {
		s.listen(ctx, o.Listen)
	}
	s.clock(before)
	if o.Running != nil {
		s.Running = o.Running()
	}
	return s, nil
}

// runs looks for another process in this network namespace by its name.
func runs(names ...string) bool {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return false
	}
	list, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range list {
		dir := filepath.Dir(path)
		if filepath.Base(dir) == strconv.Itoa(os.Getpid()) {
			continue
		}
		comm, _ := os.ReadFile(path)
		if !slices.Contains(names, strings.TrimSpace(string(comm))) {
			continue
		}
		if ns, err := os.Readlink(dir + "/ns/net"); err == nil && ns == own {
			return true
		}
	}
	return false
}

// ipvs reads the table, but does not have the kernel load the module. What a
// daemon could not have loaded is missing, whatever else could load it.
func (s *Snapshot) ipvs(loaded bool) {
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		s.IPVS = true
		if k, err := ipvs.Open(); err == nil {
			defer k.Close()
			s.Table, _ = k.Table()
			s.Syncing, _ = k.Daemons()
		}
	} else {
		s.IPVS = !loaded && s.loadable("ip_vs")
	}
	if s.Config == nil || !s.IPVS {
		return
	}
	lacks := func(list *[]string, prefix, name string) {
		if name == "" || slices.Contains(*list, name) {
			return
		}
		if _, err := os.Stat("/sys/module/" + prefix + name); err != nil && !s.loadable(prefix+name) {
			*list = append(*list, name)
		}
	}
	for i := range s.Config.VirtualServers {
		v := &s.Config.VirtualServers[i]
		if v.LBAlgo != "none" {
			lacks(&s.Schedulers, "ip_vs_", v.LBAlgo)
		}
		lacks(&s.Engines, "ip_vs_pe_", v.PersistenceEngine)
	}
}

// programLimit is how long a program may take to answer.
const programLimit = 10 * time.Second

// loadable reports whether the kernel has a module in itself or can load it.
func (s *Snapshot) loadable(module string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), programLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "modprobe", "--quiet", "--show-depends", module).Output()
	return err == nil && (s.Loader.loads() || strings.HasPrefix(string(out), "builtin "))
}

// moduleLoader looks at what the kernel is told to load modules with. A kernel that
// has no modules has neither setting, and nothing is wrong with them.
func moduleLoader() (l Loader) {
	if b, err := os.ReadFile("/proc/sys/kernel/modprobe"); err == nil {
		l.Program = strings.TrimSpace(string(b))
		st, err := os.Stat(l.Program)
		// These two are what kernel.modprobe is set to where modules are not wanted.
		unwanted := slices.Contains([]string{"true", "false"}, filepath.Base(l.Program))
		l.Broken = err != nil || !st.Mode().IsRegular() || st.Mode()&0o111 == 0 || unwanted
	}
	b, err := os.ReadFile("/proc/sys/kernel/modules_disabled")
	l.Sealed = err == nil && strings.TrimSpace(string(b)) == "1"
	return l
}

// served finds the addresses that this host serves: those that realserver has
// taken, and those that look so.
func (s *Snapshot) served(o Options) {
	if st, err := realserver.Read(o.State); err == nil {
		s.Served = st.VIPs
	}
	add := func(a netip.Addr) {
		if slices.ContainsFunc(s.Served, func(v realserver.VIP) bool { return v.Addr == a }) {
			return
		}
		spec, _ := realserver.Detect(s.Snapshot, a)
		s.Served = append(s.Served, realserver.VIP{Addr: a, Spec: spec})
	}
	for _, a := range o.VIPs {
		add(a)
	}
	virtual := map[netip.Addr]bool{}
	for _, r := range s.routers() {
		for _, a := range r.addrs {
			virtual[a] = true
		}
	}
	for _, x := range s.Addrs {
		a := x.Prefix.Addr()
		l := s.Link(x.Device)
		if l == nil || !l.Silent() || a.IsLoopback() || a.IsLinkLocalUnicast() || x.Prefix.Masked().Addr().IsLoopback() {
			continue
		}
		// Many hosts have an address of their own on lo; a virtual one is
		// most often in a network of an interface.
		near := slices.ContainsFunc(s.Addrs, func(y host.Addr) bool {
			l := s.Link(y.Device)
			return l != nil && !l.Silent() && y.Prefix.Contains(a) && !y.Prefix.IsSingleIP()
		})
		if near || virtual[a] || o.RealServer {
			add(a)
		}
	}
}

// legacy reads iptables where the kernel has its tables.
func (s *Snapshot) legacy(family int, file, program string) {
	names, err := os.ReadFile("/proc/net/" + file)
	if err != nil || !slices.Contains(strings.Fields(string(names)), "filter") {
		return
	}
	for _, p := range []string{program + "-legacy", program} {
		ctx, cancel := context.WithTimeout(context.Background(), programLimit)
		out, err := exec.CommandContext(ctx, p+"-save", "-t", "filter").Output()
		cancel()
		if err == nil {
			s.Legacy[family], s.Programs[family] = firewall.ParseTables(string(out)), p
			return
		}
	}
}

// clock asks the kernel whether the clock is synchronised, and compares how
// far it and the monotonic one have come.
func (s *Snapshot) clock(before time.Time) {
	now := time.Now()
	s.Clock.Step = now.Round(0).Sub(before.Round(0)) - now.Sub(before)
	var t unix.Timex
	if state, err := unix.Adjtimex(&t); err == nil {
		s.Clock.Known, s.Clock.Synchronised = true, state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
	}
}
