package show

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/notifier"
	"holdfast/ipvs"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func instance(state string) control.Instance {
	return control.Instance{
		Name: "VI_1", Interface: "eth0", VRID: 51, Version: 3, State: state, Since: now.Add(-90 * time.Second),
		Source: ip("192.0.2.2"), Priority: control.Priority{Effective: 100, Base: 100},
		AdvertInt: 0.5, MasterDown: 1.8047, Agreement: true,
		VIPs: []control.VIP{{Address: netip.MustParsePrefix("192.0.2.10/24")}},
	}
}

func TestEveryStateOfAnInstance(t *testing.T) {
	peer := control.Peer{Agrees: true, Addr: ip("192.0.2.3"), Priority: 150, LastHeard: now.Add(-200 * time.Millisecond)}
	for name, c := range map[string]struct {
		change func(*control.Instance)
		state  string
		want   []string
		not    []string
	}{
		"master": {func(in *control.Instance) {
			in.Reason = "no advert"
			in.VIPs[0].Present, in.VIPs[0].Wanted = true, true
			in.Peers = []control.Peer{peer}
			in.AdvertsSent = 7
		}, "MASTER", []string{
			"vrrp_instance VI_1: MASTER for 1m30s (no advert)\n",
			"  interface    eth0, VRID 51, version 3, advert_int 500ms, source 192.0.2.2\n",
			"  priority     100\n", "  address      192.0.2.10/24 present\n",
			"  peer         192.0.2.3, priority 150, last heard 200ms ago\n",
			"  adverts      7 sent, 0 accepted, 0 not sent\n",
		}, []string{"missing", "warning", "drops", "error"}},
		"master without its address": {func(in *control.Instance) {
			in.VIPs[0].Wanted, in.ApplyError, in.SendError, in.Agreement = true, "no such device", "network is down", false
			in.VIPs[0].Excluded = true
		}, "MASTER", []string{
			"192.0.2.10/24 missing (not advertised)\n", "address error no such device\n", "send error   network is down\n",
			"lists other addresses than ours",
		}, nil},
		"backup": {func(in *control.Instance) {
			in.Master, in.Peers = &peer, []control.Peer{peer}
			in.Drops = map[string]uint64{"ttl": 3, "auth pass": 1}
			in.Priority = control.Priority{Effective: 90, Base: 100, Contributions: []control.Contribution{
				{Track: "script chk", State: "down", Value: -10}, {Track: "interface eth1", State: "pending"},
			}}
		}, "BACKUP", []string{
			"master       192.0.2.3, priority 150, heard 200ms ago, taken for dead after 1.8s\n",
			"priority     90 = 100, script chk -10 (down), interface eth1 +0 (pending)\n",
			"drops        auth pass 1, ttl 3\n",
		}, []string{"peer "}},
		"backup of a dead master": {func(in *control.Instance) {
			dead := peer
			dead.LastHeard = dead.LastHeard.Add(-15 * time.Second)
			in.Master = &dead
		}, "BACKUP", []string{
			"master       none: 192.0.2.3, priority 150, was heard 15.2s ago, and is taken for dead after 1.8s\n",
		}, nil},
		"backup of one that has stopped": {func(in *control.Instance) {
			gone := peer
			gone.Priority = 0
			in.Master = &gone
		}, "BACKUP", []string{"master       none: 192.0.2.3 has stopped (priority 0), heard 200ms ago"}, nil},
		"heard a second master once": {func(in *control.Instance) {
			in.SecondMasters, in.SecondMaster = 1, &control.Rival{Addr: peer.Addr, Priority: 90, Last: peer.LastHeard}
		}, "MASTER", []string{"second       master heard once, last 200ms ago: 192.0.2.3, priority 90\n"}, nil},
		"address claimed": {func(in *control.Instance) {
			in.Claim = &control.Claim{Address: peer.Addr, MAC: "02:00:00:00:00:66", Last: peer.LastHeard, Count: 2}
		}, "MASTER", []string{"claimed      192.0.2.3 was announced by 02:00:00:00:00:66, last 200ms ago (2 times)\n"}, nil},
		"fault": {func(in *control.Instance) {
			in.Faults, in.Peers, in.AdvertsIgnored = []string{"interface", "script chk"}, []control.Peer{peer}, 7
		}, "FAULT", []string{
			"FAULT for 1m30s", "faults       interface; script chk\n", "peer         192.0.2.3, priority 150, last heard 200ms ago", " not sent, 7 ignored in FAULT or while it started\n",
		}, []string{"drops"}},
		"waiting": {func(in *control.Instance) {
			in.Source, in.Since = netip.Addr{}, time.Time{}
			in.Faults = []string{"interface eth0 does not exist"}
		}, control.Waiting, []string{"VI_1: WAITING\n", "source none yet", "faults       interface eth0 does not exist\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := instance(c.state)
			c.change(&in)
			var b strings.Builder
			renderVRRP(&b, &control.VRRP{Time: now, Instances: []control.Instance{in}})
			for _, w := range c.want {
				if !strings.Contains(b.String(), w) {
					t.Errorf("no %q in\n%s", w, b.String())
				}
			}
			for _, n := range c.not {
				if strings.Contains(b.String(), n) {
					t.Errorf("%q in\n%s", n, b.String())
				}
			}
		})
	}
}

