package lab

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// Block drops what the host sends (mute), what it would hear (deaf), or both,
// without a sign: its links stay up and no call fails, as when a switch loses
// frames. Block(false, false) ends that. It needs nft (Debian package
// nftables).
//
// A Capture still sees what a mute host sends, and for a Watch it is still a
// holder of its addresses.
func (h *Host) Block(mute, deaf bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for _, p := range h.ports {
		name := p.link.Attrs().Name
		// Declared first, so that the removal never fails.
		fmt.Fprintf(&b, "table netdev block_%s {}\ndelete table netdev block_%[1]s\n", name)
		if mute || deaf {
			fmt.Fprintf(&b, "table netdev block_%s {\n", name)
			// What the host sends comes into the segment, and the other way round.
			for hook, on := range map[string]bool{"ingress": mute, "egress": deaf} {
				if on {
					fmt.Fprintf(&b, "  chain %s { type filter hook %[1]s device \"%s\" priority 0; policy drop; }\n", hook, name)
				}
			}
			b.WriteString("}\n")
		}
	}
	full := h.lab.wire.enter([]string{"nft", "-f", "-"})
	cmd := exec.Command(full[0], full[1:]...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(b.String()), &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := spawn(cmd); err != nil {
		return fmt.Errorf("lab: %s: nft: %w", h.Name, err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("lab: %s: nft: %w: %s", h.Name, err, out.String())
	}
	return nil
}
