package load_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

const trackConf = `
track_file load {
  file /run/load
  weight -3 reverse
  init_file 7 overwrite
}
vrrp_track_file plain {
  file /run/plain
}
vrrp_track_process web {
  process nginx -c "/etc/nginx/a b.conf"
  param_match initial
  quorum 2
  quorum_max 4
  fork_delay 0.5
  terminate_delay 1
  weight 20
}
bfd_instance up {
  neighbour_ip 192.0.2.254
  source_ip 192.0.2.2
  min_rx 20.5
  min_tx 30
  idle_tx 2000
  multiplier 4
  passive
  ttl 254
  max_hops 1
  weight -10
}
linkbeat_interfaces {
  eth1
  eth2 ETHTOOL
}
interface_up_down_delays {
  eth0 1.5 0.25
}
`

const trackTOML = `
linkbeat_interfaces = ["eth1", "eth2 ETHTOOL"]
interface_up_down_delays = [{ name = "eth0", down = "1500ms", up = 0.25 }]
[track_file.load]
file = "/run/load"
weight = "-3 reverse"
init_file = { value = 7, overwrite = true }
[track_file.plain]
file = "/run/plain"
[vrrp_track_process.web]
process = ["nginx", "-c", "/etc/nginx/a b.conf"]
param_match = "initial"
quorum = 2
quorum_max = 4
fork_delay = "500ms"
terminate_delay = 1
weight = 20
[bfd_instance.up]
neighbor_ip = "192.0.2.254"
source_ip = "192.0.2.2"
min_rx = 20.5
min_tx = "30ms"
idle_tx = 2000
multiplier = 4
passive = true
ttl = 254
max_hops = 1
weight = -10
[vrrp_instance.VI_1]
interface = "eth0"
virtual_router_id = 1
virtual_ipaddress = ["192.0.2.10"]
track_file = ["load", { name = "plain", weight = 2 }]
track_process = ["web weight -254"]
track_bfd = [{ name = "up", weight = 5, reverse = true }]
`

const tracking = "track_file {\nload\nplain weight 2\n}\ntrack_process {\nweb weight -254\n}\ntrack_bfd {\nup weight 5 reverse\n}\n"

