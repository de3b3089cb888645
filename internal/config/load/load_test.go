package load_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// everything uses every part of the model.
const everything = `global_defs {
 router_id lvs1 # a comment
 vrrp_version 3
 vrrp_garp_master_delay 3
 vrrp_garp_master_repeat 2
 script_user root
 enable_script_security
 vrrp_notify_fifo /run/f.fifo root
 vrrp_notify_fifo_script "/bin/cat 'a b'"
 lvs_sync_daemon eth0 inst VI_1 ttl 3 group 224.0.0.82
 lvs_timeouts tcp 100 udp 7
 smtp_alert
}
vrrp_script chk {
 script "/bin/true one 'two three'"
 interval 0.5
 weight -20 reverse
 rise 2
 fall 3
}
vrrp_instance VI_1 {
 state MASTER
 interface eth0
 virtual_router_id 51
 advert_int 0.1
 garp_master_repeat 1
 unicast_src_ip 192.0.2.2
 unicast_peer { 192.0.2.3
  192.0.2.4 }
 virtual_ipaddress {
  192.0.2.10/24 dev eth1 label eth1:1 brd + scope link no_track
 }
 virtual_ipaddress_excluded {
  2001:db8::10/64
 }
 track_script {
  chk weight 5
 }
 track_interface {
  eth1
 }
 notify_master "/bin/echo master" nobody
 notify /bin/true
}
vrrp_sync_group G {
 group { VI_1 }
 sync_group_tracking_weight
}
virtual_server 192.0.2.10 80 {
 delay_loop 6
 lvs_sched sh
 sh-port
 lvs_method TUN type gue port 6080 csum
 protocol tcp
 persistence_timeout
 persistence_granularity 255.255.255.0
 virtualhost www.example.org
 alpha
 sorry_server 127.0.0.1 80
 inhibit_on_failure
 retry 4
 real_server 198.51.100.1 80 {
  weight 3
  inhibit_on_failure off
  HTTP_GET {
   url {
    path /a
    digest 0123456789ABCDEF0123456789abcdef
    status_code 200 300-302
   }
   connect_port 8080
   retry 2
  }
  MISC_CHECK {
   misc_path "/bin/true"
   misc_dynamic
   user nobody
  }
 }
 real_server 198.51.100.2 80 {
  TCP_CHECK {
   connect_timeout 1.5
  }
 }
}
`

