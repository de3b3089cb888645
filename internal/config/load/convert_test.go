package load_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"holdfast/internal/config"
	"holdfast/internal/config/encode"
	"holdfast/internal/config/keepalived"
	"holdfast/internal/config/load"
	"holdfast/internal/config/toml"
	"holdfast/vrrp/route"
)

// sameModel ignores what a configuration only remembers of its text.
var sameModel = cmp.Options{
	cmpopts.IgnoreFields(config.Config{}, "Files"),
	cmpopts.IgnoreFields(config.VRRPInstance{}, "Ignored"),
	cmpopts.IgnoreFields(route.Rule{}, "Text"), // where the preference is made explicit
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

// tester is what a test and a property share.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
}

// again writes c in a language and reads it; nil: it was refused.
func again(t tester, c *config.Config, lang config.Language) (*config.Config, string, []config.Diagnostic) {
	t.Helper()
	name, text := "k.conf", ""
	var err error
	tree := encode.Tree(c, lang)
	if lang == config.TOML {
		name = "h.toml"
		text, err = toml.Write(tree)
	} else {
		text, err = keepalived.Write(tree)
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return nil, "", nil
	}
	back, diags := load.Load(name, load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	return back, text, diags
}

// survives converts a configuration to both languages and back. TOML may refuse
// what keepalived.conf complains about and takes, but nothing else.
func survives(t tester, c *config.Config) {
	t.Helper()
	k, text, complaints := again(t, c, config.Keepalived)
	if d := cmp.Diff(c, k, sameModel); d != "" {
		t.Errorf("through keepalived.conf: %v\n%s\n%s", complaints, d, text)
		return
	}
	o, text, refusals := again(t, c, config.TOML)
	if o != nil {
		inSchema(t, text)
	}
	if o == nil {
		for _, r := range refusals {
			same := func(d config.Diagnostic) bool { return d.ID == r.ID }
			if r.Severity == config.Error && !slices.ContainsFunc(complaints, same) {
				t.Errorf("TOML refuses what keepalived.conf takes without a word: %v\n%s", r, text)
			}
		}
		return
	}
	if d := cmp.Diff(c, o, sameModel); d != "" {
		t.Errorf("through TOML:\n%s\n%s", d, text)
		return
	}
	if k, text, _ = again(t, o, config.Keepalived); !cmp.Equal(c, k, sameModel) {
		t.Errorf("through TOML and keepalived.conf:\n%s\n%s", cmp.Diff(c, k, sameModel), text)
	}
}

// TestConversion takes real files through both languages: the examples, the
// reference, Debian's samples and those of HOLDFAST_CORPUS, as far as they are there.
func TestConversion(t *testing.T) {
	patterns := []string{"../../../examples/*.conf", "../../../examples/*.toml", "../../../docs/reference.toml", "/usr/share/doc/keepalived/samples/keepalived.conf*"}
	if dir := os.Getenv("HOLDFAST_CORPUS"); dir != "" {
		patterns = append(patterns, filepath.Join(dir, "*.conf"))
	}
	n := 0
	for _, p := range patterns {
		files, err := filepath.Glob(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			c, _ := load.Load(f, load.Options{ConfigID: "test"})
			if c == nil {
				continue // refused
			}
			n++
			t.Run(filepath.Base(f), func(t *testing.T) { survives(t, c) })
		}
	}
	if n < 19 {
		t.Errorf("only %d files", n)
	}
}

// TestGeneratedConversion does the same for configurations of statements drawn
// from the schema, sensible or not.
func TestGeneratedConversion(t *testing.T) {
	drawn, made := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		drawn++
		root := &config.Node{Block: true}
		g := generator{t}
		for _, k := range config.Keywords("") {
			for range rapid.IntRange(0, 2).Draw(t, k.Name) {
				root.Children = append(root.Children, g.keyword(k))
			}
		}
		text, err := keepalived.Write(root)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := load.Load("k.conf", load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
		if c == nil {
			return
		}
		made++
		survives(t, c)
	})
	if made < drawn/5 {
		t.Errorf("of %d configurations only %d were not refused", drawn, made)
	}
}

