package lvs

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/integration/uml"
)

// scenario is a virtual server at 192.0.2.n. A server is "ADDRESS FILE WEIGHT
// OPTION…": the last byte of its address, the name that its check is given,
// its weight, and keywords.
type scenario struct {
	options string // lines of the virtual server, separated by ;
	servers []string
}

// A script is slow in the IPVS kernel, and a hundred of them every two seconds
// are more than it can do, so only weights are asked of one.
const (
	checkOf  = "TCP_CHECK {\n connect_ip 127.0.0.1\n connect_port %d\n connect_timeout 10\n }\n"
	weightOf = "MISC_CHECK {\n misc_path \"DIR/weigh %d\"\n misc_timeout 30\n misc_dynamic\n }\n"
	// silent is a check that has no result as long as a test lasts. (A long warmup is
	// none: keepalived's random time within it is some minutes at most, often less.)
	silent = "TCP_CHECK {\n connect_ip " + nobody + "\n connect_timeout 1200\n }\n"
)

// checker is one, by its name.
func checker(t *testing.T, kind, name string) string {
	t.Helper()
	n, err := strconv.Atoi(name)
	if err != nil {
		t.Fatal(err)
	}
	if kind == checkOf {
		n += firstPort
	}
	return fmt.Sprintf(kind, n)
}

