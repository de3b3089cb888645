package load_test

import (
	"strings"
	"testing"
)

// TestTypicalMistakes: what is typed wrong most often in a service is named with its
// place, what it is, and what comes of it or helps.
func TestTypicalMistakes(t *testing.T) {
	const good = `virtual_server 10.0.0.10 80 {
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    real_server 10.1.0.21 80 {
        weight 10
        TCP_CHECK {
        }
    }
    real_server 10.1.0.22 80 {
        weight 20
        TCP_CHECK {
        }
    }
}
`
	for _, tc := range []struct{ old, cur, want string }{
		{"10.0.0.10 80 ", "10.0.0.10 800000 ", "k.conf:1:26: warning: virtual_server: port '800000' is not a number from 0 to 65535: the service is ignored"},
		{"10.0.0.10 80 ", "10.0.0.310 80 ", "k.conf:1:16: warning: virtual_server: '10.0.0.310' is no address: the service is ignored"},
		{"10.1.0.21 80", "10.1.0.21 http", "k.conf:5:27: warning: real_server: port 'http' is not a number from 0 to 65535: the server is ignored"},
		{"protocol TCP", "protocol TCP\n    sorry_server 10.1.0.9 8O", "k.conf:5:27: warning: sorry_server: '8O' is not a whole number: 8 is used"},
		{"protocol TCP", "protocol TCP\n    sorry_server 10.1.0.x 80", "k.conf:5:18: warning: sorry_server: '10.1.0.x' is no address, ignored"},
		{"10.1.0.22 80", "10.1.0.21 80", "k.conf:10:5: warning: real_server 10.1.0.21:80 is given twice, first in line 5: this one is ignored"},
		{"lb_algo wrr", "lb_algo wwrr", "k.conf:2:13: warning: lb_algo: there is no scheduler 'wwrr', ignored (did you mean wrr?)"},
		{"protocol TCP", "protocol TPC", "k.conf:4:14: warning: protocol: 'TPC' is not one of TCP UDP SCTP, ignored (did you mean TCP?)"},
		{"        }\n    }\n    real_server 10.1.0.22", "        }\n    real_server 10.1.0.22", "k.conf:9:5: warning: unknown keyword 'real_server' in virtual_server/real_server (it belongs to virtual_server: is a '}' missing above?)"},
		{"10.0.0.10 80 {", "10.0.0.10 80", "k.conf:2:5: warning: missing '{' before this: virtual_server 10.0.0.10 80 opens a block (what is said of the lines below may come of that)"},
		{"protocol TCP", "protocol TCP\n    persistence_timeout 5m", "k.conf:5:25: warning: persistence_timeout: '5m' is not a whole number of seconds, ignored"},
		{"protocol TCP", "protocol TCP\n    quorum 31", "k.conf:1:1: warning: virtual_server [10.0.0.10]:tcp:80: quorum 31 exceeds the weight of all servers: 30 is used"},
		{"protocol TCP", "protocol TCP\n    sorry_server 10.1.0.21 80", "k.conf:1:1: warning: virtual_server [10.0.0.10]:tcp:80: sorry_server 10.1.0.21:80 is one of the real servers: it is to stand in when they are dead, and is dead then itself (name another machine, or port)"},
		{"10.1.0.22 80", "2001:db8::22 80", "k.conf:14:5: warning: virtual_server [10.0.0.10]:tcp:80: real_server 2001:db8::22 in line 10 is of another family, which only TUN can reach: it is ignored"},
		{"10.0.0.10 80", "fwmark 0", "k.conf:1:23: warning: virtual_server: fwmark 0 is outside 1..4294967295: the service is ignored"},
		{"weight 10", "weight -1", "k.conf:6:16: warning: weight: -1 is outside "},
		{good, good + good, "k.conf:16:1: warning: virtual_server [10.0.0.10]:tcp:80: it is given twice: the one in line 1 counts"},
	} {
		if !strings.Contains(good, tc.old) {
			t.Fatalf("%q is not in the text", tc.old)
		}
		_, diags := conf(strings.Replace(good, tc.old, tc.cur, 1))
		var all []string
		found := false
		for _, d := range diags {
			all = append(all, d.String())
			found = found || strings.HasPrefix(d.String(), tc.want)
		}
		if !found {
			t.Errorf("no %s in\n%s", tc.want, strings.Join(all, "\n"))
		}
	}
}

// TestOneComplaintANumber: of what is no number and would be too large as well one
// thing is said, and not that its digits are used, for they are not.
func TestOneComplaintANumber(t *testing.T) {
	const good = `virtual_server_group G {
    10.0.0.11 80
    fwmark 7
}
virtual_server 10.0.0.10 80 {
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    sorry_server 10.1.0.9 80
    real_server 10.1.0.21 80 {
        weight 10
        uthreshold 9
        TCP_CHECK {
        }
    }
}
`
	for _, tc := range []struct{ old, cur string }{
		{"10.0.0.10 80", "10.0.0.10 99999x"},
		{"10.1.0.21 80", "10.1.0.21 99999x"},
		{"10.1.0.9 80", "10.1.0.9 99999x"},
		{"10.0.0.11 80", "10.0.0.11 99999x"},
		{"fwmark 7", "fwmark 9999999999x"},
		{"weight 10", "weight 9999999999x"},
		{"uthreshold 9", "uthreshold 9999999999999999999999x"},
	} {
		if !strings.Contains(good, tc.old) {
			t.Fatalf("%q is not in the text", tc.old)
		}
		_, diags := conf(strings.Replace(good, tc.old, tc.cur, 1))
		var about []string
		for _, d := range diags {
			if strings.Contains(d.String(), "999x") {
				about = append(about, d.String())
			}
		}
		if len(about) != 1 || strings.Contains(about[0], "is used") {
			t.Errorf("%s: %d findings, want 1:\n%s", tc.cur, len(about), strings.Join(about, "\n"))
		}
	}
}
