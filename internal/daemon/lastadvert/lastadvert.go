// Package lastadvert keeps, where the death of the process that sends them does
// not reach it, when each virtual router has sent its last advert: on pages of
// memory that it shares with another process.
package lastadvert

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// capacity is how many virtual routers have a place at the same time; one that
// finds none has no record. A page takes memory when something is written to it.
const capacity = 1 << 16

// size is that of a place, in bytes: a time in nanoseconds since the machine was started
// (CLOCK_BOOTTIME, which nobody sets), in the order of the machine; 0: there was no
// advert, or the last one was a farewell.
const size = 8

// Record is the writer's side. Only Note may be called while another call runs.
type Record struct {
	file   *os.File
	places []atomic.Int64
	names  []string // by place; "": nobody's
	byName atomic.Pointer[map[string]*atomic.Int64]
}

// New makes an empty record.
func New() (*Record, error) {
	fd, err := unix.MemfdCreate("holdfast-adverts", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("record of adverts: %w", err)
	}
	r := &Record{file: os.NewFile(uintptr(fd), "adverts")}
	if err = unix.Ftruncate(fd, capacity*size); err == nil {
		var b []byte
		if b, err = unix.Mmap(fd, 0, capacity*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
			r.places = unsafe.Slice((*atomic.Int64)(unsafe.Pointer(&b[0])), capacity)
		}
	}
	if err != nil {
		r.file.Close()
		return nil, fmt.Errorf("record of adverts: %w", err)
	}
	r.byName.Store(&map[string]*atomic.Int64{})
	return r, nil
}

// File is the record for Read in another process, by another descriptor, which the
// caller closes.
func (r *Record) File() (*os.File, error) {
	fd, err := unix.FcntlInt(r.file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("record of adverts: %w", err)
	}
	return os.NewFile(uintptr(fd), "adverts"), nil
}

// Add gives routers without a place one and returns the routers by place, for Read;
// "" is nobody's place.
func (r *Record) Add(routers []string) []string {
	byName := map[string]*atomic.Int64{}
	for name, at := range *r.byName.Load() {
		byName[name] = at
	}
	free := 0
	for _, name := range routers {
		if byName[name] != nil {
			continue
		}
		for free < len(r.names) && r.names[free] != "" {
			free++
		}
		switch {
		case free < len(r.names):
			r.names[free] = name
		case free < capacity:
			r.names = append(r.names, name)
		default:
			continue
		}
		byName[name] = &r.places[free]
	}
	r.byName.Store(&byName)
	return slices.Clone(r.names)
}

// Keep takes the places of all but these routers, which send nothing any more.
func (r *Record) Keep(routers []string) {
	wanted := make(map[string]bool, len(routers))
	for _, name := range routers {
		wanted[name] = true
	}
	byName := make(map[string]*atomic.Int64, len(routers))
	for i, name := range r.names {
		switch {
		case name == "":
		case wanted[name]:
			byName[name] = &r.places[i]
		default:
			r.names[i] = ""
			r.places[i].Store(0)
		}
	}
	r.byName.Store(&byName)
}

// Note notes when, since the machine was started, an advert was sent; 0: it was a
// farewell. Any goroutine may call it; it does not block.
func (r *Record) Note(router string, at time.Duration) {
	if place := (*r.byName.Load())[router]; place != nil {
		place.Store(int64(at))
	}
}

// Read reads what a process, dead or alive, has noted of the routers by place; 0 stands
// for none, or a farewell. What was noted may be anything.
func Read(f *os.File, routers []string) (map[string]time.Duration, error) {
	b := make([]byte, min(len(routers), capacity)*size)
	if _, err := f.ReadAt(b, 0); err != nil && len(b) > 0 {
		return nil, fmt.Errorf("record of adverts: %w", err)
	}
	last := make(map[string]time.Duration, len(routers))
	for i := 0; i*size < len(b); i++ {
		if routers[i] != "" {
			last[routers[i]] = time.Duration(binary.NativeEndian.Uint64(b[i*size:]))
		}
	}
	return last, nil
}
