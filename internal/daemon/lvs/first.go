package lvs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"holdfast/ipvs"
)

// openFirst connects to the kernel when Run begins. The error is what cannot be
// tried again: there is no IPVS, or this process may not set it.
func (l *LVS) openFirst() error {
	err := l.open()
	if err == nil {
		_, err = l.table.kernel.Info() // the kernel looks at permissions at the first question
	}
	switch {
	case errors.Is(err, ipvs.ErrNoIPVS):
		return fmt.Errorf("lvs: %s: %w", l.kernelFor(), err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("lvs: the IPVS table cannot be set, as CAP_NET_ADMIN is missing: %w", err)
	}
	return nil
}
