package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/integration/lab"
)

// waits says of each process of a program what it waits for: whether it runs,
// which signals are left to it, when its timer is due, what it polls. keepalived
// 2.2.7 was seen to check nothing more after a reload that met a program in the
// moment of its start, when several tests shared one busy processor, and it is
// not known why.
func waits(p *lab.Process) string {
	var b strings.Builder
	pids := p.Tree()
	slices.Sort(pids)
	for _, pid := range pids {
		dir := fmt.Sprintf("/proc/%d/", pid)
		stat, err := os.ReadFile(dir + "stat")
		if err != nil {
			continue // it has ended
		}
		where, _ := os.ReadFile(dir + "wchan")
		fmt.Fprintf(&b, "%s waits in %s\n", strings.TrimSpace(string(stat)), where)
		status, _ := os.ReadFile(dir + "status")
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "Sig") || strings.HasPrefix(line, "ShdPnd") {
				b.WriteString("  " + line)
			}
		}
		files, _ := filepath.Glob(dir + "fdinfo/*")
		for _, file := range files {
			text, _ := os.ReadFile(file)
			if info := string(text); strings.Contains(info, "it_value") || strings.Contains(info, "tfd:") || strings.Contains(info, "sigmask") {
				fmt.Fprintf(&b, "  %s: %s\n", filepath.Base(file), strings.Join(strings.Fields(info), " "))
			}
		}
	}
	return b.String()
}
