// Command holdfast keeps virtual IP addresses and IPVS tables on a pair of
// Linux directors. Called by the name keepalived it takes keepalived's
// command line.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"holdfast/internal/daemon/lvsd"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/vrrpd"
)

func main() {
	switch role.Current() {
	case role.VRRP:
		os.Exit(vrrpd.Main())
	case role.LVS:
		os.Exit(lvsd.Main())
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
		code := 1
		if e, ok := err.(exitError); ok {
			code = e.code
		} else {
			fmt.Fprintln(os.Stderr, "holdfast:", err)
		}
		os.Exit(code)
	}
}

// exitError ends the program with a code and says nothing more.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }
