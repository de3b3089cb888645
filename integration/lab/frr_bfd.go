package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// StartFRRBFD runs zebra and bfdd with the lines given inside its block "bfd".
// It returns bfdd.
func (h *Host) StartFRRBFD(lines ...string) (*Process, error) {
	f := &FRR{host: h, dir: h.Path("frr")}
	if err := f.prepare(nil); err != nil {
		return nil, fmt.Errorf("lab: %s: frr: %w", h.Name, err)
	}
	conf := "bfd\n" + strings.Join(lines, "\n") + "\nexit\n"
	if err := os.WriteFile(f.path("bfdd.conf"), []byte(conf), 0o644); err != nil {
		return nil, err
	}
	common := []string{"-u", "frr", "-g", "frr", "-z", f.path("zserv.api"), "--vty_socket", f.dir, "-P", "0", "--log", "stdout"}
	_, err := h.Start(Spec{Args: append([]string{
		filepath.Join(frrDaemons, "zebra"), "-f", f.path("zebra.conf"), "-i", f.path("zebra.pid"),
	}, common...)})
	if err != nil {
		return nil, err
	}
	if !WaitFor(30*time.Second, func() bool { return exists(f.path("zserv.api")) && exists(f.path("zebra.vty")) }) {
		return nil, fmt.Errorf("lab: %s: zebra does not run", h.Name)
	}
	return h.Start(Spec{Args: append([]string{
		filepath.Join(frrDaemons, "bfdd"), "-f", f.path("bfdd.conf"), "-i", f.path("bfdd.pid"), "--bfdctl", f.path("bfdd.sock"),
	}, common...)})
}
