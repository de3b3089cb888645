package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"holdfast/integration/lab"
	"holdfast/internal/config"
)

// resolved is a complaint that we do not share: keepalived resolves the name of
// the mail relay while it reads its configuration (docs/differences.md).
const resolved = "Invalid smtp server"

// TestConfigTest holds "keepalived -t" against ours, file by file: the same exit
// code, and a finding of ours at every line that keepalived complains about.
// The files are Debian's samples and, where HOLDFAST_CORPUS names a folder,
// those in it.
func TestConfigTest(t *testing.T) {
	t.Parallel()
	lab.Require(t, "keepalived")
	files := configFiles(t)
	l := lab.Test(t, "configtest")
	h, err := l.Host("director")
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, f := range files {
		if err := h.Do(func() error { return makeInterfaces(f) }); err != nil {
			t.Fatal(err)
		}
		theirs, complaints := judgement(t, h, f, "keepalived")
		ours, _ := judgement(t, h, f, asKeepalived(t))
		found := findings(t, h, f)
		var missed []string
		for line, text := range complaints {
			if len(found[line]) == 0 && !strings.HasPrefix(text, resolved) {
				missed = append(missed, fmt.Sprintf("line %d: %s", line, text))
			}
		}
		if ours == theirs && len(missed) == 0 {
			same++
			continue
		}
		slices.Sort(missed)
		t.Errorf("%s: exit code %d, keepalived's %d; lines that it complains about and we do not:\n%s", f, ours, theirs, strings.Join(missed, "\n"))
	}
	t.Logf("%d of %d files are judged alike", same, len(files))
}

func configFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("/usr/share/doc/keepalived/samples/keepalived.conf*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		lab.Missing(t, "keepalived's samples are not installed")
	}
	dir := os.Getenv("HOLDFAST_CORPUS")
	if dir == "" {
		t.Log("SKIPPED: files found in the wild (HOLDFAST_CORPUS is not set)")
		return files
	}
	more, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return append(files, more...)
}

// asKeepalived is our program by keepalived's name.
func asKeepalived(t testing.TB) string {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "keepalived")
	if err := os.Symlink(prog, link); err != nil {
		t.Fatal(err)
	}
	return link
}

var interfaceName = regexp.MustCompile(`(?m)(?:\b(?:interface|dev|lvs_sync_daemon(?:_interface)?)[ \t]+|^\s*)([a-z]+[0-9][a-z0-9.]*)\b`)

// makeInterfaces makes what a file takes for interfaces.
func makeInterfaces(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, m := range interfaceName.FindAllStringSubmatch(string(text), -1) {
		name := m[1]
		if len(name) > 15 {
			continue
		}
		if _, err := netlink.LinkByName(name); err == nil {
			continue
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.Flags = name, 0
		peer := &netlink.Veth{LinkAttrs: attrs, PeerName: "p" + strconv.FormatUint(uint64(hash(name)), 36)}
		if err := netlink.LinkAdd(peer); err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
		if err := netlink.LinkSetUp(peer); err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
	}
	return nil
}

// hash names the other end of a cable.
func hash(s string) (h uint32) {
	for _, c := range s {
		h = h*31 + uint32(c)
	}
	return h
}

var complaint = regexp.MustCompile(`\((?:(\S+): )?Line (\d+)\) (.*)`)

// judgement runs a configuration test; complaints are those with a line.
func judgement(t testing.TB, h *lab.Host, file, prog string) (code int, complaints map[int]string) {
	t.Helper()
	out, err := h.Output(t.Context(), "timeout", "60", prog, "-t", "-l", "-i", "test", "-f", file)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	complaints = map[int]string{}
	for _, m := range complaint.FindAllStringSubmatch(out, -1) {
		if m[1] == "" || m[1] == file {
			n, _ := strconv.Atoi(m[2])
			complaints[n] = m[3]
		}
	}
	return code, complaints
}

// findings are what holdfast check says, by line.
func findings(t testing.TB, h *lab.Host, file string) map[int][]string {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Output(t.Context(), prog, "check", "--json", "-i", "test", file)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var diags []config.Diagnostic
	if err := json.Unmarshal([]byte(out), &diags); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := map[int][]string{}
	for _, d := range diags {
		found[d.Pos.Line] = append(found[d.Pos.Line], d.ID)
	}
	return found
}
