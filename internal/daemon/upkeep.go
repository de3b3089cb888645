package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/internal/config/encode"
	"holdfast/internal/config/keepalived"
)

// fixed says what of a new configuration cannot be taken while the daemon runs.
func (r *running) fixed(next *running) error {
	return refused(r.daemon, next.daemon, &r.own, &next.own, r.empty(), next.empty())
}

// Refused says why a daemon with the configuration old refuses cur, which is
// usable, at a reload.
func Refused(old, cur *config.Config) error {
	return refused(old.Daemon, cur.Daemon, &old.Global.DaemonFiles, &cur.Global.DaemonFiles, old.Empty(), cur.Empty())
}

func refused(was, is config.Daemon, wasFiles, isFiles *config.DaemonFiles, wasEmpty, isEmpty bool) error {
	was.ChildWait = is.ChildWait
	switch {
	case was != is:
		return errors.New("instance, net_namespace and use_pid_dir are fixed while the daemon runs")
	case wasFiles.TmpConfigDirectory != isFiles.TmpConfigDirectory:
		return errors.New("tmp_config_directory is fixed while the daemon runs")
	case isEmpty && !wasEmpty:
		// What is left of a file that is being written is most often nothing.
		return errors.New("the new one has neither vrrp_instance nor virtual_server; stop the daemon to release everything")
	}
	return nil
}

// shortestWait is the least that child_wait_time can be: a process that is
// killed at once releases nothing in order.
const shortestWait = time.Second

// childWait is how long a child may take to stop before it is killed.
func (p *Parent) childWait() time.Duration { return max(p.cfg.daemon.ChildWait, shortestWait) }

// mask is the file creation mask that the configuration in force asks for, or
// that of the command line.
func (p *Parent) mask() int {
	if f := &p.cfg.own; f.UmaskSet && !p.opts.UmaskFixed {
		return int(f.Umask)
	}
	return p.umask
}

// upkeep does what the configuration just taken asks for beside the children's
// work.
func (p *Parent) upkeep() {
	syscall.Umask(p.mask())
	p.watchReloadTime()
	p.saveConfig()
}

// presentMask is the mask of this process.
func presentMask() int {
	m := syscall.Umask(0o077)
	syscall.Umask(m)
	return m
}

// saveConfig writes the configuration just taken into config_save_dir.
func (p *Parent) saveConfig() {
	dir := p.cfg.own.ConfigSaveDir
	if dir == "" {
		return
	}
	name := filepath.Join(dir, fmt.Sprintf("keepalived.conf.%d.%d", os.Getpid(), p.saved))
	p.saved++
	err := os.Mkdir(dir, 0o700)
	if err == nil || errors.Is(err, os.ErrExist) {
		err = os.WriteFile(name, []byte(p.cfg.text), 0o600)
	}
	if err != nil {
		p.log.Error("configuration not saved", "err", err)
	}
	p.cfg.text = ""
}

// textOf is a configuration as it was understood, in keepalived's language.
func textOf(cfg *config.Config) string {
	text, err := keepalived.Write(encode.Tree(cfg, config.Keepalived))
	if err != nil {
		return "# " + err.Error() + "\n" + text
	}
	return text
}

// reading makes the file of reload_file, locked, and returns what takes it away
// again.
func (p *Parent) reading() (done func()) {
	f := &p.cfg.own
	if !f.ReloadFile {
		return func() {}
	}
	path := f.ReloadFilePath
	if path == "" {
		path = strings.TrimSuffix(p.opts.PIDFile, ".pid") + ".reload"
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if err != nil {
		p.log.Error("reload_file not made", "err", err)
		return func() {}
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := errors.Join(file.Chmod(0o644), unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &lock)); err != nil {
		p.log.Error("reload_file not locked", "path", path, "err", err)
	}
	return func() {
		if isFile(path, file) {
			os.Remove(path)
		}
		file.Close()
	}
}
