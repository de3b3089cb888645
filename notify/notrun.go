package notify

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// NotRun is the error of a Runner whose program could not be started. Err names
// the program.
type NotRun struct{ Err error }

func (e *NotRun) Error() string { return e.Err.Error() }

func (e *NotRun) Unwrap() error { return e.Err }

const (
	// gatherTime is how long scripts that cannot be run are gathered for one line
	// of the log: hundreds of instances may name the same, and change together.
	gatherTime = time.Second
	// causesALine and targetsALine bound such a line. The causes that are more have
	// further lines.
	causesALine, targetsALine = 16, 16
)

// notRun gathers scripts that could not be run.
type notRun struct {
	log *slog.Logger

	mu      sync.Mutex
	causes  []string // different ones, each names its script
	targets []string // different ones
	seen    map[string]bool
	times   int
	timer   *time.Timer // nil: nothing is gathered
}

// add takes one more.
func (n *notRun) add(target string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	another := func(list []string, kind, text string) []string {
		if key := kind + text; !n.seen[key] {
			n.seen[key] = true
			list = append(list, text)
		}
		return list
	}
	n.causes = another(n.causes, "cause ", err.Error())
	n.targets = another(n.targets, "target ", target)
	n.times++
	if n.timer == nil {
		n.timer = time.AfterFunc(gatherTime, n.flush)
	}
}

// flush logs what was gathered.
func (n *notRun) flush() {
	n.mu.Lock()
	causes, targets, times := n.causes, n.targets, n.times
	n.causes, n.targets, n.seen, n.times = nil, nil, nil, 0
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
	n.mu.Unlock()
	who := strings.Join(targets[:min(len(targets), targetsALine)], ", ")
	if more := len(targets) - targetsALine; more > 0 {
		who += fmt.Sprintf(" and %d more", more)
	}
	for part := range slices.Chunk(causes, causesALine) {
		n.log.Warn("notify script cannot be run", "times", times, "targets", who, "err", strings.Join(part, "; "))
	}
}
