package notify

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Command is a program to run with its arguments.
type Command struct {
	// Args is the program and its arguments; empty: no command.
	Args []string
	// Shell says that Args[0] is a text for /bin/sh -c, to which further
	// arguments are appended quoted.
	Shell bool
	// User and Group are who it runs as; empty: ourselves.
	User, Group string
	// Timeout ends the program; 0: it may run as long as it likes.
	Timeout time.Duration
}

// Set reports whether there is a command.
func (c Command) Set() bool { return len(c.Args) > 0 }

// With returns the command with arguments appended; c itself is not changed.
func (c Command) With(args ...string) Command {
	c.Args = append(append([]string(nil), c.Args...), args...)
	return c
}

// String is the command line for logs.
func (c Command) String() string { return strings.Join(c.Args, " ") }

// Runner runs a command to its end. The error says how it failed, including an
// exit status other than 0; it is a NotRun where the program could not be started.
// It must return soon after ctx ends.
type Runner func(ctx context.Context, c Command) error

// Program is a started program.
type Program interface {
	Done() <-chan struct{} // closed when it has ended
	Err() error            // how it ended; called after Done
	Stop()                 // ask it to end; does not wait
}

// Starter starts a program that is to run for long.
type Starter func(c Command) (Program, error)

// Transition is a change of a VRRP instance or sync group.
type Transition struct {
	Group    bool
	Name     string
	State    string // MASTER, BACKUP, FAULT, STOP or DELETED
	Priority int    // effective priority; 0 for a group
}

func (t Transition) kind() string {
	if t.Group {
		return "GROUP"
	}
	return "INSTANCE"
}

// Commands returns what is to run, in order: the script of that state
// (notify_master and so on) as it is, then the one for every state (notify)
// with four more arguments: INSTANCE or GROUP, name, state, priority. Commands
// that are not set are left out.
func (t Transition) Commands(specific, every Command) []Command {
	var out []Command
	if specific.Set() {
		out = append(out, specific)
	}
	if every.Set() {
		out = append(out, every.With(t.kind(), t.Name, t.State, strconv.Itoa(t.Priority)))
	}
	return out
}

// Target is the key under which the scripts of the instance or group queue.
func (t Transition) Target() string { return t.kind() + " " + t.Name }
