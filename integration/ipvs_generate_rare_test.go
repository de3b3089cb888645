package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// rare draws what decides when and how servers are checked, and what is done
// beside that, which the table must not show. It has numbers of its own, as wide
// has. Nil draws nothing.
type rare struct{ ipvsGen }

const (
	genPage = "the page"
	genAway = "away.example" // a host that a target does not have
)

func newRare(seed uint64) *rare {
	return &rare{ipvsGen{Rand: rand.New(rand.NewPCG(seed, 4))}}
}

// draw is each of the lines in so many of a hundred cases.
func (r *rare) draw(percent int, lines ...string) (out []string) {
	for _, l := range lines {
		if r.chance(percent) {
			out = append(out, l)
		}
	}
	return out
}

// globals draws lines of global_defs.
func (r *rare) globals() []string {
	if r == nil {
		return nil
	}
	return r.draw(10, "lvs_notify_fifo DIR/other", "checker_priority -5", "checker_no_swap", "checker_cpu_affinity 0", "checker_process_name lab_checks",
		"process_names", "lvs_netlink_cmd_rcv_bufs 65536", "lvs_netlink_monitor_rcv_bufs 65536", "rs_init_notifies", "no_checker_emails", "random_seed 5")
}

// times draws what servers and services say for all their checks.
func (r *rare) times() []string {
	return r.draw(6, "delay_loop "+oneOf(&r.ipvsGen, "1", "1.5", "3"), "warmup "+oneOf(&r.ipvsGen, "0", "0.5", "1"),
		"retry "+oneOf(&r.ipvsGen, "1", "2"), "delay_before_retry "+oneOf(&r.ipvsGen, "0", "1"), "connect_timeout "+oneOf(&r.ipvsGen, "20", "40.5"),
		"virtualhost "+r.host())
}

func (r *rare) host() string {
	return oneOf(&r.ipvsGen, "www.example", "a.example:8080", genAway)
}

// service adds to the lines of a service that is new.
func (r *rare) service(s *genService) {
	if r == nil {
		return
	}
	s.fixed = append(r.times(), r.draw(4, `quorum_up "/bin/true up"`, "quorum_down /bin/true")...)
	for i := range s.servers {
		x := &s.servers[i]
		if i > 0 && x.addr == s.servers[i-1].addr && x.port == s.servers[i-1].port {
			*x = s.servers[i-1] // twice; when one goes the other one is checked as it was
			continue
		}
		r.server(x)
	}
}

// server adds to a server that is new, and to its checks.
func (r *rare) server(x *genServer) {
	if r == nil {
		return
	}
	x.fixed = append(r.times(), r.draw(3, "notify_up /bin/true", `notify_down "/bin/true down"`)...)
	x.plain = x.check
	r.checks(x)
}

// again has some servers of a service be checked in another way. None is checked
// by a program, whose weight keepalived 2.2.7 forgets then, and none is one of a
// group, whose services it leaves behind at the stop, or comes back by that beside
// a sorry server (docs/differences.md).
func (r *rare) again(s *genService) {
	if r == nil || s.grouped() || s.sorry() != "" {
		return
	}
	for i := range s.servers {
		if x := &s.servers[i]; x.check != "" && !strings.Contains(x.check, "MISC_CHECK") && r.chance(15) {
			r.checks(x)
		}
	}
}

// checks draws how a server is checked.
func (r *rare) checks(x *genServer) {
	var b strings.Builder
	for block := range strings.SplitSeq(x.plain, "\n    }\n") {
		if head, rest, ok := strings.Cut(block, "{\n"); ok {
			b.WriteString(head + "{\n" + r.check(strings.TrimSpace(head), rest+"\n") + "    }\n")
		}
	}
	x.check = b.String()
}

// check changes what is between the braces of a check.
func (r *rare) check(kind, text string) string {
	add := func(line string) { text += "      " + line + "\n" }
	for _, l := range r.draw(7, "alpha "+oneOf(&r.ipvsGen, "true", "false"), "delay_loop "+oneOf(&r.ipvsGen, "1", "1.5", "3"),
		"warmup "+oneOf(&r.ipvsGen, "0", "0.5", "1"), "delay_before_retry 1") {
		add(l)
	}
	if r.chance(15) {
		text = strings.Replace(text, "      retry 0\n", oneOf(&r.ipvsGen, "", "      retry 1\n"), 1)
	}
	if kind == "MISC_CHECK" {
		for _, l := range r.draw(15, "user root", "retry 1") {
			add(l)
		}
		return text
	}
	for _, l := range r.draw(8, "bindto "+oneOf(&r.ipvsGen, genTarget, "127.0.0.1"), "fwmark 4321") {
		add(l)
	}
	if r.chance(4) {
		at := strings.Index(text, "      connect_port ")
		end := at + strings.IndexByte(text[at:], '\n')
		text = text[:at] + "      connect_port 9" + text[end:] // nobody is there
	}
	if kind == "HTTP_GET" {
		text = r.page(text)
	}
	return text
}

// page changes how a page is fetched and what is expected of it.
func (r *rare) page(text string) string {
	for _, l := range r.draw(10, "virtualhost "+r.host(), "http_protocol "+oneOf(&r.ipvsGen, "1.0", "1.0C", "1.1"), "fast_recovery",
		"enable_sni") {
		text = "      " + l + "\n" + text
	}
	if r.chance(15) {
		text = strings.Replace(text, "      retry ", "      nb_get_retry ", 1)
	}
	if r.chance(40) {
		want := oneOf(&r.ipvsGen, "", "status_code 200-299", "status_code 404", "status_code 100-199 200 500-599", "digest "+digestOf(genPage),
			"digest "+digestOf("another page"), "digest "+digestOf(genPage)+"\n        status_code 200")
		text = strings.Replace(text, "        status_code 200\n", strings.TrimPrefix("        "+want+"\n", "        \n"), 1)
	}
	if r.chance(15) {
		text = strings.Replace(text, "        path ", "        virtualhost "+r.host()+"\n        path ", 1)
	}
	if r.chance(20) {
		text = fmt.Sprintf("      url {\n        path /second\n        status_code %s\n      }\n%s", oneOf(&r.ipvsGen, "200", "200-404"), text)
	}
	return text
}
