package uml

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrMissing is wrapped by errors that say which package is not installed.
var ErrMissing = errors.New("not installed")

// envInside is set in the environment of everything that runs in the kernel.
const envInside = "HOLDFAST_UML"

// modulesRoot is where Debian's package puts the modules of its kernel.
const modulesRoot = "/usr/lib/uml/modules"

// IPVSModules is every module that a holdfast configuration can ask for.
// Schedulers and tunnels that are not listed are loaded on demand. That would
// not do for ip_vs_lblc, ip_vs_lblcr and ip_vs_pe_sip: IPVS of Linux 6.1 was
// seen to stop for good when a service asked for one while a namespace was
// being removed. They (or nf_conntrack below them) register with every
// namespace, and the kernel loads them with IPVS's lock held, for which the
// removal waits.
var IPVSModules = []string{
	"ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_sh", "ip_vs_mh", "ip_vs_lblc", "ip_vs_lblcr", "ip_vs_pe_sip",
	"veth", "bridge", "dummy", "af_packet",
}

// Options says what Run runs.
type Options struct {
	Mem     string   // memory of the kernel, default 2G; only what is touched is used
	Modules []string // loaded before the command runs; an unknown one is an error; nil: IPVSModules
	Command []string // program (absolute path) and arguments
	Dir     string   // working directory of the command; default: the caller's
	Env     []string // NAME=value, added to a minimal environment
	// Show are further folders of the machine, below its /tmp or /run, that
	// the command needs to read; the folder of the program and Dir are shown.
	Show []string
	// Results is a folder that the command can write to and that is at the
	// same path inside. Empty: a temporary one, removed when Run returns.
	Results string
	// Output receives the command's standard output and error while it
	// runs. Nil: it is only returned.
	Output io.Writer
	// Timeout ends the kernel; default 5 minutes.
	Timeout time.Duration
	// Pin keeps the kernel and all that runs in it on one processor of the machine.
	// It has no more than one itself, as many processes that wait for each other: a
	// page fault goes to another and back, and takes several times as long where
	// they are on two.
	Pin bool
}

// Result says how the command ended.
type Result struct {
	Exit   int    // exit status of the command
	Output string // its standard output and error
	Serial string // what the kernel printed
	Syslog string // what programs sent to /dev/log
}

// Inside reports whether this process runs in a kernel started by Run.
func Inside() bool { return os.Getenv(envInside) != "" }

// Available reports whether Run can boot a kernel here; the error wraps
// ErrMissing and says what to install.
func Available() error {
	if _, err := exec.LookPath("linux.uml"); err != nil {
		return fmt.Errorf("uml: linux.uml (Debian package user-mode-linux): %w", ErrMissing)
	}
	if _, err := os.Stat(modulesRoot); err != nil {
		return fmt.Errorf("uml: %s (Debian package user-mode-linux): %w", modulesRoot, ErrMissing)
	}
	if _, err := lookSbin("modprobe"); err != nil {
		return fmt.Errorf("uml: modprobe (Debian package kmod): %w", ErrMissing)
	}
	if _, err := exec.LookPath("cc"); err != nil && needsPreload() {
		return fmt.Errorf("uml: cc (Debian packages gcc and libc6-dev), as this processor has AMX: %w", ErrMissing)
	}
	return nil
}

// HasIPVS reports whether the running kernel has IPVS or can load it.
func HasIPVS() bool {
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		return true
	}
	modprobe, err := lookSbin("modprobe")
	if err != nil {
		return false
	}
	if exec.Command(modprobe, "-q", "ip_vs").Run() != nil {
		return false
	}
	_, err = os.Stat("/proc/net/ip_vs")
	return err == nil
}

