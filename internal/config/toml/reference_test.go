package toml

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"holdfast/internal/config"
)

var update = flag.Bool("update", false, "write docs/reference.toml anew")

const referenceFile = "../../../docs/reference.toml"

// decodeText reads and decodes TOML and returns every error.
func decodeText(text string) (errs []string) {
	tree, diags := Read("reference.toml", []byte(text))
	if tree != nil {
		_, more := config.Decode(tree, config.Options{Language: config.TOML, Hostname: "host"})
		diags = append(diags, more...)
	}
	for _, d := range diags {
		if d.Severity == config.Error {
			errs = append(errs, d.String())
		}
	}
	return errs
}

func TestReference(t *testing.T) {
	var b bytes.Buffer
	if err := WriteReference(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(referenceFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(referenceFile)
	if err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("docs/reference.toml is not what the schema says: run go test ./internal/config/toml -update (%v)", err)
	}
	if errs := decodeText(b.String()); errs != nil {
		t.Errorf("the reference is not a valid file: %v", errs)
	}

	// Each key in comment marks works when it is taken into the file alone.
	lines := strings.Split(b.String(), "\n")
	keys := 0
	for i, line := range lines {
		if len(line) < 2 || line[0] != '#' || line[1] == ' ' {
			continue
		}
		keys++
		lines[i] = line[1:]
		text := strings.Join(lines, "\n")
		if c, ok := companions[strings.SplitN(line[1:], " ", 2)[0]]; ok {
			text = strings.ReplaceAll(text, "\n"+c.old, "\n"+c.new)
		}
		if strings.HasPrefix(line, "#fwmark = ") && strings.Contains(lines[i-1], "in place of") {
			text = withoutAddress(text)
		}
		if strings.HasPrefix(line, "#vrf = ") {
			text = withoutInterface(text)
		}
		for _, e := range decodeText(text) {
			t.Errorf("with %s: %s", line[1:], e)
		}
		lines[i] = line
	}
	if keys < 100 {
		t.Errorf("only %d keys in comment marks", keys)
	}
}

// companions says what else a key needs in the file.
var companions = map[string]struct{ old, new string }{
	"unicast_src_ip":          {"#unicast_peer", "unicast_peer"},
	"persistence_engine":      {"#persistence_timeout", "persistence_timeout"},
	"sorry_server_inhibit":    {"#sorry_server =", "sorry_server ="},
	"sorry_server_lvs_method": {"#sorry_server =", "sorry_server ="},
	"ops":                     {`protocol = "TCP"`, `protocol = "UDP"`},
	"regex_no_match":          {"#regex =", "regex ="},
	"regex_options":           {"#regex =", "regex ="},
	"regex_stack":             {"#regex =", "regex ="},
	"regex_min_offset":        {"#regex =", "regex ="},
	"regex_max_offset":        {"#regex =", "regex ="},
	"mh-fallback":             {`lb_algo = "sh"`, `lb_algo = "mh"`},
	"mh-port":                 {`lb_algo = "sh"`, `lb_algo = "mh"`},
}

// withoutInterface makes the instance one of a VRF.
func withoutInterface(text string) string {
	return strings.NewReplacer("\ninterface = \"eth0\"", "", "\n#unicast_peer", "\nunicast_peer", "\"192.0.2.10/24\"", "\"192.0.2.10/24 dev eth0\"").Replace(text)
}

// withoutAddress drops what a virtual_server with fwmark does not have.
func withoutAddress(text string) string {
	before, after, _ := strings.Cut(text, "[[virtual_server]]")
	for _, line := range []string{"ip = \"192.0.2.10\"\n", "port = 80\n", "protocol = \"TCP\"\n"} {
		after = strings.Replace(after, "\n"+line, "\n", 1)
	}
	return before + "[[virtual_server]]" + after
}

// TestManual checks that the example of the manual page is a file that works.
func TestManual(t *testing.T) {
	page, err := os.ReadFile("../../../packaging/man/holdfast.toml.5")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), ".Sh EXAMPLES\n")
	_, section, _ = strings.Cut(section, ".Bd -literal -offset indent\n")
	text, _, found := strings.Cut(section, ".Ed\n")
	if !found || !strings.Contains(text, "[[virtual_server]]") {
		t.Fatal("no example found in holdfast.toml(5)")
	}
	if errs := decodeText(text); errs != nil {
		t.Error(errs)
	}
}
