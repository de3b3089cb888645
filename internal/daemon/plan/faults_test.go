package plan

import (
	"strings"
	"testing"

	"holdfast/internal/daemon/control"
)

// TestFaults: interfaces that keep an instance from being master are said loudly,
// with the name that was meant, and nothing else is.
func TestFaults(t *testing.T) {
	group := strings.Replace(base, "vrrp_instance VI_1", `vrrp_sync_group G { group { VI_1
VI_2 } }
vrrp_instance VI_2 {
 interface eth1
 virtual_router_id 52
 virtual_ipaddress { 192.0.2.20/24 }
}
vrrp_instance VI_1`, 1)
	here := Links{"lo": true, "eth0": true, "eth1": true, "down0": false}
	const lost = "VI_1 MASTER fault LOSES 192.0.2.10/24, and another director takes over: "
	for _, tc := range []struct {
		name     string
		links    Links
		text     string
		old, cur string
		want     []string
		moves    bool
	}{
		{"mistyped", here, base, "interface eth0", "interface eht0", []string{lost + "interface eht0 does not exist (did you mean eth0?)", "VI_1 MASTER released is removed"}, true},
		{"not like any", here, base, "interface eth0", "interface uplink", []string{lost + "interface uplink does not exist", "released"}, true},
		{"not known", nil, base, "interface eth0", "interface eht0", []string{"starts", "released"}, true},
		{"its own down", here, base, "interface eth0", "interface down0", []string{lost + "interface down0 is down", "released"}, true},
		{"its own down, and no matter", here, base, "interface eth0", "interface down0\ndont_track_primary", []string{"starts", "released"}, true},
		{"another VRID on the same", here, base, "_id 51", "_id 52", []string{"VI_1 MASTER splits "}, true},
		{"another VRID, and mistyped", here, base, "interface eth0\n virtual_router_id 51", "interface eht0\n virtual_router_id 52", []string{lost + "interface eht0 does not exist"}, true},
		{"tracked", here, base, "priority", "track_interface { etj1 }\npriority", []string{lost + "interface etj1 does not exist (did you mean eth1?)"}, true},
		{"tracked and down", here, base, "priority", "track_interface { eth1\ndown0 }\npriority", []string{lost + "interface down0 is down"}, true},
		{"tracked, reversed", here, base, "priority", "track_interface { eth1 reverse }\npriority", []string{lost + "interface eth1 is up"}, true},
		{"tracked with a weight", here, base, "priority", "track_interface { down0 weight -10 }\npriority", nil, false},
		{"of an address", here, base, "192.0.2.10/24", "192.0.2.10/24 dev down0", []string{lost + "interface down0 is down"}, true},
		{"of an address, not tracked", here, base, "192.0.2.10/24", "192.0.2.10/24 dev down0 no_track", nil, false},
		{"of an address, and yet to be made", here, base, "192.0.2.10/24", "192.0.2.10/24 dev vrrp.51\n}\nuse_vmac\nvirtual_ipaddress_excluded { 192.0.2.11/24", nil, false},
		{"of a member of the group", here, group, "interface eth1", "interface eth2", []string{lost + "member VI_2: interface eth2 does not exist", "VI_2  fault cannot become master here: interface eth2 does not exist (did you mean ", "VI_2  released"}, true},
		{"of the group", here, group, "group {", "track_interface { down0 }\ngroup {", []string{"VI_2  fault cannot become master here: interface down0 is down", lost + "interface down0 is down"}, true},
		{"no news", Links{"lo": true}, base, "priority 150", "priority 160", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(tc.text, tc.old) {
				t.Fatal("the text to replace is not there")
			}
			st := &control.VRRP{Instances: []control.Instance{{Name: "VI_1", State: "MASTER", Priority: control.Priority{Effective: 150}}}}
			p := Make(read(t, tc.text), read(t, strings.Replace(tc.text, tc.old, tc.cur, 1)), st, tc.links, true)
			var got []string
			for _, r := range p.Routers {
				got = append(got, r.Name+" "+r.State+" "+r.Outcome+" "+r.Text)
			}
			ok := len(got) == len(tc.want) && p.Moves == tc.moves
			for i := range tc.want {
				ok = ok && strings.Contains(got[i], tc.want[i])
			}
			if !ok {
				t.Errorf("%q, moves %t\nwant %q", got, p.Moves, tc.want)
			}
		})
	}
}
