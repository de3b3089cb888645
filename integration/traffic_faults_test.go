package integration

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/integration/uml"
	"holdfast/internal/daemon/lvs"
)

// faultyConf is a director in front of two addresses.
const faultyConf = `
virtual_server 192.0.2.100 80 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 192.0.2.21 80 {
    }
    real_server 192.0.2.22 80 {
        weight 2
    }
}
`

// modprobePath says which program the kernel loads modules with.
const modprobePath = "/proc/sys/kernel/modprobe"

// moduleUnloaded takes the kernel's IPVS away from under the daemon, and the
// means to load it again: the state says what is missing, and nothing is taken
// for done. When it can be loaded the table is back.
func moduleUnloaded(t testing.TB) {
	if !uml.Inside() {
		t.Skip("the modules are the machine's")
	}
	s := trafficLab(t, "faults")
	s.start(s.a, ours(t), faultyConf)
	before := s.installed(4) // a service, its servers, and timeouts

	loader, err := os.ReadFile(modprobePath)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string) {
		t.Helper()
		if err := os.WriteFile(modprobePath, []byte(path), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { write(strings.TrimSpace(string(loader))) })
	write("/bin/false")
	s.run(s.a, "ipvsadm -C")
	s.unload()

	// A change is refused and not believed.
	out, err := operator(t, s.a, "set", "real_server", "192.0.2.100:80", "192.0.2.21", "weight", "5")
	if err == nil {
		t.Errorf("a weight is set without IPVS: %s", out)
	}
	if !lab.WaitFor(60*time.Second, func() bool {
		out, _ = operator(t, s.a, "status")
		return strings.Contains(out, "the kernel has no IPVS (module ip_vs)")
	}) {
		t.Errorf("the status without IPVS:\n%s", out)
	}
	out, _ = operator(t, s.a, "doctor", "--listen", "0")
	for _, want := range []string{"module-ip_vs", "# modprobe ip_vs", "module-loading", `kernel.modprobe is "/bin/false"`, "# sysctl -w kernel.modprobe=/sbin/modprobe"} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor without IPVS says nothing of %s:\n%s", want, out)
		}
	}
	st := tableStatus(t, s.a)
	if len(st.Services) != 1 || st.Services[0].Installed || slices.ContainsFunc(st.Services[0].Servers, func(r lvs.ServerStatus) bool { return r.InKernel }) {
		t.Errorf("the status without IPVS has %+v", st.Services)
	}

	write(strings.TrimSpace(string(loader)))
	after := s.installed(4)
	want := strings.Replace(strings.Join(before, "\n"), "192.0.2.21 port 80 method 3 weight 1", "192.0.2.21 port 80 method 3 weight 5", 1)
	if got := strings.Join(after, "\n"); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
	if !lab.WaitFor(60*time.Second, func() bool { return tableStatus(t, s.a).Kernel.Error == "" }) {
		t.Errorf("the status goes on to say %s", tableStatus(t, s.a).Kernel.Error)
	}
}

// installed waits for a table of so many lines.
func (s *serving) installed(n int) (table []string) {
	s.t.Helper()
	const module = "/sys/module/ip_vs"
	if !lab.WaitFor(100*time.Second, func() bool {
		time.Sleep(50 * time.Millisecond)
		_, err := os.Stat(module)
		return err == nil
	}) {
		s.t.Fatal("the daemon does not load IPVS")
	}
	raw := rawIPVSOf(s.t, s.a)
	if !lab.WaitFor(60*time.Second, func() bool {
		table = tableOf(s.t, raw)
		return len(table) == n
	}) {
		s.t.Fatalf("the table is\n%s", strings.Join(table, "\n"))
	}
	return table
}

// unload removes every module of IPVS. They are in use until the namespaces of
// labs before have ended.
func (s *serving) unload() {
	s.t.Helper()
	var out []byte
	if !lab.WaitFor(60*time.Second, func() bool {
		out, _ = exec.Command("sh", "-c", `for m in $(lsmod | sed -n 's/^\(ip_vs_[a-z_]*\) .*/\1/p') ip_vs; do rmmod $m; done 2>&1; lsmod | grep ip_vs`).CombinedOutput()
		time.Sleep(50 * time.Millisecond)
		_, err := os.Stat("/sys/module/ip_vs")
		return os.IsNotExist(err)
	}) {
		s.t.Fatalf("IPVS cannot be unloaded:\n%s", out)
	}
}
