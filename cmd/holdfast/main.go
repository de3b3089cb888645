// Command holdfast keeps virtual IP addresses and IPVS tables on a pair of
// Linux directors. Called by the name keepalived it takes keepalived's
// command line.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/lvsd"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/vrrpd"
)

func main() {
	switch role.Current() {
	case role.VRRP:
		os.Exit(vrrpd.Main(version))
	case role.LVS:
		os.Exit(lvsd.Main(version))
	}
	if os.Getenv("GOGC") == "" {
		// Reading a large configuration is the most that the parent and the
		// short commands ever do, and what is left of it is a part: memory
		// counts for more than time then.
		debug.SetGCPercent(40)
	}
	if filepath.Base(os.Args[0]) == "keepalived" {
		os.Exit(keepalived(os.Args[1:], os.Stdout, os.Stderr))
	}
	root := newRoot()
	if err := root.Execute(); err != nil {
		os.Exit(failed(err, os.Stderr))
	}
}

// failed says why a command failed, if that is not said yet, and returns the exit
// code.
func failed(err error, w io.Writer) int {
	if e, ok := err.(exitError); ok {
		return e.code
	}
	fmt.Fprintln(w, "holdfast:", err)
	var silent *control.Silent
	if errors.As(err, &silent) {
		return exitSilent
	}
	return 1
}

// exitSilent is the code where the daemon, or one of its processes, is there and
// does not answer.
const exitSilent = 3

// exitError ends the program with a code and says nothing more.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }
