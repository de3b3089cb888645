package load

import (
	"os"
	"strings"
	"testing"

	"holdfast/internal/config"
)

// commentedConf has a comment, named c1 to c16, in every kind of place.
const commentedConf = `# c1
global_defs {
  router_id a
  # c2 enable_script_security
} # c3
$X=1 # c4
vrrp_instance VI_1
{   # c5
  interface lo
  virtual_router_id 5
  @other priority 7 # c6
  virtual_ipaddress {
     192.0.2.10/24
     # c7 192.0.2.11/24
  }
  # c8 track_interface {
  #      eth1
  # }
}
include more.inc # c9
virtual_server 192.0.2.10 80 {
  protocol TCP
  real_server 192.0.2.21 80 {
     TCP_CHECK {
        # c10 connect_port 81
     }
  }
  # c11 real_server 192.0.2.22 80 {
  # }
}
# c12 vrrp_instance VI_9 {
# }
`

const commentedInclude = `# c13
vrrp_instance VI_2 {
  interface lo
  virtual_router_id 6
  virtual_ipaddress { 192.0.2.12/24 } # c14
  authentication {
    auth_type PASS # c15
    auth_pass x
  }
}
# c16
`

// Every comment is either in the text, in its place, or listed, both ways.
func TestCommentsAreKeptOrListed(t *testing.T) {
	texts := map[string]string{"k.conf": commentedConf, "more.inc": commentedInclude}
	opts := Options{Files: func(name string) ([]byte, error) {
		if text, ok := texts[name]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}}
	convert := func(name string, to config.Language, lost ...string) string {
		c, diags, err := Convert(name, to, opts)
		if err != nil {
			t.Fatal(err, diags)
		}
		var got []string
		for _, l := range c.LostComments {
			got = append(got, l.Pos.File+":"+l.Text)
		}
		if strings.Join(got, " ") != strings.Join(lost, " ") {
			t.Errorf("%s: lost %q, want %q", name, got, lost)
		}
		return c.Text
	}
	contains := func(text string, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(text, p) {
				t.Errorf("%q is missing in\n%s", p, text)
			}
		}
	}
	toml := convert("k.conf", config.TOML, "k.conf:c6", "k.conf:c9")
	contains(toml,
		"# c1\n[global_defs]\n", "\n# c2 enable_script_security\n# c3\n\n# c4\n# c5\n[vrrp_instance.VI_1]\n",
		"  \"192.0.2.10/24\",\n  # c7 192.0.2.11/24\n]\n# c8 track_interface {\n#      eth1\n# }\n\n# c13\n[vrrp_instance.VI_2]\n",
		"# c14\nvirtual_ipaddress", "# c15\nauth_type", "\n\n# c16\n\n[[virtual_server]]",
		"TCP_CHECK]]\n# c10 connect_port 81\n\n# c11 real_server 192.0.2.22 80 {\n# }\n\n# c12 vrrp_instance VI_9 {\n# }\n",
	)
	texts["h.toml"] = toml
	conf := convert("h.toml", config.Keepalived)
	contains(conf,
		"    # c2 enable_script_security\n    # c3\n}\n", "        # c7 192.0.2.11/24\n    }\n    # c8 track_interface {\n    #      eth1\n    # }\n}\n",
		"# c16\nvirtual_server", "}\n\n# c10 connect_port 81\n# c11 real_server 192.0.2.22 80 {\n# }\n# c12",
	)
	texts["back.conf"] = conf
	contains(convert("back.conf", config.TOML), "# c10 connect_port 81\n# c11")
}

// A comment may be in any encoding and hold anything; TOML takes UTF-8 without
// control characters.
func TestCommentsThatTOMLDoesNotTake(t *testing.T) {
	const text = "# above: caf\xe9\nvrrp_instance VI_1 {\n  interface lo\n  virtual_router_id 5 # beside: \x1b[1m\tbold\x7f\n  virtual_ipaddress {\n    192.0.2.10/24\n    # last: \xfcber\n  }\n}\n"
	c, diags, err := Convert("k.conf", config.TOML, Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		t.Fatal(err, diags)
	}
	for _, want := range []string{"# above: caf\ufffd\n", "# beside: \ufffd[1m\tbold\ufffd\n", "# last: \ufffdber\n"} {
		if !strings.Contains(c.Text, want) {
			t.Errorf("%q is missing in\n%s", want, c.Text)
		}
	}
	if len(c.LostComments) > 0 {
		t.Errorf("lost %q", c.LostComments)
	}
}
