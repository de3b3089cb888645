package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/integration/uml"
	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// dumpCase is a configuration that keepalived and we tell the contents of.
type dumpCase struct {
	name string
	path string
	cfg  *config.Config
}

// dumpCases are Debian's samples, the files of HOLDFAST_CORPUS, and generated
// ones.
func dumpCases(t testing.TB, generated map[string]string) []dumpCase {
	t.Helper()
	files := configFiles(t)
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(generated)) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(generated[name]), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	var out []dumpCase
	for _, f := range files {
		if text, err := os.ReadFile(f); err != nil || strings.Contains(string(text), "_RANDOM") {
			continue // other numbers every time
		}
		// Refused files have no values; TestConfigTest holds the verdicts.
		cfg, diags := load.Load(f, load.Options{ConfigID: "test", Users: true, NoKeyFiles: true})
		if cfg != nil {
			out = append(out, dumpCase{filepath.Base(f), f, cfg})
		} else if generated[filepath.Base(f)] != "" {
			t.Errorf("%s is refused: %v", f, slices.DeleteFunc(diags, func(d config.Diagnostic) bool { return d.Severity != config.Error }))
		}
	}
	return out
}

// tell runs keepalived until it has told its configuration; nil: it does not run with
// that one. Where it does not tell it the error has the end of its log.
func tell(t testing.TB, h *lab.Host, c dumpCase, end string, args ...string) (dumped, error) {
	t.Helper()
	log := toldBy(t, h, c, end, args...)
	switch {
	case strings.Contains(log, "Non-existent interface specified"):
		return nil, nil // TestConfigTest holds that we say so
	case strings.Contains(log, end):
		return readDump(log), nil
	}
	return nil, fmt.Errorf("keepalived does not tell its configuration:\n%s", log[max(0, len(log)-2000):])
}

// toldBy is what keepalived logs until it has logged the end, or has ended itself.
func toldBy(t testing.TB, h *lab.Host, c dumpCase, end string, args ...string) string {
	t.Helper()
	pids := make([]string, 0, 8)
	for _, p := range []string{"-p", "-c", "-r", "-b"} {
		file := h.Path(c.name + p)
		_ = os.Remove(file) // of one that was killed
		pids = append(pids, p, file)
	}
	p, err := h.Start(lab.Spec{Args: append(append([]string{"keepalived", "-n", "-l", "-d", "-i", "test", "-f", c.path}, pids...), args...)})
	if err != nil {
		t.Fatal(err)
	}
	lab.WaitFor(60*time.Second, func() bool { return strings.Contains(p.Log(), end) || !p.Running() })
	log := p.Log()
	if err := h.KillAll(); err != nil {
		t.Error(err)
	}
	return log
}

// TestDumpVRRP compares, value by value, what keepalived and we understand of
// the VRRP side of a configuration.
func TestDumpVRRP(t *testing.T) {
	t.Parallel()
	lab.Require(t, "keepalived")
	var cases []dumpCase
	for _, c := range dumpCases(t, generatedVRRP()) {
		if len(c.cfg.Instances) > 0 && c.cfg.Global.LVSSyncDaemon == nil { // which needs IPVS
			cases = append(cases, c)
		}
	}
	l := lab.Test(t, "dump")
	work := make(chan dumpCase)
	var wg sync.WaitGroup
	for n := range 3 { // at a time
		h, err := l.Host(fmt.Sprintf("director%d", n))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for c := range work {
				compareVRRP(t, h, c)
			}
		})
	}
	for _, c := range cases {
		work <- c
	}
	close(work)
	wg.Wait()
	t.Logf("%d configurations", len(cases))
}

func compareVRRP(t testing.TB, h *lab.Host, c dumpCase) {
	t.Helper()
	if err := h.Do(func() error { return makeInterfaces(c.path) }); err != nil {
		t.Error(err)
		return
	}
	compareDumps(t, c, ourVRRP(c.cfg), func() (dumped, error) { return tell(t, h, c, "------< Interfaces >------", "-P", "-B") })
}

// TestDumpLVS does the same for services, servers and checks, in the IPVS
// kernel: keepalived tells them only where it can run.
func TestDumpLVS(t *testing.T) {
	t.Parallel()
	lab.Require(t, "keepalived")
	o := uml.Options{Modules: []string{
		"ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_sh", "ip_vs_mh", "ip_vs_lblc", "ip_vs_lblcr", "ip_vs_pe_sip", "veth", "bridge", "af_packet",
	}}
	if dir := os.Getenv("HOLDFAST_CORPUS"); dir != "" {
		o.Env, o.Show = append(o.Env, "HOLDFAST_CORPUS="+dir), append(o.Show, dir)
	}
	if uml.RunTest(t, o) {
		return
	}
	n := 0
	h, err := lab.Test(t, "dump").Host("director")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range dumpCases(t, generatedLVS()) {
		services, daemon := len(c.cfg.VirtualServers) > 0, c.cfg.Global.LVSSyncDaemon != nil
		if !services && !daemon {
			continue
		}
		n++
		if daemon {
			compareVRRP(t, h, c)
		}
		if !services {
			continue
		}
		compareDumps(t, c, ourLVS(c.cfg), func() (dumped, error) { return tell(t, h, c, "Activating BFD healthchecker", "-C") })
	}
	t.Logf("%d configurations", n)
}