// TestTracking reads everything that is tracked, in both languages.
func TestTracking(t *testing.T) {
	want := &config.Config{
		TrackFiles: []config.TrackFile{
			{Name: "load", Path: "/run/load", Weight: -3, Reverse: true, InitFile: true, InitValue: 7, Overwrite: true},
			{Name: "plain", Path: "/run/plain", Weight: 1},
		},
		TrackProcesses: []config.TrackProcess{{
			Name: "web", Process: "nginx", Args: []string{"-c", "/etc/nginx/a b.conf"}, Match: config.MatchInitial, Weight: 20,
			Quorum: 2, QuorumMax: 4, ForkDelay: 500 * time.Millisecond, TerminateDelay: time.Second,
		}},
		BFDInstances: []config.BFDInstance{{
			Name: "up", Neighbor: netip.MustParseAddr("192.0.2.254"), Source: netip.MustParseAddr("192.0.2.2"),
			MinRX: 20500 * time.Microsecond, MinTX: 30 * time.Millisecond, IdleTX: 2 * time.Second, Multiplier: 4, Passive: true,
			TTL: 254, MaxHops: 1, Weight: -10, VRRP: true, Checker: true,
		}},
		Links: config.Links{
			Polls:  []config.LinkPoll{{Interface: "eth1"}, {Interface: "eth2", Kind: config.PollEthtool}},
			Delays: []config.LinkDelay{{Interface: "eth0", Down: 1500 * time.Millisecond, Up: 250 * time.Millisecond}},
		},
	}
	fromConf, diags := conf(trackConf + instance(tracking))
	if fromConf == nil {
		t.Fatal(diags)
	}
	fromTOML, diags2 := load.Load("t.toml", memory(map[string]string{"t.toml": trackTOML}))
	if fromTOML == nil {
		t.Fatal(diags2)
	}
	for name, got := range map[string]*config.Config{"keepalived.conf": fromConf, "TOML": fromTOML} {
		part := &config.Config{TrackFiles: got.TrackFiles, TrackProcesses: got.TrackProcesses, BFDInstances: got.BFDInstances, Links: got.Links}
		if diff := cmp.Diff(want, part, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		in := got.Instances[0]
		if diff := cmp.Diff([][]config.Track{
			{{Name: "load", Weight: -3, Reverse: true}, {Name: "plain", Weight: 2}},
			{{Name: "web", Weight: -254}},
			{{Name: "up", Weight: 5, Reverse: true}},
		}, [][]config.Track{in.TrackFiles, in.TrackProcesses, in.TrackBFDs}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTrackingMistakes: what is wrong is said and left out.
func TestTrackingMistakes(t *testing.T) {
	for says, text := range map[string]string{
		"has no file":                         "track_file f {\n}\n",
		"is relative":                         "track_file f {\nfile a/b\n}\n",
		"300 is outside -254..254":            "track_file f {\nfile /f\nweight 300\n}\n",
		"track_file f is already defined":     "track_file f {\nfile /f\n}\ntrack_file f {\nfile /g\n}\n",
		"has no process":                      "vrrp_track_process p {\n}\n",
		"quorum_max is less than quorum":      "vrrp_track_process p {\nprocess x\nquorum 3\nquorum_max 2\n}\n",
		"one name with blanks":                "vrrp_track_process p {\nprocess \"sleep 1000\"\n}\n",
		"0 is outside 1..65535":               "vrrp_track_process p {\nprocess x\nquorum 0\n}\n",
		"neighbor_ip is missing":              "bfd_instance b {\n}\n",
		"of different families":               "bfd_instance b {\nneighbor_ip 192.0.2.1\nsource_ip 2001:db8::1\n}\n",
		"milliseconds from 1000 up":           "bfd_instance b {\nneighbor_ip 192.0.2.1\nidle_tx 500\n}\n",
		"longer than 31":                      "bfd_instance " + strings.Repeat("b", 32) + " {\nneighbor_ip 192.0.2.1\n}\n",
		"as RFC 5881 asks":                    "bfd_instance b {\nneighbor_ip 2001:db8::1\n}\n",
		"not one of MII ETHTOOL IOCTL":        "linkbeat_interfaces {\neth0 X\n}\n",
		"256 is outside 0..255 s":             "interface_up_down_delays {\neth0 256\n}\n",
		"no delay for eth0":                   "interface_up_down_delays {\neth0\n}\n",
		"track_file nix is not defined":       instance("track_file {\nnix\n}\n"),
		"did you mean load":                   "track_file load {\nfile /f\n}\n" + instance("track_file {\nlaod\n}\n"),
		"track_bfd b is for checkers only":    "bfd_instance b {\nneighbor_ip 192.0.2.1\nchecker\n}\n" + instance("track_bfd {\nb\n}\n"),
		"track_process: p is already tracked": "vrrp_track_process p {\nprocess x\n}\n" + instance("track_process {\np\np\n}\n"),
	} {
		_, diags := conf(text)
		if got := fmt.Sprint(diags); !strings.Contains(got, says) {
			t.Errorf("%q does not say %q: %s", text, says, got)
		}
	}
}

// TestGroupWeights: members of a sync group have no weights of their own.
func TestGroupWeights(t *testing.T) {
	group := "vrrp_sync_group G {\ngroup {\nA\n}\ntrack_file {\nload weight 9\n}\ntrack_process {\nweb\n}\ntrack_bfd {\nup\n}\n%s}\n"
	for _, keep := range []bool{false, true} {
		more := map[bool]string{true: "sync_group_tracking_weight\n"}[keep]
		cfg, diags := conf(trackConf + instance("track_file {\nload\nplain\n}\ntrack_process {\nweb\n}\ntrack_bfd {\nup weight 0\n}\n") + fmt.Sprintf(group, more))
		if cfg == nil {
			t.Fatal(diags)
		}
		in, g := cfg.Instances[0], cfg.SyncGroups[0]
		files := []config.Track{{Name: "plain"}}
		processes := []config.Track{{Name: "web", Weight: 20}}
		if keep {
			files = []config.Track{{Name: "load", Weight: -3, Reverse: true}, {Name: "plain", Weight: 1}}
		}
		if !slices.Equal(in.TrackFiles, files) || !slices.Equal(in.TrackProcesses, processes) || len(in.TrackBFDs) != 1 {
			t.Errorf("weights kept %v: %v %v %v", keep, in.TrackFiles, in.TrackProcesses, in.TrackBFDs)
		}
		if len(g.TrackFiles) != 1 || g.TrackFiles[0].Weight != 9 || len(g.TrackProcesses) != 1 || len(g.TrackBFDs) != 1 {
			t.Errorf("the group has %v %v %v", g.TrackFiles, g.TrackProcesses, g.TrackBFDs)
		}
	}
}
