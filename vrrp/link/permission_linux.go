package link

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// MayChange returns an error that wraps EPERM where this process may not change
// addresses, routes and rules of its network namespace, which takes
// CAP_NET_ADMIN. It has the kernel remove an address of an interface that there
// cannot be: the kernel looks at the permission first.
func MayChange() error {
	req := nl.NewNetlinkRequest(unix.RTM_DELADDR, unix.NLM_F_ACK)
	req.AddData(nl.NewIfAddrmsg(unix.AF_INET))
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); errors.Is(err, unix.EPERM) {
		return fmt.Errorf("link: addresses cannot be set, as CAP_NET_ADMIN is missing: %w", err)
	}
	return nil
}
