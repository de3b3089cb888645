package diff

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

func read(t testing.TB, text string) *config.Config {
	t.Helper()
	c, diags := load.Load("k.conf", load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	if c == nil {
		t.Fatal(diags)
	}
	return c
}

// story writes a result as lines that can be compared.
func story(r Result) string {
	var b strings.Builder
	var walk func(items []Item, indent string)
	walk = func(items []Item, indent string) {
		for _, it := range items {
			fmt.Fprintf(&b, "%s%s %s %s\n", indent, it.Change, it.Block, it.Name)
			for _, f := range it.Fields {
				fmt.Fprintf(&b, "%s  %s: %s -> %s\n", indent, f.Keyword, f.Old, f.New)
			}
			walk(it.Items, indent+"  ")
		}
	}
	walk(r.Items, "")
	return b.String()
}

const base = `
global_defs { router_id lvs1 }
vrrp_script chk { script "/bin/true" }
vrrp_instance VI_1 {
 interface eth0
 virtual_router_id 51
 priority 150
 authentication { auth_type PASS
 auth_pass one }
 virtual_ipaddress { 192.0.2.10/24
 192.0.2.11/24 }
 track_script { chk }
}
vrrp_instance VI_2 {
 interface eth1
 virtual_router_id 52
 virtual_ipaddress { 198.51.100.10/24 }
}
virtual_server 192.0.2.10 80 {
 lb_algo rr
 lb_kind DR
 protocol TCP
 real_server 192.0.2.21 80 { TCP_CHECK { connect_timeout 3 } }
 real_server 192.0.2.22 80 { TCP_CHECK { connect_timeout 3 } }
}
`

func TestCompare(t *testing.T) {
	tests := []struct{ name, old, cur, want string }{
		{"nothing", "", "", ""},
		{"a value", "priority 150", "priority 90", "changed vrrp_instance VI_1\n  priority: 150 -> 90\n"},
		{"a new name", "vrrp_instance VI_1", "vrrp_instance WEB", "changed vrrp_instance WEB\n  name: VI_1 -> WEB\n"},
		{"another router", "virtual_router_id 52", "virtual_router_id 53", "added vrrp_instance VI_2\nremoved vrrp_instance VI_2\n"},
		{"a password", "auth_pass one", "auth_pass two", "changed vrrp_instance VI_1\n  auth_pass: (not shown) -> (another)\n"},
		{"an address", "192.0.2.11/24", "192.0.2.12/24", "changed vrrp_instance VI_1\n  added virtual_ipaddress 192.0.2.12/24\n  removed virtual_ipaddress 192.0.2.11/24\n"},
		{"the order of addresses", "192.0.2.10/24\n 192.0.2.11/24", "192.0.2.11/24\n 192.0.2.10/24", "changed vrrp_instance VI_1\n  order: another -> as in the new configuration\n"},
		{"a script", `"/bin/true"`, `"/bin/false x"`, "changed vrrp_script chk\n  command: /bin/true -> /bin/false x\n"},
		{"a tracked script", "track_script { chk }", "", "changed vrrp_instance VI_1\n  track_script: chk -> \n"},
		{"a global value", "router_id lvs1", "router_id lvs2", "changed global_defs \n  router_id: lvs1 -> lvs2\n"},
		{
			"a real server", "real_server 192.0.2.22 80", "real_server 192.0.2.23 80",
			"changed virtual_server TCP 192.0.2.10:80\n  added real_server 192.0.2.23:80\n  removed real_server 192.0.2.22:80\n",
		},
		{
			"a checker", "192.0.2.22 80 { TCP_CHECK { connect_timeout 3", "192.0.2.22 80 { TCP_CHECK { connect_timeout 4",
			"changed virtual_server TCP 192.0.2.10:80\n  changed real_server 192.0.2.22:80\n    changed checker \n      connect_timeout: 3s -> 4s\n",
		},
		{
			"what few servers have", "192.0.2.22 80 {", "192.0.2.22 80 {\n uthreshold 7\n slow_start 5\n notify_up /bin/true\n",
			"changed virtual_server TCP 192.0.2.10:80\n  changed real_server 192.0.2.22:80\n    uthreshold: 0 -> 7\n    notify_up:  -> /bin/true\n    slow_start: 0s -> 5s\n",
		},
		{
			"a drain", "192.0.2.22 80 {", "192.0.2.22 80 {\n weight 9\n drain 30\n",
			"changed virtual_server TCP 192.0.2.10:80\n  changed real_server 192.0.2.22:80\n    drain: off -> 30s\n    weight: 1 -> 9\n",
		},
		{
			"a drain without an end", "192.0.2.22 80 {", "192.0.2.22 80 {\n drain\n",
			"changed virtual_server TCP 192.0.2.10:80\n  changed real_server 192.0.2.22:80\n    drain: off -> on\n",
		},
		{
			"a static route", "global_defs", "static_routes {\n 203.0.113.0/24 via 192.0.2.1\n}\nglobal_defs",
			"added static_routes 203.0.113.0/24 via 192.0.2.1\n",
		},
		{"a tracked file", "vrrp_instance VI_1", "track_file f {\n file /f\n}\nvrrp_instance VI_1", "added track_file f\n"},
		{
			"a virtual route", "track_script { chk }", "track_script { chk }\n virtual_routes {\n 203.0.113.0/24 via 192.0.2.1 dev eth0\n}",
			"changed vrrp_instance VI_1\n  virtual_routes:  -> 203.0.113.0/24 via 192.0.2.1 dev eth0\n",
		},
		{
			"the kind of a tunnel", "lb_kind DR", "lb_kind TUN type gue port 6080", "changed virtual_server TCP 192.0.2.10:80\n  lb_kind: DR -> TUN type gue port 6080\n" +
				"  changed real_server 192.0.2.21:80\n    lb_kind: DR -> TUN type gue port 6080\n  changed real_server 192.0.2.22:80\n    lb_kind: DR -> TUN type gue port 6080\n",
		},
		{"a scheduler and a method", "lb_algo rr\n lb_kind DR", "lb_algo wlc\n lb_kind NAT", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(base, tc.old) {
				t.Fatal("the text to replace is not there")
			}
			r := Compare(read(t, base), read(t, strings.Replace(base, tc.old, tc.cur, 1)))
			got := story(r)
			if tc.want == "" && tc.old != "" {
				for _, want := range []string{"lb_algo: rr -> wlc", "lb_kind: DR -> NAT"} {
					if !strings.Contains(got, want) {
						t.Errorf("%s is missing in\n%s", want, got)
					}
				}
				return
			}
			if got != tc.want {
				t.Errorf("got\n%swant\n%s", got, tc.want)
			}
			if r.Empty() != (tc.want == "") {
				t.Error("empty:", r.Empty())
			}
		})
	}
	r := Compare(read(t, base), read(t, strings.Replace(base, "priority 150", "priority 90", 1)))
	if r.Kept["vrrp_instance"] != 1 || r.Kept["virtual_server"] != 1 || r.Of("vrrp_instance", "VI_1") == nil || r.Of("vrrp_instance", "VI_2") != nil {
		t.Errorf("%+v", r)
	}
}

