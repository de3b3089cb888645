package role

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config"
	"holdfast/internal/config/diff"
	"holdfast/internal/config/load"
)

// servers is a configuration with virtual servers at 192.0.2.n, each with one
// real server of weight w.
func servers(w int32, list ...byte) *config.Config {
	c := &config.Config{Files: []string{fmt.Sprint("weight ", w)}}
	for _, n := range list {
		c.VirtualServers = append(c.VirtualServers, config.VirtualServer{
			Addr: netip.AddrFrom4([4]byte{192, 0, 2, n}), Port: 80, LBAlgo: "wlc",
			RealServers: []config.RealServer{{Addr: netip.AddrFrom4([4]byte{198, 51, 100, n}), Port: 80, Weight: w}},
		})
	}
	return c
}

func encode(t *testing.T, c *config.Config) Encoded {
	t.Helper()
	e, err := Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// change carries c to a process that has old and returns what that takes for
// the configuration.
func change(t *testing.T, old, c *config.Config) Boot {
	t.Helper()
	was := encode(t, old)
	f, err := WriteBoot(Boot{}, encode(t, c).Since(was))
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadChange(f, Taken{was.ID(), old})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, b.Config, compareNet); d != "" {
		t.Error(d)
	}
	if b.ID != encode(t, c).ID() {
		t.Error("another identity than when it is sent whole")
	}
	return b
}

func TestAChangeNamesWhatIsKept(t *testing.T) {
	old := servers(1, 1, 2, 3, 4)
	next := servers(1, 4, 1, 9, 3)
	next.VirtualServers[1].RealServers[0].Weight = 7
	if b := change(t, old, next); !slices.Equal(b.Kept, []int{3, -1, -1, 2}) {
		t.Errorf("kept %v", b.Kept)
	}
	if b := change(t, old, old); !slices.Equal(b.Kept, []int{0, 1, 2, 3}) {
		t.Errorf("of nothing new kept %v", b.Kept)
	}
	// What stands twice is found, and what has nothing in common is sent whole.
	if b := change(t, servers(1, 5, 5), servers(1, 5, 5, 5)); slices.Contains(b.Kept, -1) {
		t.Errorf("kept %v", b.Kept)
	}
	change(t, servers(1), servers(1, 1))
	change(t, servers(1, 1), servers(1))
	if all, part := encode(t, next), encode(t, next).Since(encode(t, old)); len(part) >= len(all) {
		t.Errorf("a change takes %d bytes, the whole %d", len(part), len(all))
	}
}

// Equal configurations have equal encodings: only then a change is small.
func TestEncodingIsTheSameForTheSame(t *testing.T) {
	var a, b config.Config
	fill(t, reflect.ValueOf(&a).Elem(), "Config")
	fill(t, reflect.ValueOf(&b).Elem(), "Config")
	for i := range 20 {
		if !slices.Equal(encode(t, &a), encode(t, &b)) {
			t.Fatalf("attempt %d: two encodings of one configuration differ", i)
		}
	}
}

func TestAChangeOfAnotherConfigurationIsRefused(t *testing.T) {
	part := encode(t, servers(1, 1, 2, 3)).Since(encode(t, servers(1, 1, 2)))
	for name, have := range map[string]Taken{
		"none":         {},
		"another":      {encode(t, servers(1, 7, 8)).ID(), servers(1, 7, 8)},
		"not so large": {encode(t, servers(1, 1, 2)).ID(), servers(1, 1)},
	} {
		f, err := WriteBoot(Boot{}, part)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadChange(f, have); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Decode(part); err == nil {
		t.Error("a change alone is no configuration")
	}
}

// FuzzDecode: whatever arrives is decoded or refused.
func FuzzDecode(f *testing.F) {
	for _, c := range []*config.Config{servers(1), servers(1, 1, 2)} {
		e, err := Encode(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(e))
		f.Add([]byte(e[:len(e)/2]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Decode(b)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		Encoded(b).Since(b)
	})
}

// What was written and left out again is the same before and after the way to
// the children: a plan compares the two.
func TestWhatIsLeftOutMakesNoDifference(t *testing.T) {
	const text = `vrrp_script chk { script "/bin/true" }
vrrp_instance VI_1 {
 interface eth0
 virtual_router_id 51
 advert_paths { eth0 }
 virtual_ipaddress { 192.0.2.10/24 }
 track_interface { eth0 }
}
vrrp_instance VI_2 {
 interface eth0
 virtual_router_id 52
 virtual_ipaddress { 192.0.2.11/24 }
 track_script { chk weight 5 }
}
vrrp_sync_group G { group { VI_2 } }
`
	c, diags := load.Load("k.conf", load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	if c == nil {
		t.Fatal(diags)
	}
	if n := len(c.Instances[0].TrackInterfaces) + len(c.Instances[0].AdvertPaths) + len(c.Instances[1].TrackScripts); n != 0 {
		t.Fatalf("%d are not left out: %+v", n, c.Instances)
	}
	got, _, err := encode(t, c).decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Instances, c.Instances) {
		t.Errorf("%+v, was %+v", got.Instances, c.Instances)
	}
	if r := diff.Compare(got, c); len(r.Items) != 0 {
		t.Errorf("differences: %+v", r.Items)
	}
}
