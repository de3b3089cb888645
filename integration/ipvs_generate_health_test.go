package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Generated servers are checked by connections to some targets, and by some
// programs that give them their weight.
const (
	genTargets  = 5
	genPrograms = 2
	genTarget   = "198.51.100.200"
	genPort     = 7000 // of the first target
)

// genHealth is how the targets and programs of a generated configuration are.
type genHealth struct {
	up   [genTargets]bool
	exit [genPrograms]int
	web  [genTargets]bool // is asked for a page
}

// draw takes others for some. No program ends with 0, after which keepalived
// takes up an old weight again in a reload (docs/differences.md).
func (h *genHealth) draw(g *ipvsGen) {
	for i := range h.up {
		h.up[i] = g.chance(55)
	}
	for i := range h.exit {
		h.exit[i] = oneOf(g, 1, 2, 3, 7, 102, 255)
	}
}

// drawWeb says which targets are asked for a page, in half of the seeds none. It
// has numbers of its own, as wide has.
func (h *genHealth) drawWeb(seed uint64) {
	g := ipvsGen{Rand: rand.New(rand.NewPCG(seed, 3))}
	if g.chance(50) {
		return
	}
	for i := range h.web {
		h.web[i] = g.chance(50)
	}
}

// check is the block that checks a target.
func (h *genHealth) check(target int) string {
	kind, page := "TCP_CHECK", ""
	if h.web[target] {
		kind, page = "HTTP_GET", fmt.Sprintf("      url {\n        path /%d\n        status_code 200\n      }\n", target)
	}
	return fmt.Sprintf("    %s {\n%s      connect_ip %s\n      connect_port %d\n      connect_timeout 30\n      retry 0\n    }\n", kind, page, genTarget, genPort+target)
}

func miscCheck(program int) string {
	return fmt.Sprintf("    MISC_CHECK {\n      misc_path \"DIR/check w%d\"\n      misc_timeout 30\n      misc_dynamic\n    }\n", program)
}

// markers are services that show of each target and program how it was seen.
func (h *genHealth) markers(programs bool) string {
	var b strings.Builder
	mark := func(port int, check string) {
		fmt.Fprintf(&b, "virtual_server 192.0.2.77 %d {\n  delay_loop 2\n  warmup 0\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n", port)
		fmt.Fprintf(&b, "  real_server 198.51.100.250 80 {\n  }\n  real_server %s 80 {\n%s  }\n}\n", genTarget, check)
	}
	for i := range h.up {
		mark(genPort+i, h.check(i))
	}
	for i := range h.exit {
		if !programs {
			break
		}
		mark(genPort+genTargets+i, miscCheck(i))
	}
	return b.String()
}

// set has the targets and programs of every side be so, and returns what the
// tables hold once that was seen.
func (h *genHealth) set(t testing.TB, s *sides, programs bool) (want []string) {
	t.Helper()
	line := func(port int) string { return fmt.Sprintf("addr 192.0.2.77 port %d: addr %s ", port, genTarget) }
	for i, up := range h.up {
		s.servers(answer{closed: !up, body: genPage, away: genAway}, fmt.Sprintf("%s:%d", genTarget, genPort+i))
		if up {
			want = append(want, line(genPort+i))
		} else {
			want = append(want, "no "+line(genPort+i))
		}
	}
	for i, code := range h.exit {
		if !programs {
			break
		}
		s.exits(fmt.Sprint("w", i), code)
		if port := genPort + genTargets + i; code == 1 {
			want = append(want, "no "+line(port))
		} else {
			want = append(want, fmt.Sprintf("%sport 80 method 0 weight %d ", line(port), code-2))
		}
	}
	return want
}

// timeouts draws lvs_timeouts, which may be missing or say less than all.
func (g *ipvsGen) timeouts() string {
	words := []string{"lvs_timeouts"}
	for _, name := range []string{"tcp", "tcpfin", "udp"} {
		if g.chance(60) {
			n := 1 + g.IntN(9999)
			if g.wide.chance(20) {
				n = oneOf(&g.wide.ipvsGen, 0, 2678400)
			}
			words = append(words, fmt.Sprintf("%s %d", name, n))
		}
	}
	if len(words) == 1 {
		return ""
	}
	return strings.Join(words, " ")
}

// daemon draws lvs_sync_daemon without an instance.
func (g *ipvsGen) daemon() string {
	if !g.sync || g.instance && g.wide.old {
		return ""
	}
	words := []string{"lvs_sync_daemon eth0"}
	if g.instance {
		words = append(words, oneOf(&g.wide.ipvsGen, "VI_1", "inst VI_1"))
	}
	for _, w := range []string{
		fmt.Sprintf("id %d", g.IntN(256)), fmt.Sprintf("maxlen %d", oneOf(g, 1, 500, 1472, 9000, 65507)), fmt.Sprintf("port %d", 1+g.IntN(65535)),
		fmt.Sprintf("ttl %d", 1+g.IntN(255)), "group " + oneOf(g, "224.0.0.81", "239.255.1.2", "ff02::81"),
	} {
		if g.chance(40) {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}
