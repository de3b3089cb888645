package integration

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/examples"
	"holdfast/integration/lab"
)

// TestExamplePairs runs both machines of the examples without IPVS and has
// happen what they are for.
func TestExamplePairs(t *testing.T) {
	lab.Require(t, "nginx", "curl")
	for _, c := range []struct {
		name string
		run  func(*exampleMachines)
	}{
		{"nginx-ha", nginxDies},
		{"dual-master", dualMaster},
		{"two-uplinks", uplinkDies},
	} {
		for _, ext := range []string{".conf", ".toml"} {
			t.Run(c.name+ext, patiently(func(t testing.TB) {
				c.run(&exampleMachines{t: t, file: c.name + ext})
			}))
		}
	}
}

// exampleMachines are both machines of an example.
type exampleMachines struct {
	*network
	t    testing.TB
	file string
}

// start starts the example on a and, once a holds addr, with the words replaced
// that its comment names on b.
func (m *exampleMachines) start(addr string, swap ...string) (a, b *lab.Process) {
	m.t.Helper()
	text, err := fs.ReadFile(examples.Files, m.file)
	if err != nil {
		m.t.Fatal(err)
	}
	prog, err := program()
	if err != nil {
		m.t.Fatal(err)
	}
	// The folder of the script is the machine's; each host has a /run.
	one := strings.ReplaceAll(string(text), "/etc/holdfast/nginx-ha-check.sh", "/run/nginx-ha-check.sh")
	two := strings.NewReplacer(swap...).Replace(one)
	if one == two {
		m.t.Fatal("the second machine's file is the first one's")
	}
	var procs []*lab.Process
	for i, h := range []*lab.Host{m.a, m.b} {
		if err := os.WriteFile(h.Path(m.file), []byte([]string{one, two}[i]), 0o644); err != nil {
			m.t.Fatal(err)
		}
		// What the host calls nginx comes first.
		p, err := h.Start(lab.Spec{Args: []string{prog, "run", "-f", h.Path(m.file)}, Env: []string{"PATH=" + h.Path("bin") + ":" + os.Getenv("PATH")}})
		if err != nil {
			m.t.Fatal(err)
		}
		procs = append(procs, p)
		m.holds(addr, "a") // where nobody preempts, the first one stays
	}
	return procs[0], procs[1]
}

// holds waits until a host holds an address, alone.
func (m *exampleMachines) holds(addr, host string) {
	m.t.Helper()
	m.holder(netip.MustParseAddr(addr), host, 30*time.Second)
}

// nginxDies has the script of nginx-ha start nginx again when it died, and
// stop the daemon when nginx cannot be started.
func nginxDies(m *exampleMachines) {
	m.network = directors(m.t, "nginx")
	client := m.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	for _, h := range []*lab.Host{m.a, m.b} {
		script, err := fs.ReadFile(examples.Files, "nginx-ha-check.sh")
		if err != nil {
			m.t.Fatal(err)
		}
		if err := lab.WriteProgram(h.Path("script"), script); err != nil {
			m.t.Fatal(err)
		}
		if _, err := h.Output(m.t.Context(), "install", "-m", "755", h.Path("script"), "/run/nginx-ha-check.sh"); err != nil {
			m.t.Fatal(err)
		}
		// nginx as a service: in the background, with a file of its pid.
		conf := "pid /run/nginx.pid; error_log /run/nginx.log;\nevents {}\nhttp {\n access_log off;\n client_body_temp_path /run/b; proxy_temp_path /run/p; fastcgi_temp_path /run/f; uwsgi_temp_path /run/u; scgi_temp_path /run/s;\n server { listen 80; return 200 \"" + h.Name + "\\n\"; }\n}\n"
		if err := os.WriteFile(h.Path("service.conf"), []byte(conf), 0o644); err != nil {
			m.t.Fatal(err)
		}
		if err := os.Mkdir(h.Path("bin"), 0o755); err != nil {
			m.t.Fatal(err)
		}
		found, err := h.Output(m.t.Context(), "sh", "-c", "command -v nginx")
		if err != nil {
			m.t.Fatal(err)
		}
		start := "#!/bin/sh\nexec " + found + " -e /run/nginx.log -c " + h.Path("service.conf") + "\n"
		if err := lab.WriteProgram(h.Path("bin/nginx"), []byte(start)); err != nil {
			m.t.Fatal(err)
		}
		if _, err := h.Output(m.t.Context(), h.Path("bin/nginx")); err != nil {
			m.t.Fatal(err)
		}
	}
	a, b := m.start("192.0.2.10", "\n    router_id web1", "\n    router_id web2", `router_id = "web1"`, `router_id = "web2"`, "priority 150", "priority 100", "priority = 150", "priority = 100")
	answers := func(want string) {
		m.t.Helper()
		var body string
		var err error
		if !lab.WaitFor(generous, func() bool {
			body, err = fetch(client, "", "192.0.2.10:80")
			return err == nil && body == want
		}) {
			m.t.Errorf("answer %q, %v; want %q", body, err, want)
		}
	}
	answers("a")
	pid := func() int {
		n := 0
		if out, err := m.a.Output(m.t.Context(), "cat", "/run/nginx.pid"); err == nil {
			n, _ = strconv.Atoi(strings.TrimSpace(out))
		}
		return n
	}

	// It dies and is started again, before the address moves.
	old := pid()
	killTree(m.t, m.a, old)
	if !lab.WaitFor(generous, func() bool { now := pid(); return now != 0 && now != old && syscall.Kill(now, 0) == nil }) {
		m.t.Fatal("nginx is not started again")
	}
	answers("a")
	m.holds("192.0.2.10", "a")
	if !a.Running() {
		m.t.Error("the daemon has ended although nginx could be started")
	}

	// It dies and cannot be started: the daemon ends, the other machine serves.
	if err := lab.WriteProgram(m.a.Path("bin/nginx"), []byte("#!/bin/sh\nexit 1\n")); err != nil {
		m.t.Fatal(err)
	}
	killTree(m.t, m.a, pid())
	if exit, err := a.Wait(25 * time.Second); err != nil || exit != 0 {
		m.t.Errorf("the daemon: exit %d, %v", exit, err)
	}
	m.holds("192.0.2.10", "b")
	answers("b")
	if !b.Running() {
		m.t.Error("the other machine's daemon has ended")
	}
}

