package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	cf "github.com/cloudflare/ipvs"
	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
	"holdfast/integration/uml"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/lvs"
	"holdfast/ipvs"
)

var (
	ipvsOnly   = flag.Bool("ipvs", false, "only the IPVS table")
	ipvsInside = flag.Bool("ipvs-inside", false, "measure the IPVS table in this kernel (the bench calls itself so)")
	ipvsRuns   = flag.Int("ipvsruns", 3, "lives of each daemon with each IPVS table")
	ipvsPin    = flag.Bool("ipvspin", false, "keep the IPVS kernel on one processor, where a page fault costs it a quarter of the time")
)

// Sizes of the table: services, each with ipvsServers real servers.
var ipvsSizes = []int{1000, 3000}

const ipvsServers = 10

// ipvsPhase is one piece of work on the table, with the target: at most so
// many times what keepalived takes.
type ipvsPhase int

const (
	ipvsInstall ipvsPhase = iota
	ipvsEvery
	ipvsOne
	ipvsStop
	ipvsPhases
)

func (p ipvsPhase) String() string {
	return [...]string{"install", "reload, every weight", "reload, one weight", "stop"}[p]
}

func (p ipvsPhase) target() float64 { return [...]float64{0.25, 0.15, 1, 0.25}[p] }

// ipvsMemory is the most that all processes may take with 30,000 real servers.
const ipvsMemory = 100 << 20

// ipvsSet is the most that one weight by holdfast set may take, ms, and
// ipvsSets how many are set.
const (
	ipvsSet  = 20
	ipvsSets = 10
)

// ipvsTable measures the IPVS table in a kernel that has one.
func ipvsTable(w io.Writer, subjects [2]subject) error {
	if *ipvsInside || uml.HasIPVS() {
		return ipvsHere(w, subjects)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "bench: IPVS table…")
	var show []string
	for _, s := range subjects {
		show = append(show, filepath.Dir(s.prog))
	}
	res, err := uml.Run(context.Background(), uml.Options{
		Command: []string{
			exe, "-ipvs-inside", "-ipvs", "-ipvsruns", strconv.Itoa(*ipvsRuns),
			"-holdfast", subjects[0].prog, "-keepalived", subjects[1].prog,
		},
		Show: show, Output: w, Timeout: 30 * time.Minute, Pin: *ipvsPin,
	})
	switch {
	case err != nil:
		return err
	case res.Exit != 0:
		return errMissed
	}
	return nil
}

// ipvsHere measures in this kernel, in namespaces of its own.
func ipvsHere(w io.Writer, subjects [2]subject) error {
	var list []row
	for _, size := range ipvsSizes {
		var lives [2][]life
		for run := range *ipvsRuns {
			for turn := range 2 {
				who := (run + turn) % 2
				l, err := ipvsLife(subjects[who], who, size)
				if err != nil {
					return fmt.Errorf("%s, %d services: %w", subjects[who].name, size, err)
				}
				lives[who] = append(lives[who], l)
			}
		}
		list = append(list, ipvsRows(size, lives)...)
	}
	fmt.Fprintf(w, "The IPVS table: median (worst) of %d lives.\n", *ipvsRuns)
	return verdict(print(w, subjects, list), nil)
}

// life is what one daemon took from start to stop.
type life struct {
	took [ipvsPhases]time.Duration
	set  []float64 // ms, for a weight by holdfast set
	pss  int64
	left int // services in the kernel after the stop
}

func ipvsRows(size int, lives [2][]life) (list []row) {
	load := fmt.Sprintf("%d services with %d servers", size, ipvsServers)
	for p := range ipvsPhases {
		var v [2][]float64
		for who := range v {
			for _, l := range lives[who] {
				v[who] = append(v[who], l.took[p].Seconds())
			}
		}
		show := func(v []float64) string { return fmt.Sprintf("%.2f (%.2f) s", median(v), slices.Max(v)) }
		r := row{load: load, what: p.String(), ours: show(v[0]), their: show(v[1]), ratio: median(v[0]) / median(v[1])}
		r.target, r.missed = fmt.Sprintf("<= %g", p.target()), r.ratio > p.target()
		list = append(list, r)
	}
	var set []float64
	for _, l := range lives[0] {
		set = append(set, l.set...)
	}
	list = append(list, row{
		load: load, what: "holdfast set, one weight", ours: fmt.Sprintf("%.1f (%.1f) ms", median(set), slices.Max(set)),
		target: fmt.Sprintf("ours <= %d ms", ipvsSet), missed: median(set) > ipvsSet,
	})
	var mem, left [2]float64
	for who := range lives {
		for _, l := range lives[who] {
			mem[who], left[who] = max(mem[who], float64(l.pss)), max(left[who], float64(l.left))
		}
	}
	mib := func(v float64) string { return fmt.Sprintf("%.1f MiB", v/(1<<20)) }
	r := row{load: load, what: "memory (PSS)", ours: mib(mem[0]), their: mib(mem[1]), ratio: mem[0] / mem[1]}
	if size*ipvsServers >= 30000 {
		r.target, r.missed = "ours <= "+mib(ipvsMemory), mem[0] > ipvsMemory
	}
	return append(list, r, row{
		load: load, what: "services left by the stop", ours: fmt.Sprint(left[0]), their: fmt.Sprint(left[1]),
		target: "ours = 0", missed: left[0] > 0,
	})
}

