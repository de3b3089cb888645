package lab

import (
	"fmt"
	"os"
)

// Daemon is a program that runs a director, and how it is called.
type Daemon struct {
	Name string   // for reports
	Prog string   // its path
	Args []string // what stands before the configuration file
}

// Holdfast is this project's program under its own name.
func Holdfast(prog string) Daemon {
	return Daemon{Name: "holdfast", Prog: prog, Args: []string{"run", "-f"}}
}

// Keepalived is a program that takes keepalived's command line.
func Keepalived(name, prog string) Daemon {
	return Daemon{Name: name, Prog: prog, Args: []string{"-n", "-l", "-G", "-D", "-f"}}
}

// StartDaemon writes the configuration to the host's folder, under the name
// given, and starts the daemon on it.
func (h *Host) StartDaemon(d Daemon, name, conf string) (*Process, error) {
	path := h.Path(name)
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		return nil, fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	args := append([]string{d.Prog}, d.Args...)
	return h.Start(Spec{Args: append(args, path)})
}
