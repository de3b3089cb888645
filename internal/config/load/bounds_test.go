package load_test

import (
	"slices"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/encode"
	"holdfast/internal/config/keepalived"
	"holdfast/internal/config/load"
	"holdfast/internal/config/toml"
)

// TestBounds: what a short text may become is bounded, and so is what is said
// about it; the verdict stays.
func TestBounds(t *testing.T) {
	const router = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n192.0.2.1\n}\n"
	grow := "$A=" + strings.Repeat("x", 40) + "\n"
	for c := 'B'; c < 'L'; c++ {
		grow += "$" + string(c) + "=$" + string(c-1) + " $" + string(c-1) + "\n"
	}
	for _, tc := range []struct {
		name, text, id string
		exit           int
	}{
		{"statements that are none", strings.Repeat("}\n", 50_000), "more-findings", 5},
		{"mixed", strings.Repeat("}\n", 20_000) + "vrrp_script\n", "more-findings", 2},
		{"parameters that grow", grow + "~SEQ(Q,1,100000) foo $K\n", "too-large", 5},
		{"sequences of sequences", "~SEQ(A,1,9999) ~SEQ(B,1,9999) ~SEQ(C,1,9999) foo\n", "too-large", 5},
		{"routers", "~SEQ(A,1,33000) vrrp_instance V$A { interface eth0 }\n", "too-many-instances", 5},
		{"tracked interfaces", router + "track_interface {\n~SEQ(A,1,50000) e$A\n}\n}\n", "more-findings", 5},
		{"followed sessions", "~SEQ(A,1,10000) bfd_instance b$A { neighbor_ip 10.0.0.1 }\nvirtual_server 192.0.2.1 80 {\nreal_server 10.1.1.1 80 {\n~SEQ(A,1,10000) BFD_CHECK { name b$A }\n}\n}\n", "scheduler", 5},
	} {
		_, diags := conf(tc.text)
		if len(diags) > 20_100 {
			t.Errorf("%s: %d findings", tc.name, len(diags))
		}
		if got := config.TestExit(diags); got != tc.exit {
			t.Errorf("%s: exit code %d, want %d: %v", tc.name, got, tc.exit, diags[max(0, len(diags)-2):])
		}
		if tc.id != "" && !slices.ContainsFunc(diags, func(d config.Diagnostic) bool { return d.ID == tc.id }) {
			t.Errorf("%s: no finding %s: %v", tc.name, tc.id, diags[max(0, len(diags)-2):])
		}
	}
}

// FuzzCheck reads one text in both languages, as a file that may include
// itself, and writes what comes of it in both.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		everything, "include k.conf\ninclude *\n", "$A=$A\n$A", "~SEQ(A,1,99) include k.conf", "~LST({a,b},{c,d}) $a $b", "@a @^b c {",
		"vrrp_instance A {\n~SEQ(X,1,9) track_interface { e$X }\n}", "SSL {\npassword x\n}\n" + server("snmp_name x", "UDP_CHECK {\nrequire_reply 1Xff\npayload 00\n}\nSMTP_CHECK {\nhost {\nconnect_ip ::1\n}\n}"),
		"[vrrp_instance.A]\ninterface='e'\nvirtual_router_id=1\nvirtual_ipaddress=['192.0.2.1','2001:db8::1']\n", "a.b.c = [[1],{d=2}]\n[[virtual_server]]\nip='::'\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"k.conf", "k.toml"} {
			cfg, diags := load.Load(name, load.Options{ConfigID: "a", NoKeyFiles: true, Files: func(string) ([]byte, error) { return data, nil }})
			if cfg == nil && !config.HasErrors(diags) {
				t.Error("refused without an error")
			}
			config.TestExit(diags)
			for _, d := range diags {
				_ = d.String()
			}
			if cfg == nil {
				continue
			}
			_, _ = keepalived.Write(encode.Tree(cfg, config.Keepalived))
			_, _ = toml.Write(encode.Tree(cfg, config.TOML))
		}
	})
}