func TestEveryStateOfAService(t *testing.T) {
	server := lvs.ServerStatus{Addr: ip("198.51.100.1"), Port: 80, Method: "DR", State: "down", Checks: []lvs.CheckStatus{{Kind: "TCP_CHECK", Target: "198.51.100.1:80", State: "unknown"}}}
	tunnelled := server
	tunnelled.Method, tunnelled.Tunnel = "TUN", "gue:6080:nocsum"
	for name, c := range map[string]struct {
		service lvs.ServiceStatus
		want    string
	}{
		"tunnel":    {lvs.ServiceStatus{Servers: []lvs.ServerStatus{tunnelled}}, "real_server  [198.51.100.1]:80 TUN gue:6080:nocsum DOWN, "},
		"up":        {lvs.ServiceStatus{Up: true, Wanted: true, Installed: true}, "virtual_server S: UP for 1m30s, rr\n"},
		"persists":  {lvs.ServiceStatus{Wanted: true, Installed: true, Persistent: 300}, "DOWN for 1m30s, rr, persistent 300 s\n"},
		"group":     {lvs.ServiceStatus{Up: true, Wanted: true, Installed: true, Protocol: "sctp", Members: []lvs.MemberStatus{{Name: "A", Wanted: true, Installed: true}}}, "virtual_server S: UP for 1m30s, SCTP, rr\n"},
		"no group":  {lvs.ServiceStatus{Up: true, Wanted: true, Installed: true, Protocol: "tcp", Family: 6}, "virtual_server S: UP for 1m30s, rr\n"},
		"mark":      {lvs.ServiceStatus{Up: true, Wanted: true, Installed: true, FWMark: 9, Family: 6}, "virtual_server S: UP for 1m30s, IPv6, rr\n"},
		"follows":   {lvs.ServiceStatus{Follows: []string{"VI_1", "VI_2"}}, ", not installed while no master: VI_1, VI_2\n"},
		"missing":   {lvs.ServiceStatus{Wanted: true}, ", MISSING in the kernel\n"},
		"left over": {lvs.ServiceStatus{Installed: true}, ", in the kernel but not wanted there\n"},
		"sorry":     {lvs.ServiceStatus{Wanted: true, Installed: true, Sorry: true, SorryName: "[127.0.0.1]:80"}, ", sorry server [127.0.0.1]:80 in service\n"},
		"set":       {lvs.ServiceStatus{Orders: []lvs.OrderStatus{{From: "virtual_server", Order: "disable", By: &lvs.Author{User: "root"}, At: now}}}, "disable by root (uid 0) 0s ago, until the next reload\n"},
		"kept":      {lvs.ServiceStatus{Orders: []lvs.OrderStatus{{From: "virtual_server", Order: "disable", By: &lvs.Author{User: "root"}, At: now, Keep: true}}}, "disable by root (uid 0) 0s ago, kept over reloads\n"},
		"server":    {lvs.ServiceStatus{Servers: []lvs.ServerStatus{server}}, "real_server  [198.51.100.1]:80 DR DOWN, not in the kernel's table\n    TCP_CHECK        198.51.100.1:80: unknown\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.service
			s.Name, s.Scheduler, s.Since = "S", "rr", now.Add(-90*time.Second)
			var b strings.Builder
			renderLVS(&b, &control.LVS{Status: lvs.Status{Services: []lvs.ServiceStatus{s}}}, now)
			if !strings.Contains(b.String(), c.want) {
				t.Errorf("no %q in\n%s", c.want, b.String())
			}
		})
	}
}

