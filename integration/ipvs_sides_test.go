package integration

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/integration/lab"
)

// sides are daemons that run one configuration, each in a network of its own;
// the first is the real keepalived. What is done to one is done to all.
type sides struct {
	t     testing.TB
	list  []*side
	often int // how often all must be equal in a row; 0: twice
}

type side struct {
	name   string
	daemon lab.Daemon
	toml   bool // it gets the TOML form of the configuration
	net    *network
	raw    *rawIPVS
	web    *realServers
	proc   *lab.Process
	fifo   *os.File

	mu       sync.Mutex
	lines    []string                        // read from the FIFO
	compared struct{ lines, notes, log int } // how much of each belongs to former steps
}

// sideBySide is keepalived and the program under test called as keepalived;
// with toml also the program under its own name, which then gets TOML.
func sideBySide(t testing.TB, toml bool) *sides {
	t.Helper()
	s := &sides{t: t}
	s.add(theirs(t), false)
	s.add(ours(t), false)
	if toml {
		prog, err := program()
		if err != nil {
			t.Fatal(err)
		}
		s.add(lab.Holdfast(prog), true)
	}
	return s
}

func (s *sides) add(d lab.Daemon, toml bool) {
	s.t.Helper()
	n := directors(s.t, d.Name)
	x := &side{name: d.Name, daemon: d, toml: toml, net: n, raw: rawIPVSOf(s.t, n.a), web: &realServers{host: n.a, list: map[string]*realServer{}}}
	if toml {
		x.name += " with TOML"
	}
	s.t.Cleanup(x.web.close)
	note := "#!/bin/sh\necho \"$@\" >>" + n.a.Path("notes") + "\n"
	// One look at the file: it may come and go at any moment.
	check := "#!/bin/sh\nread -r code <" + n.a.Path("exit") + ".$1 || exit 0\nexit $code\n"
	for name, text := range map[string]string{"note": note, "check": check} {
		if err := lab.WriteProgram(n.a.Path(name), []byte(text)); err != nil {
			s.t.Fatal(err)
		}
	}
	// Made beforehand, so that no line is written before it is read.
	if err := syscall.Mkfifo(n.a.Path("fifo"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	var err error
	if x.fifo, err = os.OpenFile(n.a.Path("fifo"), os.O_RDWR, 0); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { x.fifo.Close() })
	go x.readFIFO()
	s.list = append(s.list, x)
}

// readFIFO collects lines. keepalived writes a NUL after each newline.
func (x *side) readFIFO() {
	buf := make([]byte, 1<<16)
	for {
		n, err := x.fifo.Read(buf)
		if err != nil {
			return
		}
		x.mu.Lock()
		for line := range strings.SplitSeq(string(buf[:n]), "\n") {
			if line = strings.Trim(line, "\x00"); line != "" {
				x.lines = append(x.lines, line)
			}
		}
		x.mu.Unlock()
	}
}

// text is the configuration in the side's language, with the side's folder
// for DIR.
func (x *side) text(c confs) string {
	text := c.conf
	if x.toml {
		text = c.toml
	}
	return strings.ReplaceAll(text, "DIR", x.net.a.Dir)
}

// confs is one configuration in both languages; toml may be missing where no
// side asks for it.
type confs struct{ conf, toml string }

// start starts every daemon.
func (s *sides) start(c confs, args ...string) {
	s.t.Helper()
	for _, x := range s.list {
		d := x.daemon
		file := "director.conf"
		if x.toml {
			file = "director.toml"
		} else {
			d.Args = append(slices.Clone(args), d.Args...)
		}
		var err error
		if x.proc, err = x.net.a.StartDaemon(d, file, x.text(c)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// reload gives every daemon another configuration, and waits until it says
// that it has taken it up.
func (s *sides) reload(c confs) {
	s.t.Helper()
	before := make([]int, len(s.list))
	for i, x := range s.list {
		before[i] = x.reloads()
		file := "director.conf"
		if x.toml {
			file = "director.toml"
		}
		if err := os.WriteFile(x.net.a.Path(file), []byte(x.text(c)), 0o644); err != nil {
			s.t.Fatal(err)
		}
		if err := x.proc.Signal(syscall.SIGHUP); err != nil {
			s.t.Fatal(err)
		}
	}
	for i, x := range s.list {
		if !lab.WaitFor(stepLimit, func() bool { time.Sleep(100 * time.Millisecond); return x.reloads() > before[i] }) {
			s.t.Fatalf("%s: no end of the reload:\n%s", x.name, x.proc.LogEnd())
		}
	}
}

// reloads is how many reloads are over. Of keepalived's processes the one that
// keeps the table says it; the one for VRRP does not run in these tests or has
// something to say of its own.
func (x *side) reloads() int {
	log := x.proc.Log()
	return strings.Count(log, ": Reload complete") + strings.Count(log, " msg=reloaded ")
}

// stop stops every daemon and compares what is left.
func (s *sides) stop(want ...string) {
	s.t.Helper()
	for _, x := range s.list {
		if exit, err := x.proc.Stop(stepLimit); err != nil || exit != 0 {
			s.t.Errorf("%s: stop: exit %d, %v", x.name, exit, err)
		}
	}
	// keepalived kills its processes when they have not ended after five
	// seconds, which on a busy machine they have not: what is then left in the
	// kernel is no measure.
	if strings.Contains(s.list[0].proc.Log(), "failed to die - forcing termination") {
		s.t.Log("keepalived did not end in its own time, and is not compared")
		s.list = s.list[1:]
	}
	s.same("after the stop", 0, want...)
}

// each does something on every side.
func (s *sides) each(f func(*side) error) {
	s.t.Helper()
	for _, x := range s.list {
		if err := f(x); err != nil {
			s.t.Fatalf("%s: %v", x.name, err)
		}
	}
}

// run runs a command in every director.
func (s *sides) run(args ...string) {
	s.t.Helper()
	s.each(func(x *side) error {
		_, err := x.net.a.Output(s.t.Context(), args...)
		return err
	})
}

// exits has the check program answer for a name; -1 for 0, as in the beginning.
func (s *sides) exits(name string, code int) {
	s.t.Helper()
	s.each(func(x *side) error {
		if code < 0 {
			return os.Remove(x.net.a.Path("exit." + name))
		}
		// Whole at once: the check may run at any moment.
		tmp := x.net.a.Path("exit.new")
		if err := os.WriteFile(tmp, fmt.Appendln(nil, code), 0o644); err != nil {
			return err
		}
		return os.Rename(tmp, x.net.a.Path("exit."+name))
	})
}

// servers sets how real servers answer.
func (s *sides) servers(how answer, addrs ...string) {
	s.t.Helper()
	s.each(func(x *side) error {
		for _, a := range addrs {
			if err := x.web.set(a, how); err != nil {
				return err
			}
		}
		return nil
	})
}

// state is everything that is compared. After compare(), news are those that
// come later.
type state struct {
	table, news []string
	compare     func()
}

func (x *side) state() (state, error) {
	var st state
	var err error
	if st.table, err = x.raw.lines(); err != nil {
		return st, err
	}
	x.mu.Lock()
	lines := x.lines
	x.mu.Unlock()
	for _, l := range lines[x.compared.lines:] {
		st.news = append(st.news, "fifo: "+l)
	}
	text, err := os.ReadFile(x.net.a.Path("notes"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return st, err
	}
	notes := strings.Split(string(text), "\n")
	notes = notes[:len(notes)-1] // after the last newline
	for _, l := range notes[x.compared.notes:] {
		st.news = append(st.news, "script: "+l)
	}
	slices.Sort(st.news) // the order of two services' news is chance
	st.compare = func() { x.compared.lines, x.compared.notes = len(lines), len(notes) }
	return st, nil
}

// stepLimit is how long a step may take; on an idle machine it is seconds.
const stepLimit = 2 * time.Minute

// same waits until every side has the same table, with lines that contain each
// text of want or, after "no ", without any that does, and has told the same
// since the last call, in so many lines: that many are needed for the step to
// be over, and one more is a difference. What comes too much after that is the
// next step's, and a difference there.
func (s *sides) same(when string, told int, want ...string) {
	s.t.Helper()
	var now, before []state
	good := func() bool {
		before, now = now, nil
		for _, x := range s.list {
			st, err := x.state()
			if err != nil {
				s.t.Fatalf("%s: %v", x.name, err)
			}
			now = append(now, st)
		}
		for _, st := range now {
			if len(st.news) != told || !slices.Equal(now[0].table, st.table) || !slices.Equal(now[0].news, st.news) {
				return false
			}
		}
		return !slices.ContainsFunc(want, func(w string) bool { return !holds(now[0].table, w) })
	}
	// Twice: three daemons do not go through the same half-made tables at once.
	again := 0
	equal := lab.WaitFor(stepLimit, func() bool {
		if again++; !good() || before == nil || !slices.Equal(before[0].table, now[0].table) {
			again = 0
		}
		if again < max(s.often, 2) {
			time.Sleep(200 * time.Millisecond)
		}
		return again == max(s.often, 2)
	})
	if !equal {
		for i, x := range s.list[1:] {
			if d := cmp.Diff(now[0].table, now[i+1].table); d != "" {
				s.t.Errorf("%s: table (-keepalived +%s):\n%s", when, x.name, d)
			}
			if d := cmp.Diff(now[0].news, now[i+1].news); d != "" {
				s.t.Errorf("%s: news (-keepalived +%s):\n%s", when, x.name, d)
			}
		}
		if len(now[0].news) != told {
			s.t.Errorf("%s: %s's news: want %d:\n%s", when, s.list[0].name, told, strings.Join(now[0].news, "\n"))
		}
		for _, w := range want {
			if !holds(now[0].table, w) {
				s.t.Errorf("%s: %s's table: want %q:\n%s", when, s.list[0].name, w, strings.Join(now[0].table, "\n"))
			}
		}
	}
	if x := s.list[0]; !equal && x.proc.Running() {
		s.t.Logf("%s: the processes of %s:\n%s", when, x.name, waits(x.proc))
	}
	for _, x := range s.list {
		log := x.proc.Log()
		if !equal {
			s.t.Logf("%s: what %s printed:\n%s", when, x.name, log[min(x.compared.log, len(log)):])
		}
		x.compared.log = len(log)
	}
	s.t.Logf("%s: %d lines of table, %d of news", when, len(now[0].table), len(now[0].news))
	for _, st := range now {
		st.compare()
	}
}

// holds reports whether a line contains the text; with "no " before it,
// whether none does.
func holds(table []string, want string) bool {
	text, absent := strings.CutPrefix(want, "no ")
	return slices.ContainsFunc(table, func(l string) bool { return strings.Contains(l, text) }) != absent
}

// answer is how a real server answers.
type answer struct {
	closed bool // connections are refused
	status int  // default 200
	body   string
	away   string // a host that is not found
}

// realServers are web servers at addresses of their own on one host.
type realServers struct {
	host *lab.Host
	list map[string]*realServer
}

type realServer struct {
	listener net.Listener
	mu       sync.Mutex
	how      answer
}

func (w *realServers) set(at string, how answer) error {
	s := w.list[at]
	if s == nil {
		addr, err := netip.ParseAddrPort(at)
		if err != nil {
			return err
		}
		if err := w.host.AddAddr("lo", netip.PrefixFrom(addr.Addr(), addr.Addr().BitLen()).String()); err != nil && !errors.Is(err, syscall.EEXIST) {
			return err
		}
		s = &realServer{}
		w.list[at] = s
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.how = how
	switch {
	case how.closed && s.listener != nil:
		err := s.listener.Close()
		s.listener = nil
		return err
	case !how.closed && s.listener == nil:
		err := w.host.Do(func() (err error) {
			s.listener, err = net.Listen("tcp", at)
			return err
		})
		if err != nil {
			return err
		}
		server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
		server.SetKeepAlivesEnabled(false)
		go server.Serve(s.listener) //nolint:errcheck // it ends with its listener
	}
	return nil
}

func (s *realServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	how := s.how
	s.mu.Unlock()
	if how.closed {
		panic(http.ErrAbortHandler) // accepted just before: no answer either
	}
	if how.away != "" && req.Host == how.away {
		w.WriteHeader(http.StatusNotFound)
	} else if how.status != 0 {
		w.WriteHeader(how.status)
	}
	fmt.Fprint(w, how.body)
}

func (w *realServers) close() {
	for _, s := range w.list {
		s.mu.Lock()
		if s.listener != nil {
			s.listener.Close()
		}
		s.mu.Unlock()
	}
}
