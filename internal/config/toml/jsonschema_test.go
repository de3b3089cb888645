package toml

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	burntsushi "github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compile returns the schema that WriteSchema writes.
func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSchema(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("holdfast.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("holdfast.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain turns what the TOML library yields into what the validator knows.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case []map[string]any:
		out := []any{}
		for _, e := range v {
			out = append(out, plain(e))
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			out = append(out, plain(e))
		}
		return out
	}
	return v
}

func values(t *testing.T, text string) any {
	t.Helper()
	var v map[string]any
	if _, err := burntsushi.Decode(text, &v); err != nil {
		t.Fatal(err)
	}
	return plain(v)
}

// TestSchemaTakesWhatWorks: every example, and every key of the reference.
func TestSchemaTakesWhatWorks(t *testing.T) {
	s := compile(t)
	files, _ := filepath.Glob("../../../examples/*.toml")
	if len(files) < 9 {
		t.Fatalf("%d examples", len(files))
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(values(t, string(text))); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	reference, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(reference), "\n")
	for i, line := range lines {
		if len(line) > 1 && line[0] == '#' && line[1] != ' ' {
			lines[i] = line[1:]
		}
	}
	if err := s.Validate(values(t, strings.Join(lines, "\n"))); err != nil {
		t.Error(err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compile(t)
	for _, text := range []string{
		"[vrrp_instance.VI_1]\npriorty = 100",
		"[vrrp_instance.VI_1]\ninterface = { name = \"eth0\" }",
		"[vrrp_instance.VI_1]\nvirtual_ipaddress = [[\"192.0.2.1\"], 1]\nnopreempt = \"yes\"",
		"[vrrp_instance]\ninterface = \"eth0\"",
		"[[virtual_server]]\nip = true",
		"[[virtual_server.real_server.HTTP_GET]]\npath = \"/\"",
		"[global_defs]\nrouter_id = []",
		"router_id = \"a\"",
	} {
		if err := s.Validate(values(t, text)); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
}

// TestSchemaValues holds what the schema says of values: their type and range,
// also where they stand in a text.
func TestSchemaValues(t *testing.T) {
	s := compile(t)
	const instance, bfd = "vrrp_instance.A", "bfd_instance.b"
	for _, c := range []struct {
		block, right string
		wrong        []string
	}{
		{instance, `priority = 100`, []string{`priority = "high"`, `priority = 300`, `priority = 0`, `priority = 1.5`, `priority = true`, `priority = [100]`}},
		{instance, `priority = "100"`, []string{`priority = ""`}},
		{instance, `virtual_router_id = 255`, []string{`virtual_router_id = 256`, `virtual_router_id = "0.5"`}},
		{instance, `advert_int = 0.5`, []string{`advert_int = "often"`, `advert_int = -1`}},
		{instance, `advert_int = "250ms"`, []string{`advert_int = "250 apples"`}},
		{instance, `advert_int = "1"`, []string{`advert_int = false`}},
		{instance, `garp_master_delay = 86400`, []string{`garp_master_delay = "5 s"`}},
		{instance, `garp_master_repeat = 2`, []string{`garp_master_repeat = -2`}},
		{instance, `down_timer_adverts = 100`, []string{`down_timer_adverts = 101`}},
		{instance, `preempt_delay = "1m30s"`, []string{`preempt_delay = "soon"`}},
		{instance, `nopreempt = true`, []string{`nopreempt = 1`, `nopreempt = "true"`}},
		{instance, `interface = "eth0"`, []string{`interface = true`}},
		{"global_defs", `vrrp_rt_priority = 99`, []string{`vrrp_rt_priority = 100`}},
		{"global_defs", `vrrp_garp_interval = 0.001`, []string{`vrrp_garp_interval = "x"`}},
		{"global_defs", `enable_script_security = true`, []string{`enable_script_security = "yes"`}},
		{"vrrp_script.s", `interval = 5`, []string{`interval = "five"`}},
		{"vrrp_script.s", `rise = 2`, []string{`rise = "twice"`, `rise = 0.5`}},
		{bfd, `min_rx = 50`, []string{`min_rx = "fast"`}},
		{bfd, `min_rx = "50ms"`, []string{`min_rx = true`}},
		{bfd, `multiplier = "5"`, []string{`multiplier = 256`}},
		{bfd, `max_hops = -1`, []string{`max_hops = -2`}},
	} {
		if err := s.Validate(values(t, "["+c.block+"]\n"+c.right)); err != nil {
			t.Errorf("%s: %s is refused: %v", c.block, c.right, err)
		}
		for _, wrong := range c.wrong {
			if s.Validate(values(t, "["+c.block+"]\n"+wrong)) == nil {
				t.Errorf("%s: %s is accepted", c.block, wrong)
			}
		}
	}
}

// TestSchemaWords: where a key takes one of a fixed set of words, the schema
// lists them, for an editor to propose; the check takes each and no other.
func TestSchemaWords(t *testing.T) {
	s := compile(t)
	const service, server = "[[virtual_server]]\nip = \"192.0.2.10\"\nport = 80\n", "[[virtual_server]]\nfwmark = 1\n[[virtual_server.real_server]]\nip = \"192.0.2.21\"\n"
	for _, c := range []struct{ right, wrong string }{
		{"[vrrp_instance.A]\nstate = \"MASTER\"", "[vrrp_instance.A]\nstate = \"master\""},
		{"[vrrp_instance.A.authentication]\nauth_type = \"pass\"", "[vrrp_instance.A.authentication]\nauth_type = \"md5\""},
		{"[vrrp_instance.A.authentication]\nauth_type = \"AH\"", "[vrrp_instance.A.authentication]\nauth_type = \"Pass\""}, // which the reader refuses
		{"[vrrp_instance.A.auth_hmac]\nmode = \"permissive\"", "[vrrp_instance.A.auth_hmac]\nmode = \"lax\""},
		{"[global_defs]\nlvs_follow_vrrp = \"auto\"", "[global_defs]\nlvs_follow_vrrp = \"sometimes\""},
		{"[global_defs]\nlvs_follow_vrrp = true", "[global_defs]\nlvs_follow_vrrp = 1"},
		{"[global_defs]\nlvs_profile = [\"director\", \"nat\"]", "[global_defs]\nlvs_profile = [\"director\", \"all\"]"},
		{service + "lb_algo = \"wrr\"", service + "lb_algo = \"roundrobin\""},
		{service + "lb_kind = \"DR\"", service + "lb_kind = \"dr\""},
		{service + "lb_kind = \"TUN type gre\"", service + "lb_kind = \"TUNNEL type gre\""},
		{service + "lb_kind = { method = \"TUN\", type = \"gre\" }", service + "lb_kind = { method = \"TUNNEL\" }"},
		{service + "protocol = \"tcp\"", service + "protocol = \"ICMP\""},
		{service + "protocol = [\"TCP\", \"UDP\"]", service + "protocol = [\"TCP\", \"ICMP\"]"},
		{service + "protocol = \"TCP UDP\"", service + "protocol = \"TCPUDP\""},
		{server + "lvs_method = \"NAT\"", server + "lvs_method = \"MASQ\""},
		{server + "[[virtual_server.real_server.HTTP_GET]]\nhttp_protocol = \"1.0c\"", server + "[[virtual_server.real_server.HTTP_GET]]\nhttp_protocol = \"2\""},
		{server + "[[virtual_server.real_server.HTTP_GET]]\nhttp_protocol = 1.1", server + "[[virtual_server.real_server.HTTP_GET]]\nhttp_protocol = 2.0"},
		{server + "[[virtual_server.real_server.DNS_CHECK]]\ntype = \"AAAA\"", server + "[[virtual_server.real_server.DNS_CHECK]]\ntype = \"PTR\""},
	} {
		if err := s.Validate(values(t, c.right)); err != nil {
			t.Errorf("%s\n%v", c.right, err)
		}
		if s.Validate(values(t, c.wrong)) == nil {
			t.Errorf("accepted:\n%s", c.wrong)
		}
	}
}