// Run boots the kernel, runs the command in it and waits for its end. The
// error is nil when the command ran and ended by itself, whatever its exit
// status; it says what the kernel printed when it did not.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	if len(o.Command) == 0 || !filepath.IsAbs(o.Command[0]) {
		return nil, fmt.Errorf("uml: command %q has no absolute path", o.Command)
	}
	if o.Mem == "" {
		o.Mem = "2G"
	}
	if o.Modules == nil {
		o.Modules = IPVSModules
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
	if o.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("uml: working directory: %w", err)
		}
		o.Dir = dir
	}
	work, err := os.MkdirTemp("", "holdfast-uml-")
	if err != nil {
		return nil, fmt.Errorf("uml: work folder: %w", err)
	}
	defer os.RemoveAll(work)
	if o.Results == "" {
		o.Results = filepath.Join(work, "results")
		if err := os.Mkdir(o.Results, 0o755); err != nil {
			return nil, fmt.Errorf("uml: results folder: %w", err)
		}
	}
	if o.Results, err = filepath.Abs(o.Results); err != nil {
		return nil, fmt.Errorf("uml: results folder: %w", err)
	}
	init := filepath.Join(work, "init")
	if err := os.WriteFile(init, []byte(initScript(o, work)), 0o755); err != nil {
		return nil, fmt.Errorf("uml: init script: %w", err)
	}

	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	// The kernel's messages stay on the serial line; the command writes to a
	// file of the work folder, which is followed below.
	outPath := filepath.Join(work, "output")
	if err := os.WriteFile(outPath, nil, 0o644); err != nil {
		return nil, fmt.Errorf("uml: output file: %w", err)
	}
	environ, err := preload(work)
	if err != nil {
		return nil, err
	}
	// What the kernel says after its panic (the trace) still comes in that time.
	panicked := make(chan struct{})
	serial := serial{panicked: func() {
		close(panicked)
		time.AfterFunc(time.Second, cancel)
	}}
	cmd := exec.CommandContext(ctx, "linux.uml", "mem="+o.Mem,
		"root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "init="+init,
		"con=null", "con0=fd:0,fd:1", "quiet", "uml_dir="+work, "umid=k")
	cmd.Dir = work
	cmd.Env = append(environ, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME="+work)
	cmd.Stdout, cmd.Stderr = &serial, &serial
	// The kernel is many processes, and those of its programs run on by themselves
	// when nobody traces them any more. In a PID namespace they all end with its
	// first one, and that one when we are killed: the signal comes when the thread
	// that started the kernel ends, so the thread stays here as long as it runs.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWPID}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	leave := func() {}
	if o.Pin {
		leave, err = startPinned(cmd)
	} else {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("uml: start linux.uml: %w", err)
	}
	defer leave()
	stop := make(chan struct{})
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		follow(outPath, o.Output, stop)
	}()
	waitErr := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	close(stop)
	<-followed

	res := &Result{Exit: -1, Serial: serial.String()}
	res.Output = readText(outPath)
	res.Syslog = readText(filepath.Join(work, "syslog"))
	status := strings.TrimSpace(readText(filepath.Join(work, "status")))
	if exit, err := strconv.Atoi(status); err == nil {
		res.Exit = exit
		return res, nil
	}
	why := "the kernel ended before the command did"
	switch {
	case closed(panicked):
		why = "the kernel panicked"
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		why = fmt.Sprintf("no end after %v", o.Timeout)
	case ctx.Err() != nil:
		why = ctx.Err().Error()
	case status != "":
		why = status
	case waitErr != nil:
		why += " (" + waitErr.Error() + ")"
	}
	return res, fmt.Errorf("uml: %s: %s\n--- kernel\n%s--- command\n%s", filepath.Base(o.Command[0]), why, res.Serial, res.Output)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// follow copies what is appended to path to w until stop is closed.
func follow(path string, w io.Writer, stop <-chan struct{}) {
	if w == nil {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			_, _ = io.Copy(w, f)
			return
		case <-tick.C:
			_, _ = io.Copy(w, f)
		}
	}
}

func readText(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

// lookSbin finds a program that a user's PATH may not reach.
func lookSbin(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", exec.ErrNotFound
}
