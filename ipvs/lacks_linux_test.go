package ipvs

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The kernel says the same of a scheduler and of an engine that it has not.
func TestWhichModuleIsMissing(t *testing.T) {
	const both = "add service [192.0.2.1]:udp:5060 rr persistent 60 pe sip: the kernel has no scheduler rr (module ip_vs_rr), or no persistence engine sip (module ip_vs_pe_sip)"
	for name, c := range map[string]struct {
		loaded []string
		err    error
		want   string
	}{
		"neither is known": {nil, syscall.ENOENT, both},
		"scheduler":        {[]string{"ip_vs_rr"}, syscall.ENOENT, "add service [192.0.2.1]:udp:5060 rr persistent 60 pe sip: the kernel has no persistence engine sip (module ip_vs_pe_sip)"},
		"engine":           {[]string{"ip_vs_pe_sip"}, syscall.ENOENT, "add service [192.0.2.1]:udp:5060 rr persistent 60 pe sip: the kernel has no scheduler rr (module ip_vs_rr)"},
		"both":             {[]string{"ip_vs_rr", "ip_vs_pe_sip"}, syscall.ENOENT, both},
		"something else":   {[]string{"ip_vs_rr"}, syscall.EINVAL, "add service [192.0.2.1]:udp:5060 rr persistent 60 pe sip: invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, m := range c.loaded {
				if err := os.Mkdir(filepath.Join(dir, m), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			s := Service{ServiceKey: AddrKey(17, netip.MustParseAddr("192.0.2.1"), 5060), Scheduler: "rr", PE: "sip", Flags: Persistent, Timeout: 60, Netmask: FullMask(INET)}
			err := errors.Join(&OpError{Op: Op{Kind: AddService, Service: s}, Err: c.err}, ErrFound)
			noteModules(err, dir)
			var op *OpError
			if !errors.As(err, &op) || op.Error() != c.want {
				t.Errorf("%v\nwant\n%s", err, c.want)
			}
		})
	}
}
