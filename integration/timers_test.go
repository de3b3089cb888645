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
// processor, as in the IPVS kernel: the lvs process may wake late, the others may
// not, and programs that lvs starts know nothing of it.
func timersOfProcesses(t testing.TB) {
	const usual = "50000"
	n := directors(t, "timers")
	said := n.a.Path("slack")
	program := n.a.Path("check")
	if err := lab.WriteProgram(program, fmt.Appendf(nil, "#!/bin/sh\ncat /proc/$$/timerslack_ns >%s.new && mv %[1]s.new %[1]s\n", said)); err != nil {
		t.Fatal(err)
	}
	conf := "global_defs {\n enable_script_security\n script_user root\n}\n" +
		router{Version: 2, VRID: 51, Interval: time.Second, Priority: 150}.instance("VI_1") +
		"virtual_server 192.0.2.100 80 {\n delay_loop 2\n protocol TCP\n real_server 198.51.100.1 80 {\n  MISC_CHECK {\n   misc_path " + program + "\n  }\n }\n}\n"
	n.start(n.a, ours(t), conf, pidFiles(n.a)...)
	read := func(file string) string {
		text, _ := os.ReadFile(file)
		return strings.TrimSpace(string(text))
	}
	if !lab.WaitFor(generous, func() bool { return read(said) != "" }) {
		t.Fatal("the server is not checked")
	}
	if got := read(said); got != usual {
		t.Errorf("a program that checks a server has a timer slack of %s ns, want %s", got, usual)
	}
	for process, want := range map[string]string{"parent": usual, "vrrp": usual, "lvs": "4000001"} {
		pid := pidIn(n.a.Path(process + ".pid"))
		if got := read(fmt.Sprintf("/proc/%d/timerslack_ns", pid)); pid == 0 || got != want {
			t.Errorf("%s, process %d: timer slack %q ns, want %s", process, pid, got, want)
		}
	}
}
