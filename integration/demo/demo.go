package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"holdfast/integration/deps"
	"holdfast/integration/lab"
	"holdfast/integration/uml"
)

// limit is what the whole demo, the boot of a kernel included, may take.
const limit = 110 * time.Second

// Options says what the demo runs.
type Options struct {
	Daemon lab.Daemon // what both directors run
	Out    io.Writer
	// Command is this program's command line up to here, to start it again
	// in the IPVS kernel; its first word is an absolute path.
	Command []string
}

// Main runs the demo with the program prog as both directors and returns the
// exit code: 0 when everything was as it should be, 1 when not, 2 when it could
// not be run.
func Main(ctx context.Context, prog string, out io.Writer) int {
	abs, err := filepath.Abs(prog)
	if err != nil {
		fmt.Fprintln(out, "demo:", err)
		return 2
	}
	return Run(ctx, Options{Daemon: lab.Holdfast(abs), Out: out, Command: []string{abs, "demo"}})
}

// Run is Main with any daemon.
func Run(ctx context.Context, o Options) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if uml.Inside() {
		return here(ctx, o)
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(o.Out, "demo: needs root, to make network namespaces (sudo make demo)")
		return 2
	}
	if err := deps.Ensure(ctx, o.Out, "ip", "ipvsadm", "modprobe", "nginx", "nsenter", "perl"); err != nil {
		fmt.Fprintln(o.Out, "demo:", err)
		return 2
	}
	if uml.HasIPVS() {
		return here(ctx, o)
	}
	if err := deps.Ensure(ctx, o.Out, uml.Programs()...); err != nil {
		fmt.Fprintln(o.Out, "demo:", err)
		return 2
	}
	fmt.Fprintln(o.Out, "This kernel has no IPVS: starting one that has, as an ordinary process (user-mode Linux).")
	res, err := uml.Run(ctx, uml.Options{Command: o.Command, Output: o.Out, Timeout: limit, Pin: true})
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		fmt.Fprintln(o.Out, "demo: stopped")
		return 2
	case err != nil:
		fmt.Fprintln(o.Out, "demo:", err)
		return 2
	}
	return res.Exit
}

// here runs the demo on this kernel.
func here(ctx context.Context, o Options) int {
	s, err := build(o)
	if err != nil {
		fmt.Fprintln(o.Out, "demo:", err)
		return 2
	}
	defer func() {
		if err := s.lab.Close(); err != nil {
			fmt.Fprintln(o.Out, "demo: cleaning up:", err)
		}
	}()
	if err := s.play(ctx); err != nil {
		fmt.Fprintln(o.Out, "\ndemo:", err)
		s.showLogs()
		return 1
	}
	if !s.report() {
		s.showLogs()
		return 1
	}
	return 0
}
