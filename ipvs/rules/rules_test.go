package rules_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/ipvs"
	"holdfast/ipvs/rules"
)

var names = rules.Names{
	Host: func(name string) (netip.Addr, error) {
		if a, ok := map[string]string{"vip.example": "192.0.2.1", "web1": "198.51.100.1"}[name]; ok {
			return netip.MustParseAddr(a), nil
		}
		return netip.Addr{}, errors.New("no such host")
	},
	Port: func(network, name string) (uint16, error) {
		if p, ok := map[string]uint16{"tcp/http": 80, "udp/sip": 5060}[network+"/"+name]; ok {
			return p, nil
		}
		return 0, errors.New("no such service")
	},
}

// written is every form of a rule, and how Write puts it.
var written = map[string]struct{ in, want string }{
	"defaults":     {"-A -t 192.0.2.1:80", "-A -t 192.0.2.1:80 -s wlc\n"},
	"long options": {"--add-service --tcp-service=192.0.2.1:80 --scheduler rr", "-A -t 192.0.2.1:80 -s rr\n"},
	"joined":       {"-At192.0.2.1:80 -srr -p50", "-A -t 192.0.2.1:80 -s rr -p 50\n"},
	"program's name": {
		"ipvsadm -A -u 192.0.2.1:53 -s rr -o\n/sbin/ipvsadm -a -u 192.0.2.1:53 -r 198.51.100.1 -m",
		"-A -u 192.0.2.1:53 -s rr -o\n-a -u 192.0.2.1:53 -r 198.51.100.1:53 -m -w 1\n",
	},
	"names": {
		"-A -t vip.example:http -s wrr\n-a -t vip.example:http -r web1:http -m",
		"-A -t 192.0.2.1:80 -s wrr\n-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1\n",
	},
	"bare persistence":   {"-A -t 192.0.2.1:80 -p -s rr", "-A -t 192.0.2.1:80 -s rr -p 360\n"},
	"persistence at end": {"-A -t 192.0.2.1:0 -s rr -p", "-A -t 192.0.2.1:0 -s rr -p 360\n"},
	"comments": {
		"# first\n\n  -A   -t\t192.0.2.1:80 \"-s\" 'rr' # last\r\n   # blank",
		"-A -t 192.0.2.1:80 -s rr\n",
	},
	"marks": {
		"-A -f 9 -6 -s rr -o\n-a -f 9 -6 -r [2001:db8::2]:0 -m\n-A -f 9 -p 5 -M 255.255.255.0",
		"-A -f 9 -s wlc -p 5 -M 255.255.255.0\n-A -f 9 -6 -s rr -o\n-a -f 9 -6 -r [2001:db8::2]:0 -m -w 1\n",
	},
	"IPv6": {
		"-A -t [2001:db8::1]:80 -p 50 -M 64\n-A -t 2001:db8::8 -p 20",
		"-A -t [2001:db8::1]:80 -s wlc -p 50 -M 64\n-A -t [2001:db8::8]:0 -s wlc -p 20\n",
	},
	"scheduler flags": {
		"-A -t 192.0.2.1:80 -s mh -b mh-port\n-A -t 192.0.2.2:80 -s sh -b flag-1,sh-port,flag-3\n-A -t 192.0.2.3:80 -s wrr -b flag-2",
		"-A -t 192.0.2.1:80 -s mh -b mh-port\n-A -t 192.0.2.2:80 -s sh -b sh-fallback,sh-port,flag-3\n-A -t 192.0.2.3:80 -s wrr -b flag-2\n",
	},
	"persistence engine": {"-A -u 192.0.2.1:sip -p 60 --pe sip", "-A -u 192.0.2.1:5060 -s wlc -p 60 --pe sip\n"},
	"ports that forwarding keeps": {
		"-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 198.51.100.1:99 -g\n-a -t 192.0.2.1:80 -r 198.51.100.2:99 -m\n-a -t 192.0.2.1:80 -r 198.51.100.3:99 -i",
		"-A -t 192.0.2.1:80 -s wlc\n-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 1\n-a -t 192.0.2.1:80 -r 198.51.100.2:99 -m -w 1\n-a -t 192.0.2.1:80 -r 198.51.100.3:80 -i -w 1 --tun-type ipip\n",
	},
	"ports of a mark's servers": {
		"-A -f 3\n-a -f 3 -r 192.0.2.2:80 -g\n-a -f 3 -r 192.0.2.3:81 -i\n-a -f 3 -r 192.0.2.4 -g\n-a -f 3 -r 192.0.2.5:82 -m",
		"-A -f 3 -s wlc\n-a -f 3 -r 192.0.2.2:80 -g -w 1\n-a -f 3 -r 192.0.2.3:81 -i -w 1 --tun-type ipip\n-a -f 3 -r 192.0.2.4:0 -g -w 1\n-a -f 3 -r 192.0.2.5:82 -m -w 1\n",
	},
	"thresholds": {
		"-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 198.51.100.1 -w 0 -x 10 -y 5",
		"-A -t 192.0.2.1:80 -s wlc\n-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 0 -x 10 -y 5\n",
	},
	"tunnels": {
		"-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 198.51.100.1 -i --tun-type gue --tun-port 6080 --tun-remcsum\n-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type gre --tun-csum\n-a -t 192.0.2.1:80 -r 198.51.100.3 -i --tun-type ipip",
		"-A -t 192.0.2.1:80 -s wlc\n-a -t 192.0.2.1:80 -r 198.51.100.1:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum\n-a -t 192.0.2.1:80 -r 198.51.100.2:80 -i -w 1 --tun-type gre --tun-csum\n-a -t 192.0.2.1:80 -r 198.51.100.3:80 -i -w 1 --tun-type ipip\n",
	},
	"timeouts":                        {"--set 100 0 30\n--set 0 20 0", "--set 100 20 30\n-C\n"},
	"marks as ipvsadm -S writes them": {"-A -f -1 -s rr\n-a -f -1 -r 192.0.2.2 -g\n-A -f -2147483648 -s rr", "-A -f 2147483648 -s rr\n-A -f 4294967295 -s rr\n-a -f 4294967295 -r 192.0.2.2:0 -g -w 1\n"},
	"daemons": {
		"--start-daemon master --mcast-interface eth0 --syncid 7 --sync-maxlen 1400 --mcast-group 224.0.0.82 --mcast-port 9000 --mcast-ttl 3\n--start-daemon backup --mcast-interface eth1\n--stop-daemon backup\n--start-daemon=backup --mcast-interface=eth2",
		"-C\n--start-daemon master --mcast-interface eth0 --syncid 7 --sync-maxlen 1400 --mcast-group 224.0.0.82 --mcast-port 9000 --mcast-ttl 3\n--start-daemon backup --mcast-interface eth2 --syncid 0\n",
	},
	"a daemon without an interface": {"--start-daemon master --syncid 3", "-C\n--start-daemon master --mcast-interface eth0 --syncid 3\n"},
	"edits": {
		"-A -t 192.0.2.1:80 -s rr -p 5\n-a -t 192.0.2.1:80 -r 198.51.100.1 -w 9\n-a -t 192.0.2.1:80 -r 198.51.100.2\n-a -t 192.0.2.1:80 -r 198.51.100.3\n-d -t 192.0.2.1:80 -r 198.51.100.1\n-a -t 192.0.2.1:80 -r 198.51.100.1 -w 3\n-e -t 192.0.2.1:80 -r 198.51.100.2 -m -w 4\n-E -t 192.0.2.1:80 -s lc\n-A -t 192.0.2.9:80\n-D -t 192.0.2.9:80\n-A -t 192.0.2.9:80 -s rr",
		"-A -t 192.0.2.1:80 -s lc\n-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 3\n-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 4\n-a -t 192.0.2.1:80 -r 198.51.100.3:80 -g -w 1\n-A -t 192.0.2.9:80 -s rr\n",
	},
	"an IPv4 address written as IPv6": {
		"-A -t [::ffff:192.0.2.1]:80 -s rr\n-A -t 192.0.2.1:80 -s rr\n",
		"-A -t 192.0.2.1:80 -s rr\n-A -t [::ffff:192.0.2.1]:80 -s rr\n",
	},
	"nothing": {"", "-C\n"},
	"clear":   {"-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 198.51.100.1\n-C\n-A -t 192.0.2.1:80 -s rr", "-A -t 192.0.2.1:80 -s rr\n"},
}

