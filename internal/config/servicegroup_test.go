package config_test

import (
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// loaded reads a keepalived.conf and returns its findings as lines.
func loaded(t *testing.T, text string) (*config.Config, string) {
	t.Helper()
	c, diags := load.Load("k.conf", load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	var lines []string
	for _, d := range diags {
		lines = append(lines, d.String())
	}
	return c, strings.Join(lines, "\n")
}

// groupOf is a configuration with one group and a virtual_server of it.
func groupOf(entries, servers string) string {
	return "virtual_server_group G {\n" + entries + "\n}\nvirtual_server group G {\n lb_algo rr\n lb_kind DR\n protocol TCP\n" + servers + "}\n"
}

const (
	real4   = " real_server 198.51.100.1 80 {\n }\n"
	real6   = " real_server 2001:db8:1::1 80 {\n }\n"
	tunnel4 = " real_server 198.51.100.1 80 {\n  lvs_method TUN\n }\n"
)

// TestServiceGroupEntries: what a line of a group is, as keepalived 2.2.7 has
// it (measured), but that it makes services of 0.0.0.0 port 0 of a mark that is
// no number.
func TestServiceGroupEntries(t *testing.T) {
	for _, c := range []struct {
		line string
		want string // the line as kept; empty: it is not
		says string
	}{
		{"192.0.2.10 80", "192.0.2.10 80", ""},
		{"192.0.2.10", "192.0.2.10 0", ""},
		{"192.0.2.10-12 80", "192.0.2.10-192.0.2.12 80", ""},
		{"192.0.2.254-192.0.3.1 80", "192.0.2.254-192.0.3.1 80", ""},
		{"192.0.2.16/29 80", "192.0.2.16-192.0.2.23 80", ""},
		{"192.0.2.16/32 80", "192.0.2.16 80", ""},
		{"fwmark 7", "fwmark 7", ""},
		{"fwmark 7 inet", "fwmark 7 inet", ""},
		{"192.0.2.17/29 80", "", "bits beyond its prefix"},
		{"192.0.2.10-9 80", "", "ends before it begins"},
		{"192.0.2.10-10 80", "", "ends before it begins"},
		{"192.0.2.10-192.0.2.9 80", "", "ends before it begins"},
		{"192.0.2.10-2001:db8::1 80", "", "ends before it begins"},
		{"192.0.2.250-256 80", "", "no last part"},
		{"nonsense", "", "no address, range or prefix"},
		{"192.0.2.10 70000", "", "port"},
		{"fwmark", "", "without a number"},
		{"fwmark 0", "", "fwmark"},
		{"fwmark x", "", "fwmark"},
		{"fwmark 7 foo", "", "inet inet6"},
		{"10.0.0.0/15 80", "", "more than 65536"},
		{"2001:db8::/64 80", "", "more than 65536"},
	} {
		cfg, says := loaded(t, groupOf(" 192.0.2.1 80\n "+c.line, real4))
		got := ""
		if cfg != nil && len(cfg.ServiceGroups) == 1 && len(cfg.ServiceGroups[0].Entries) == 2 {
			got = cfg.ServiceGroups[0].Entries[1].String()
		}
		if got != c.want || c.says != "" && !strings.Contains(says, c.says) || c.says == "" && strings.Contains(says, "is ignored") {
			t.Errorf("%q: kept as %q, want %q; findings:\n%s", c.line, got, c.want, says)
		}
	}
}

// TestServiceGroupFamilies: which families go together (measured).
func TestServiceGroupFamilies(t *testing.T) {
	for _, c := range []struct {
		name, entries, servers string
		services               int
		family                 config.Family
		says                   string
	}{
		{"IPv4", "192.0.2.1 80\nfwmark 7", real4, 1, 4, ""},
		{"IPv6, a range in hexadecimal", "2001:db8::9-f 80\nfwmark 7", real6, 1, 6, ""},
		{"another family than the servers", "2001:db8::1 80", real4, 0, 0, "of another family than its servers"},
		{"both, one server not tunnelled", "192.0.2.1 80\n2001:db8::1 80", tunnel4 + real4, 0, 0, "of another family than its servers"},
		{"both, all servers tunnelled", "192.0.2.1 80\n2001:db8::1 80\nfwmark 7 inet6", tunnel4, 1, 0, ""},
		{"both, and a mark of none", "192.0.2.1 80\n2001:db8::1 80\nfwmark 7", tunnel4, 0, 0, "a mark without one"},
		{"the server that does not fit is left out", "192.0.2.1 80", real4 + real6, 1, 4, "of another family, which only TUN can reach: it is ignored"},
		{"nothing in it", "", real4, 0, 0, "no entries"},
	} {
		cfg, says := loaded(t, groupOf(c.entries, c.servers))
		if cfg == nil || len(cfg.VirtualServers) != c.services || !strings.Contains(says, c.says) {
			t.Errorf("%s: %+v\n%s", c.name, cfg, says)
			continue
		}
		if c.services > 0 && (cfg.VirtualServers[0].Family != c.family || cfg.VirtualServers[0].Group != "G") {
			t.Errorf("%s: %+v", c.name, cfg.VirtualServers[0])
		}
	}
}

// TestServiceGroupUses: a group that is used twice, after the services, or not
// there.
func TestServiceGroupUses(t *testing.T) {
	vs := "virtual_server group G {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n" + real4 + "}\n"
	group := "virtual_server_group G {\n 192.0.2.1 80\n}\n"
	cfg, says := loaded(t, vs+vs+group+group)
	if cfg == nil || len(cfg.VirtualServers) != 2 || cfg.VirtualServers[0].Ordinal != 0 || cfg.VirtualServers[1].Ordinal != 1 || len(cfg.ServiceGroups) != 1 ||
		!strings.Contains(says, "defined already") {
		t.Errorf("used twice: %+v\n%s", cfg, says)
	}
	cfg, says = loaded(t, strings.Replace(vs, "group G", "group GG", 1)+group)
	if cfg == nil || len(cfg.VirtualServers) != 0 || !strings.Contains(says, "there is no virtual_server_group GG") || !strings.Contains(says, "did you mean G?") {
		t.Errorf("not there: %+v\n%s", cfg, says)
	}
	// Port 0 is persistent, as for a service of its own.
	cfg, says = loaded(t, strings.Replace(group, " 80", "", 1)+vs)
	if cfg == nil || cfg.VirtualServers[0].PersistenceTimeout.Seconds() != 360 || !strings.Contains(says, "port 0 needs persistence") {
		t.Errorf("port 0: %+v\n%s", cfg, says)
	}
}
