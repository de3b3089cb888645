package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
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

// newSpace makes the namespaces. Programs are what costs in the IPVS kernel, so
// but for the holder none is run.
func newSpace() (*space, error) {
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// A group of its own: an interrupt from the terminal is ours to handle.
	// What is mounted in there stays in there: Unshareflags sees to it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Unshareflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS}
	if err := spawn(cmd); err != nil {
		return nil, fmt.Errorf("namespace: %w", err)
	}
	s := &space{holder: cmd, stdin: stdin, pid: cmd.Process.Pid}
	if err := s.prepare(); err != nil {
		s.close()
		return nil, fmt.Errorf("namespace: %w", err)
	}
	return s, nil
}

func (s *space) prepare() error {
	var err error
	if s.net, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", s.pid)); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(s.net.Fd()), &st); err != nil {
		return err
	}
	s.inode = st.Ino
	if s.nl, err = netlink.NewHandleAt(netns.NsHandle(s.net.Fd())); err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	lo, err := s.nl.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	mounts, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", s.pid))
	if err != nil {
		return err
	}
	defer mounts.Close()
	ready := make(chan error, 1)
	ownThread(func() { ready <- s.furnish(mounts) })
	if err := <-ready; err != nil {
		return err
	}
	if err := s.nl.LinkSetUp(lo); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	return nil
}

// furnish moves the calling thread into the namespaces and prepares them. Every
// host has its own /run, so that two daemons' pid files and sockets do not
// collide, a /sys that shows its own interfaces, and no configuration of the
// machine's at the paths where the commands look for one.
func (s *space) furnish(mounts *os.File) error {
	// A thread shares its working folder with its process until it says otherwise.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Setns(int(s.net.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	if err := unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	if err := unix.Mount("run", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	if err := os.Mkdir("/run/lock", 0o755); err != nil {
		return err
	}
	for _, d := range []string{"/etc/holdfast", "/etc/keepalived"} {
		if err := unix.Mount("none", d, "tmpfs", 0, "mode=755"); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("mount %s: %w", d, err)
		}
	}
	_ = unix.Mount("sysfs", "/sys", "sysfs", 0, "") // where it is not allowed it stays the machine's
	for _, d := range []string{"default", "all"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+d+"/accept_dad", []byte("0"), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
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
	ownThread(func() {
		if err := unix.Setns(int(s.net.Fd()), unix.CLONE_NEWNET); err != nil {
			errc <- fmt.Errorf("setns: %w", err)
			return
		}
		errc <- f()
	})
	return <-errc
}

// ownThread runs f on a thread that ends with it.
func ownThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends and stands for the whole process in
			// /proc: keep it busy here and take another one.
			defer runtime.UnlockOSThread()
			done := make(chan struct{})
			ownThread(func() { defer close(done); f() })
			<-done
			return
		}
		f() // never unlocked: the runtime then ends the thread with the goroutine
	}()
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
var spawner = sync.OnceValue(func() chan func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// spawn starts cmd so that it is killed when this process ends.
func spawn(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	errc := make(chan error)
	spawner() <- func() { errc <- cmd.Start() }
	return <-errc
}
