// Package deps knows which Debian package each program of the labs comes from,
// and installs what is missing where it may: as root, with apt-get.
package deps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// packages are the programs, each with the Debian package that has it and what that
// needs besides.
var packages = []struct{ program, packages string }{
	{"curl", "curl"},
	{"gcc", "gcc libc6-dev"}, // for go test -race, and linux.uml on a processor with AMX
	{"ip", "iproute2"},
	{"ipvsadm", "ipvsadm"},
	{"iptables-legacy", "iptables"},
	{"keepalived", "keepalived"},
	{"killall", "psmisc"}, // for the scripts of keepalived's samples
	{"linux.uml", "user-mode-linux"},
	{"logger", "bsdutils"},
	{"modprobe", "kmod"},
	{"nginx", "nginx-light"},
	{"nft", "nftables"},
	{"nsenter", "util-linux"},
	{"perl", "perl-base"},
	{"ping", "iputils-ping"},
	{"python3", "python3-minimal"},
	{"sysctl", "procps"},
	{"tcpdump", "tcpdump"},
	{"unshare", "util-linux"},
	{"vtysh", "frr"},
}

// All are all programs that the tests, the demo and the benchmark use.
func All() []string {
	var names []string
	for _, p := range packages {
		names = append(names, p.program)
	}
	return names
}

// ErrMissing is wrapped by the error of Ensure when something is missing that
// cannot be installed from here.
var ErrMissing = errors.New("not installed")

// Missing are those of the programs that are not installed.
func Missing(programs ...string) []string {
	var out []string
	for _, p := range programs {
		if !installed(p) {
			out = append(out, p)
		}
	}
	return out
}

func installed(program string) bool {
	if _, err := exec.LookPath(program); err == nil {
		return true
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if st, err := os.Stat(filepath.Join(dir, program)); err == nil && st.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}

// Ensure installs the Debian packages of those programs that are missing. It
// says on out what it does. Where it may not, the error says what to install.
func Ensure(ctx context.Context, out io.Writer, programs ...string) error {
	missing := Missing(programs...)
	if len(missing) == 0 {
		return nil
	}
	var pkgs []string
	for _, p := range missing {
		at := slices.Index(All(), p)
		if at < 0 {
			return fmt.Errorf("deps: %s: %w and of no known package", p, ErrMissing)
		}
		pkgs = append(pkgs, strings.Fields(packages[at].packages)...)
	}
	slices.Sort(pkgs)
	pkgs = slices.Compact(pkgs)
	hint := fmt.Errorf("deps: %s: %w; on Debian: apt-get install --no-install-recommends %s",
		strings.Join(missing, ", "), ErrMissing, strings.Join(pkgs, " "))
	if os.Geteuid() != 0 {
		return hint
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return hint
	}
	fmt.Fprintf(out, "installing %s\n", strings.Join(pkgs, " "))
	restore, err := noServices()
	if err != nil {
		return err
	}
	defer restore()
	if err := apt(ctx, "update"); err != nil {
		return errors.Join(hint, err)
	}
	if err := apt(ctx, append([]string{"install", "--no-install-recommends"}, pkgs...)...); err != nil {
		return errors.Join(hint, err)
	}
	if left := Missing(programs...); len(left) > 0 {
		return fmt.Errorf("deps: %s: still %w after installing %s", strings.Join(left, ", "), ErrMissing, strings.Join(pkgs, " "))
	}
	return nil
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q", "-y"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("deps: apt-get %s: %w\n%s", args[0], err, b)
	}
	return nil
}

// policyFile is Debian's switch for services that packages start.
const policyFile = "/usr/sbin/policy-rc.d"

// noServices keeps the packages' services (nginx, keepalived) from being
// started on this machine while they are installed. A switch that is there
// already is the administrator's and stays.
func noServices() (restore func(), err error) {
	f, err := os.OpenFile(policyFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("deps: keep services from starting: %w", err)
	}
	_, err = f.WriteString("#!/bin/sh\nexit 101\n")
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(policyFile)
		return nil, fmt.Errorf("deps: keep services from starting: %w", err)
	}
	return func() { os.Remove(policyFile) }, nil
}
