package uml

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// initScript is the text of the kernel's first process. Everything it changes
// is in file systems of the guest's own, or in the work and results folders.
func initScript(o Options, work string) string {
	var b strings.Builder
	line := func(words ...string) {
		b.WriteString(strings.Join(words, " "))
		b.WriteByte('\n')
	}
	line("#!/bin/sh")
	line("PATH=/run/uml/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	line("export PATH")
	line("mount -t proc proc /proc")
	line("mount -t sysfs sysfs /sys")
	line("grep -q ' /dev devtmpfs ' /proc/mounts || mount -t devtmpfs dev /dev")
	line("mkdir -p /dev/shm /dev/pts")
	line("mount -t tmpfs shm /dev/shm")
	line("mount -t devpts pts /dev/pts")
	line("mount -t tmpfs -o mode=755 run /run")
	line("ln -s /proc/self/fd /dev/fd; ln -s /proc/self/fd/0 /dev/stdin; ln -s /proc/self/fd/1 /dev/stdout; ln -s /proc/self/fd/2 /dev/stderr")

	// Folders of the machine that the guest's own /tmp hides are put back at
	// their own path: the work folder (this script is in it), the results,
	// and, read-only, what the command is made of.
	shows := map[string]string{}
	show := func(dir, mode string) {
		if shows[dir] == "" {
			shows[dir] = "mkdir -p " + quote(dir) + " && mount -t hostfs -o " + mode + quote(dir) + " none " + quote(dir) +
				" || fail " + quote("cannot show "+dir)
		}
	}
	line("fail() { echo \"$1\" >&2; echo \"$1\" >" + quote(filepath.Join(work, "status")) + "; " + off + "; }")
	line("mount -t tmpfs -o mode=1777 tmp /tmp")
	show(work, "")
	show(o.Results, "")
	for _, dir := range append([]string{filepath.Dir(o.Command[0]), o.Dir}, o.Show...) {
		if hidden(dir) && !under(dir, work) && !under(dir, o.Results) {
			show(dir, "ro,")
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(shows)) {
		line(shows[dir]) // one within another comes after it, or would be covered
	}

	// The modules: the guest's own lib/modules does not exist, so modprobe
	// gets another root, also where the kernel itself calls it.
	line("mkdir -p /run/uml/bin /run/uml/lib /run/uml/usr/lib /run/lock")
	line("ln -s " + modulesRoot + " /run/uml/lib/modules")
	line("ln -s " + modulesRoot + " /run/uml/usr/lib/modules")
	line("modprobe=$(command -v modprobe)")
	line("printf '#!/bin/sh\\nexec %s -d /run/uml \"$@\"\\n' \"$modprobe\" >/run/uml/bin/modprobe")
	line("chmod +x /run/uml/bin/modprobe")
	line("echo /run/uml/bin/modprobe >/proc/sys/kernel/modprobe")
	line("hash -r 2>/dev/null")
	// With systemd's settings for modprobe and without: no dummy0 is there.
	line("modprobe dummy numdummies=0 || fail \"no module dummy\"")
	if len(o.Modules) > 0 {
		line("for m in", strings.Join(o.Modules, " ")+"; do modprobe $m || fail \"no module $m\"; done")
	}
	line("ip link set lo up")
	line("hostname holdfast-uml")

	// A program that logs to syslog blocks or fails without a reader.
	line("perl -MSocket -e " + quote(syslogReader) + " /dev/log " + quote(filepath.Join(work, "syslog")) + " &")
	line("n=0; while [ ! -S /dev/log ] && [ $n -lt 1000 ]; do n=$((n+1)); sleep 0.02; done")

	line("cd " + quote(o.Dir) + " || fail " + quote("no folder "+o.Dir))
	line("export HOME=/root TMPDIR=/tmp " + envInside + "=1")
	for _, e := range o.Env {
		if name, value, ok := strings.Cut(e, "="); ok {
			line("export " + name + "=" + quote(value))
		}
	}
	words := make([]string, len(o.Command))
	for i, w := range o.Command {
		words[i] = quote(w)
	}
	line(strings.Join(words, " ") + " </dev/null >>" + quote(filepath.Join(work, "output")) + " 2>&1")
	line("echo $? >" + quote(filepath.Join(work, "status")))
	line(off)
	return b.String()
}

// off ends the kernel: reboot(2) with LINUX_REBOOT_CMD_POWER_OFF. Perl is on every
// Debian; a program poweroff comes with an init system, which a container has not.
const off = `sync; perl -e 'syscall(169, 0xfee1dead, 0x28121969, 0x4321fedc, 0)'`

// syslogReader binds the socket named first and appends what it receives to
// the file named second. A syslog daemon is not on every Debian.
const syslogReader = `my ($s, $f) = @ARGV;
socket(my $sock, PF_UNIX, SOCK_DGRAM, 0) or die; bind($sock, sockaddr_un($s)) or die; chmod 0666, $s;
open(my $out, ">>", $f) or die; select($out); $| = 1;
while (defined recv($sock, my $m, 65536, 0)) { $m =~ s/^<\d+>//; $m =~ s/[\n\0]+$//; print $out "$m\n"; }`

// hidden reports whether the guest's own file systems cover dir.
func hidden(dir string) bool {
	for _, top := range []string{"/tmp", "/run", "/dev"} {
		if under(dir, top) {
			return true
		}
	}
	return false
}

func under(dir, top string) bool {
	return dir == top || strings.HasPrefix(dir, top+"/")
}

// quote makes s one word of the shell.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