// TestValues reads every part of the model from keepalived.conf.
func TestValues(t *testing.T) {
	o := memory(map[string]string{"k.conf": everything})
	o.Interfaces = nil
	cfg, diags := load.Load("k.conf", o)
	if cfg == nil {
		t.Fatal(diags)
	}
	root := config.Command{Args: []string{"/bin/cat", "a b"}}
	if diff := cmp.Diff(config.FIFO{Path: "/run/f.fifo", User: "root", Script: root}, cfg.Global.VRRPNotifyFIFO); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(config.LVSTimeouts{TCP: 100 * time.Second, UDP: 7 * time.Second}, cfg.Global.LVSTimeouts); diff != "" {
		t.Error(diff)
	}
	wantSync := &config.LVSSyncDaemon{Interface: "eth0", Instance: "VI_1", ID: 51, TTL: 3, Group: netip.MustParseAddr("224.0.0.82")}
	if diff := cmp.Diff(wantSync, cfg.Global.LVSSyncDaemon, addrs); diff != "" {
		t.Error(diff)
	}
	wantScript := config.VRRPScript{
		Name: "chk", Command: config.Command{Args: []string{"/bin/true", "one", "two three"}},
		Interval: 500 * time.Millisecond, Timeout: 500 * time.Millisecond, Weight: -20, Reverse: true, Rise: 2, Fall: 3,
	}
	if diff := cmp.Diff([]config.VRRPScript{wantScript}, cfg.Scripts); diff != "" {
		t.Error(diff)
	}
	wantInstance := config.VRRPInstance{
		Name: "VI_1", StateMaster: true, Interface: "eth0", VirtualRouterID: 51, Priority: 255, Version: 3, Family: 4,
		AdvertInt: 100 * time.Millisecond,
		VirtualIPAddress: []config.VIP{{
			Prefix: netip.MustParsePrefix("192.0.2.10/24"), Dev: "eth1", Label: "eth1:1",
			Scope: 253, Broadcast: netip.MustParseAddr("192.0.2.255"), NoTrack: true,
		}},
		VirtualIPAddressExcluded: []config.VIP{{Prefix: netip.MustParsePrefix("2001:db8::10/64")}},
		UnicastSrcIP:             netip.MustParseAddr("192.0.2.2"),
		UnicastPeer: []config.UnicastPeer{
			{Addr: netip.MustParseAddr("192.0.2.3"), MinTTL: -1, MaxTTL: -1},
			{Addr: netip.MustParseAddr("192.0.2.4"), MinTTL: -1, MaxTTL: -1},
		},
		McastDstIP:      netip.MustParseAddr("224.0.0.18"),
		TrackInterfaces: []config.Track{{Name: "eth1"}},
		TrackScripts:    []config.Track{{Name: "chk", Weight: 5, Reverse: true}},
		Accept:          true, DownTimerAdverts: 3, StickyHoldOff: 5 * time.Second,
		GARP: config.GARP{Repeat: 1, Delay: 3 * time.Second, RefreshRepeat: 1, LowerPrioDelay: 3 * time.Second, LowerPrioRep: 2},
		Notify: config.NotifySet{
			Master: config.Command{Args: []string{"/bin/echo", "master"}, User: "nobody"},
			Any:    config.Command{Args: []string{"/bin/true"}},
		},
		SMTPAlert: true,
	}
	if diff := cmp.Diff([]config.VRRPInstance{wantInstance}, cfg.Instances, addrs); diff != "" {
		t.Error(diff)
	}
	gue := config.Forward{Method: config.TUN, TunType: 1, TunPort: 6080, TunCsum: 1}
	common := config.Checker{
		ConnectTimeout: 5 * time.Second, DelayLoop: 6 * time.Second, Warmup: 6 * time.Second,
		Retry: 4, DelayBeforeRetry: time.Second, Alpha: true,
	}
	http, misc, tcp := common, common, common
	http.Kind, http.ConnectIP, http.ConnectPort, http.HTTPProtocol = config.HTTPGet, netip.MustParseAddr("198.51.100.1"), 8080, "1.0"
	http.Retry, http.DelayBeforeRetry = 2, 3*time.Second
	http.URLs = []config.URL{{
		Path: "/a", Digest: "0123456789abcdef0123456789abcdef",
		StatusCodes: []config.StatusRange{{Low: 200, High: 200}, {Low: 300, High: 302}}, VirtualHost: "www.example.org",
	}}
	misc.Kind, misc.ConnectTimeout = config.MiscCheck, 0
	misc.MiscPath, misc.MiscDynamic = config.Command{Args: []string{"/bin/true"}, User: "nobody"}, true
	tcp.Kind, tcp.ConnectIP, tcp.ConnectPort, tcp.ConnectTimeout = config.TCPCheck, netip.MustParseAddr("198.51.100.2"), 80, 1500*time.Millisecond
	want := config.VirtualServer{
		Addr: netip.MustParseAddr("192.0.2.10"), Port: 80, Family: 4, Protocol: 6,
		LBAlgo: "sh", SchedFlags: 0x10, Forward: gue, PersistenceTimeout: 360 * time.Second, PersistenceGranularity: 24,
		DelayLoop:   6 * time.Second,
		SorryServer: &config.SorryServer{Addr: netip.MustParseAddr("127.0.0.1"), Port: 80, Forward: gue},
		VirtualHost: "www.example.org", Alpha: true, Quorum: 1, SMTPAlert: true,
		RealServers: []config.RealServer{
			{
				Addr: netip.MustParseAddr("198.51.100.1"), Port: 80, Weight: 3, Forward: gue,
				SMTPAlert: true, Extras: &config.ServerExtras{VirtualHost: "www.example.org"}, Checks: &config.Checks{List: []config.Checker{http, misc}},
			},
			{
				Addr: netip.MustParseAddr("198.51.100.2"), Port: 80, Weight: 1, Forward: gue, InhibitOnFailure: true,
				SMTPAlert: true, Extras: &config.ServerExtras{VirtualHost: "www.example.org"}, Checks: &config.Checks{List: []config.Checker{tcp}},
			},
		},
	}
	if diff := cmp.Diff([]config.VirtualServer{want}, cfg.VirtualServers, addrs); diff != "" {
		t.Error(diff)
	}
}

