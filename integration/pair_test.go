package integration

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/integration/uml"
)

// noise is what a busy machine may add to any time.
const noise = time.Second

// generous is for what comes within milliseconds on an idle machine and of which
// only the coming counts.
const generous = 30 * time.Second

// program is the path of the program under test, built once if need be.
var program = sync.OnceValues(func() (string, error) {
	if p := os.Getenv("HOLDFAST_BIN"); p != "" {
		return filepath.Abs(p)
	}
	dir, err := os.MkdirTemp("", "holdfast-bin-")
	if err != nil {
		return "", err
	}
	p := filepath.Join(dir, "holdfast")
	cmd := exec.Command("go", "build", "-o", p, "holdfast/cmd/holdfast")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return p, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("HOLDFAST_BIN") == "" {
		if p, err := program(); err == nil && strings.Contains(p, "holdfast-bin-") {
			os.RemoveAll(filepath.Dir(p))
		}
	}
	os.Exit(code)
}

// ours is the program under test, called as keepalived is.
func ours(t testing.TB) lab.Daemon {
	t.Helper()
	p, err := program()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "keepalived")
	if err := os.Symlink(p, link); err != nil {
		t.Fatal(err)
	}
	return lab.Keepalived("holdfast", link)
}

// theirs is the real keepalived.
func theirs(t testing.TB) lab.Daemon {
	t.Helper()
	if p := os.Getenv("HOLDFAST_KEEPALIVED"); p != "" {
		return lab.Keepalived("keepalived", p)
	}
	lab.Require(t, "keepalived")
	p, err := exec.LookPath("keepalived")
	if err != nil {
		t.Fatal(err)
	}
	return lab.Keepalived("keepalived", p)
}

// inIPVS makes sure that the test runs where IPVS is, with the program under
// test built beforehand: there is no compiler's cache to write to in there.
func inIPVS(t *testing.T, limit time.Duration) (elsewhere bool) {
	t.Helper()
	if uml.Inside() {
		return uml.RunTest(t, uml.Options{})
	}
	p, err := program()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"HOLDFAST_BIN=" + p}
	for _, name := range []string{"HOLDFAST_KEEPALIVED", envSeed, envSeeds, "HOLDFAST_FAILOVERS", envSurvival, envResults} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return uml.RunTest(t, uml.Options{Timeout: limit, Env: env, Show: []string{filepath.Dir(p)}, Results: os.Getenv(envResults)})
}

// network is two directors, a and b, on one segment, and what watches them.
type network struct {
	t       testing.TB
	lab     *lab.Lab
	lan     *lab.Segment
	a, b    *lab.Host
	capture *lab.Capture
	watch   *lab.Watch
}

// directors builds a network; a is 192.0.2.1 and b 192.0.2.2 on eth0.
func directors(t testing.TB, name string) *network {
	t.Helper()
	n := &network{t: t, lab: lab.Test(t, name)}
	var err error
	if n.lan, err = n.lab.Segment("lan"); err != nil {
		t.Fatal(err)
	}
	n.a = n.host("a", "02:00:00:00:00:01", "192.0.2.1/24")
	n.b = n.host("b", "02:00:00:00:00:02", "192.0.2.2/24")
	if n.capture, err = n.lab.Capture(); err != nil {
		t.Fatal(err)
	}
	if n.watch, err = n.lab.Watch(n.a, n.b); err != nil {
		t.Fatal(err)
	}
	return n
}

// host adds a host on eth0 of the segment.
func (n *network) host(name, mac, addr string) *lab.Host {
	n.t.Helper()
	h, err := n.lab.Host(name)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := h.Plug(n.lan, "eth0", mac, addr); err != nil {
		n.t.Fatal(err)
	}
	return h
}

// start runs a daemon on a host with the configuration given.
func (n *network) start(h *lab.Host, d lab.Daemon, conf string, args ...string) *lab.Process {
	n.t.Helper()
	d.Args = append(append([]string{}, args...), d.Args...)
	if d.Name == "keepalived" {
		// One that crashed left them behind, and their numbers may be somebody
		// else's by now: it would take itself for running.
		if _, err := h.Output(n.t.Context(), "rm", "-f", "/run/keepalived.pid", "/run/vrrp.pid", "/run/checkers.pid"); err != nil {
			n.t.Fatal(err)
		}
	}
	p, err := h.StartDaemon(d, "keepalived.conf", conf)
	if err != nil {
		n.t.Fatal(err)
	}
	return p
}

