// Command run runs a program of yours in the kernel that has IPVS, on a machine
// whose own kernel has not:
//
//	go run ./integration/uml/run bash try.sh
//
// The program sees the machine's files read-only, of /tmp and /run only the working
// directory and the folders of -show, and may write to the folder of -results. Its
// network is the kernel's own: lo, and what it makes. What it starts ends with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"holdfast/integration/uml"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := options(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	o.Output, o.Pin = os.Stdout, true
	res, err := uml.Run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if o.Results != "" && res.Syslog != "" {
		if err := os.WriteFile(filepath.Join(o.Results, "syslog"), []byte(res.Syslog), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(res.Exit)
}

// options reads the command line.
func options(args []string, out io.Writer) (uml.Options, error) {
	var o uml.Options
	var show string
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.Mem, "mem", "2G", "memory of the kernel; only what is touched is used")
	f.StringVar(&show, "show", "", "`folders` below /tmp or /run that the program needs to read, separated by commas")
	f.StringVar(&o.Results, "results", "", "`folder` that the program can write to, under the same path; what it sent to syslog is there afterwards")
	f.DurationVar(&o.Timeout, "timeout", time.Hour, "ends the kernel")
	f.Usage = func() {
		fmt.Fprintln(out, "run [flags] PROGRAM [ARGUMENT …]: runs a program in a kernel with IPVS (user-mode Linux)")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() == 0 {
		return o, errors.New("run: which program? -help says more")
	}
	program, err := exec.LookPath(f.Arg(0))
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return o, fmt.Errorf("run: %w", err)
	}
	o.Command = append([]string{program}, f.Args()[1:]...)
	if o.Results != "" {
		if o.Results, err = folder(o.Results); err != nil {
			return o, err
		}
	}
	for name := range strings.SplitSeq(show, ",") {
		if name == "" {
			continue
		}
		if name, err = folder(name); err != nil {
			return o, err
		}
		o.Show = append(o.Show, name)
	}
	return o, nil
}

// folder is the absolute path of a folder that is there.
func folder(name string) (string, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("run: %w", err)
	}
	st, err := os.Stat(name)
	switch {
	case err != nil:
		return "", fmt.Errorf("run: %w", err)
	case !st.IsDir():
		return "", fmt.Errorf("run: %s is no folder", name)
	}
	return name, nil
}