// generator draws statements from the schema.
type generator struct{ *rapid.T }

func (g generator) keyword(k *config.Keyword) *config.Node {
	n := &config.Node{Words: []config.Word{{Text: k.Name}}}
	n.Words = append(n.Words, g.args(k, k.Args)...)
	switch k.Shape {
	case config.ShapeLines:
		n.Block = true
		for range rapid.IntRange(1, 3).Draw(g.T, k.Name+" lines") {
			if words := g.args(k, k.Lines); len(words) > 0 {
				n.Children = append(n.Children, &config.Node{Words: words})
			}
		}
	case config.ShapeBlock:
		n.Block = true
		for _, inner := range config.Keywords(k.Path()) {
			// What an instance or a service cannot do without is there mostly.
			often := slices.Contains([]string{"interface", "virtual_router_id", "virtual_ipaddress", "real_server", "url", "path", "misc_path", "script", "file", "process", "neighbor_ip", "group"}, inner.Name)
			if inner.Tier == "obsolete" || rapid.IntRange(0, 9).Draw(g.T, inner.Name) < map[bool]int{true: 1, false: 8}[often] {
				continue
			}
			n.Children = append(n.Children, g.keyword(inner))
		}
	}
	return n
}

func (g generator) args(k *config.Keyword, args []config.Arg) []config.Word {
	var out []config.Word
	for i, a := range args {
		if a.Optional && rapid.IntRange(0, 3).Draw(g.T, a.Name) > 0 {
			continue
		}
		if a.Key != "" {
			out = append(out, config.Word{Text: a.Key})
		}
		if a.Kind == config.KindFlag {
			continue
		}
		out = append(out, config.Word{Text: g.value(k, a, i)})
	}
	return out
}

func (g generator) value(k *config.Keyword, a config.Arg, at int) string {
	pick := func(values ...string) string { return rapid.SampledFrom(values).Draw(g.T, a.Name) }
	switch a.Kind {
	case config.KindInt, config.KindSeconds:
		return pick("0", "1", "2", "5", "50", "80", "100", "253", "255", "1000", "-20")
	case config.KindTimer, config.KindMillis:
		return pick("0", "0.5", "1", "3.25", "10", "100")
	case config.KindBool:
		return pick("true", "false", "on", "no")
	case config.KindAddr:
		return pick("192.0.2.1", "192.0.2.2", "198.51.100.7", "224.0.0.99", "2001:db8::1", "fe80::1")
	case config.KindPrefix:
		return pick("192.0.2.10/24", "192.0.2.11", "198.51.100.0/25", "2001:db8::10/64", "fe80::10")
	case config.KindCommand:
		return pick("/bin/true", "/bin/echo 'a b' \"c d\" e\\\\f", "/bin/sh -c 'x; y'", "</dev/tcp/192.0.2.1/80", "/bin/x \\x41 ''", "/bin/t\tx")
	}
	if words := alternative.FindAllString(k.Syntax, -1); at == 0 && len(words) > 0 && k.Shape == config.ShapeArgs {
		return pick(strings.Split(words[0], "|")...)
	}
	switch a.Name {
	case "key":
		return pick("hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "0123456789abcdef0123456789abcdef")
	case "name", "interface", "dev":
		return pick("VI_1", "VI_2", "eth0", "eth1", "a b", "x.y", "chk")
	case "path":
		return pick("/", "/a b", "/x?y=z#1", "/tmp/file")
	}
	return pick("word", "two words", "root", "MASTER", "!x", "tcp", "a'b", "{x}", "$y")
}

var alternative = regexp.MustCompile(`[A-Za-z0-9.]+(\|[A-Za-z0-9.]+)+`)
