package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// daemonEnv marks the process that runs in the background; its value is of no
// meaning. Descriptor 3 is then a pipe on which it says that it is up.
const daemonEnv = "HOLDFAST_BACKGROUND"

// daemonise starts this program again in a session of its own and waits until
// that process is up or has ended, so that the exit code tells a start script
// the truth. In the background process isParent is false and done tells the
// waiting one.
func daemonise(prog string, argv []string, stderr io.Writer) (done func(), isParent bool, code int, err error) {
	if os.Getenv(daemonEnv) != "" {
		os.Unsetenv(daemonEnv)
		pipe := os.NewFile(3, "ready")
		syscall.CloseOnExec(3)
		if err := os.Chdir("/"); err != nil {
			fmt.Fprintln(stderr, "keepalived:", err)
		}
		return func() {
			pipe.Write([]byte{1})
			pipe.Close()
		}, false, 0, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, true, 1, err
	}
	defer r.Close()
	cmd := &exec.Cmd{
		Path: prog, Args: argv,
		Env:         append(os.Environ(), daemonEnv+"=1"),
		ExtraFiles:  []*os.File{w},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	for _, a := range argv[1:] {
		if a == "-l" || a == "--log-console" {
			cmd.Stderr = os.Stderr // asked for
		}
	}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, true, 1, err
	}
	w.Close()
	if n, _ := r.Read(make([]byte, 1)); n == 1 {
		return nil, true, 0, nil
	}
	if err := cmd.Wait(); err != nil {
		if e, ok := err.(*exec.ExitError); ok && e.ExitCode() > 0 {
			return nil, true, e.ExitCode(), nil
		}
		return nil, true, 1, fmt.Errorf("%w: %w", errNotReady, err)
	}
	return nil, true, 0, nil
}
