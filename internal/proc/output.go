package proc

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// tail reads a pipe and keeps its last bytes, so that a program that prints
// without end costs a fixed amount of memory and is never blocked.
type tail struct {
	r    *os.File
	max  int
	buf  []byte
	done chan struct{}
}

// newTail returns the reader and the end to give to the child, which the
// caller closes after the start.
func newTail(max int) (*tail, *os.File, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("pipe: %w", err)
	}
	// Only our end does not block; the child expects an ordinary stdout.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, fmt.Errorf("pipe: %w", err)
	}
	t := &tail{r: os.NewFile(uintptr(fds[0]), "output"), max: max, done: make(chan struct{})}
	go t.run()
	return t, os.NewFile(uintptr(fds[1]), "output"), nil
}

func (t *tail) run() {
	defer close(t.done)
	chunk := make([]byte, 4096)
	for {
		n, err := t.r.Read(chunk)
		t.add(chunk[:n])
		if err != nil {
			return
		}
	}
}

func (t *tail) add(b []byte) {
	if len(b) >= t.max {
		t.buf = append(t.buf[:0], b[len(b)-t.max:]...)
		return
	}
	if over := len(t.buf) + len(b) - t.max; over > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[over:])]
	}
	t.buf = append(t.buf, b...)
}

// close takes what is in the pipe now and ends the reader. A descendant that
// still writes gets SIGPIPE from then on.
func (t *tail) close() []byte {
	// What the ended program wrote is in the pipe already; whoever else holds
	// it open may have 50 ms.
	_ = t.r.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	<-t.done
	t.rest()
	t.r.Close()
	return t.buf
}

// rest reads what is in the pipe after the deadline: the reader may not have had
// its turn before that. The reader has ended. A pipe holds 64 KiB; a descendant
// that writes on does not keep us.
func (t *tail) rest() {
	_ = t.r.SetReadDeadline(time.Time{})
	c, err := t.r.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Read(func(fd uintptr) bool {
		chunk := make([]byte, 4096)
		for range MaxCapture / len(chunk) {
			n, err := unix.Read(int(fd), chunk)
			if err == unix.EINTR {
				continue
			}
			if err != nil || n <= 0 {
				break
			}
			t.add(chunk[:n])
		}
		return true // it never waits
	})
}
