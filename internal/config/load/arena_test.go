package load

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config"
)

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// TestMemoryOfStatementsIsUsedAgain holds that a configuration whose statements
// give up their memory one after the other is the same as one whose tree stays,
// with blocks that are not over when the next statement comes, and with servers
// and checks that follow others.
func TestMemoryOfStatementsIsUsedAgain(t *testing.T) {
	service := func(i int, inner string) string {
		return fmt.Sprintf("virtual_server 192.0.2.%d 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n%s}\n", i, inner)
	}
	server := func(i int, inner string) string {
		return fmt.Sprintf(" real_server 198.51.100.%d 80 {\n  weight %d\n%s }\n", i, i, inner)
	}
	check := " TCP_CHECK {\n connect_timeout 2\n }\n"
	read := func(text string) Options {
		return Options{Files: func(string) ([]byte, error) { return []byte(text), nil }, Users: true}
	}
	values := func(diags []config.Diagnostic) (n int) {
		for _, d := range diags {
			if d.ID == "bad-value" {
				n++
			}
		}
		return n
	}
	var many strings.Builder
	var one []config.VirtualServer // of each service by itself
	var about int                  // values that are refused in them
	for i := range 40 {
		var inner strings.Builder
		for k := range 1 + i%7 {
			extra := check
			switch (i + k) % 5 {
			case 0:
				extra = fmt.Sprintf("  notify_up \"/bin/true %d\"\n  notify_up \"/bin/false\"\n  MISC_CHECK {\n misc_path \"/bin/x %d\"\n user nobody-%d\n }\n", i, k, i)
			case 1:
				extra = fmt.Sprintf("  HTTP_GET {\n url {\n path /%d\n status_code 200\n }\n connect_ip 198.51.100.%d\n }\n%s", i, k+1, check)
			case 2:
				extra = "  SMTP_CHECK {\n host {\n connect_port 25\n }\n host {\n connect_port 26\n }\n }\n"
			case 3:
				extra = " alpha\n virtualhost www.example.com\n inhibit_on_failure\n slow_start 5\n unknown 3\n"
			}
			inner.WriteString(server(k+1, extra))
		}
		text := service(i+1, inner.String())
		many.WriteString(text)
		cfg, diags := Load("k.conf", read(text))
		one = append(one, cfg.VirtualServers...)
		about += values(diags)
	}
	cfg, diags := Load("k.conf", read(many.String()))
	if got := values(diags); got != about || about < 20 {
		t.Errorf("%d values are refused in all services together, %d in each by itself", got, about)
	}
	if !reflect.DeepEqual(cfg.VirtualServers, one) {
		t.Errorf("the services together are not those that each file has by itself:\n%s", cmp.Diff(one, cfg.VirtualServers, sameAddr))
	}
	for name, text := range map[string]string{
		"many":                     many.String(),
		"a block without a brace":  "vrrp_script one\n" + many.String() + "}\nvrrp_script two {\n",
		"a service without one":    "virtual_server 192.0.2.250 80\n lb_kind DR\n" + server(1, check) + "}\n" + many.String(),
		"a server without one":     "virtual_server 192.0.2.250 80 {\n real_server 198.51.100.1 80\n" + check + "}\n" + many.String(),
		"a check without one":      service(250, " real_server 198.51.100.1 80 {\n TCP_CHECK\n connect_timeout 2\n }\n }\n"+server(2, check)) + many.String(),
		"braces that are not ours": "{ {\n" + many.String() + "} }\n" + many.String(),
		"a quote":                  "\"\"\n{\n}\n\"x\n{\n" + many.String(),
		"an end in the middle":     strings.TrimRight(many.String(), "}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			cfg, diags := Load("k.conf", read(text))
			_, whole, found := loadTree("k.conf", read(text))
			if d := cmp.Diff(found, diags); d != "" {
				t.Errorf("other findings (-tree +stream):\n%s", d)
			}
			if !reflect.DeepEqual(whole, cfg) {
				t.Errorf("another configuration (-tree +stream):\n%s", cmp.Diff(whole, cfg, sameAddr))
			}
		})
	}
}

// FuzzStatements holds that any text means the same whether its statements give
// up their memory or not.
func FuzzStatements(f *testing.F) {
	for _, text := range []string{
		"virtual_server 192.0.2.1 80 {\n lb_kind DR\n real_server 192.0.2.2 80 {\n TCP_CHECK {\n }\n }\n}\nvirtual_server fwmark 3 {\n real_server 192.0.2.2 80 {\n notify_up /bin/true\n SMTP_CHECK {\n host {\n }\n }\n }\n}\n",
		"vrrp_script a\nscript /bin/true\nvrrp_instance A {\n}\n}\n", "vrrp_instance A\n{ {\n}\n}\nglobal_defs {\n", "\"\n{\n\"\" }\nx\n{", "}\nvrrp_sync_group G {\n group {\n A }\n}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "_RANDOM") {
			return
		}
		opts := Options{ConfigID: "a", Files: func(string) ([]byte, error) { return []byte(text), nil }}
		cfg, diags := Load("k.conf", opts)
		_, whole, found := loadTree("k.conf", opts)
		if len(diags)+len(found) > 0 && !reflect.DeepEqual(diags, found) {
			t.Errorf("other findings (-tree +stream):\n%s", cmp.Diff(found, diags))
		}
		if !reflect.DeepEqual(whole, cfg) {
			t.Errorf("another configuration (-tree +stream):\n%s", cmp.Diff(whole, cfg, sameAddr))
		}
	})
}
