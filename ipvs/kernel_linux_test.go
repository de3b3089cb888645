package ipvs_test

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/ipvs/netmask"
	"github.com/google/go-cmp/cmp"

	"holdfast/integration/uml"
	"holdfast/ipvs"
)

// TestKernel holds Linux to what TestFake holds the fake to.
func TestKernel(t *testing.T) {
	if uml.RunTest(t, modules) {
		return
	}
	run(t, "ip", "link", "add", "dummy0", "type", "dummy")
	run(t, "ip", "link", "set", "dummy0", "up")
	run(t, "ip", "addr", "add", "192.0.2.200/24", "dev", "dummy0")
	k := open(t)
	for _, tt := range kernelTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Cleanup(func() {
				_ = k.StopDaemon(ipvs.SyncMaster)
				_ = k.StopDaemon(ipvs.SyncBackup)
				if err := k.Flush(); err != nil {
					t.Error(err)
				}
			})
			tt.run(t, k)
		})
	}
	t.Run("info", func(t *testing.T) {
		info, err := k.Info()
		if err != nil || info.Version != [3]int{1, 2, 1} || info.ConnectionTableSize == 0 {
			t.Errorf("info is %v, %v", info, err)
		}
	})
	t.Run("the same as ipvsadm writes", func(t *testing.T) { againstIpvsadm(t, k) })
	t.Run("rule files", func(t *testing.T) { ruleFiles(t, k) })
	t.Run("lost acknowledgements", func(t *testing.T) { lostAnswers(t, k) })
	t.Run("figures", func(t *testing.T) { figures(t, k) })
}

func TestOpenWithoutIPVS(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if uml.HasIPVS() {
		t.Skip("this kernel has IPVS")
	}
	if _, err := ipvs.Open(); !errors.Is(err, ipvs.ErrNoIPVS) {
		t.Errorf("open: %v, want %v", err, ipvs.ErrNoIPVS)
	}
}

// againstIpvsadm lets ipvsadm make services and reads them.
func againstIpvsadm(t *testing.T, k ipvs.Kernel) {
	t.Cleanup(func() { _ = k.Flush() })
	for _, line := range []string{
		"-A -t 192.0.2.1:80 -s wlc -p 90 -M 255.255.255.0",
		"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 3 -x 10 -y 5",
		"-a -t 192.0.2.1:80 -r 198.51.100.2:80 -i -w 3 --tun-type gue --tun-port 6080 --tun-remcsum",
		"-A -u 192.0.2.1:5060 -s sh -b sh-port,sh-fallback -p 60 --pe sip",
		"-A -t [2001:db8::1]:80 -s rr -p 50 -M 64",
		"-A -f 9 -6 -s rr -o",
		"-a -f 9 -6 -r [2001:db8::2]:0 -m",
	} {
		run(t, "ipvsadm", strings.Fields(line)...)
	}
	want := strings.Join([]string{
		"[192.0.2.1]:tcp:80 wlc persistent 90 netmask 255.255.255.0",
		"  -> [198.51.100.1]:80 DR weight 3 thresholds 10 5",
		"  -> [198.51.100.2]:80 TUN weight 3 gue:6080:remcsum",
		"[192.0.2.1]:udp:5060 sh (sh-fallback,sh-port) persistent 60 pe sip",
		"[2001:db8::1]:tcp:80 rr persistent 50 netmask 64",
		"FWM 9 inet6 rr ops",
		"  -> [2001:db8::2]:0 NAT weight 1",
		"",
	}, "\n")
	if diff := cmp.Diff(want, table(t, k).String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

// lostAnswers has the kernel do what it is told without our hearing of it: that
// is an error and not taken for done, and what is read after it is the truth.
func lostAnswers(t *testing.T, k ipvs.Kernel) {
	t.Cleanup(func() { _ = k.Flush() })
	apply(t, k, ipvs.Plan(nil, big(1, 1), nil)...)
	want := big(40, 2) // two batches
	have := table(t, k)
	if err := ipvs.LoseAnswers(k); err != nil {
		t.Fatal(err)
	}
	defer ipvs.AnswersCome(k)
	var refused *ipvs.OpError
	if err := k.Apply(ipvs.Plan(have, want, nil)); err == nil || errors.As(err, &refused) {
		t.Fatalf("without an answer: %v", err)
	}
	ipvs.AnswersCome(k)
	have = table(t, k) // by a new connection
	if have.Equal(want) || len(have) < 2 {
		t.Errorf("%d services, want those of the first batch only", len(have))
	}
	apply(t, k, ipvs.Plan(have, want, nil)...)
	if got := table(t, k); !got.Equal(want) {
		t.Errorf("table (-want +got):\n%s", cmp.Diff(want.String(), got.String()))
	}
}

// figures prints what a big table costs.
func figures(t *testing.T, k ipvs.Kernel) {
	t.Cleanup(func() { _ = k.Flush() })
	timed := func(name string, f func()) {
		start := time.Now()
		f()
		t.Logf("1,000 services with 10 servers each: %s: %v", name, time.Since(start).Round(time.Millisecond))
	}
	want := big(1000, 1)
	timed("install", func() { apply(t, k, ipvs.Plan(nil, want, nil)...) })
	var have ipvs.Table
	timed("read", func() { have = table(t, k) })
	if !have.Equal(want) {
		t.Error("the table is not as wanted")
	}
	next := big(1000, 2)
	timed("change all weights", func() { apply(t, k, ipvs.Plan(have, next, nil)...) })
	if !table(t, k).Equal(next) {
		t.Error("the weights are not as wanted")
	}
	timed("delete", func() { apply(t, k, ipvs.Plan(next, nil, func(ipvs.ServiceKey) bool { return true })...) })
}

func big(n int, weight uint32) ipvs.Table {
	var t ipvs.Table
	for i := range n {
		e := ipvs.Entry{Service: ipvs.Service{
			ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80),
			Scheduler:  "wlc", Netmask: netmask.MaskFrom(32, 32),
		}}
		for j := range 10 {
			e.Dests = append(e.Dests, ipvs.Destination{
				DestKey: ipvs.DestKey{Addr: netip.AddrFrom4([4]byte{10, 2, byte(i), byte(j + 1)}), Port: 80},
				Method:  ipvs.Masquerade, Weight: weight,
			})
		}
		t = append(t, e)
	}
	return t
}

func open(t *testing.T) ipvs.Kernel {
	t.Helper()
	k, err := ipvs.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
