package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// written are services with one thing that the generator never writes: odd
// numbers, addresses, options, and what does not go together. Each value stands
// for %s in the text. Those of which keepalived 2.2.7 makes something else, in
// the sense of docs/differences.md, are left out.
var written = []struct {
	text   string
	values []string
}{
	{writtenService("10.0.0.1 %s", ""), []string{"0080", "0x50", "65536", "-1", "http", "80x", "08", "+80", `"80"`, "80 90", "80-90", "80,90", "' 80'"}},
	{writtenService("10.0.0.1 80", "", server("198.51.100.2 %s")), []string{"0080", "0x50", "65536", "-1", "http", "80x", "08", "+80", `"81"`, "80 90", "80-90", "81,90", ""}},
	{writtenService("%s 80", ""), []string{"0.0.0.0", "255.255.255.255", "224.0.0.1", "010.0.0.1", "10.1", "localhost", "10.0.0.1/32", "10.0.0.256", "10.0.0.1:80", `"10.0.0.1"`, "10.0.0.1,"}},
	{writtenService("10.0.0.1 80", "", server("%s 80")), []string{"0.0.0.0", "255.255.255.255", "224.0.0.1", "010.0.0.1", "localhost", "10.0.0.9/32", "10.0.0.256", `"10.0.0.9"`, "127.0.0.1"}},
	{strings.Replace(writtenService("10.0.0.1 80", "sorry_server %s", server("198.51.100.2 80")), "weight 3", "weight 0", 1), []string{
		"198.51.100.9 80", "198.51.100.9 81 82", "198.51.100.9 x", "198.51.100.9 81x", "localhost 80", "198.51.100.1 80", "198.51.100.9 80\nsorry_server 198.51.100.8 81",
		"198.51.100.9 80\nsorry_server_inhibit", "198.51.100.9 80\nsorry_server_lvs_method DR\nsorry_server 198.51.100.8 81",
	}},
	{strings.Replace(writtenService("10.0.0.1 80", "sorry_server_inhibit\nsorry_server_lvs_method %s\nsorry_server 198.51.100.9 81\nsorry_server_lvs_method %[1]s"), "weight 3", "weight 0", 1), writtenMethods},
	{writtenService("10.0.0.1 80", "weight %s", server("198.51.100.2 80", "weight 4"), "real_server 198.51.100.4 80 {\n}\n"), slices.Concat(writtenNumbers, []string{"2147483647"})},
	{strings.Replace(writtenService("10.0.0.1 80", "", server("198.51.100.2 80")), "weight 3", "weight %s", 1), slices.Concat(writtenNumbers[1:], []string{"2147483647"})},
	{writtenService("10.0.0.1 80", "", server("198.51.100.2 80", "uthreshold %s")), writtenNumbers},
	{writtenService("10.0.0.1 80", "", server("198.51.100.2 80", "uthreshold 4294967295", "lthreshold %s")), writtenNumbers},
	{writtenService("10.0.0.1 80", "persistence_timeout %s"), slices.Concat(writtenNumbers, []string{"2678400", "2678401", "1m", "60 5"})},
	{writtenService("10.0.0.1 80", "sorry_server 198.51.100.9 80\nquorum %s", server("198.51.100.2 80", "weight 2")), slices.Concat(writtenNumbers, []string{"4", "6"})},
	{writtenService("10.0.0.1 80", "sorry_server 198.51.100.9 80\nquorum 4\nhysteresis %s", server("198.51.100.2 80", "weight 2")), []string{"-1", "5", "4", "3", "2", "1", "x", "0x2", "2147483648", "4294967295"}},
	{writtenService("10.0.0.1 80", "persistence_granularity %s"), []string{"255.255.255.0", "255.255.255.255", "0xffffff00", "4294967040", "0xff.0xff.0", "255.255.255.0\npersistence_granularity 255.255.0.0", "256.0.0.0", "/24", "x"}},
	{strings.ReplaceAll(writtenService("2001:db8::1 80", "persistence_granularity %s"), "198.51.100.", "2001:db8:f::"), []string{"0", "129", "/64", "255.255.255.0", "ffff::", "64", "1", "64x", "0x40", "-1"}},
	{writtenMark("fwmark 5", "persistence_granularity %s"), []string{"0", "255.255.255.0", "129", "0xffffff00"}},
	{writtenMark("fwmark %s", ""), []string{"5 inet6", "05", "+5", `"5"`, "5x", "5.5", "4294967296", "-1"}},
	{writtenMark("fwmark 5", "%s"), []string{"ops", "protocol UDP\nops", "ha_suspend", "ip_family inet", "ip_family foo", "persistence_engine sip", "persistence_engine sip\npersistence_timeout 5"}},
	{writtenService("10.0.0.1 5060", "%s"), []string{
		"persistence_engine sip", "persistence_timeout 5\npersistence_engine sip", "persistence_timeout 5\npersistence_engine foo", "persistence_timeout 5\npersistence_engine SIP",
		"protocol UDP\npersistence_timeout 5\npersistence_engine sip", "ops", "protocol UDP\nops", "protocol SCTP\nops", "protocol UDP\nops no", "ops\nprotocol UDP", "hashed", "ip_family inet6",
	}},
	{writtenService("10.0.0.1 80", "%s"), []string{"protocol 6", "protocol icmp", "protocol TCP UDP", "protocol UDPLITE", `protocol "udp"`, "protocol Sctp", "ha_suspend", "alpha", "alpha no", "omega", "inhibit_on_failure no", "uthreshold 5", "foo 5"}},
	{writtenService("10.0.0.1 80", "lb_algo %s"), []string{
		"foo", "RR", "twos", `"wrr"`, "lc wrr", "'rr'", "sh\nsh-port\nlb_algo mh", "mh\nsh-port", "sh\nmh-port\nsh-fallback", "sh\nsh-port\nlb_algo rr", "rr\nsh-port", "mh\nmh-port\nflag-1\nflag-2\nflag-3",
		"rr\nflag-1\nflag-2\nflag-3", "sh\nflag-1 off", "sh\nsh-port no", "rr\nlvs_sched lc", "wlc\nflag-2\nlb_algo sh", "lblcr\nflag-1", "dh\nflag-2\nflag-3",
	}},
	{writtenService("10.0.0.1 80", "lb_kind %s", server("198.51.100.2 81"), "real_server 198.51.100.4 {\n}\n"), writtenMethods},
	{writtenService("10.0.0.1 80", "", server("198.51.100.2 81", "lvs_method %s")), writtenMethods},
	{strings.Replace(writtenService("10.0.0.1%s", "", server("198.51.100.2"), server("198.51.100.5 81", "lvs_method DR")), " 80", "", 1), []string{"", " 0", " 0\n{\npersistence_timeout 7", "\n{\npersistence_granularity 255.255.255.0"}},
	{writtenService("10.0.0.1 80", "", server("198.51.100.2 80", "%s")), []string{
		"inhibit_on_failure foo", "alpha foo", "lb_kind DR", "persistence_timeout 5", "lthreshold 6\nuthreshold 5", "lthreshold 5\nuthreshold 6", "weight 4\nweight 5", "real_server 198.51.100.6 80 {\n}", "foo {\nweight 9\n}",
	}},
	{writtenService("10.0.0.1 80", "", server("198.51.100.1 80", "%s"), server("198.51.100.1 81"), server("2001:db8::5 80")), []string{"weight 4", "lvs_method DR"}},
	{writtenGroup("%s"), []string{
		"10.0.0.14-9 80", "10.0.0.5-5 80", "10.0.0.250-260 80", "10.0.0.5 - 9 80", "10.0.0.0-50 80", "10.0.0.9/32 80", "10.0.0.8/31 80", "10.0.0.9/30 80", "10.0.0.0/33 80", "10.0.0.1 80\n10.0.0.1 80",
		"10.0.0.1 80\n10.0.0.1-3 80", "10.0.0.1 80\n10.0.0.1 81", "10.0.0.1 80 90", "10.0.0.1 0x50", "10.0.0.1 http", "10.0.0.1 80x", "fwmark 5\nfwmark 5", "fwmark 5\n10.0.0.1 80", "fwmark 5 inet\nfwmark 6 foo",
		"10.0.0.1 80\nlocalhost 80", "10.0.0.1 65536\n10.0.0.2 65535", "10.0.0.7-0 80", "10.0.0.1-0x5 80", "10.0.0.1/24-5 80", "10.0.0.3-10.0.0.1 80", "10.0.0.1-10.0.0.3-5 80", "10.0.0.1-2001:db8::1 80",
		"fwmark 5x\nfwmark 6.5", "10.0.0.1\nfwmark 6", "unknown 5\n10.0.0.1 80", "10.0.0.1 80\nfwmark 7 inet6",
	}},
	{strings.ReplaceAll(writtenGroup("%s"), "198.51.100.", "2001:db8:f::"), []string{
		"2001:db8::A-F 80", "2001:db8::a-f 80", "2001:db8::9-10 80", "2001:db8::5-2001:db8::8 80", "2001:db8::fff0-ffff 80", "2001:db8::f-3 80", "2001:db8::/128 80", "2001:db8::1/126 80",
		"2001:db8::1-2001:db8::3-9 80", "2001:DB8::1 80", "fwmark 5\n2001:db8::1 80", "2001:db8::1 80\n10.0.0.1 80",
	}},
}

