package link

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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
	for i := range 12 {
		hear.Park(i%2 == 1)
		helper := exec.Command(os.Args[0], "-test.run=^TestWireStopped$")
		helper.Env = append(os.Environ(), helperEnv+"="+strconv.Itoa(os.Getpid()))
		line, err := helper.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := helper.Start(); err != nil {
			t.Fatal(err)
		}
		// Stopped while it waits, about when the timer fires, or before.
		deadline := hear.Now().Add(10 * time.Millisecond)
		time.AfterFunc(time.Duration(i)*time.Millisecond, func() {
			line.Close() // tells the helper to begin
			_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		})
		// A Wait that is over sooner than the stop lasts was not stopped.
		var ps []Packet
		for limit := deadline.Add(5 * time.Second); err == nil && hear.Now().Before(limit); {
			began := hear.Now()
			ps, err = hear.Wait(deadline)
			if len(ps) > 0 || hear.Now().Sub(began) > 25*time.Millisecond {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err != nil || len(ps) != 3 {
			t.Errorf("stopped after %d ms: Wait = %d packets, %v; want 3", i, len(ps), err)
		}
		if err := helper.Wait(); err != nil {
			t.Fatal(err)
		}
		for ps, _ = hear.Wait(hear.Now()); len(ps) > 0; {
			ps, _ = hear.Wait(hear.Now())
		}
	}
}

// helpStopped sends three adverts as soon as the process has stopped, and lets
// it go on well past its deadline.
func helpStopped(t *testing.T, pid int) {
	w := wire(t, WireConfig{})
	p := Port{Ifindex: index(t, "va"), Group: group}
	open(t, w, p)
	_, _ = io.Copy(io.Discard, os.Stdin)
	eventually(t, "the stop", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(stat, []byte(") T "))
	})
	send(t, w, p, "224.0.0.18", []byte("1"), []byte("2"), []byte("3"))
	time.Sleep(30 * time.Millisecond)
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