// What a group stands for is shown as it is written.
func TestGroupsAreShownAsLines(t *testing.T) {
	group := func(lines string) *config.Config {
		return read(t, "virtual_server_group G {\n"+lines+"\n}\nvirtual_server group G {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 198.51.100.1 80 {\n }\n}\n")
	}
	got := story(Compare(group("192.0.2.10 80\n192.0.2.30-39 80"), group("192.0.2.32/30 443\nfwmark 5\nfwmark 6 inet")))
	const want = "changed virtual_server_group G\n  entries: 192.0.2.10 80, 192.0.2.30-192.0.2.39 80 -> 192.0.2.32-192.0.2.35 443, fwmark 5, fwmark 6 inet\n"
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	// In words that set takes too.
	for ordinal, want := range map[int]string{0: "group G", 2: "group G:2"} {
		if got := ServiceName(&config.VirtualServer{Group: "G", Ordinal: ordinal}); got != want {
			t.Errorf("a service of a group is %q, want %q", got, want)
		}
	}
}

// TestEverythingIsCompared holds that no part of a configuration can change
// without being said.
func TestEverythingIsCompared(t *testing.T) {
	model := reflect.TypeFor[config.Config]()
	for i := range model.NumField() {
		if model.Field(i).Name == "Files" {
			continue
		}
		old, cur := &config.Config{}, &config.Config{}
		touch(t, reflect.ValueOf(cur).Elem().Field(i))
		if r := Compare(old, cur); r.Empty() {
			t.Errorf("%s may change without a word", model.Field(i).Name)
		}
		if r := Compare(cur, old); r.Empty() {
			t.Errorf("%s may go without a word", model.Field(i).Name)
		}
	}
	links := reflect.TypeFor[config.Links]()
	for i := range links.NumField() {
		cur := &config.Config{}
		touch(t, reflect.ValueOf(&cur.Links).Elem().Field(i))
		if r := Compare(&config.Config{}, cur); r.Empty() {
			t.Errorf("Links.%s may change without a word", links.Field(i).Name)
		}
	}
}

// touch makes a value another one than zero.
func touch(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Struct:
		touch(t, v.Field(0))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a new kind of part: %v", v.Type())
	}
}

// TestSecretsAreNotShown holds that neither passwords nor keys appear.
func TestSecretsAreNotShown(t *testing.T) {
	text := strings.Replace(base, "authentication { auth_type PASS\n auth_pass one }", "auth_hmac {\n key 1 hex:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n}", 1)
	if text == base {
		t.Fatal("nothing replaced")
	}
	for _, c := range [][2]string{{base, text}, {text, base}, {text, strings.Replace(text, "0011", "abab", 1)}} {
		got := story(Compare(read(t, c[0]), read(t, c[1])))
		if got == "" {
			t.Error("nothing is said")
		}
		for _, secret := range []string{"one", "2233", "[0 17", "ABAB", "abab", "171"} {
			if strings.Contains(got, secret) {
				t.Errorf("%q is shown:\n%s", secret, got)
			}
		}
	}
}

// TestKeywordsAreKeywords makes sure that what is shown for a field of a router
// or a service is a keyword of its block.
func TestKeywordsAreKeywords(t *testing.T) {
	for name, want := range map[string]string{
		"AdvertInt": "advert_int", "LBAlgo": "lb_algo", "VirtualRouterID": "virtual_router_id", "McastSrcIP": "mcast_src_ip",
		"SMTPAlert": "smtp_alert", "HASuspend": "ha_suspend", "LVSFollowVRRP": "lvs_follow_vrrp",
	} {
		if got := keyword(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "virtual_server 10.%d.%d.1 80 {\nlb_algo rr\nlb_kind DR\nprotocol TCP\n", i/250, i%250)
		for s := range 10 {
			fmt.Fprintf(&text, "real_server 10.%d.%d.%d 80 {\nTCP_CHECK {\n}\n}\n", i/250, i%250, s+2)
		}
		text.WriteString("}\n")
	}
	old, cur := read(b, text.String()), read(b, strings.Replace(text.String(), "TCP_CHECK", "weight 2\nTCP_CHECK", 1))
	for b.Loop() {
		if r := Compare(old, cur); len(r.Items) != 1 {
			b.Fatal(len(r.Items))
		}
	}
}