// holder waits until exactly one reachable host holds the address. A limit is
// what the protocol needs, and a busy machine gets more; 0 is now.
func (n *network) holder(addr netip.Addr, host string, limit time.Duration) {
	n.t.Helper()
	if limit > 0 {
		limit += generous
	}
	if err := n.watch.WaitHolder(addr, host, limit); err != nil {
		n.t.Fatal(err)
	}
}

// told waits until the parent process of a holdfast on h, started with
// pidFiles, knows that its vrrp process holds addr: from then on a successor
// goes on where that one dies.
func (n *network) told(h *lab.Host, addr netip.Addr) {
	n.t.Helper()
	if !lab.WaitFor(generous, func() bool {
		state, err := os.ReadFile(h.Path("parent.sock.state"))
		return err == nil && strings.Contains(string(state), `"`+addr.String()+"/")
	}) {
		n.t.Fatalf("%s: the parent does not hear of %v", h.Name, addr)
	}
}

// complaints is what keepalived says about packets it does not like. That it
// discards adverts of a lower priority is the protocol's ordinary course.
var complaints = regexp.MustCompile(`(?i)invalid|mismatch|checksum|bogus|malformed|wrong|incorrect|unexpected|too short|truncat|ignor.*(packet|advert)|auth.*(fail|differ|not)|address(es)? .*(differ|not|expected)|ttl|unknown|error|drop`)

// complaintsIn are the lines of a log that complain; of holdfast's those that it
// marks as news are none.
func complaintsIn(log string) []string {
	var out []string
	for line := range strings.SplitSeq(log, "\n") {
		if strings.Contains(line, " level=INFO ") || strings.Contains(line, " level=DEBUG ") {
			continue
		}
		// keepalived's own affair when a reload and news of an interface meet.
		if strings.Contains(line, "thread_cancel called for") {
			continue
		}
		if complaints.MatchString(line) && !strings.Contains(line, "Error opening") {
			out = append(out, line)
		}
	}
	return out
}

// vip is the address of most scenarios.
var vip = netip.MustParseAddr("192.0.2.100")

// router is a virtual router of a configuration.
type router struct {
	Version  int
	VRID     int
	Interval time.Duration
	Priority int
	Pass     string
	VIPs     []string
	Extra    string // more lines of the instance
}

// conf is the configuration of one virtual router.
func (r router) conf() string {
	var b strings.Builder
	fmt.Fprintf(&b, "global_defs {\n  router_id lab\n  vrrp_version %d\n  enable_script_security\n  script_user root\n}\n", r.Version)
	b.WriteString(r.instance("VI_1"))
	return b.String()
}

func (r router) instance(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "vrrp_instance %s {\n  state BACKUP\n  interface eth0\n  virtual_router_id %d\n  priority %d\n  advert_int %g\n",
		name, r.VRID, r.Priority, r.Interval.Seconds())
	if r.Pass != "" {
		fmt.Fprintf(&b, "  authentication {\n    auth_type PASS\n    auth_pass %s\n  }\n", r.Pass)
	}
	vips := r.VIPs
	if vips == nil {
		vips = []string{vip.String() + "/24"}
	}
	fmt.Fprintf(&b, "  virtual_ipaddress {\n    %s\n  }\n%s}\n", strings.Join(vips, "\n    "), r.Extra)
	return b.String()
}

// skew is the skew time of the router (RFC 3768 section 6.1, RFC 9568 section 6.1).
func (r router) skew() time.Duration {
	if r.Version == 2 {
		return time.Duration(256-r.Priority) * time.Second / 256
	}
	return time.Duration(256-r.Priority) * r.Interval / 256
}

// down is the master-down interval.
func (r router) down() time.Duration { return 3*r.Interval + r.skew() }
