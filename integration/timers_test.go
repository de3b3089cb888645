package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// timersOfProcesses looks at the timer slack of every process where there is one
// processor, as in the IPVS kernel: the vrrp process may not wake late, the others
// may, and programs that they start know nothing of it.
func timersOfProcesses(t testing.TB) {
	const usual = "50000"
	n := directors(t, "timers")
	program := n.a.Path("tell")
	if err := lab.WriteProgram(program, []byte("#!/bin/sh\ncat /proc/$$/timerslack_ns >$1.new && mv $1.new $1\n")); err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{"that is run at the start": n.a.Path("startup"), "that checks a server": n.a.Path("check")}
	conf := "global_defs {\n enable_script_security\n script_user root\n startup_script \"" + program + " " + programs["that is run at the start"] + "\"\n}\n" +
		router{Version: 2, VRID: 51, Interval: time.Second, Priority: 150}.instance("VI_1") +
		"virtual_server 192.0.2.100 80 {\n delay_loop 2\n protocol TCP\n real_server 198.51.100.1 80 {\n  MISC_CHECK {\n   misc_path \"" + program + " " + programs["that checks a server"] + "\"\n  }\n }\n}\n"
	n.start(n.a, ours(t), conf, pidFiles(n.a)...)
	read := func(file string) string {
		text, _ := os.ReadFile(file)
		return strings.TrimSpace(string(text))
	}
	for what, said := range programs {
		if !lab.WaitFor(generous, func() bool { return read(said) != "" }) {
			t.Fatalf("a program %s was not run", what)
		}
		if got := read(said); got != usual {
			t.Errorf("a program %s has a timer slack of %s ns, want %s", what, got, usual)
		}
	}
	// A thread that starts processes for which that is not meant has the usual ones.
	for process, want := range map[string]string{"parent": "4000001", "vrrp": usual, "lvs": "4000001"} {
		pid := pidIn(n.a.Path(process + ".pid"))
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, thread := range threads {
			got[read("/proc/"+thread.Name()+"/timerslack_ns")]++
		}
		if got[want] == 0 || want == usual && len(got) != 1 {
			t.Errorf("%s, process %d: threads by their timer slack %v, want %s ns", process, pid, got, want)
		}
	}
}
