package load_test

import (
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// TestRefusedClaimsNoFallback: a TOML file is refused whole, so that nothing is
// used instead of its mistakes, or ignored; keepalived.conf says what is.
func TestRefusedClaimsNoFallback(t *testing.T) {
	const service = "\n[[virtual_server]]\nip = \"10.0.0.1\"\nport = 80\nprotocol = \"TCP\"\nlb_kind = \"NAT\"\n[[virtual_server.real_server]]\nip = \"10.0.0.2\"\nport = 80\n"
	for text, want := range map[string][]string{
		"priority = 300":              {"priority: 300 is outside 1..255"},
		"track_script = [\"chkk\"]":   {"A: track_script chkk is not defined"},
		"virtual_routes = [\"many\"]": {"virtual_routes: 'many' is neither an option nor a destination"},
		service:                       {"virtual_server [10.0.0.1]:tcp:80: lb_algo is missing"},
		strings.Replace(service, "lb_kind", "lb_algo = \"wlcc\"\nlb_kind", 1): {"lb_algo: there is no scheduler 'wlcc'"},
	} {
		cfg, diags := loadTOML(tomlInstance(text), false)
		var got []string
		for _, d := range diags {
			if d.Severity == config.Error {
				got = append(got, d.Text)
			}
		}
		if cfg != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q, want %q of\n%s", got, want, text)
		}
	}
	if _, diags := conf(instance("priority 300")); !strings.HasSuffix(diags[0].Text, "300 is outside 1..255: 100 is used") {
		t.Errorf("keepalived.conf: %v", diags)
	}
}

// TestHintOfPlace: a keyword of the block below is no slip for a similar one of
// this block, and an include has no place in TOML.
func TestHintOfPlace(t *testing.T) {
	for text, want := range map[string]string{
		tomlInstance("auth_pass = \"x\""):    "it belongs to vrrp_instance/authentication",
		tomlInstance("prioritty = 1"):        "did you mean priority?",
		"include = \"x.toml\"\n":             "TOML has no include: the configuration is one file",
		tomlInstance("include = \"x.toml\""): "TOML has no include: the configuration is one file",
		"include_check = true\n":             "",
	} {
		_, diags := loadTOML(text, false)
		found := false
		for _, d := range diags {
			if d.ID == "unknown-keyword" {
				found = true
				if d.Hint != want && (want != "" || strings.Contains(d.Hint, "TOML")) {
					t.Errorf("%q, want %q of\n%s", d.Hint, want, text)
				}
			}
		}
		if !found {
			t.Errorf("%v of\n%s", diags, text)
		}
	}
}

// TestConvertMistakes: what is dropped or replaced is counted, and a file of
// another program is told from a keepalived.conf with slips.
func TestConvertMistakes(t *testing.T) {
	for _, c := range []struct {
		text     string
		mistakes int
		foreign  string
	}{
		{instance("priority 120"), 0, ""},
		{instance("priorty 120"), 1, ""},
		{instance("priority 300"), 1, ""},
		{"include gone.conf\n" + instance(""), 0, ""}, // listed as flattened
		{"checktimeout=3\nvirtual = 192.0.2.1:80\n\treal=192.0.2.2:80 gate\n" + instance(""), 3, ""},
		{"checktimeout=3\nvirtual = 192.0.2.1:80\n\treal=192.0.2.2:80 gate\n", 3, "ldirectord"},
		{"virtual6=[2001:db8::1]:80\n", 1, "ldirectord"},
		{"# saved\n-A -t 192.0.2.1:80 -s wlc\n-a -t 192.0.2.1:80 -r 192.0.2.2:80 -m -w 1\n", 2, "holdfast ipvs restore"},
		{"--add-service --tcp-service 192.0.2.1:80\n", 1, "holdfast ipvs restore"},
		{"-A INPUT -j DROP\nvirtual one\n", 2, "no keyword of keepalived.conf"},
	} {
		got, diags, err := load.Convert("k.conf", config.TOML, memory(map[string]string{"k.conf": c.text}))
		if err != nil {
			t.Errorf("%v, %v of\n%s", err, diags, c.text)
			continue
		}
		if got.Mistakes != c.mistakes || (got.Foreign == "") != (c.foreign == "") || !strings.Contains(got.Foreign, c.foreign) {
			t.Errorf("%d mistakes, want %d, %q, want %q: %v of\n%s", got.Mistakes, c.mistakes, got.Foreign, c.foreign, diags, c.text)
		}
	}
}
