package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestProcessSettings has a file name the processes, give the vrrp process a nice
// value, a processor, a real-time priority and locked memory, and a reload take
// that away. It writes the states to the FIFO as well.
func TestProcessSettings(t *testing.T) { patiently(processSettingsRound)(t) }

func processSettingsRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "process")
	r := router{Version: 3, VRID: 90, Interval: time.Second, Priority: 100}
	const settings = `
  process_names
  vrrp_process_name hf_vrrp
  vrrp_priority -3
  vrrp_cpu_affinity 0
  vrrp_rt_priority 7
  vrrp_no_swap
  log_unknown_vrids
  vrrp_netlink_monitor_rcv_bufs 98304
  vrrp_netlink_monitor_rcv_bufs_force
`
	plain := strings.Replace(r.conf(), "global_defs {", "global_defs {\n  vrrp_notify_fifo "+n.a.Path("fifo")+"\n  fifo_write_vrrp_states_on_reload\n", 1) +
		"vrrp_sync_group G {\n  group {\n    VI_1\n  }\n}\n"
	a := n.start(n.a, ours(t), strings.Replace(plain, "global_defs {", "global_defs {"+settings, 1), pidFiles(n.a)...)
	fifo := listen(t, n.a.Path("fifo"))
	n.holder(vip, "a", r.down()+5*noise)
	pid := pidIn(n.a.Path("vrrp.pid"))
	proc := func(pid int, file string) string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	// The real-time priority of a thread is field 40 of its stat, the nice value 19.
	threads := func() (rt map[int]int, nice map[int]int) {
		rt, nice = map[int]int{}, map[int]int{}
		list, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, f := range list {
			b, err := os.ReadFile(f)
			if err != nil {
				continue // it ended meanwhile
			}
			fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
			p, _ := strconv.Atoi(fields[40-3])
			v, _ := strconv.Atoi(fields[19-3])
			rt[p]++
			nice[v]++
		}
		return rt, nice
	}
	allowed := regexp.MustCompile(`Cpus_allowed_list:\s*(\S+)`)
	locked := regexp.MustCompile(`VmLck:\s*([1-9]\d*) kB`)
	all := allowed.FindStringSubmatch(proc(os.Getpid(), "status"))[1]
	if got := strings.TrimSpace(proc(pid, "comm")) + " " + strings.TrimSpace(proc(pidIn(n.a.Path("parent.pid")), "comm")); got != "hf_vrrp keepalived" {
		t.Errorf("the processes are called %s", got)
	}
	// The kernel doubles what is asked for.
	buffers := func() string { return n.sh(n.a, "ss -f netlink -m") }
	if !lab.WaitFor(generous, func() bool { return strings.Contains(buffers(), "rb196608") }) {
		t.Errorf("no netlink socket has the receive buffer:\n%s", buffers())
	}
	rt, nice := threads()
	if rt[7] == 0 || nice[-3] == 0 || nice[-3]+nice[0] != rt[0]+rt[7] {
		t.Errorf("threads by real-time priority %v, by nice value %v", rt, nice)
	}
	status := proc(pid, "status")
	if got := allowed.FindStringSubmatch(status)[1]; got != "0" {
		t.Errorf("processors %s", got)
	}
	if !locked.MatchString(status) {
		t.Error("no memory is locked")
	}
	// A stranger, and what is heard of it.
	stranger := r
	stranger.VRID, stranger.VIPs, stranger.Extra = 91, []string{"192.0.2.200/24"}, ""
	n.start(n.b, ours(t), stranger.conf())
	if !lab.WaitFor(generous, func() bool {
		return strings.Contains(a.Log(), "not configured") && strings.Contains(a.Log(), "vrid=91 peer=192.0.2.2")
	}) {
		t.Error("the log does not name the VRID that is not configured")
	}

	n.reloadWith(a, n.a.Path("keepalived.conf"), []byte(plain))
	fifo.until(t, 6)
	if got := strings.Join(fifo.lines[4:], ", "); got != `INSTANCE "VI_1" MASTER 100, GROUP "G" MASTER 0` {
		t.Errorf("the FIFO has %q after the reload", got)
	}
	rt, nice = threads()
	status = proc(pid, "status")
	if rt[7] > 0 || nice[-3] > 0 || allowed.FindStringSubmatch(status)[1] != all || locked.MatchString(status) || strings.Contains(proc(pid, "comm"), "hf_vrrp") {
		t.Errorf("after the reload: real-time %v, nice %v, %s called %s", rt, nice, allowed.FindString(status), proc(pid, "comm"))
	}
	for _, line := range complaintsIn(a.Log()) {
		t.Errorf("complaint: %s", line)
	}
}

// TestTrackSourceAddress takes the configured source address of a master away
// and gives it back.
func TestTrackSourceAddress(t *testing.T) { patiently(trackSourceAddressRound)(t) }

func trackSourceAddressRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "source")
	r := router{Version: 3, VRID: 92, Interval: 200 * time.Millisecond, Priority: 100, Extra: "  mcast_src_ip 192.0.2.77\n  track_src_ip\n"}
	n.must(n.a, "ip", "addr", "add", "192.0.2.77/24", "dev", "eth0")
	n.start(n.a, ours(t), r.conf())
	n.holder(vip, "a", 15*time.Second)
	n.must(n.a, "ip", "addr", "del", "192.0.2.77/24", "dev", "eth0")
	if !lab.WaitFor(generous, func() bool { return len(n.watch.Holders(vip)) == 0 }) {
		t.Fatal("a router without its source address stays master")
	}
	_, v := status(t, n.a)
	if in := virtualRouter(t, v, "VI_1"); in.State != "FAULT" || len(in.Faults) != 1 || in.Faults[0] != "source address" {
		t.Errorf("state %s, faults %v", in.State, in.Faults)
	}
	n.must(n.a, "ip", "addr", "add", "192.0.2.77/24", "dev", "eth0")
	n.holder(vip, "a", 15*time.Second)
	if last, _ := n.capture.Last("a", 92); last.Src.String() != "192.0.2.77" {
		t.Errorf("adverts come from %v", last.Src)
	}
}
