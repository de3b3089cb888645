package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestOwnNamespace starts a director outside of the network namespace that its
// configuration names, with the keywords about the daemon's own files, and
// looks at what it does there. Its /run is one of its own.
func TestOwnNamespace(t *testing.T) { patiently(ownNamespaceRound)(t) }

func ownNamespaceRound(t testing.TB) {
	lab.Require(t, "ip", "mount")
	dir := t.TempDir()
	in, out := fmt.Sprintf("hf-in-%d", os.Getpid()), fmt.Sprintf("hf-out-%d", os.Getpid())
	for _, name := range []string{in, out} {
		run(t, "ip", "netns", "add", name)
		t.Cleanup(func() { exec.Command("ip", "netns", "del", name).Run() })
	}
	for _, args := range []string{"link add eth0 type veth peer name eth1", "addr add 192.0.2.1/24 dev eth0", "link set eth0 up", "link set eth1 up"} {
		run(t, "ip", append([]string{"-n", in}, strings.Fields(args)...)...)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	conf := `instance blue
net_namespace ` + in + `
child_wait_time 3
global_defs {
  umask 027
  reload_file
  reload_time_file ` + path("reload-at") + `
  config_save_dir ` + path("saved") + `
  tmp_config_directory ` + dir + `
  enable_script_security
  script_user root
}
vrrp_instance VI_1 {
  version 3
  interface eth0
  virtual_router_id 51
  advert_int 0.1
  notify_master "/bin/sh -c 'umask > ` + path("told") + `; readlink /proc/self/ns/net >> ` + path("told") + `'"
  virtual_ipaddress {
    192.0.2.10
  }
}
`
	write("k.conf", conf)
	write("ns", "")
	log, err := os.Create(path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("ip", "netns", "exec", out, "sh", "-c", `
mount --bind /run/netns/`+in+` `+path("ns")+` && mount -t tmpfs none /run && mkdir /run/netns && touch /run/netns/`+in+` &&
mount --bind `+path("ns")+` /run/netns/`+in+` && exec `+asKeepalived(t)+` -n -l -D -f `+path("k.conf"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		cmd.Process.Kill()
		if t.Failed() {
			text, _ := os.ReadFile(path("log"))
			t.Logf("%s", text)
		}
	}()
	// ip, sh and the program that enters the namespace follow each other in one process.
	pid := strconv.Itoa(cmd.Process.Pid)
	inRun := func(name string) string { return filepath.Join("/proc", pid, "root/run/keepalived", in, name) }
	within := func(what string, f func() bool) {
		t.Helper()
		if !lab.WaitFor(30*time.Second, f) {
			t.Fatalf("never: %s", what)
		}
	}
	holds := func() bool {
		text, _ := exec.Command("ip", "-n", in, "-o", "addr", "show", "dev", "eth0").Output()
		return bytes.Contains(text, []byte("192.0.2.10/32"))
	}
	within("the address in the namespace", holds)
	if text, err := os.ReadFile(inRun("keepalived_blue.pid")); err != nil || strings.TrimSpace(string(text)) != pid {
		t.Errorf("pid file: %q %v, want %s", text, err, pid)
	}
	if _, err := os.Stat(inRun("vrrp_blue.pid")); err != nil {
		t.Error(err)
	}
	inside := run(t, "ip", "netns", "exec", in, "readlink", "/proc/self/ns/net")
	within("the notify script", func() bool {
		text, _ := os.ReadFile(path("told"))
		return string(text) == "0027\n"+inside
	})

	saved := func(n int) string { return path(fmt.Sprintf("saved/keepalived.conf.%s.%d", pid, n)) }
	if text, err := os.ReadFile(saved(0)); err != nil || !strings.Contains(string(text), "net_namespace "+in) {
		t.Errorf("saved configuration: %q %v", text, err)
	}
	write("reload-at", time.Now().Add(2*time.Second).Format(time.TimeOnly)+"\n")
	within("the reload at its time", func() bool {
		_, err := os.Stat(saved(1))
		_, still := os.Stat(path("reload-at"))
		return err == nil && os.IsNotExist(still)
	})

	write("k.conf", strings.Replace(conf, "blue", "green", 1))
	cmd.Process.Signal(syscall.SIGHUP)
	within("a refusal", func() bool {
		text, _ := os.ReadFile(path("log"))
		return bytes.Contains(text, []byte("fixed while the daemon runs"))
	})
	write("k.conf", conf)
	cmd.Process.Signal(syscall.SIGHUP)
	within("a reload after that", func() bool { _, err := os.Stat(saved(2)); return err == nil })
	if !holds() {
		t.Error("the address is gone after the reloads")
	}

	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("end: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("does not end")
	}
	if holds() {
		t.Error("the address is still there")
	}
}

// run runs a program and returns what it says.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}