var (
	writtenNumbers = []string{"0x10", "010", "+5", "-1", "5x", `"5"`, "5 6", "1.5", "2147483648", "4294967295", "4294967296", "99999999999999999999", "1e3"}
	writtenMethods = []string{
		"dr", "MASQ", "NAT extra", "DR", "TUN type gue", "TUN port 5", "TUN type ipip csum", "TUN type ipip nocsum", "TUN type gre remcsum", "TUN type gue port 0", "TUN type gue port 70000", "TUN type gue port x",
		"TUN port 6080 type gue", "TUN csum type gre", "TUN type gre csum nocsum", "TUN type vxlan", "TUN type", "TUN type gue port 6080 csum remcsum", "TUN type gre port 5", "TUN foo", "NAT type ipip",
		"DR type gue port 6080", `"TUN"`, "TUN type gue type gre port 7", "TUN type gue port 6080 port 6081", "tun type ipip", "TUN TYPE IPIP", "TUN nocsum",
	}
)

func server(addr string, lines ...string) string {
	return "real_server " + addr + " {\n" + strings.Join(append(lines, ""), "\n") + "}\n"
}

func writtenService(head, lines string, servers ...string) string {
	return "virtual_server " + head + " {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n" + lines + "\n" + server("198.51.100.1 80", "weight 3") + strings.Join(servers, "") + "}\n"
}

