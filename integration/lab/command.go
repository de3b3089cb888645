package lab

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
)

// open are the labs that exist, for an interrupt to remove.
var open sync.Map

// Guard runs f, the work of a command, until it has returned or the command is
// interrupted. An interrupt closes every lab: namespaces end with the process
// anyway, however it ends, but folders do not.
func Guard(f func() error) error {
	interrupted, done := make(chan os.Signal, 1), make(chan error, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(interrupted)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case s := <-interrupted:
		open.Range(func(l, _ any) bool {
			_ = l.(*Lab).Close()
			return true
		})
		return fmt.Errorf("%v", s)
	}
}

// Programs are the paths of holdfast and of the real keepalived, for a command
// that compares them.
func Programs(ours, theirs string) (us, them string, err error) {
	if us, err = filepath.Abs(ours); err != nil {
		return "", "", err
	}
	if _, err := os.Stat(us); err != nil {
		return "", "", fmt.Errorf("%w (make build)", err)
	}
	if them, err = exec.LookPath(theirs); err != nil {
		return "", "", fmt.Errorf("%w (make deps)", err)
	}
	return us, them, nil
}
