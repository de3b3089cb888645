package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// space is a network and a mount namespace, kept by a process that waits for
// its input to end. That input is ours: when we go, however we go, it goes.
type space struct {
	holder *exec.Cmd
	stdin  io.Closer
	pid    int
	inode  uint64   // identifies the network namespace
	net    *os.File // the network namespace
	nl     *netlink.Handle
}

// holderScript prepares the namespaces and then holds them. Every host has its
// own /run, so that two daemons' pid files and sockets do not collide, and
// a /sys that shows its own interfaces.
const holderScript = `set -e
mount -t tmpfs -o mode=755 run /run
mkdir /run/lock
mount -t sysfs sysfs /sys 2>/dev/null || true
for d in default all; do
  f=/proc/sys/net/ipv6/conf/$d/accept_dad; if [ -e $f ]; then echo 0 >$f; fi
done
ip link set lo up
echo ready
exec cat >/dev/null`

func newSpace() (*space, error) {
	cmd := exec.Command("unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", holderScript)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	// A group of its own: an interrupt from the terminal is ours to handle.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := spawn(cmd); err != nil {
		return nil, fmt.Errorf("namespace: %w", err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, errors.New("namespace: could not be prepared")
	}
	s := &space{holder: cmd, stdin: stdin, pid: cmd.Process.Pid}
	s.net, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", s.pid))
	if err != nil {
		s.close()
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(s.net.Fd()), &st); err != nil {
		s.close()
		return nil, fmt.Errorf("namespace: %w", err)
	}
	s.inode = st.Ino
	if s.nl, err = netlink.NewHandleAt(netns.NsHandle(s.net.Fd())); err != nil {
		s.close()
		return nil, fmt.Errorf("namespace: netlink: %w", err)
	}
	return s, nil
}

func (s *space) close() {
	if s.nl != nil {
		s.nl.Close()
	}
	_ = s.stdin.Close()
	_ = s.holder.Process.Kill()
	_ = s.holder.Wait()
	if s.net != nil {
		s.net.Close()
	}
}

// sysctl writes a value below /proc/sys of this namespace.
func (s *space) sysctl(path, value string) error {
	return s.do(func() error {
		if err := os.WriteFile("/proc/sys/"+path, []byte(value), 0); err != nil {
			return fmt.Errorf("sysctl %s: %w", path, err)
		}
		return nil
	})
}

// do runs f on a thread of its own that is in the network namespace. The
// thread ends with f; goroutines that f starts are not in the namespace.
func (s *space) do(f func() error) error {
	errc := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends and stands for the whole process in
			// /proc: keep it busy here and take another one.
			defer runtime.UnlockOSThread()
			errc <- s.do(f)
			return
		}
		// Never unlocked: the runtime then ends the thread with the goroutine.
		if err := unix.Setns(int(s.net.Fd()), unix.CLONE_NEWNET); err != nil {
			errc <- fmt.Errorf("setns: %w", err)
			return
		}
		errc <- f()
	}()
	return <-errc
}

// pids are all processes in the network namespace but the holder.
func (s *space) pids() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == s.pid || pid == os.Getpid() {
			continue
		}
		if s.has(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// has reports whether a process is in the network namespace.
func (s *space) has(pid int) bool {
	var st unix.Stat_t
	return unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &st) == nil && st.Ino == s.inode
}

// enter is the command line that runs args in the namespaces.
func (s *space) enter(args []string) []string {
	p := strconv.Itoa(s.pid)
	return append([]string{"nsenter", "--net=/proc/" + p + "/ns/net", "--mount=/proc/" + p + "/ns/mnt", "--"}, args...)
}

// spawner starts every child from one thread that never ends, because the
// parent-death signal is sent when the starting *thread* ends.
var spawner = func() chan func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
}()

// spawn starts cmd so that it is killed when this process ends.
func spawn(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	errc := make(chan error)
	spawner <- func() { errc <- cmd.Start() }
	return <-errc
}
