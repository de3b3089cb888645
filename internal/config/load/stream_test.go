package load

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// A statement that is decoded while the next are read gives what it gives in a
// whole tree: the same configuration and the same findings in the same order.
func TestStatementsOneByOne(t *testing.T) {
	contents := map[string]string{
		"awkward": `vrrp_instance A
{
  interface lo virtual_router_id 1
  virtual_ipaddress
  { 192.0.2.1
    192.0.2.2 } }
}
nonsense {
  vrrp_instance B {
    interface lo
    priority 300
  }
}
{ vrrp_script c { script "/bin/true } }
virtual_server 192.0.2.1 80 { real_server 192.0.2.9 80 { weight 2
      TCP_CHECK {
`,
		"empty": "", "a comment": "# nothing\n", "one word": "vrrp_instance",
	}
	for _, pattern := range []string{"../../../examples/*.conf", "/usr/share/doc/keepalived/samples/keepalived.conf.*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			contents[f] = string(raw)
		}
	}
	if len(contents) < 10 {
		t.Fatalf("%d files only", len(contents))
	}
	for name, text := range contents {
		opts := Options{ConfigID: "test", Files: func(string) ([]byte, error) { return []byte(text), nil }}
		_, want, found := loadTree(name, opts)
		got, diags := Load(name, opts)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: one by one it is another configuration", name)
		}
		if len(diags)+len(found) > 0 && !reflect.DeepEqual(diags, found) {
			t.Errorf("%s: one by one the findings are\n%v\nand not\n%v", name, diags, found)
		}
		if text == contents["awkward"] && len(found) < 5 {
			t.Errorf("%s: %d findings: %v", name, len(found), found)
		}
	}
}
