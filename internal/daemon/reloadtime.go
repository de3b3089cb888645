package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// reloadTimer is what is known of the file of reload_time_file.
type reloadTimer struct {
	watched bool   // checkReloadTime comes again
	text    string // what the file said when it was looked at last
	due     time.Time
}

// lookEvery is how often the file is looked at: a reload is late by no more
// than that.
const lookEvery = time.Second

// watchReloadTime sees to it that the file is looked at while the
// configuration names one.
func (p *Parent) watchReloadTime() {
	if p.cfg.own.ReloadTimeFile != "" && !p.timer.watched {
		p.timer.watched = true
		p.checkReloadTime()
	}
}

func (p *Parent) checkReloadTime() {
	path := p.cfg.own.ReloadTimeFile
	if path == "" || p.stopping {
		p.timer = reloadTimer{}
		return
	}
	defer p.after(lookEvery, p.checkReloadTime)
	text, err := readShort(path)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) && p.timer.text != err.Error() {
			p.timer = reloadTimer{watched: true, text: err.Error()}
			p.log.Error("reload_time_file not read", "err", err)
		}
		if errors.Is(err, os.ErrNotExist) {
			p.timer = reloadTimer{watched: true}
		}
		return
	}
	now := time.Now()
	if text != p.timer.text {
		p.timer.text, p.timer.due = text, time.Time{}
		if due, err := reloadTime(text, now); err != nil {
			p.log.Error("no reload at the time of reload_time_file", "path", path, "err", err)
		} else {
			p.timer.due = due
			p.log.Info("reload planned", "at", due.Format(time.DateTime+" MST"), "path", path)
		}
	}
	if p.timer.due.IsZero() || now.Before(p.timer.due) {
		return
	}
	p.timer.due = time.Time{}
	if p.cfg.own.ReloadRepeat {
		// A time without a date comes again tomorrow.
		if due, err := reloadTime(text, now); err == nil {
			p.timer.due = due
		}
	} else if err := os.Remove(path); err != nil {
		p.log.Error("reload_time_file not removed", "err", err)
	}
	p.log.Info("reloading at the time of reload_time_file", "path", path)
	p.startReload()
}

// maxTimeFile bounds what is read of such a file, in bytes.
const maxTimeFile = 64

func readShort(path string) (string, error) {
	// Opening a FIFO in the file's place must not wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxTimeFile+1))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

// reloadTime reads HH:MM:SS, which is the next time that the clock shows it, or
// [YY]YY-MM-DD HH:MM:SS; both are local time, or UTC with a Z behind.
func reloadTime(text string, now time.Time) (time.Time, error) {
	zone := now.Location()
	clock, utc := strings.CutSuffix(text, "Z")
	if utc {
		zone = time.UTC
	}
	clock = strings.TrimSpace(clock)
	if len(text) > maxTimeFile {
		return time.Time{}, errors.New("the file holds more than a time")
	}
	if t, err := time.ParseInLocation(time.TimeOnly, clock, zone); err == nil {
		day := now.In(zone)
		at := func(days int) time.Time {
			return time.Date(day.Year(), day.Month(), day.Day()+days, t.Hour(), t.Minute(), t.Second(), 0, zone)
		}
		if next := at(0); next.After(now) {
			return next, nil
		}
		return at(1), nil
	}
	for _, layout := range []string{time.DateTime, "06-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(layout, clock, zone); err == nil {
			if !t.After(now) {
				return time.Time{}, fmt.Errorf("%s has passed", text)
			}
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither HH:MM:SS nor YYYY-MM-DD HH:MM:SS", text)
}