func TestConnectionSync(t *testing.T) {
	var b strings.Builder
	renderLVS(&b, &control.LVS{Status: lvs.Status{
		Daemons: []lvs.DaemonStatus{{Role: "backup", Interface: "eth1", ID: 7, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, Threads: 4, Waiting: 10, Dropped: 3}},
		Sync: &lvs.SyncStatus{
			Interface: "eth1", Roles: []string{"master", "backup"}, Problem: "interface eth1 is down\nand more", Since: now.Add(-3 * time.Second),
			Renewed: 2, BackupOnly: true, Connections: &ipvs.SyncCounts{Own: 5, Synced: 6, Partial: true},
		},
	}}, now)
	const want = `sync daemon backup on eth1, id 7, group 224.0.0.81:8848, 4 threads, 10 bytes waiting, 3 datagrams DROPPED
lvs_sync_daemon master and backup on eth1 does not work for 3s: interface eth1 is down; and more
connections and templates: 5 made here, 6 learned from another director, and more
backup_only was 1 and is cleared while this director forwards
sync daemons replaced because their interface or address had changed: 2
`
	if !strings.HasPrefix(b.String(), want) {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

func TestSettingsOfAProfile(t *testing.T) {
	var b strings.Builder
	renderProfile(&b, []lvs.ProfileStatus{
		{Name: "as_it_was", Value: "1", Before: "1"},
		{Name: "changed", Value: "1", Before: "0"},
		{Name: "refused", Value: "1", Before: "0", Error: "permission denied"},
		{Name: "unknown", Value: "1", Missing: true},
	})
	const want = "lvs_profile: as_it_was=1 changed=1 (was 0) refused=1 (FAILED: permission denied) unknown=1 (not in this kernel, left out)\n"
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

func TestTheDaemonItself(t *testing.T) {
	v, err := json.Marshal(control.VRRP{
		Time:     now,
		Lateness: control.Lateness{Wakeups: 9, P99: 0.00006, Max: 0.012},
		Notify: notifier.Status{
			Scripts: notifier.Scripts{
				Done: 5, Failed: 2, Dropped: 1,
				Long: []notifier.LongScript{{Target: "INSTANCE A", Script: "/bin/hang MASTER", Since: now.Add(-time.Minute), Waiting: 3}},
			},
			FIFOs: []notifier.FIFO{{Path: "/run/good", Written: 4}, {Path: "/run/full", Written: 4, Dropped: 7}},
		},
		Scripts: []control.Script{{Name: "chk", State: "down", Last: "exit status 1"}},
		Groups:  []control.Group{{Name: "G", State: "MASTER", Members: []string{"A", "B"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	err = Status(&b, &control.Status{
		Version: "1", Outdated: "/x is gone", PID: 7, Started: time.Now().Add(-time.Minute),
		Config: control.Config{
			Files: []string{"a.conf", "b.conf"}, Loaded: now, LastReload: now.Add(time.Hour), ReloadFailure: "refused: 2 errors",
			NotActive: []string{"a.conf:3:1: mail is not active yet"},
		},
		Processes: []control.Process{
			{Role: "vrrp", PID: 8, Version: "2", Started: time.Now(), Restarts: 1, Outdated: "/x is gone", Replaced: &control.Replaced{Why: "it was ended by SIGKILL", At: now}},
			{Role: "stopped", PID: 9, Started: time.Now(), SilentSince: now},
		},
		Missing: []string{"dead", "gone", "lvs", "stopped"},
		NotRunning: []control.NotRunning{
			{Role: "dead", Why: "it ended with exit code 100 (the kernel has no IPVS)", Since: now, NextTry: time.Now().Add(365 * 24 * time.Hour)},
			{Role: "gone", Why: "it was ended by SIGKILL", Since: now},
		},
		VRRP: v,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"holdfast 1, pid 7, up 1m0s\n", "config       a.conf, b.conf, loaded 2026-01-02 03:04:05\n",
		"reload       2026-01-02 04:04:05: FAILED: refused: 2 errors\n", "vrrp         pid 8, version 2, up 0s, replaced once (2026-01-02 03:04:05: it was ended by SIGKILL)\n", "  program      /x is gone (parent, vrrp)\n",
		"stopped      pid 9, up 0s, never replaced, DOES NOT ANSWER since 2026-01-02 03:04:05\n",
		"dead         is not running: it ended with exit code 100 (the kernel has no IPVS); tried again in 315", "gone         is not running: it was ended by SIGKILL\n",
		"lvs          does not answer\n", "not active   a.conf:3:1: mail is not active yet\n",
		"vrrp_sync_group G: MASTER (A, B)\n", "vrrp_script chk: down, last run: exit status 1\n",
		"notify scripts: 5 ended, 2 of them failed, 1 not run",
		"notify script of INSTANCE A runs for 1m0s already, 3 wait for it: /bin/hang MASTER\n", "notify fifo /run/full: 4 lines written, 7 lost",
		"engine: 9 wake-ups, late by 60µs at 99 %, by 12ms at most\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "dead         does not answer") {
		t.Error("what does not run is said not to answer")
	}
	if strings.Contains(b.String(), "stopped      does not answer") {
		t.Error("what does not answer is told twice")
	}
	if strings.Contains(b.String(), "/run/good") {
		t.Error("a pipe that is read is mentioned")
	}
	b.Reset()
	for _, known := range []string{"", `,"as_of":"2026-01-02T03:04:00Z"`} {
		if err := Status(&b, &control.Status{LVS: json.RawMessage(`{"busy":{"with":"a reload","since":"2026-01-02T03:04:05Z"` + known + `},"services":[{"name":"[192.0.2.1]:tcp:80"}]}`)}); err != nil {
			t.Error(err)
		}
		if got := b.String(); !strings.Contains(got, "lvs is busy with a reload for ") || strings.Contains(got, "what follows was so at ") != (known != "") || strings.Contains(got, "virtual_server") != (known != "") {
			t.Errorf("%q: %s", known, got)
		}
		b.Reset()
	}
	if err := Status(&b, &control.Status{LVS: json.RawMessage(`{"services":7}`)}); err == nil {
		t.Error("no error for an answer of another shape")
	}
}

func TestTimeSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 1500 * time.Microsecond: "2ms", 59940 * time.Millisecond: "59.9s",
		time.Hour + 500*time.Millisecond: "1h0m1s",
	} {
		if got := ago(now, now.Add(-d)); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := ago(now, time.Time{}); got != "never" {
		t.Errorf("zero time: %s", got)
	}
}

// TestOneLineEach: an error of several lines does not break the lines.
func TestOneLineEach(t *testing.T) {
	var b strings.Builder
	renderTracked(&b, &control.Tracked{Blind: "one\ntwo"})
	if b.String() != "processes are looked for once a second: one; two\n" {
		t.Error(b.String())
	}
}

func TestATrialIsShown(t *testing.T) {
	for want, trial := range map[string]control.Trial{
		"trial        the reload is under way, on trial for 30s then\n":                                                               {For: 30 * time.Second},
		"trial        until 03:04:25, 20s from now: the former configuration comes back when something is lost; another reload waits": {Until: now.Add(20 * time.Second), Waiting: 2},
		"trial        is being taken back: VI_1 was MASTER":                                                                           {Until: now, TakenBack: "VI_1 was MASTER"},
	} {
		var b strings.Builder
		onTrial(&b, &trial, now)
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q, want %q", b.String(), want)
		}
	}
	var b strings.Builder
	st := control.Status{Config: control.Config{Lost: &control.Lost{At: now, What: []string{"VI_1 was MASTER and is BACKUP"}}}}
	if err := Status(&b, &st); err != nil || !strings.Contains(b.String(), "VI_1 was MASTER and is BACKUP, since the trial that was taken back at 2026-01-02 03:04:05\n") {
		t.Error(b.String(), err)
	}
}
