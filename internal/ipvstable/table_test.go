package ipvstable

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/ipvs"
	"holdfast/ipvs/rules"
)

const file = `--set 100 20 30
-A -t 192.0.2.1:80 -s sh -p 50 -M 255.255.255.0 -b sh-port
-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 3 -x 10 -y 5
-a -t 192.0.2.1:80 -r 198.51.100.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-A -f 9 -6 -s rr
-a -f 9 -6 -r [2001:db8::2]:0 -m -w 1
--start-daemon master --mcast-interface eth0 --syncid 7
`

func read(t *testing.T, text string) rules.Rules {
	t.Helper()
	r, errs := rules.Read(text, rules.Rules{}, rules.Names{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return r
}

func none(ipvs.ServiceKey) bool { return false }

// restored is a kernel in the state of a file.
func restored(t *testing.T, text string) *ipvs.Fake {
	t.Helper()
	k := &ipvs.Fake{}
	restore(t, k, text, Kept{})
	return k
}

func restore(t *testing.T, k ipvs.Kernel, text string, kept Kept) Change {
	t.Helper()
	have, err := Read(k)
	if err != nil {
		t.Fatal(err)
	}
	c := Diff(have, read(t, text), kept)
	if err := c.Apply(k); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestList(t *testing.T) {
	k := restored(t, file)
	own := ipvs.MarkKey(ipvs.INET6, 9)
	l, err := List(k, func(k ipvs.ServiceKey) bool { return k == own }, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := l.Render(&b); err != nil {
		t.Fatal(err)
	}
	want := `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn  Uthreshold Lthreshold Tunnel
TCP  192.0.2.1:80 sh (sh-port) persistent 50 mask 255.255.255.0
  -> 198.51.100.1:80              Route   3      0          0          10         5
  -> 198.51.100.2:80              Tunnel  1      0          0          0          0          gue:6080:csum
FWM  9 IPv6 rr  # kept by holdfast
  -> [2001:db8::2]:0              Masq    1      0          0          0          0
master sync daemon (mcast=eth0, syncid=7, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)
Timeout (tcp tcpfin udp): 100 20 30
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if l, err := List(k, none, []ipvs.ServiceKey{own}); err != nil || len(l.Services) != 1 {
		t.Errorf("one service: %v, %v", l, err)
	}
	if _, err := List(k, none, []ipvs.ServiceKey{ipvs.MarkKey(ipvs.INET, 9)}); err == nil {
		t.Error("a service that is not there is no error")
	}
}

// The kind of a tunnel is shown where there is nothing but the usual one, too.
func TestListNamesTunnels(t *testing.T) {
	l, err := List(restored(t, "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 198.51.100.1 -i\n"), none, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := l.Render(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "InActConn  Tunnel\n") || !strings.Contains(b.String(), "0          ipip\n") {
		t.Error(b.String())
	}
}

// A mark can have a service of each family.
func TestStatsNameTheFamilyOfAMark(t *testing.T) {
	l, err := List(restored(t, file+"-A -f 9 -s rr\n"), none, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := l.RenderStats(&b); err != nil {
		t.Fatal(err)
	}
	var marks []string
	for line := range strings.Lines(b.String()) {
		if words := strings.Fields(line); words[0] == "FWM" {
			marks = append(marks, strings.Join(words[1:3], " "))
		}
	}
	if want := []string{"9 0", "9 IPv6"}; !slices.Equal(marks, want) {
		t.Errorf("%q, want %q\n%s", marks, want, b.String())
	}
}

func TestRestoreTouchesWhatDiffersOnly(t *testing.T) {
	k := restored(t, file)
	k.Ops()
	if c := restore(t, k, file, Kept{}); !c.Empty() || len(k.Ops()) != 0 {
		t.Errorf("the same again: %v", c.String())
	}
	next := strings.Replace(strings.Replace(file, "-w 3", "-w 4", 1), "--set 100 20 30", "--set 0 0 60", 1)
	next = strings.Replace(next, "-a -f 9 -6 -r [2001:db8::2]:0", "-a -f 9 -6 -r [2001:db8::3]:0", 1)
	c := restore(t, k, next, Kept{})
	want := `set timeouts tcp 1m40s tcpfin 20s udp 1m0s
edit server 198.51.100.1:80 Route weight 4 uthreshold 10 lthreshold 5 of TCP 192.0.2.1:80
add server [2001:db8::3]:0 Masq weight 1 to FWM 9 IPv6
delete server [2001:db8::2]:0 of FWM 9 IPv6
`
	if diff := cmp.Diff(want, c.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r, err := Read(k)
	if err != nil || rules.Write(r) == "" {
		t.Fatal(err)
	}
	if r.Timeouts != (ipvs.Timeouts{TCP: 100 * time.Second, TCPFin: 20 * time.Second, UDP: time.Minute}) {
		t.Errorf("timeouts %v", r.Timeouts)
	}
}

// TestWhatAFileSaysNothingOf stays: timeouts and daemons, and what a daemon of
// ours keeps.
func TestWhatAFileSaysNothingOf(t *testing.T) {
	k := restored(t, file)
	own := ipvs.MarkKey(ipvs.INET6, 9)
	c := restore(t, k, "-A -t 192.0.2.5:80 -s rr\n", Kept{Services: func(k ipvs.ServiceKey) bool { return k == own }})
	if len(c.Left) != 1 || c.Left[0] != "FWM 9 IPv6 is" {
		t.Errorf("left alone: %v", c.Left)
	}
	r, err := Read(k)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Table) != 2 || len(r.Daemons) != 1 || r.Timeouts.UDP != 30*time.Second {
		t.Errorf("now\n%s", rules.Write(r))
	}
	c = restore(t, k, "--start-daemon backup --mcast-interface eth1\n", Kept{})
	want := "stop sync daemon master\ndelete service TCP 192.0.2.5:80\ndelete service FWM 9 IPv6\nstart sync daemon backup (mcast=eth1, syncid=0)\n"
	if c.String() != want {
		t.Errorf("did\n%swant\n%s", c.String(), want)
	}
}

// TestKept: what a daemon has configured besides services stays too, and is
// named where the file wants something else of it.
func TestKept(t *testing.T) {
	k := restored(t, file)
	next := "--set 0 0 60\n--start-daemon backup --mcast-interface eth1\n-A -t 192.0.2.5:80 -s rr\n"
	for _, c := range []struct {
		kept Kept
		want string
	}{
		{Kept{Daemons: true}, "the connection-sync daemons are"},
		{Kept{Timeouts: true}, "the timeouts are"},
		{Kept{Daemons: true, Timeouts: true}, "the timeouts are, the connection-sync daemons are"},
		{Kept{}, ""},
	} {
		have, err := Read(k)
		if err != nil {
			t.Fatal(err)
		}
		d := Diff(have, read(t, next), c.kept)
		if got := strings.Join(d.Left, ", "); got != c.want {
			t.Errorf("%+v: left %q, want %q", c.kept, got, c.want)
		}
		if did := d.Timeouts != (ipvs.Timeouts{}); did == c.kept.Timeouts {
			t.Errorf("%+v: timeouts %v", c.kept, d.Timeouts)
		}
		if did := len(d.Stop) == 1 && len(d.Start) == 1; did == c.kept.Daemons || !did && len(d.Stop)+len(d.Start) > 0 {
			t.Errorf("%+v: stops %v, starts %v", c.kept, d.Stop, d.Start)
		}
		if d := Diff(have, read(t, file), c.kept); len(d.Left) > 0 {
			t.Errorf("%+v: left %v of what is as it is", c.kept, d.Left)
		}
	}
}

// TestChangeNamesEverything: what would be done is told in the words of the list,
// without a number that only the kernel knows.
func TestChangeNamesEverything(t *testing.T) {
	c := Diff(rules.Rules{}, read(t, `-A -t 192.0.2.1:80 -s sh -p 50 -M 255.255.255.0 -b sh-port,sh-fallback
-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g
-a -t 192.0.2.1:80 -r 198.51.100.2:80 -i -w 2 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 192.0.2.1:80 -r 198.51.100.3:80 -i -w 3 --tun-type gre --tun-csum
-a -t 192.0.2.1:80 -r [2001:db8::4]:80 -i -w 0
-A -u 192.0.2.1:5060 -s rr -p 60 --pe sip -o -b flag-3
-A -t [2001:db8::1]:80 -s mh -b mh-port
--start-daemon backup --mcast-interface eth0 --syncid 7 --sync-maxlen 1400 --mcast-group 224.0.0.82 --mcast-port 9000 --mcast-ttl 3
`), Kept{})
	want := `add service TCP 192.0.2.1:80 sh (sh-fallback,sh-port) persistent 50 mask 255.255.255.0
add server 198.51.100.1:80 Route weight 1 to TCP 192.0.2.1:80
add server 198.51.100.2:80 Tunnel weight 2 gue:6080:remcsum to TCP 192.0.2.1:80
add server 198.51.100.3:80 Tunnel weight 3 gre:csum to TCP 192.0.2.1:80
add server [2001:db8::4]:80 Tunnel weight 0 ipip to TCP 192.0.2.1:80
add service UDP 192.0.2.1:5060 rr (flag-3) persistent 60 pe sip ops
add service TCP [2001:db8::1]:80 mh (mh-port)
start sync daemon backup (mcast=eth0, syncid=7, maxlen=1400, group=224.0.0.82, port=9000, ttl=3)
`
	if diff := cmp.Diff(want, c.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFailureStopsNothing(t *testing.T) {
	k := restored(t, "--start-daemon master --mcast-interface eth0\n")
	k.Set(func(k *ipvs.Fake) {
		k.Fail = func(op ipvs.Op) error {
			if op.Kind == ipvs.AddService && op.Service.Port == 80 {
				return syscall.ENOMEM
			}
			return nil
		}
	})
	c := Diff(rules.Rules{}, read(t, "-A -t 192.0.2.1:80\n-A -t 192.0.2.1:81\n"), Kept{})
	if err := c.Apply(k); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("error %v", err)
	}
	if tab, _ := k.Table(); len(tab) != 1 {
		t.Errorf("table\n%s", tab)
	}
}

func TestRates(t *testing.T) {
	key, other := ipvs.MarkKey(ipvs.INET, 1), ipvs.MarkKey(ipvs.INET, 2)
	before := &Listing{Services: []Service{{Key: key, Counters: Counters{Connections: 10, InBytes: 1 << 40, OutPackets: 50}}}}
	after := &Listing{Services: []Service{
		{Key: key, Counters: Counters{Connections: 31, InBytes: 1<<40 + 4000, OutPackets: 8, Rates: Rates{InPackets: 99}}},
		{Key: other, Counters: Counters{Connections: 7, Rates: Rates{Connections: 3}}},
	}}
	after.Since(before, 2*time.Second)
	if got, want := after.Services[0].Rates, (Rates{Connections: 11, InBytes: 2000, OutPackets: 4}); got != want {
		t.Errorf("rates %+v, want %+v", got, want)
	}
	if got := after.Services[1].Rates.Connections; got != 3 {
		t.Errorf("a new service has %d connections a second, want the kernel's 3", got)
	}
}

// TestConnectionColumns: every protocol's line has its columns below the header's.
func TestConnectionColumns(t *testing.T) {
	state := strings.Index(ConnectionsHeader, "State")
	virtual := strings.Index(ConnectionsHeader, "Virtual")
	for _, protocol := range []string{"TCP", "UDP", "SCTP"} {
		var b strings.Builder
		c := ipvs.Connection{
			Protocol: protocol, State: "CLOSED", Origin: "LOCAL", Expires: 899,
			Client: netip.MustParseAddrPort("192.0.2.99:1024"), Virtual: netip.MustParseAddrPort("192.0.2.1:80"), Dest: netip.MustParseAddrPort("198.51.100.1:80"),
		}
		if err := RenderConnection(&b, &c); err != nil {
			t.Fatal(err)
		}
		if line := b.String(); !strings.HasPrefix(line[state:], "CLOSED ") || !strings.HasPrefix(line[virtual:], "192.0.2.1:80 ") {
			t.Errorf("below the header's columns:\n%s%s", ConnectionsHeader, line)
		}
	}
}