// ipvsConf has services at 10.1.0.0 and up with one weight; the very last
// server has its own.
func ipvsConf(size, weight, last int) string {
	var b strings.Builder
	b.WriteString("global_defs {\n  router_id bench\n}\n")
	for i := range size {
		fmt.Fprintf(&b, "virtual_server %v 80 {\n  lb_algo wlc\n  lb_kind NAT\n  protocol TCP\n", ipvsService(i))
		for j := range ipvsServers {
			w := weight
			if i == size-1 && j == ipvsServers-1 {
				w = last
			}
			fmt.Fprintf(&b, "  real_server %v 80 {\n    weight %d\n  }\n", ipvsServer(i, j), w)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func ipvsService(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }

func ipvsServer(i, j int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(2 + i>>8), byte(i), byte(j + 1)})
}

// ipvsLife runs one daemon from start to stop; who is 0 for ours.
func ipvsLife(s subject, who, size int) (life, error) {
	var out life
	l, err := lab.New("ipvs")
	if err != nil {
		return out, err
	}
	defer l.Close()
	h, err := l.Host("d")
	if err != nil {
		return out, err
	}
	k := ipvsProbe{size: size}
	if err := h.Do(k.open); err != nil {
		return out, err
	}
	defer k.table.Close()
	d := lab.Daemon{Name: s.name, Prog: s.prog, Args: []string{"-p", h.Path("bench.pid"), "-n", "-l", "-G", "-C", "-f"}}
	const file = "bench.conf"
	var begun time.Time
	phase := func(p ipvsPhase, weight, last uint32) error {
		if err := k.wait(p, weight, last); err != nil {
			return fmt.Errorf("%v: %w", p, err)
		}
		out.took[p] = k.reached.Sub(begun)
		return nil
	}
	reload := func(p *lab.Process, weight, last uint32) error {
		if err := os.WriteFile(h.Path(file), []byte(ipvsConf(size, int(weight), int(last))), 0o644); err != nil {
			return err
		}
		begun = time.Now()
		return p.Signal(syscall.SIGHUP)
	}
	if err := os.WriteFile(h.Path(file), []byte(ipvsConf(size, 1, 1)), 0o644); err != nil {
		return out, err
	}
	p, start, err := gated(h, append(append([]string{d.Prog}, d.Args...), h.Path(file)))
	if err != nil {
		return out, err
	}
	begun = time.Now()
	if err := start(); err != nil {
		return out, err
	}
	if err := phase(ipvsInstall, 1, 1); err != nil {
		return out, fmt.Errorf("%w\n%s", err, p.LogEnd())
	}
	settle()
	if err := errors.Join(reload(p, 2, 2), phase(ipvsEvery, 2, 2)); err != nil {
		return out, fmt.Errorf("%w\n%s", err, p.LogEnd())
	}
	settle()
	if err := errors.Join(reload(p, 2, 3), phase(ipvsOne, 2, 3)); err != nil {
		return out, fmt.Errorf("%w\n%s", err, p.LogEnd())
	}
	settle()
	if who == 0 {
		if out.set, err = k.set(h.Path("bench.sock")); err != nil {
			return out, fmt.Errorf("holdfast set: %w\n%s", err, p.LogEnd())
		}
	}
	if out.pss, err = pss(p.Tree()); err != nil {
		return out, err
	}
	begun = time.Now()
	if _, err := p.Stop(time.Minute); err != nil {
		return out, err
	}
	out.took[ipvsStop] = time.Since(begun)
	t, err := k.table.Table()
	out.left = len(t)
	return out, errors.Join(err, k.table.Flush())
}

// gated brings a program so far that start is only its execve: entering the
// host's namespaces takes as long as a daemon takes for hundreds of services.
func gated(h *lab.Host, args []string) (p *lab.Process, start func() error, err error) {
	gate := h.Path("gate")
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		return nil, nil, fmt.Errorf("mkfifo %s: %w", gate, err)
	}
	p, err = h.Start(lab.Spec{Args: append([]string{"/bin/sh", "-c", `read _ <"$0"; exec "$@"`, gate}, args...)})
	return p, func() error { return os.WriteFile(gate, []byte("\n"), 0) }, err
}

