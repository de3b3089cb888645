package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"holdfast/internal/early"
)

// daemonEnv marks the process that runs in the background; its value is of no
// meaning. Descriptor 3 is then a pipe on which it says that it is up.
const daemonEnv = "HOLDFAST_BACKGROUND"

func inBackground() bool { return os.Getenv(daemonEnv) != "" }

// daemonise starts this program again in a session of its own and waits until
// that process is up or has ended, so that the exit code tells a start script
// the truth. Its standard descriptors are /dev/null, but stderr stays when the
// log is to go there.
func daemonise(prog string, argv []string, console bool) (code int, err error) {
	early.LetGo() // it is the other one that they mean something to
	r, w, err := os.Pipe()
	if err != nil {
		return 1, err
	}
	defer r.Close()
	cmd := &exec.Cmd{
		Path: prog, Args: argv,
		Env:         append(os.Environ(), daemonEnv+"=1"),
		ExtraFiles:  []*os.File{w},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if console {
		cmd.Stderr = os.Stderr
	}
	err = early.Start(cmd.Start)
	w.Close()
	if err != nil {
		return 1, err
	}
	if n, _ := r.Read(make([]byte, 1)); n == 1 {
		return 0, nil
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil // it runs already
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode(), errNotUp
	}
	return 1, fmt.Errorf("the process in the background: %w", err)
}

// backgroundReady prepares the process in the background; done tells the one
// that waits.
func backgroundReady(stderr io.Writer) (done func()) {
	os.Unsetenv(daemonEnv) // scripts must not inherit it
	pipe := os.NewFile(3, "ready")
	syscall.CloseOnExec(3)
	if err := os.Chdir("/"); err != nil {
		fmt.Fprintln(stderr, "keepalived:", err)
	}
	return func() {
		pipe.Write([]byte{1})
		pipe.Close()
	}
}
