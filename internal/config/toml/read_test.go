package toml

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config"
)

// dump writes a tree as keepalived.conf would have it, quoted words in quotes.
func dump(b *strings.Builder, n *config.Node, indent string) {
	for _, c := range n.Children {
		b.WriteString(indent)
		for i, w := range c.Words {
			if i > 0 {
				b.WriteByte(' ')
			}
			if w.Quoted {
				fmt.Fprintf(b, "%q", w.Text)
			} else {
				b.WriteString(w.Text)
			}
		}
		if c.Block {
			b.WriteString(" {\n")
			dump(b, c, indent+"  ")
			b.WriteString(indent + "}")
		}
		b.WriteByte('\n')
	}
}

func text(n *config.Node) string {
	var b strings.Builder
	dump(&b, n, "")
	return b.String()
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"blocks", `
[vrrp_instance.VI_1]
interface = "eth0"
[vrrp_instance."VI 2".authentication]
auth_type = "PASS"
[global_defs]
router_id = "two words"
`, `global_defs {
  router_id "two words"
}
vrrp_instance VI_1 {
  interface "eth0"
}
vrrp_instance VI 2 {
  authentication {
    auth_type "PASS"
  }
}
`},
		{"flags", `
[vrrp_instance.A]
nopreempt = true
preempt = false
smtp_alert = false
skip_check_adv_addr = true
notify_deleted = true
`, `vrrp_instance A {
  nopreempt
  skip_check_adv_addr true
  smtp_alert false
  notify_deleted
}
`},
		{"times", `
[vrrp_instance.A]
advert_int = "250ms"
preempt_delay = "1m30s"
garp_master_delay = 5
garp_master_refresh = "1h"
[vrrp_script.S]
interval = 0.5
timeout = 1e-1
`, `vrrp_script S {
  interval 0.5
  timeout 0.1
}
vrrp_instance A {
  advert_int "0.25"
  preempt_delay "90"
  garp_master_delay 5
  garp_master_refresh "3600"
}
`},
		{"lists", `
[vrrp_sync_group.G]
group = ["A", "B"]
[vrrp_instance.A]
virtual_ipaddress = [
  "192.0.2.10/24 dev eth0 label \"a b\"",
  { ip = "192.0.2.11", dev = "eth1", no_track = true, use_vmac = false },
]
virtual_ipaddress_excluded = "192.0.2.12"
track_script = ["chk weight 10", { name = "other", weight = -5, reverse = true }]
unicast_peer = []
`, `vrrp_sync_group G {
  group {
    "A"
    "B"
  }
}
vrrp_instance A {
  virtual_ipaddress {
    192.0.2.10/24 dev eth0 label "a b"
    "192.0.2.11" dev "eth1" no_track
  }
  virtual_ipaddress_excluded {
    192.0.2.12
  }
  unicast_peer {
  }
  track_script {
    chk weight 10
    "other" weight -5 reverse
  }
}
`},
		{"services", `
[[virtual_server]]
sh-port = true
lb_algo = "sh"
ip = "192.0.2.10"
port = 80
lb_kind = { method = "TUN", type = "gue", port = 6080, csum = true }
persistence_timeout = true
[[virtual_server.real_server]]
port = 0
ip = "192.0.2.21"
lvs_method = "TUN type gue port 6080"
[[virtual_server.real_server.HTTP_GET]]
url = [{ path = "/a b", status_code = [200, "300-302"] }, { status_code = "200 404" }]
[[virtual_server]]
fwmark = 7
real_server = [{ ip = "192.0.2.22", TCP_CHECK = [{}] }]
[[virtual_server]]
group = "G"
`, `virtual_server "192.0.2.10" 80 {
  lb_algo "sh"
  lb_kind "TUN" type "gue" port 6080 csum
  persistence_timeout
  sh-port
  real_server "192.0.2.21" 0 {
    lvs_method TUN type gue port 6080
    HTTP_GET {
      url {
        path "/a b"
        status_code 200 "300-302"
      }
      url {
        status_code 200 404
      }
    }
  }
}
virtual_server fwmark 7 {
  real_server "192.0.2.22" {
    TCP_CHECK {
    }
  }
}
virtual_server group "G" {
}
`},
		{"commands", `
[vrrp_instance.A]
notify_master = "/bin/a 'b c' d"
notify_backup = ["/bin/a", "b c", "it's", 7, ""]
notify_fault = { command = ["/bin/a", "b"], user = "root", group = "adm" }
[vrrp_script.S]
script = "</dev/tcp/127.0.0.1/80"
`, `vrrp_script S {
  script "</dev/tcp/127.0.0.1/80"
}
vrrp_instance A {
  notify_master "/bin/a 'b c' d"
  notify_backup "/bin/a 'b c' 'it\\'s' 7 ''"
  notify_fault "/bin/a b" user "root" "adm"
}
`},
		{"unknown keywords keep what is in them to themselves", `
[vrrp_instance.A]
prioritty = 1
[nonsense.x]
priority = 3
`, `vrrp_instance A {
  prioritty
}
nonsense
`},
		{"keywords known by name only", `
[vrrp_instance.A]
use_vmac = "vrrp.51"
[[virtual_server]]
real_server = [{ ip = "192.0.2.1", SMTP_CHECK = [{ helo_name = "x" }], DNS_CHECK = {} }]
`, `vrrp_instance A {
  use_vmac vrrp.51
}
virtual_server {
  real_server "192.0.2.1" {
    SMTP_CHECK {
      helo_name "x"
    }
    DNS_CHECK {
    }
  }
}
`},
		{"named lists of lines", `
[virtual_server_group]
web = ["192.0.2.10 80", { ip = "192.0.2.20-22", port = 81 }, "fwmark 7 inet6", { fwmark = 8, inet = true }]
"one more" = "192.0.2.30"
`, `virtual_server_group web {
  192.0.2.10 80
  "192.0.2.20-22" 81
  fwmark 7 inet6
  fwmark 8 inet
}
virtual_server_group one more {
  192.0.2.30
}
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, diags := Read("x.toml", []byte(c.in))
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			want := strings.Replace(c.want, ` user "root" "adm"`, ` "root" "adm"`, 1)
			if got := text(tree); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestReadPlaces(t *testing.T) {
	tree, diags := Read("x.toml", []byte(`[vrrp_instance.VI_1]
priority = 100
virtual_ipaddress = [
  "192.0.2.10/24 dev eth0",
  "192.0.2.11\t dev eth1",
]
`))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	instance := tree.Children[0]
	vips := instance.Children[1].Children
	for _, c := range []struct {
		what string
		pos  config.Pos
		want string
	}{
		{"block", instance.Pos, "x.toml:1:1"},
		{"its name", instance.ArgPos(0), "x.toml:1:16"},
		{"keyword", instance.Children[0].Pos, "x.toml:2:1"},
		{"value", instance.Children[0].ArgPos(0), "x.toml:2:12"},
		{"line", vips[0].Pos, "x.toml:4:4"},
		{"word in a line", vips[0].Words[2].Pos, "x.toml:4:22"},
		{"word in a text with escapes", vips[1].Words[2].Pos, "x.toml:5:3"},
	} {
		if got := c.pos.String(); got != c.want {
			t.Errorf("%s: at %s, want %s", c.what, got, c.want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"[vrrp_instance.A]\npriority = \n", "x.toml:2:12: error: expected value"},
		{"a = \"no end\nb = 1\n", "x.toml:1:12: error: strings cannot contain newlines"},
		{"priority = 1\npriority = 2\n", "x.toml:2:1: error: Key 'priority' has already been defined."},
		{"a = [1]\na.b = 2\n", `x.toml:2:1: error: key "a" is already defined on line 1`},
		{"a = " + strings.Repeat("[", 100_000), "nested more than 32 levels deep"},
		{"a = 1\x00", "x.toml:1:6: error: "},
		{"[vrrp_instance]\npriority = 1\n", "x.toml:2:1: error: vrrp_instance.priority is a number where a table is expected: vrrp_instance needs a name, write [vrrp_instance.NAME]"},
		{"vrrp_instance = 1\n", "x.toml:1:17: error: vrrp_instance needs a name"},
		{"[[vrrp_instance]]\n", "x.toml:1:1: error: vrrp_instance needs a name"},
		{"virtual_server = 1\n", "x.toml:1:18: error: virtual_server is a number where a table is expected"},
		{"[[global_defs]]\n[[global_defs]]\n", "x.toml:2:1: error: there can be only one global_defs here"},
		{"[vrrp_instance.A]\npriority = true\n", "x.toml:2:12: error: priority is a boolean where a number is expected"},
		{"[vrrp_instance.A]\nnopreempt = 1\n", "x.toml:2:13: error: nopreempt is a number where true or false is expected"},
		{"[vrrp_instance.A]\nadvert_int = [1]\n", "x.toml:2:14: error: advert_int is an array where a number is expected"},
		{"[vrrp_instance.A]\nadvert_int = 1979-05-27\n", "x.toml:2:14: error: advert_int is a date or time where a number is expected"},
		{"[vrrp_instance.A]\nadvert_int = inf\n", "x.toml:2:14: error: advert_int cannot be +Inf"},
		{"[vrrp_instance.A]\nadvert_int = \"1ns\"\n", `x.toml:2:14: error: "1ns" is finer than one microsecond`},
		{"[vrrp_instance.A]\nvirtual_ipaddress = [{ip = '192.0.2.1', dve = 'eth0'}]\n", `x.toml:2:41: error: virtual_ipaddress has no argument "dve"; it takes ip, dev`},
		{"[vrrp_instance.A]\nvirtual_ipaddress = [['192.0.2.1']]\n", ""},
		{"[vrrp_instance.A]\nnotify = ['/bin/x', ['y']]\n", "x.toml:2:21: error: notify holds an array in an array"},
	} {
		_, diags := Read("x.toml", []byte(c.in))
		var all []string
		for _, d := range diags {
			all = append(all, d.String())
		}
		got := strings.Join(all, "\n")
		if !strings.Contains(got, c.want) || c.want != "" && got == "" {
			t.Errorf("%.60q:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

// Time and memory grow linearly: a megabyte of anything is read in a moment.
func TestReadBounded(t *testing.T) {
	const size = 1 << 20
	fill := func(piece string) string { return strings.Repeat(piece, size/len(piece)) }
	var keys, headers strings.Builder
	for i := 0; keys.Len() < size; i++ {
		fmt.Fprintf(&keys, "k%d = %d\n", i, i)
	}
	for i := 0; headers.Len() < size; i++ {
		fmt.Fprintf(&headers, "[vrrp_instance.V%d]\n", i)
	}
	for name, in := range map[string]string{
		"keys":     keys.String(),
		"headers":  headers.String(),
		"services": fill("[[virtual_server]]\nip = \"192.0.2.1\"\n[[virtual_server.real_server]]\nip = \"192.0.2.2\"\n"),
		"array":    "[vrrp_instance.A]\nvirtual_ipaddress = [" + fill(`"192.0.2.1 dev eth0",`) + "]\n",
		"words":    "[vrrp_instance.A]\nvirtual_ipaddress = \"" + fill("a ") + "\"\n",
		"quotes":   "a = '" + fill(`"`),
		"brackets": fill("["),
		"braces":   "a = " + fill("{a="),
		"dots":     fill("a."),
		"escapes":  "a = \"\"\"" + fill("\\\n") + "\"\"\"",
		"blanks":   fill(" \n"),
		"comments": fill("#\n"),
		"too long": strings.Repeat("#\n", MaxSize/2+1),
	} {
		start := time.Now()
		_, diags := Read("x.toml", []byte(in))
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: %v for a megabyte", name, d)
		}
		if testing.Verbose() {
			t.Log(name, time.Since(start), len(diags))
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, list := range [][]string{documents, conflicts, broken} {
		for _, d := range list {
			f.Add([]byte(d))
		}
	}
	f.Add([]byte("[vrrp_instance.A]\nadvert_int = '250ms'\nnotify = ['/bin/x', 'y z']\nlb_kind = {method = 'DR'}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, diags := Read("x.toml", data)
		if tree == nil && len(diags) == 0 {
			t.Fatal("nothing read and nothing said")
		}
		for _, d := range diags {
			if d.Pos.Line < 1 || d.Pos.Column < 1 || d.Text == "" {
				t.Fatalf("diagnostic without place or text: %+v", d)
			}
		}
		if tree != nil {
			config.Decode(tree, config.Options{Language: config.TOML})
		}
	})
}
