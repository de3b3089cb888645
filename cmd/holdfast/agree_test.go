package main

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon/plan"
)

// TestCheckPlanAndReloadAgree: what a running daemon refuses is refused by plan,
// and is an error of check --strict, with exit code 2 of all three, and of check
// alone what a reload goes on with a default for; check --json
// says so at the finding, and check without --strict does unless it is an error.
func TestCheckPlanAndReloadAgree(t *testing.T) {
	d := newDirector(t)
	d.conf(fast)
	p := d.start("-n", "-l")
	d.until("the VIP", d.has)
	holdfast := filepath.Join(filepath.Dir(d.prog), "holdfast")
	tool := func(args ...string) (code int, out string) {
		cmd := exec.CommandContext(t.Context(), holdfast, args...)
		cmd.Env = append(cmd.Environ(), "TEST_PROGRAM=1", controlEnv+"="+d.Path("a.sock"))
		var b bytes.Buffer
		cmd.Stdout, cmd.Stderr = &b, &b
		if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), b.String()
	}
	const service = "virtual_server 10.0.0.10 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.0.0.20 80 {\n TCP_CHECK\n }\n}\n"
	file := d.Path("k.conf")
	for name, c := range map[string]struct {
		text   string
		code   int // of plan and reload
		marked bool
		ofFile bool // check --strict finds it too: the file says it, not only what runs
	}{
		"as it is":             {fast, 0, false, true},
		"an error":             {strings.Replace(fast, "virtual_router_id 5", "virtual_router_id 300", 1), 2, true, true},
		"a brace is missing":   {strings.TrimSuffix(fast, "}\n"), 2, true, true},
		"nothing to run":       {"", 2, true, true},
		"another IPVS":         {"net_namespace_ipvs other\n" + fast + service, 2, true, true},
		"another namespace":    {"instance other\n" + fast, 2, false, false},
		"another tmp":          {"global_defs {\n tmp_config_directory /tmp/other\n}\n" + fast, 2, false, false},
		"a value of no effect": {fast + "vrrp_script x {\n script /bin/true\n interval x\n}\n", 0, false, true},
	} {
		d.conf(c.text)
		if code, out := tool("plan", file); code != c.code {
			t.Errorf("%s: plan ends with %d: %s", name, code, out)
		}
		if code, out := tool("reload"); code != c.code {
			t.Errorf("%s: reload ends with %d: %s", name, code, out)
		}
		code, out := tool("check", "--offline", "--strict", file)
		if want := c.code == 2 || name == "a value of no effect"; c.ofFile && (code == 2) != want {
			t.Errorf("%s: check --strict ends with %d: %s", name, code, out)
		}
		if _, out = tool("check", "--offline", "--json", file); strings.Contains(out, `"refuses_reload": true`) != c.marked {
			t.Errorf("%s: %s", name, out)
		}
		code, out = tool("check", "--offline", file)
		if (code == 1) != strings.Contains(out, "(a reload is refused)") && c.marked {
			t.Errorf("%s: check ends with %d: %s", name, code, out)
		}
	}
	// What only --strict finds wrong is no reason for a reload.
	d.conf(fast + "dance\n")
	if code, out := tool("check", "--offline", "--strict", "--json", file); code != 2 || strings.Contains(out, "refuses_reload") {
		t.Errorf("%d %s", code, out)
	}
	if code, out := tool("reload"); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	if code, err := p.Stop(20 * time.Second); err != nil || code != 0 {
		t.Errorf("exit %d, %v", code, err)
	}
}

// The verdict of a plan holds everything that becomes of mastership.
func TestVerdictOfAPlan(t *testing.T) {
	for want, p := range map[string]plan.Plan{
		"no master moves for what changes here; what is tracked is not tried out (reload --rollback does)": {},
		"TWO DIRECTORS WILL BE MASTER until the others are reloaded too; mastership moves":                 {Moves: true, Routers: []plan.Router{{Outcome: plan.Loses}, {Outcome: plan.Splits}}},
		"TWO DIRECTORS WILL BE MASTER until the others are reloaded too; mastership may move":              {Routers: []plan.Router{{Outcome: plan.MayLose}, {Outcome: plan.Splits}}},
		"mastership moves": {Moves: true, Routers: []plan.Router{{Outcome: plan.Released}}},
	} {
		if got := verdict(&p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