// settle lets a daemon end what it does after its work.
func settle() { time.Sleep(time.Second) }

// ipvsProbe looks at the table: often at its last server only, so that looking
// takes no time from the one who works.
type ipvsProbe struct {
	size    int
	table   ipvs.Kernel
	client  cf.Client
	reached time.Time
}

func (k *ipvsProbe) open() (err error) {
	if k.table, err = ipvs.Open(); err != nil {
		return err
	}
	k.client, err = cf.New()
	return err
}

// looks is how often the last server is looked at. There is one processor:
// looking at what takes long must not be a part of it.
var looks = [ipvsPhases]time.Duration{ipvsInstall: 20 * time.Millisecond, ipvsEvery: 20 * time.Millisecond, ipvsOne: 4 * time.Millisecond}

// wait waits until every server has its weight.
func (k *ipvsProbe) wait(p ipvsPhase, weight, last uint32) error {
	const limit = 2 * time.Minute
	key := cf.Service{Family: cf.INET, Protocol: cf.TCP, Address: ipvsService(k.size - 1), Port: 80}
	for deadline := time.Now().Add(limit); ; time.Sleep(looks[p]) {
		dests, err := k.client.Destinations(key)
		k.reached = time.Now()
		if err == nil && slices.ContainsFunc(dests, func(d cf.DestinationExtended) bool {
			return d.Address == ipvsServer(k.size-1, ipvsServers-1) && d.Weight == last
		}) {
			break
		}
		if k.reached.After(deadline) {
			return fmt.Errorf("not reached in %v", limit)
		}
	}
	return k.all(weight, last)
}

// set gives the last server one weight after the other as holdfast set does, and
// returns the ms that each took until the daemon said that it is in the kernel,
// which is looked after. What the start of the command itself takes is no part
// of it.
func (k *ipvsProbe) set(socket string) (took []float64, err error) {
	key := cf.Service{Family: cf.INET, Protocol: cf.TCP, Address: ipvsService(k.size - 1), Port: 80}
	for weight := uint32(100); weight < 100+ipvsSets; weight++ {
		ask := lvs.Ask{
			Service: netip.AddrPortFrom(key.Address, key.Port).String(), Server: ipvsServer(k.size-1, ipvsServers-1).String(),
			Words: []string{"weight", strconv.Itoa(int(weight))},
		}
		var answer lvs.Answer
		begun := time.Now()
		if err := control.Ask(socket, control.Request{Command: "set", Set: &ask}, &answer); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(begun).Microseconds())/1000)
		dests, err := k.client.Destinations(key)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(dests, func(d cf.DestinationExtended) bool {
			return d.Address == ipvsServer(k.size-1, ipvsServers-1) && d.Weight == weight
		}) {
			return nil, fmt.Errorf("the kernel has not weight %d: %v", weight, answer)
		}
	}
	return took, nil
}

// all requires that the whole table is as it should be, and waits for what
// comes after the last server.
func (k *ipvsProbe) all(weight, last uint32) error {
	wrong := ""
	if lab.WaitFor(time.Minute, func() bool {
		t, err := k.table.Table()
		at := time.Now()
		wrong = fmt.Sprintf("%d services, %v", len(t), err)
		if err != nil || len(t) != k.size {
			k.reached = at
			return false
		}
		for i := range t {
			if len(t[i].Dests) != ipvsServers {
				wrong, k.reached = t[i].ServiceKey.String(), at
				return false
			}
			for j, d := range t[i].Dests {
				w := weight
				if i == k.size-1 && j == ipvsServers-1 {
					w = last
				}
				if d.Weight != w {
					wrong, k.reached = d.String(), at
					return false
				}
			}
		}
		return true
	}) {
		return nil
	}
	return fmt.Errorf("the table is not as it should be: %s", wrong)
}
