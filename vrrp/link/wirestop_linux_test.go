package link

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// helperSent names the file that the helper makes when it has sent.
const helperSent = "HOLDFAST_LINK_SENT"

// A process that was stopped at any moment while it waited, past its deadline,
// reads what arrived meanwhile before it is told of the deadline.
func TestWireStopped(t *testing.T) {
	const helperEnv = "HOLDFAST_LINK_STOPPED"
	if pid, err := strconv.Atoi(os.Getenv(helperEnv)); err == nil {
		helpStopped(t, pid)
		return
	}
	if !inNetns(t) {
		return
	}
	_, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pb := Port{Ifindex: b, Group: group}
	hear := wire(t, WireConfig{})
	open(t, hear, pb)
	dir := t.TempDir()
	stopped := func(after time.Duration, sent string) (n int, err error) {
		helper := exec.Command(os.Args[0], "-test.run=^TestWireStopped$")
		helper.Env = append(os.Environ(), helperEnv+"="+strconv.Itoa(os.Getpid()), helperSent+"="+sent)
		line, err := helper.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := helper.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := hear.Now().Add(10 * time.Millisecond)
		time.AfterFunc(after, func() {
			line.Close() // tells the helper to begin
			_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		})
		// One that is over before the helper has sent anything was not stopped.
		for limit := deadline.Add(30 * time.Second); err == nil && hear.Now().Before(limit); time.Sleep(time.Millisecond) {
			var ps []Packet
			if ps, err = hear.Wait(deadline); len(ps) > 0 {
				n = len(ps)
				break
			}
			if _, gone := os.Stat(sent); gone == nil {
				break
			}
		}
		if err := helper.Wait(); err != nil {
			t.Fatal(err)
		}
		for ps, _ := hear.Wait(hear.Now()); len(ps) > 0; {
			ps, _ = hear.Wait(hear.Now())
		}
		return n, err
	}
	for i := range 12 {
		hear.Park(i%2 == 1)
		// Stopped while it waits, about when the timer fires, or before. It may also
		// be stopped when it has looked for the last time: no harm, if that is rare.
		var n int
		var err error
		for try := 0; n != 3 && err == nil && try < 3; try++ {
			n, err = stopped(time.Duration(i)*time.Millisecond, filepath.Join(dir, fmt.Sprint(i, ".", try)))
		}
		if err != nil || n != 3 {
			t.Errorf("stopped after %d ms: Wait = %d packets, %v; want 3", i, n, err)
		}
	}
}

// helpStopped sends three adverts as soon as the process has stopped, and lets
// it go on well past its deadline.
func helpStopped(t *testing.T, pid int) {
	w, seen := wire(t, WireConfig{}), wire(t, WireConfig{})
	p := Port{Ifindex: index(t, "va"), Group: group}
	open(t, w, p)
	open(t, seen, Port{Ifindex: index(t, "vb"), Group: group})
	_, _ = io.Copy(io.Discard, os.Stdin)
	eventually(t, "the stop", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(stat, []byte(") T "))
	})
	send(t, w, p, "224.0.0.18", []byte("1"), []byte("2"), []byte("3"))
	if got := receive(t, seen, 3); len(got) != 3 { // a busy kernel may hand them over later
		t.Errorf("%d of 3 adverts arrive", len(got))
	}
	time.Sleep(30 * time.Millisecond)
	if err := os.WriteFile(os.Getenv(helperSent), nil, 0o600); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