// killTree kills nginx's master and its workers.
func killTree(t testing.TB, h *lab.Host, master int) {
	t.Helper()
	if master == 0 {
		t.Fatal("nginx does not run")
	}
	for _, pid := range h.Pids() {
		comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
		if err == nil && strings.TrimSpace(string(comm)) == "nginx" {
			_ = syscall.Kill(pid, syscall.SIGKILL) // a worker may have ended with its master
		}
	}
}

// dualMaster has each machine hold an address; the web server of one dies.
func dualMaster(m *exampleMachines) {
	m.network = directors(m.t, "dual")
	var webs []*lab.Process
	for _, h := range []*lab.Host{m.a, m.b} {
		p, err := h.NginxServer(h.Name)
		if err != nil {
			m.t.Fatal(err)
		}
		webs = append(webs, p)
	}
	a, b := m.start("192.0.2.10", "router_id web1\n", "router_id web2\n", `router_id = "web1"`, `router_id = "web2"`, "state MASTER", "state BACKUP", "state BACKUP", "state MASTER",
		`state = "MASTER"`, `state = "BACKUP"`, `state = "BACKUP"`, `state = "MASTER"`,
		"priority 150\n", "priority 100\n", "priority 100\n", "priority 150\n", "priority = 150\n", "priority = 100\n", "priority = 100\n", "priority = 150\n")
	m.holds("192.0.2.20", "b")
	if err := webs[0].Kill(); err != nil {
		m.t.Fatal(err)
	}
	m.holds("192.0.2.10", "b")
	m.holds("192.0.2.20", "b")
	if _, err := m.a.NginxServer("a"); err != nil {
		m.t.Fatal(err)
	}
	m.holds("192.0.2.10", "a")
	m.holds("192.0.2.20", "b")
	if exit, err := b.Stop(generous); err != nil || exit != 0 {
		m.t.Errorf("stop: exit %d, %v", exit, err)
	}
	m.holds("192.0.2.20", "a")
	if exit, err := a.Stop(generous); err != nil || exit != 0 {
		m.t.Errorf("stop: exit %d, %v", exit, err)
	}
}

// uplinkDies has one carrier's link of the master go; the other carrier's
// address stays where it is.
func uplinkDies(m *exampleMachines) {
	m.network = &network{t: m.t, lab: lab.Test(m.t, "uplinks")}
	var err error
	carriers := make([]*lab.Segment, 2)
	for i, name := range []string{"carrier A", "carrier B"} {
		if carriers[i], err = m.lab.Segment(name); err != nil {
			m.t.Fatal(err)
		}
	}
	hosts := make([]*lab.Host, 2)
	for i, name := range []string{"a", "b"} {
		if hosts[i], err = m.lab.Host(name); err != nil {
			m.t.Fatal(err)
		}
		for k, net := range []string{"198.51.100.", "203.0.113."} {
			if err := hosts[i].Plug(carriers[k], fmt.Sprintf("eth%d", k), fmt.Sprintf("02:00:00:00:0%d:0%d", k, i+1), fmt.Sprintf("%s%d/24", net, i+1)); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	m.a, m.b = hosts[0], hosts[1]
	if m.watch, err = m.lab.Watch(m.a, m.b); err != nil {
		m.t.Fatal(err)
	}
	m.start("198.51.100.10", "router_id gw1", "router_id gw2", `router_id = "gw1"`, `router_id = "gw2"`, "priority 150\n", "priority 100\n", "priority = 150\n", "priority = 100\n")
	m.holds("203.0.113.10", "a")
	since := time.Now()
	if _, err := m.a.Output(m.t.Context(), "ip", "link", "set", "eth0", "down"); err != nil {
		m.t.Fatal(err)
	}
	m.holds("198.51.100.10", "b")
	if _, err := m.a.Output(m.t.Context(), "ip", "link", "set", "eth0", "up"); err != nil {
		m.t.Fatal(err)
	}
	m.holds("198.51.100.10", "a") // after preempt_delay
	for _, h := range m.watch.History(netip.MustParseAddr("203.0.113.10"), since) {
		if len(h.Hosts) != 1 || h.Hosts[0] != "a" {
			m.t.Errorf("carrier B's address was held by %v for %v", h.Hosts, h.To.Sub(h.From))
		}
	}
}
