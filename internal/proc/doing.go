package proc

import (
	"bytes"
	"fmt"
	"os"
)

// Doing says why a process may be one that does not answer, by its state in /proc;
// empty: that says nothing.
func Doing(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// pid (comm) state …; comm may hold anything.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) == 0 {
		return ""
	}
	switch string(f[0]) {
	case "T":
		return fmt.Sprintf("stopped by a signal; kill -CONT %d lets it go on", pid)
	case "t":
		return "stopped by a debugger"
	case "D":
		return "waits in the kernel"
	}
	return ""
}
