package uml

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRun boots the kernel once and looks at everything Run promises.
func TestRun(t *testing.T) {
	if os.Geteuid() != 0 {
		need(t, "needs root")
	}
	if err := Available(); err != nil {
		need(t, err.Error())
	}
	results := t.TempDir()
	script := `set -e
test -e /proc/net/ip_vs
modprobe ip_vs_sed; grep -q ip_vs_sed /proc/modules
test "$X" = "a 'b' c"
echo heard >` + results + `/file
perl -MSocket -e 'socket(S,PF_UNIX,SOCK_DGRAM,0); send(S,"<30>to syslog",0,sockaddr_un("/dev/log")) or die $!'
n=0; while ! grep -q 'to syslog' ` + os.TempDir() + `/holdfast-uml-*/syslog && [ $n -lt 150 ]; do n=$((n+1)); sleep 0.2; done
if touch /usr/holdfast-stray 2>/dev/null; then echo the root is writable; exit 9; fi
echo out; echo err >&2; exit 3`
	res, err := Run(t.Context(), Options{
		Command: []string{"/bin/sh", "-c", script}, Env: []string{"X=a 'b' c"}, Results: results,
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Exit != 3 || res.Output != "out\nerr\n" {
		t.Errorf("exit %d, output %q\n%s", res.Exit, res.Output, res.Serial)
	}
	if !strings.Contains(res.Syslog, "to syslog") {
		t.Errorf("syslog %q", res.Syslog)
	}
	if b, _ := os.ReadFile(filepath.Join(results, "file")); string(b) != "heard\n" {
		t.Errorf("results file %q", b)
	}
}

// TestResultsWithinTheFolder: a results folder in the folder that the command is in
// is mounted above that, which is read-only.
func TestResultsWithinTheFolder(t *testing.T) {
	script := initScript(Options{Command: []string{"/bin/true"}, Dir: "/tmp/b", Results: "/tmp/b/results", Show: []string{"/tmp/a", "/tmp/b/results/x"}}, "/tmp/work")
	at := func(text string) int {
		t.Helper()
		i := strings.Index(script, text)
		if i < 0 {
			t.Fatalf("no %q in\n%s", text, script)
		}
		return i
	}
	if outer, inner := at("hostfs -o ro,'/tmp/b' "), at("hostfs -o '/tmp/b/results' "); inner < outer {
		t.Errorf("the results folder is covered:\n%s", script)
	}
	at("hostfs -o ro,'/tmp/a' ")
	if strings.Contains(script, "/tmp/b/results/x") {
		t.Errorf("a folder in the results folder is not to be written to:\n%s", script)
	}
}

// TestRunTimeout checks that a command that hangs ends with its kernel.
func TestRunTimeout(t *testing.T) {
	if os.Geteuid() != 0 {
		need(t, "needs root")
	}
	if err := Available(); err != nil {
		need(t, err.Error())
	}
	start := time.Now()
	_, err := Run(t.Context(), Options{Command: []string{"/bin/sleep", "1000"}, Modules: []string{}, Timeout: 6 * time.Second})
	if err == nil || !strings.Contains(err.Error(), "no end after 6s") {
		t.Fatalf("error %v", err)
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("ended after %v", d)
	}
}

// TestRunPanic checks that a kernel that panics, and then turns for ever, is ended
// and said so.
func TestRunPanic(t *testing.T) {
	if os.Geteuid() != 0 {
		need(t, "needs root")
	}
	if err := Available(); err != nil {
		need(t, err.Error())
	}
	_, err := Run(t.Context(), Options{
		Command: []string{"/bin/sh", "-c", "echo c >/proc/sysrq-trigger; sleep 1000"}, Modules: []string{}, Timeout: 4 * time.Minute,
	})
	if err == nil || !strings.Contains(err.Error(), "the kernel panicked") {
		t.Fatalf("error %v", err)
	}
}

// TestRegisters checks that programs of the kernel keep their extended registers
// while others run: this one copies with them, a busy neighbour uses them as well.
func TestRegisters(t *testing.T) {
	if RunTest(t, Options{Modules: []string{}}) {
		return
	}
	neighbour := exec.Command("/bin/sh", "-c", "while :; do head -c 1000000 /dev/zero | md5sum; done")
	if err := neighbour.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = neighbour.Process.Kill(); _ = neighbour.Wait() }()
	from, to := make([]byte, 1<<20), make([]byte, 1<<20)
	for i := range from {
		from[i] = byte(i * 7)
	}
	for begun := time.Now(); time.Since(begun) < 3*time.Second; {
		clear(to)
		copy(to, from)
		if !bytes.Equal(from, to) {
			t.Fatal("a copy differs")
		}
	}
}

// TestRunTest checks that a test gets to where IPVS is.
func TestRunTest(t *testing.T) {
	if RunTest(t, Options{}) {
		return
	}
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		t.Error(err)
	}
	if _, err := exec.LookPath("ipvsadm"); err != nil {
		need(t, "ipvsadm is not installed")
	}
	if out, err := exec.Command("ipvsadm", "-A", "-t", "192.0.2.10:80", "-s", "rr").CombinedOutput(); err != nil {
		t.Errorf("ipvsadm: %v: %s", err, out)
	}
}
