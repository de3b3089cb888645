package proc

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets this binary be the daemon that is killed: with
// HOLDFAST_PROC_PARENT set it starts a script and waits.
func TestMain(m *testing.M) {
	switch os.Getenv("HOLDFAST_PROC_PARENT") {
	case "":
		os.Exit(m.Run())
	case "thread":
		fmt.Print(Thread() == os.Getpid())
		os.Exit(0)
	}
	// A descriptor as a careless parent leaves it, without close-on-exec.
	if _, err := unix.Open(os.DevNull, unix.O_RDONLY, 0); err != nil {
		fmt.Println(err)
	}
	p, err := Start(Spec{Args: []string{"sleep", "60"}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.Pid())
	time.Sleep(time.Minute)
}

// Scripts do not outlive the daemon, however it ends.
func TestScriptsEndWithTheDaemon(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "HOLDFAST_PROC_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(line)
	if _, err := os.Stat("/proc/" + pid); err != nil {
		t.Fatalf("script %s: %v", pid, err)
	}
	// The loader of a program that has just begun opens libraries for a moment.
	eventually(t, "a script with three descriptors", func() bool { return count(t, "/proc/"+pid+"/fd") == 3 })
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	waitGone(t, pid)
}

// With one processor the first thread has nothing else to do than what was begun
// last, which is the goroutine that starts programs.
func TestProgramsAreNotStartedByTheFirstThread(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "HOLDFAST_PROC_PARENT=thread", "GOMAXPROCS=1")
	for range 20 {
		if out, err := (&exec.Cmd{Path: c.Path, Args: c.Args, Env: c.Env}).Output(); err != nil || string(out) != "false" {
			t.Fatalf("%s, %v", out, err)
		}
	}
}