func writtenMark(head, lines string) string {
	return strings.Replace(writtenService(head, lines, server("198.51.100.2")), "protocol TCP\n", "", 1)
}

func writtenGroup(entries string) string {
	return "virtual_server_group G {\n" + entries + "\n}\n" + writtenService("group G", "")
}

var writtenID = regexp.MustCompile(`10\.0\.0\.|2001:(?i:db8)::|fwmark \+?"?\d|\bG\b`)

// equalWritten installs them all, many in one configuration.
func equalWritten(t testing.TB) {
	var texts []string
	for _, w := range written {
		for _, v := range w.values {
			n := len(texts) + 1
			text := strings.ReplaceAll(strings.ReplaceAll(w.text, "%[1]s", v), "%s", v)
			texts = append(texts, writtenID.ReplaceAllStringFunc(text, func(id string) string {
				switch {
				case id == "G":
					return fmt.Sprint("G", n)
				case id == "10.0.0.":
					return fmt.Sprintf("10.%d.%d.", n>>8, n&255)
				case strings.HasPrefix(id, "fwmark"):
					return fmt.Sprintf("%s%d%s", id[:len(id)-1], n, id[len(id)-1:])
				}
				return fmt.Sprintf("%s%x::", id[:len(id)-1], n)
			}))
		}
	}
	s := sideBySide(t, true)
	const marker = "virtual_server 192.0.2.77 80 {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server 198.51.100.250 80 {\n}\n}\n"
	services := 0
	for some := range slices.Chunk(texts, 70) {
		c := confs{conf: marker + strings.Join(some, "")}
		c.toml = converted(t, c.conf)
		s.start(c, "-C")
		s.same("start", 0, "dest of af 2 protocol 6 addr 192.0.2.77 port 80: addr 198.51.100.250 ")
		table, err := s.list[0].raw.lines()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range table {
			if strings.HasPrefix(l, "service ") {
				services++
			}
		}
		s.stop("no service", "no dest")
	}
	t.Logf("%d texts, %d services", len(texts), services)
	if services < len(texts) {
		t.Errorf("keepalived made %d services of %d texts", services, len(texts))
	}
}
