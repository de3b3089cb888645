package toml

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	burntsushi "github.com/BurntSushi/toml"
)

// same compares what the scanner found with what the library read: the same
// keys in every table, the same number of elements in every array.
func same(at string, value any, p *place) error {
	switch v := value.(type) {
	case map[string]any:
		if len(v) != len(p.fields) || len(p.order) != len(p.fields) {
			return fmt.Errorf("%s: library has %d keys, scanner %d", at, len(v), len(p.order))
		}
		for key, inner := range v {
			f := p.fields[key]
			if f == nil {
				return fmt.Errorf("%s: scanner has no key %q", at, key)
			}
			if err := same(at+"."+key, inner, f); err != nil {
				return err
			}
		}
	case []map[string]any:
		if len(v) != len(p.elems) {
			return fmt.Errorf("%s: library has %d tables, scanner %d", at, len(v), len(p.elems))
		}
		for i := range v {
			if err := same(fmt.Sprintf("%s[%d]", at, i), v[i], p.elems[i]); err != nil {
				return err
			}
		}
	case []any:
		if len(v) != len(p.elems) {
			return fmt.Errorf("%s: library has %d elements, scanner %d", at, len(v), len(p.elems))
		}
		for i := range v {
			if err := same(fmt.Sprintf("%s[%d]", at, i), v[i], p.elems[i]); err != nil {
				return err
			}
		}
	default:
		if p.shape != isScalar || len(p.fields)+len(p.elems) > 0 {
			return fmt.Errorf("%s: library has a scalar, scanner shape %d", at, p.shape)
		}
	}
	return nil
}

// keyPaths collects the paths of all places, without array indices.
func keyPaths(p *place, path burntsushi.Key, into map[string]bool) {
	for name, f := range p.fields {
		full := append(slices.Clone(path), name)
		into[strings.Join(full, "\x00")] = true
		keyPaths(f, full, into)
	}
	for _, e := range p.elems {
		keyPaths(e, path, into)
	}
}

var documents = []string{
	"",
	"# only a comment",
	"\ufeffa = 1\r\nb = 2\r\n",
	"a = 1\nb.c = 2\nb.d.e = '3'\n[t]\nx = [1, [2, 3], { y = 1 }, ]\n",
	"[vrrp_instance.VI_1]\npriority = 100\nvirtual_ipaddress = [\n \"192.0.2.10/24 dev eth0\", # one\n {ip = \"192.0.2.11\", dev = 'eth0'},\n]\n",
	"[[virtual_server]]\nport = 80\n[[virtual_server.real_server]]\nip = '192.0.2.1'\n[[virtual_server.real_server.TCP_CHECK]]\n[[virtual_server]]\n",
	"s = \"\"\"a \"quoted\" \\\"\"\"\" text\\\n   more\"\"\"\"\"\nr = '''it's'''''\n",
	"d = 1979-05-27 07:32:00\nt = 07:32:00 # c\nf = -inf\nh = 0xdead_beef\n",
	"\"quoted \\u0041 key\" . 'raw.key' = true\n",
	"a = {b.c = 1, b.d = {e = []}, \n # comment\n f = 2,}\n",
	"[a.b.c]\n[a]\nx = 1\n[a.b]\ny = 2\n",
	"a = \"\"\"\"\"\"\nb = ''''''\nc = ''\nd = \"\"\n",
	"[x]\n[[x.y]]\n[x.y.z]\nq=1\n[[x.y]]\n[x.y.z]\nq=2\n",
}

// conflicts are accepted by the library but define a key twice: the scanner
// refuses them.
var conflicts = []string{
	"a = [1]\na.b = 2\n",
	"a = {x = 1}\n[a.b]\n",
	"a = {x = 1}\na.y = 2\n",
}

var broken = []string{
	"a", "a =", "a = \"x", "a = '''x", "[a", "[[a]", "a = [1", "a = {b", "= 1", "a = 1 b = 2",
	"\"\\q\" = 1", "a = 1\na = 2\n", "[a]\n[a]\n", "a = 1\n[a]\n", "[[a]]\n[a]\n", "\xff", "a = \"\x00\"", "a.b = 1\na = 2", "[a.]", "é = 1",
}

func FuzzScan(f *testing.F) {
	for _, list := range [][]string{documents, conflicts, broken} {
		for _, d := range list {
			f.Add([]byte(d))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = skipBOM(data)
		for _, mark := range []string{"\ufeff", "\xff\xfe", "\xfe\xff"} {
			if strings.HasPrefix(string(data), mark) {
				return // the library skips these marks, we refuse them
			}
		}
		p, scanErr := scan(data)
		if scanErr != nil && (scanErr.tooDeep || strings.Contains(scanErr.text, "already defined")) {
			return // stricter than the library on purpose
		}
		var values map[string]any
		md, err := burntsushi.Decode(string(data), &values)
		if err != nil {
			return
		}
		if scanErr != nil {
			t.Fatalf("the library accepts what the scanner refuses at byte %d: %v", scanErr.off, scanErr)
		}
		if err := same("root", values, p); err != nil {
			t.Fatal(err)
		}
		have := map[string]bool{}
		keyPaths(p, nil, have)
		for _, key := range md.Keys() {
			if !have[strings.Join(key, "\x00")] {
				t.Fatalf("key %q is not found by the scanner", key)
			}
		}
	})
}

func TestScanPlaces(t *testing.T) {
	text := "top = 1\n\n[t.a]\n  key  = [ 'x',\n\t{ in = 2 } ]\n[[list]]\n[[list]]\n\"q k\" = true\n"
	root, err := scan([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	l := newLines([]byte(text))
	at := func(off int) string {
		line, column := l.at(off)
		return fmt.Sprintf("%d:%d", line, column)
	}
	key := root.fields["t"].fields["a"].fields["key"]
	list := root.fields["list"]
	for _, c := range []struct {
		what string
		off  int
		want string
	}{
		{"top", root.fields["top"].key, "1:1"},
		{"value of top", root.fields["top"].value, "1:7"},
		{"header of t.a", root.fields["t"].fields["a"].value, "3:1"},
		{"name in the header", root.fields["t"].fields["a"].key, "3:4"},
		{"key", key.key, "4:3"},
		{"array", key.value, "4:10"},
		{"first element", key.elems[0].value, "4:12"},
		{"key in the inline table", key.elems[1].fields["in"].key, "5:4"},
		{"its value", key.elems[1].fields["in"].value, "5:9"},
		{"second table of the array", list.elems[1].value, "7:1"},
		{"quoted key", list.elems[1].fields["q k"].key, "8:1"},
	} {
		if got := at(c.off); got != c.want {
			t.Errorf("%s: at %s, want %s", c.what, got, c.want)
		}
	}
}

func TestScanRefusesConflicts(t *testing.T) {
	for _, text := range conflicts {
		if _, err := scan([]byte(text)); err == nil || !strings.Contains(err.text, "already defined on line 1") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestScanDepth(t *testing.T) {
	deep := maxDepth + 1
	for _, text := range []string{
		"a = " + strings.Repeat("[", deep),
		strings.Repeat("a.", deep) + "a = 1",
		"[" + strings.Repeat("a.", deep) + "a]",
		"a = " + strings.Repeat("{a = ", deep) + "1" + strings.Repeat("}", deep),
	} {
		if _, err := scan([]byte(text)); err == nil || !err.tooDeep {
			t.Errorf("%.20q…: not refused for its depth: %v", text, err)
		}
	}
}
