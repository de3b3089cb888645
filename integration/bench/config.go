package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	reading "holdfast/internal/config/load"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/role"
)

// What a large configuration is measured with, and its targets.
const (
	manyServices  = 5000
	serversOfEach = 10
	checkMemory   = 100 << 20              // of holdfast check, at most
	planTime      = 500 * time.Millisecond // of holdfast plan with one weight changed, at most
)

// largeName is what -only is compared with.
var largeName = fmt.Sprintf("%d services with %d servers each", manyServices, serversOfEach)

// services is a keepalived.conf with many virtual servers; one server in its
// middle has the weight.
func services(weight int) string {
	var b strings.Builder
	b.WriteString("global_defs {\n  router_id bench\n}\n")
	for i := range manyServices {
		fmt.Fprintf(&b, "virtual_server 10.20.%d.%d 80 {\n  delay_loop 6\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n", i/250, i%250+1)
		for k := range serversOfEach {
			w := 1
			if i == manyServices/2 && k == serversOfEach/2 {
				w = weight
			}
			n := i*serversOfEach + k
			fmt.Fprintf(&b, "  real_server 10.30.%d.%d 80 {\n    weight %d\n    TCP_CHECK {\n      connect_timeout 3\n    }\n  }\n", n/250, n%250+1, w)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// cost is what one command took.
type cost struct {
	took   time.Duration
	memory int64 // most that it had, bytes
}

// spend runs a command that has to succeed; name is what it is called by.
func spend(prog, name string, args ...string) (c cost, err error) {
	cmd := exec.Command(prog, args...)
	cmd.Args[0] = name
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return c, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	// What the kernel says at the end counts what this process had when it
	// forked, so the command is looked at while it runs.
	for tick := time.Tick(2 * time.Millisecond); ; {
		select {
		case err := <-done:
			c.took = time.Since(begun)
			if err != nil {
				b := out.Bytes()
				err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, b[max(0, len(b)-500):])
			}
			return c, err
		case <-tick:
			c.memory = max(c.memory, peak(cmd.Process.Pid))
		}
	}
}

// peak is the most memory that a process had in bytes; 0: it is gone.
func peak(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(words[0], 10, 64)
	return kib << 10
}

// large measures what reads a large configuration, in turns.
func large(subjects [2]subject, runs int) ([]row, error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	running, next := filepath.Join(dir, "running.conf"), filepath.Join(dir, "next.conf")
	socket := filepath.Join(dir, "control.sock")
	for file, weight := range map[string]int{running: 1, next: 7} {
		if err := os.WriteFile(file, []byte(services(weight)), 0o644); err != nil {
			return nil, err
		}
	}
	end, err := inForce(running, socket)
	if err != nil {
		return nil, err
	}
	defer end()
	var ours, their, plan []cost
	for range max(3, runs/2) {
		for _, c := range []struct {
			of         *[]cost
			prog, name string
			args       []string
		}{
			{&ours, subjects[0].prog, "holdfast", []string{"check", running}},
			{&their, subjects[1].prog, "keepalived", []string{"-t", "-f", running}},
			{&plan, subjects[0].prog, "holdfast", []string{"plan", "--control", socket, next}},
		} {
			one, err := spend(c.prog, c.name, c.args...)
			if err != nil {
				return nil, err
			}
			*c.of = append(*c.of, one)
		}
	}
	return largeRows(ours, their, plan), nil
}

// inForce answers on socket as a daemon does that runs a file. (A real one does
// not run it where the kernel has no IPVS.)
func inForce(file, socket string) (end func(), err error) {
	cfg, diags := reading.Load(file, reading.Options{})
	if cfg == nil {
		return nil, fmt.Errorf("%s: %v", file, diags)
	}
	encoded, err := role.Encode(cfg)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	go control.Serve(l, func(r control.Request) (any, error) {
		if r.Command == "config" {
			return control.InForce{File: file, Encoded: encoded, Services: true}, nil
		}
		return control.Status{}, nil
	})
	return func() { _ = l.Close() }, nil
}

func largeRows(ours, their, plan []cost) []row {
	took := func(list []cost) float64 {
		var v []float64
		for _, c := range list {
			v = append(v, c.took.Seconds())
		}
		return median(v)
	}
	most := func(list []cost) int64 {
		return slices.MaxFunc(list, func(a, b cost) int { return int(a.memory - b.memory) }).memory
	}
	ms := func(v float64) string { return fmt.Sprintf("%.0f ms", 1000*v) }
	a, b, p := took(ours), took(their), took(plan)
	m, k := most(ours), most(their)
	return []row{
		{
			load: largeName, what: fmt.Sprintf("check beside keepalived -t, median of %d", len(ours)),
			ours: ms(a), their: ms(b), ratio: a / b, target: "<= 1", missed: a > b,
		},
		{
			load: largeName, what: "  most memory of it", ours: mib(m), their: mib(k), ratio: float64(m) / float64(k),
			target: "ours <= " + mib(checkMemory), missed: m > checkMemory,
		},
		{
			load: largeName, what: "plan with one weight changed", ours: ms(p),
			target: fmt.Sprintf("ours <= %v", planTime), missed: p > planTime.Seconds(),
		},
	}
}