func TestWrittenAgain(t *testing.T) {
	for name, c := range written {
		t.Run(name, func(t *testing.T) {
			r, errs := rules.Read(c.in, rules.Rules{}, names)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			got := rules.Write(r)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, errs := rules.Read(got, rules.Rules{}, rules.Names{})
			if len(errs) > 0 || rules.Write(again) != got {
				t.Errorf("not the same when read again: %v\n%s", errs, rules.Write(again))
			}
		})
	}
}

// TestRefused: each line is an error that holds the text, and nothing else is.
func TestRefused(t *testing.T) {
	head := "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 198.51.100.1\n"
	for line, want := range map[string]string{
		"-t 192.0.2.1:80":                                   "no command",
		"frob":                                              "no command",
		"-A":                                                "no virtual server",
		"-A -t 192.0.2.1:80":                                "exists already",
		"-E -t 192.0.2.7:80":                                "no service",
		"-D -t 192.0.2.7:80":                                "no service",
		"-a -t 192.0.2.7:80 -r 198.51.100.1":                "no service",
		"-a -t 192.0.2.1:80":                                "no real server",
		"-a -t 192.0.2.1:80 -r 198.51.100.1:81":             "exists already",
		"-e -t 192.0.2.1:80 -r 198.51.100.9":                "has no server",
		"-d -t 192.0.2.1:80 -r 198.51.100.9":                "has no server",
		"-A -t 192.0.2.2":                                   "needs persistence",
		"-A -t 192.0.2.2: -p 9":                             "port",
		"-A -t 192.0.2.2:99999 -p 9":                        "port",
		"-A -t 192.0.2.2:bogus":                             "port",
		"-A -t nowhere:80":                                  "an address or a host's name",
		"-A -t [192.0.2.2]:80":                              "an address or a host's name",
		"-A -t [2001:db8::1:80":                             "no closing ]",
		"-A -t [fe80::1%eth0]:80":                           "an address",
		"-a -t 192.0.2.1:80 -r [::ffff:198.51.100.1]:80 -i": "not the address of a server",
		"-A -f 0":                                           "firewall mark",
		"-A -f 0x10":                                        "firewall mark",
		"-A -f 4294967296":                                  "firewall mark",
		"-A -f -2147483649":                                 "firewall mark",
		"-A -t 192.0.2.2:80 -f 3":                           "more than one virtual server",
		"-A -6 -t 192.0.2.2:80":                             "IPv4, but",
		"-A -t 192.0.2.2:80 -p 0":                           "persistence",
		"-A -t 192.0.2.2:80 -o":                             "UDP only",
		"-A -t 192.0.2.2:80 -s rr -b sh-port":               "scheduler flag",
		"-A -t 192.0.2.2:80 -M 24":                          "for a prefix length write 255.255.255.0",
		"-A -t [2001:db8::1]:80 -M 255.0.0.0":               "prefix length",
		"-A -t 192.0.2.2:80 -s":                             "needs an argument",
		"-A -t 192.0.2.2:80 -s rr -s lc":                    "given twice",
		"-A -t 192.0.2.2:80 -w 3":                           "does not go with",
		"-A -D -t 192.0.2.2:80":                             "two commands",
		"-A -t 192.0.2.2:80 extra":                          "unexpected argument",
		"-A -t 192.0.2.2:80 --clear=1":                      "takes no argument",
		"-A -t 192.0.2.2:80 --bogus":                        "unknown option --bogus",
		"-A -t 192.0.2.2:80 -q":                             "unknown option -q",
		"-A -t 192.0.2.2:80 -s 'rr":                         "no closing '",
		`-A -t 192.0.2.2:80 \`:                              "backslash",
		"-C -t 192.0.2.1:80":                                "does not go with",
		"-D -t 192.0.2.1:80 -s rr":                          "does not go with",
		"-L":                                                "no rule",
		"-Z":                                                "no rule",
		"--set 1 2":                                         "three numbers",
		"--set 1 2 x":                                       "number of seconds",
		"--start-daemon foo":                                "master or backup",
		"--start-daemon master --mcast-interface=":          "--mcast-interface",
		"--start-daemon master --mcast-interface abcdefghijklmnop":                     "--mcast-interface",
		"--start-daemon master --mcast-interface eth0 --syncid 256":                    "from 0 to 255",
		"--start-daemon master --mcast-interface eth0 --mcast-group 192.0.2.1":         "multicast address",
		"-a -t 192.0.2.1:80 -r 198.51.100.2 -g -m":                                     "more than one of",
		"-a -t 192.0.2.1:80 -r 198.51.100.2 --tun-type gue":                            "need -i",
		"-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type gue":                         "gue needs --tun-port",
		"-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type vxlan":                       "ipip, gue or gre",
		"-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-csum":                             "has not",
		"-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type gre --tun-csum --tun-nocsum": "more than one",
		"-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type gre --tun-port 5":            "gue only",
		"-a -t 192.0.2.1:80 -r 2001:db8::2":                                            "another family",
		"-a -t 192.0.2.1:80 -r 224.0.0.1":                                              "not the address of a server",
		"-a -t 192.0.2.1:80 -r 198.51.100.2 -w -1":                                     "weight",
		"-a -t 192.0.2.1:80 -r 198.51.100.2 -x 5 -y 9":                                 "above the upper one",
	} {
		_, errs := rules.Read(head+line+"\n", rules.Rules{}, names)
		if len(errs) != 1 || errs[0].Line != 3 || !strings.Contains(errs[0].Text, want) {
			t.Errorf("%s: %v, want one with %q", line, errs, want)
		}
	}
}

// TestOnTop: the commands of a file go on from what there is.
func TestOnTop(t *testing.T) {
	start, errs := rules.Read("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 198.51.100.1", rules.Rules{}, names)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	before := rules.Write(start)
	r, errs := rules.Read("-a -t 192.0.2.1:80 -r 198.51.100.2\n-d -t 192.0.2.1:80 -r 198.51.100.1", start, names)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := "-A -t 192.0.2.1:80 -s wlc\n-a -t 192.0.2.1:80 -r 198.51.100.2:80 -g -w 1\n"
	if got := rules.Write(r); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if rules.Write(start) != before {
		t.Error("what was there has changed")
	}
	if r.SaysDaemons {
		t.Error("a file without daemons says something of them")
	}
}

// FuzzRead: whatever is read without an error is written and read again as
// the same.
func FuzzRead(f *testing.F) {
	for _, c := range written {
		f.Add(c.in)
	}
	f.Add("-A -t 192.0.2.1:80 -p -b , -M\x00")
	f.Fuzz(func(t *testing.T, text string) {
		r, errs := rules.Read(text, rules.Rules{}, names)
		if len(errs) > 0 {
			return
		}
		out := rules.Write(r)
		again, errs := rules.Read(out, rules.Rules{}, rules.Names{})
		if len(errs) > 0 {
			t.Fatalf("%v in\n%s", errs, out)
		}
		if !again.Table.Equal(r.Table) || rules.Write(again) != out {
			t.Fatalf("from\n%s\ncame\n%s\nand then\n%s", text, out, rules.Write(again))
		}
	})
}

// TestManyServers: the time that a file takes grows with its length only.
func TestManyServers(t *testing.T) {
	var b strings.Builder
	b.WriteString("-A -f 1\n")
	const n = 50000
	for i := range n {
		b.WriteString("-a -f 1 -r " + netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String() + "\n")
	}
	r, errs := rules.Read(b.String(), rules.Rules{}, rules.Names{})
	if len(errs) > 0 || len(r.Table) != 1 || len(r.Table[0].Dests) != n {
		t.Fatal(errs)
	}
	if r.Table[0].Dests[0].Method != ipvs.DirectRoute {
		t.Error("not by direct routing")
	}
}

func TestBlank(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "\n \t\n": true, "# -C\n\n  # x": true,
		"--set 1 2 3\n": true, "# x\nipvsadm --set 1 2 3\n--start-daemon master --mcast-interface eth0\n": true,
		"-C": false, "--set 1 2 3\n-C\n": false, "-D -t 192.0.2.1:80\n": false, "\\": false, "bogus\n": false,
	} {
		if got := rules.Blank(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
