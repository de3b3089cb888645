package proc

import (
	"bytes"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// orphanAfter is how long a child is dead before it counts as one that nobody waits
// for.
const orphanAfter = time.Second

// ReapOrphans reaps children that were not started by this process until stop is
// called. Process 1 of a container gets whatever programs leave running in the
// background, and the kernel keeps each of them, once it is dead, until it is asked
// for: without that the process ids run out.
func ReapOrphans() (stop func()) {
	died, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(died, unix.SIGCHLD)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-died:
			}
			for dead := map[int]bool{0: true}; len(dead) > 0; {
				select {
				case <-done:
					return
				case <-time.After(orphanAfter):
				}
				dead = reapOrphans(dead)
			}
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(died)
		close(done)
	})
}

// reapOrphans reaps those that were dead already the last time, and returns the
// others. Whoever started a child waits for it at once, but for our own programs
// whose group is still to be killed.
func reapOrphans(before map[int]bool) map[int]bool {
	running.mu.Lock()
	defer running.mu.Unlock()
	ours := map[int]bool{}
	for p := range running.set {
		ours[p.pid] = true
	}
	left := map[int]bool{}
	for _, pid := range deadChildren() {
		switch {
		case ours[pid]:
		case before[pid]:
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // somebody else may have been faster
		default:
			left[pid] = true
		}
	}
	return left
}

// deadChildren are the children of this process that wait to be reaped.
func deadChildren() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var list []int
	self := strconv.Itoa(os.Getpid())
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil {
			continue
		}
		// pid (comm) state ppid …; comm may hold anything.
		b, err := os.ReadFile("/proc/" + n + "/stat")
		if err != nil {
			continue
		}
		f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(f) >= 2 && string(f[0]) == "Z" && string(f[1]) == self {
			list = append(list, pid)
		}
	}
	return list
}