// addrs compares addresses by value.
var addrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

// TestRoundTrip sends a configuration through JSON, as it goes to the child
// processes.
func TestRoundTrip(t *testing.T) {
	o := memory(map[string]string{"k.conf": everything})
	o.Interfaces = nil
	cfg, diags := load.Load("k.conf", o)
	if cfg == nil {
		t.Fatal(diags)
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var back config.Config
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cfg, &back, addrs); diff != "" {
		t.Error(diff)
	}
}

// TestHints looks at what is proposed after a slip.
func TestHints(t *testing.T) {
	tests := []struct{ text, want string }{
		{instance(" piority 50"), "k.conf:7:2: warning: unknown keyword 'piority' in vrrp_instance (did you mean priority?)"},
		{"vrrp_instanc A {\n}\n", "k.conf:1:1: warning: unknown keyword 'vrrp_instanc' at the top level (did you mean vrrp_instance?)"},
		{instance(" lb_algo rr"), "k.conf:7:2: warning: unknown keyword 'lb_algo' in vrrp_instance (it belongs to virtual_server)"},
		{server(" lb_algo wrrr", ""), "k.conf:5:10: warning: lb_algo: there is no scheduler 'wrrr', ignored (did you mean wrr?)"},
		{strings.Replace(instance(""), "eth0", "eht0", 1), "k.conf:2:12: warning: interface of vrrp_instance A: eht0 does not exist (did you mean eth0?)"},
		{instance(" virtual_routes { x }"), "k.conf:7:19: warning: virtual_routes: 'x' is neither an option nor a destination: the route is ignored"},
		{"static_routes {\n foo\n}\n", "k.conf:2:2: warning: static_routes: 'foo' is neither an option nor a destination: the route is ignored"},
		{server("", "DNS_CHECK {\n}"), "k.conf:6:2: warning: real_server 10.0.1.1: DNS_CHECK is not active yet: the server is in service unchecked"},
	}
	for _, tc := range tests {
		_, diags := conf(tc.text)
		found := false
		for _, d := range diags {
			found = found || d.String() == tc.want
		}
		if !found {
			t.Errorf("no finding %q in\n%v", tc.want, diags)
		}
	}
}

// TestWhereTheFirstOneIs: of two servers of one address the first one may stand in
// another file.
func TestWhereTheFirstOneIs(t *testing.T) {
	_, diags := load.Load("k.conf", memory(map[string]string{
		"k.conf":   server("", "}\ninclude inc.conf"),
		"inc.conf": "real_server 10.0.1.1 80 {\n",
	}))
	const want = "inc.conf:1:1: warning: real_server 10.0.1.1:80 is given twice, first in k.conf:6: this one is ignored"
	if !slices.ContainsFunc(diags, func(d config.Diagnostic) bool { return d.String() == want }) {
		t.Errorf("no finding %q in\n%v", want, diags)
	}
}