// compareDumps reports what differs from what keepalived tells, if anything. Its
// processes write into one log, now and then both into one line, which then is lost,
// also the one by which the end is known: what is not told, or differs, is told anew,
// and has to be so three times.
func compareDumps(t testing.TB, c dumpCase, ours dumped, tell func() (dumped, error)) {
	t.Helper()
	var out []string
	for range 3 {
		theirs, err := tell()
		switch {
		case err != nil:
			out = []string{err.Error()}
			continue
		case theirs == nil:
			return
		}
		if out = differences(c, theirs, ours); len(out) == 0 {
			return
		}
	}
	t.Errorf("%s:\n\t%s", c.path, strings.Join(out, "\n\t"))
}

// differences are things that only one has, and fields of ours that have another
// value there.
func differences(c dumpCase, theirs, ours dumped) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		if ours[name] == nil && !onlyTheirs(name) {
			out = append(out, name+": we do not have it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		their, ok := theirs[name]
		if !ok {
			out = append(out, name+": only we have it")
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(ours[name])) {
			mine := slices.Clone(ours[name][key])
			for i, u := range their[key] {
				if key == "Checked url" && i < len(mine) && !strings.Contains(u, "Virtual host") {
					mine[i] = virtualHost.ReplaceAllString(mine[i], "") // inherited
				}
			}
			a, b := alike(key, their[key]), alike(key, mine)
			if a != b {
				out = append(out, fmt.Sprintf("%s: %s: keepalived %q, holdfast %q", name, key, a, b))
			}
		}
	}
	for _, known := range listed[c.name] {
		i := slices.Index(out, known)
		if i < 0 {
			out = append(out, "no longer so: "+known)
			continue
		}
		out = slices.Delete(out, i, i+1)
	}
	return out
}

// onlyTheirs are things that we have in another way: FILE_CHECK with its
// server, a bfd_instance without neighbour not at all.
func onlyTheirs(name string) bool {
	return name == "global_defs" || strings.Contains(name, " FILE_CHECK ") || strings.HasPrefix(name, "VRRP Track BFD ") || strings.HasPrefix(name, "Track file ")
}

// alike brings the values of a field into one form.
func alike(key string, values []string) string {
	out := slices.Clone(values)
	for i, v := range out {
		switch {
		case strings.HasPrefix(key, "Virtual IP"):
			v = strings.NewReplacer(" preferred_lft forever", "", " deprecated", "", " set", "").Replace(v)
			v = ownName.ReplaceAllString(v, "vrrp.$1@")
		case key == "Virtual Routes":
			v = routesOf(v)
		case strings.Contains(key, "cript") || key == "Command":
			v, _, _ = strings.Cut(v, ", uid:gid")
			v = lastPart(v)
		case key == "Checked url":
			v = regexState.ReplaceAllString(v, "")
		case key == "Connection":
			// A block host of SMTP_CHECK has no timeout there (docs/differences.md).
			v = strings.Replace(v, "Timeout = 0.000000", "Timeout = "+decimal(config.DefaultConnectTimeout), 1)
		case key == "Multicast address", key == "lvs_sched":
			v, _, _ = strings.Cut(v, ",")
		case key == "SNMP name", key == "VirtualHost":
			v = strings.Trim(v, "'")
		}
		out[i] = v
	}
	return strings.Join(out, " & ")
}

var (
	ownName     = regexp.MustCompile(`vrrp\d*\.(\d+)@`) // a number in front tells two of one VRID apart
	virtualHost = regexp.MustCompile(` \| Virtual host = [^ ]*`)
	regexState  = regexp.MustCompile(` \| Regex options:[^|]*\| Regex ref count = \d+`)
)

// lastPart shortens the program of a command to the last part of its path.
func lastPart(v string) string {
	end := strings.IndexByte(v[min(1, len(v)):], '\'') + 1
	if end < 1 {
		return v
	}
	if slash := strings.LastIndexByte(v[:end], '/'); slash >= 0 {
		return "'" + v[slash+1:]
	}
	return v
}

// routesOf leaves of routes where they go to and by which ways.
func routesOf(v string) string {
	var out []string
	for line := range strings.SplitSeq(v, " | ") {
		words := strings.Fields(line)
		var keep []string
		for i, w := range words {
			switch {
			case w == "via" && i+2 < len(words) && strings.HasPrefix(words[i+1], "inet"):
				keep = append(keep, "via "+words[i+2])
			case w == "dev" && i+1 < len(words):
				keep = append(keep, "dev "+words[i+1])
			case i < 3 && strings.Contains(w, "/") || i < 3 && strings.Count(w, ".") == 3 && words[max(i-1, 0)] != "inet":
				keep = append(keep, w)
			}
		}
		out = append(out, strings.Join(keep, " "))
	}
	return strings.Join(out, " | ")
}