func conf(t *testing.T, scenarios ...scenario) string {
	var b strings.Builder
	b.WriteString("global_defs {\n script_user root\n lvs_notify_fifo DIR/fifo\n}\n")
	for i, s := range scenarios {
		if s.servers == nil {
			continue // removed
		}
		name, kind, options := fmt.Sprintf("192.0.2.%d 80", i+1), "lb_kind DR\n protocol TCP", s.options
		if rest, ok := strings.CutPrefix(options, "fwmark;"); ok {
			name, kind, options = fmt.Sprint("fwmark ", i+1), "lb_kind NAT", rest
		}
		if rest, ok := strings.CutPrefix(options, "address-200;"); ok {
			name, options = "192.0.2.200 80", rest
		}
		fmt.Fprintf(&b, "virtual_server %s {\n delay_loop 2\n warmup 0\n retry 1\n delay_before_retry 1\n lb_algo rr\n %s\n", name, kind)
		b.WriteString(strings.ReplaceAll(options, ";", "\n") + "\n")
		for _, line := range s.servers {
			w := strings.Fields(line)
			fmt.Fprintf(&b, " real_server 198.51.100.%s 80 {\n weight %s\n", w[0], w[2])
			first, second := checkOf, ""
			for _, option := range w[3:] {
				switch {
				case option == "misc_dynamic":
					first = weightOf
				case strings.HasPrefix(option, "and-"):
					second = option[len("and-"):]
				default:
					b.WriteString(" " + option + "\n")
				}
			}
			switch w[1] {
			case "-":
			case "silent":
				b.WriteString(silent)
			default:
				b.WriteString(checker(t, first, w[1]))
			}
			if second != "" {
				b.WriteString(checker(t, checkOf, second))
			}
			b.WriteString(" }\n")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

const sorryServer = "sorry_server 203.0.113.9 80"

var (
	plain     = []string{"1 1 1", "2 2 2"}
	inhibited = []string{"1 1 1 inhibit_on_failure", "2 2 2 inhibit_on_failure"}
)

var scenarios = []scenario{
	{"", plain},
	{sorryServer, plain},
	{sorryServer, inhibited},
	{"alpha;" + sorryServer, plain},
	{"alpha", plain},
	{"alpha", inhibited},
	{"quorum 2;hysteresis 1;" + sorryServer, plain},
	{"quorum 9;" + sorryServer, plain},
	{sorryServer, []string{"1 1 0", "2 2 0"}},
	{sorryServer + ";sorry_server_inhibit", plain},
	{"quorum 2", plain},
	{sorryServer + ";sorry_server_lvs_method NAT", []string{"1 1 4 misc_dynamic", "2 2 2 misc_dynamic"}},
	{"alpha;sorry_server_inhibit;" + sorryServer, inhibited},
	{"alpha", []string{"1 - 3", "2 2 2"}},
	{"quorum 3;hysteresis 1;sorry_server 198.51.100.1 80", plain},
	{"quorum 3;hysteresis 7", []string{"1 1 1", "2 2 3"}},
	{"quorum 3;hysteresis 1", []string{"1 1 1", "2 2 3"}},
	{"quorum 3;" + sorryServer, inhibited},
	{"quorum 3;" + sorryServer, []string{"1 1 1", "2 2 2", "3 3 2"}},
	{"", []string{"1 1 1 and-2"}},
	{"alpha", []string{"1 1 1 and-3", "2 2 2"}},
	{"omega;" + sorryServer, plain},
	{"omega;quorum 3", plain},
	{"quorum 5;hysteresis 2;" + sorryServer, []string{"1 1 2", "2 2 3", "3 3 3"}},
	{"fwmark;ha_suspend;" + sorryServer, plain},
	{"ha_suspend", plain},             // its address is not here
	{"ha_suspend;alpha", plain},       // so nothing says that its servers live
	{"address-200;ha_suspend", plain}, // its address is here
}

func TestHealthIsKeepaliveds(t *testing.T) {
	need(t, "keepalived")
	t.Parallel()
	if uml.RunTest(t, modules) {
		return
	}
	s := newSideBySide(t)
	defer s.keepalivedLog()
	s.start(conf(t, scenarios...), "-C")
	time.Sleep(time.Second)
	s.step("all up")
	s.down(1)
	s.told("1 down")
	s.down(2)
	s.told("2 down as well")
	s.up(1)
	s.told("1 up")
	s.up(2)
	s.told("2 up")
	s.write("weight.1", "2", 0o644)
	s.step("1 has weight 0")
	s.write("weight.2", "2", 0o644)
	s.told("2 has weight 0")
	s.write("weight.1", "102", 0o644)
	s.step("1 has weight 100")
	s.remove("weight.1")
	s.remove("weight.2")
	s.step("no weight is given")
	s.end()
}

func TestHealthIsKeepalivedsFromAllDown(t *testing.T) {
	need(t, "keepalived")
	t.Parallel()
	if uml.RunTest(t, modules) {
		return
	}
	s := newSideBySide(t)
	defer s.keepalivedLog()
	s.down(1)
	s.down(2)
	s.start(conf(t, scenarios...), "-C")
	time.Sleep(time.Second)
	s.step("all down")
	s.up(1)
	s.told("1 up")
	s.up(2)
	s.told("2 up")
	s.end()
}

func TestReloadIsKeepaliveds(t *testing.T) {
	need(t, "keepalived")
	t.Parallel()
	if uml.RunTest(t, modules) {
		return
	}
	before := []scenario{
		{"", []string{"3 3 1", "1 1 1"}},
		{"", []string{"3 3 1", "4 4 1"}},
		{"", []string{"3 3 1", "1 1 1"}},
		{sorryServer, []string{"3 3 1", "4 4 1"}},
		{"", []string{"1 1 1", "3 3 1"}},
		{"", []string{"1 1 1"}},
		{"", []string{"1 1 1", "3 3 1"}},
		{},
		{sorryServer, []string{"1 1 1"}},
		{sorryServer, []string{"1 1 1"}},
		{"quorum 2;" + sorryServer, []string{"1 1 1", "3 3 2"}},
		{sorryServer, []string{"1 1 1 inhibit_on_failure"}},
	}
	after := []scenario{
		{"", []string{"3 3 5", "1 1 5"}}, // weights
		{"", []string{"3 3 1", "5 5 1"}}, // another server
		{},                               // removed
		{"quorum 2;hysteresis 1;" + sorryServer, []string{"3 3 1", "4 4 1"}}, // not reached, not lost
		{"", []string{"1 3 1", "3 3 1"}},                                     // another check for a server that is down
		{sorryServer, []string{"1 1 1"}},                                     // a sorry server while down
		{"", []string{"1 1 1 inhibit_on_failure", "3 3 1 inhibit_on_failure"}},
		{"alpha", []string{"3 3 1"}},                            // new
		{"sorry_server 203.0.113.10 80", []string{"1 1 1"}},     // another sorry server while down
		{"", []string{"1 1 1"}},                                 // no sorry server while down
		{"quorum 3;" + sorryServer, []string{"1 1 1", "3 3 2"}}, // lost
		{sorryServer, []string{"1 1 1"}},                        // no longer inhibited while down
	}
	s := newSideBySide(t)
	defer s.keepalivedLog()
	// With it, also servers that nothing has happened to yet are told.
	notifies := func(list []scenario) string {
		return strings.Replace(conf(t, list...), "global_defs {", "global_defs {\n rs_init_notifies", 1)
	}
	s.start(notifies(before), "-C")
	s.told("start")
	s.down(1)
	s.told("1 down")
	s.reload(notifies(after))
	s.told("reload")
	s.up(1)
	s.told("1 up")
	s.reload(notifies(before))
	s.told("reload to what it was")
	s.end()
}

// TestReloadOfAlphaIsKeepaliveds gives alpha and takes it away, of servers that a
// check has seen and of some that nothing was seen of.
func TestReloadOfAlphaIsKeepaliveds(t *testing.T) {
	need(t, "keepalived")
	t.Parallel()
	if uml.RunTest(t, modules) {
		return
	}
	both := []string{"1 1 1", "3 3 2"}
	inhibit := []string{"1 1 1 inhibit_on_failure", "3 3 2 inhibit_on_failure"}
	unseen := []string{"1 silent 1", "3 silent 2"}
	unseenInhibit := []string{"1 silent 1 inhibit_on_failure", "3 silent 2 inhibit_on_failure"}
	quorum := "quorum 2;" + sorryServer
	before := []scenario{
		{"alpha", both},
		{"", both},
		{"alpha", both},
		{"alpha", inhibit},
		{"alpha;" + quorum, both},
		{quorum, both},
		{"alpha", []string{"1 1 1 and-3", "3 3 1"}},
		{"alpha", unseen},
		{"", unseen},
		{"alpha", unseen},
		{"alpha", unseenInhibit},
		{"", unseenInhibit},
		{quorum, unseen},
	}
	after := []scenario{
		{"", both},
		{"alpha", both},
		{"alpha;omega", both},
		{"", inhibit},
		{quorum, both},
		{"alpha;" + quorum, both},
		{"", []string{"1 1 1 and-3", "3 3 1"}},
		{"", unseen},
		{"alpha", unseen},
		{"alpha;omega", unseen},
		{"", unseenInhibit},
		{"alpha", unseenInhibit},
		{"alpha;" + quorum, unseen},
	}
	s := newSideBySide(t)
	defer s.keepalivedLog()
	s.start(conf(t, before...), "-C")
	s.step("start")
	s.down(1)
	s.told("1 down")
	s.reload(conf(t, after...))
	s.step("reload")
	s.up(1)
	s.told("1 up")
	s.down(1)
	s.told("1 down again")
	s.reload(conf(t, before...))
	s.step("reload to what it was")
	s.end()
}