// TestWholeChecks looks at what is refused in both languages.
func TestWholeChecks(t *testing.T) {
	cfg, diags := conf("global_defs {\n lvs_follow_vrrp true\n lvs_sync_daemon eth0\n}\n" + instance(""))
	if cfg != nil || !strings.Contains(fmt.Sprint(diags), "k.conf:2:2: error: lvs_follow_vrrp true does not go with lvs_sync_daemon") {
		t.Error(diags)
	}
	cfg, diags = conf(server("", "") + server("", ""))
	if cfg == nil || len(cfg.VirtualServers) != 1 || !strings.Contains(fmt.Sprint(diags), "k.conf:10:1: warning: virtual_server [10.0.0.1]:tcp:80: it is given twice") {
		t.Error(diags)
	}
	cfg, diags = conf("net_namespace a/b\n" + instance(""))
	if cfg != nil || config.TestExit(diags) != 5 {
		t.Error(diags)
	}
}

// TestSyncGroupWeights follows the rule that members have no weights.
func TestSyncGroupWeights(t *testing.T) {
	const script = "vrrp_script s {\n script /bin/true\n}\n"
	body := " track_script {\n s weight 3\n }\n track_interface {\n lo weight 3\n }"
	cfg, diags := conf(script + instance(body) + "vrrp_sync_group G {\n group {\n A\n }\n}\n")
	if cfg == nil {
		t.Fatal(diags)
	}
	i := cfg.Instances[0]
	if len(i.TrackScripts) != 0 || i.TrackInterfaces[0].Weight != 0 {
		t.Errorf("%+v %+v", i.TrackScripts, i.TrackInterfaces)
	}
}

// TestCheckedPort holds checks to the port that is written, also where packets
// then go to the service's.
func TestCheckedPort(t *testing.T) {
	for _, c := range []struct {
		kind, port   string
		server, want uint16
	}{
		{"DR", "8080", 80, 8080}, {"TUN", "8080", 80, 8080}, {"NAT", "8080", 8080, 8080}, {"NAT", "", 80, 80}, {"DR", "", 80, 80},
	} {
		cfg, diags := conf("virtual_server 192.0.2.1 80 {\n lb_algo rr\n lb_kind " + c.kind + "\n protocol TCP\n real_server 198.51.100.1 " + c.port + " {\n TCP_CHECK {\n }\n }\n}\n")
		if cfg == nil {
			t.Fatal(diags)
		}
		r := cfg.VirtualServers[0].RealServers[0]
		if r.Port != c.server || r.Checkers()[0].ConnectPort != c.want {
			t.Errorf("%s, port %q: server %d, check %d", c.kind, c.port, r.Port, r.Checkers()[0].ConnectPort)
		}
	}
}

func big(services, servers int) string {
	var b strings.Builder
	for s := range services {
		fmt.Fprintf(&b, "virtual_server 10.%d.%d.1 80 {\n delay_loop 6\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n", s/250, s%250)
		for r := range servers {
			fmt.Fprintf(&b, " real_server 192.0.2.%d 80 {\n  weight %d\n  TCP_CHECK {\n   connect_timeout 3\n  }\n }\n", r+1, r+1)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// BenchmarkLoad loads 5,000 services with ten servers each.
func BenchmarkLoad(b *testing.B) {
	o := memory(map[string]string{"k.conf": big(5000, 10)})
	for b.Loop() {
		cfg, diags := load.Load("k.conf", o)
		if cfg == nil || len(cfg.VirtualServers) != 5000 {
			b.Fatal(diags)
		}
	}
}

// FuzzLoad looks for input that makes loading fail other than by a finding.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{everything, "a { b { c", "} } {", "include k.conf", "$A=$A\n$A", "$A=${A}${A}\n${A}", "@a b", `x "`, server("", ""), "vrrp_instance\nvirtual_server fwmark"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, diags := conf(text)
		if cfg == nil && !config.HasErrors(diags) {
			t.Error("refused without an error")
		}
		if cfg != nil {
			if _, err := json.Marshal(cfg); err != nil {
				t.Error(err)
			}
		}
		config.TestExit(diags)
	})
}
