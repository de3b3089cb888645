package proc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// DefaultKillAfter is the time between SIGTERM and SIGKILL, keepalived's 2 s.
const DefaultKillAfter = 2 * time.Second

// MaxCapture bounds Spec.Capture, in bytes.
const MaxCapture = 64 << 10

// Spec says what to start and how.
type Spec struct {
	// Args is the program and its arguments. A program without a slash is
	// looked for in PATH. A text file without "#!" is handed to /bin/sh, as
	// execvp does.
	Args []string
	// Shell runs Args[0] as the text of /bin/sh -c; further arguments are
	// quoted and appended to the text.
	Shell bool
	// User and Group are names or numbers. Empty User: ours; empty Group: the
	// user's own. Supplementary groups are the user's.
	User, Group string
	// Dir is the working directory; empty: ours.
	Dir string
	// Env is added to the inherited environment, as KEY=value.
	Env []string
	// Timeout is counted from the start; 0: none.
	Timeout time.Duration
	// KillAfter is the time from SIGTERM to SIGKILL; 0: DefaultKillAfter.
	KillAfter time.Duration
	// Capture is how many of the last bytes of stdout and stderr are kept, at
	// most MaxCapture; 0: both are /dev/null. A descendant that keeps the pipe
	// after the program's end loses its reader.
	Capture int
	// Secure refuses (ErrInsecure) a program that would run as root and that
	// someone else could change (enable_script_security).
	Secure bool
}

// Result is how a program ended.
type Result struct {
	// Err is set when the program could not be started; the rest is then zero.
	Err error
	// Exit is the exit status, -1 when a signal ended the program.
	Exit int
	// Signal is the number of the signal that ended the program, or 0.
	Signal int
	// TimedOut is set when Spec.Timeout passed, Stopped when Stop was called or
	// the context of Run ended, whatever the exit status is.
	TimedOut, Stopped bool
	// Output holds the last Spec.Capture bytes written.
	Output []byte
	// Took is the time from start to end.
	Took time.Duration
}

// OK reports whether the program ended by itself with status 0.
func (r Result) OK() bool {
	return r.Err == nil && r.Exit == 0 && !r.TimedOut && !r.Stopped
}

// Error returns nil for OK and else an error that says what happened.
func (r Result) Error() error {
	switch {
	case r.OK():
		return nil
	case r.Err != nil:
		return r.Err
	}
	return errors.New(r.String())
}

// Status returns the exit status, or an error that says why there is none:
// not started, timed out, stopped, ended by a signal.
func (r Result) Status() (int, error) {
	if r.Err == nil && !r.TimedOut && !r.Stopped && r.Signal == 0 {
		return r.Exit, nil
	}
	return -1, r.Error()
}

// String describes the end for logs and status: "exit status 1".
func (r Result) String() string {
	switch {
	case r.Err != nil:
		return r.Err.Error()
	case r.TimedOut:
		return "timed out after " + r.Took.Round(time.Millisecond).String()
	case r.Stopped:
		return "stopped"
	case r.Signal != 0:
		return "ended by signal " + signalName(r.Signal)
	}
	return fmt.Sprintf("exit status %d", r.Exit)
}

// Run starts a program and waits for its end. When ctx ends first the group
// is stopped as at a timeout, and Run still waits for the leader.
func Run(ctx context.Context, s Spec) Result {
	if err := ctx.Err(); err != nil {
		return Result{Err: fmt.Errorf("proc: %s: %w", s.Name(), err)}
	}
	p, err := Start(s)
	if err != nil {
		return Result{Err: err}
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Stop()
		<-p.Done()
	}
	return p.Result()
}

// Limiter bounds how many programs run at once. The zero value does not limit.
type Limiter struct{ slots chan struct{} }

// NewLimiter allows n programs at once; n <= 0 does not limit.
func NewLimiter(n int) *Limiter {
	if n <= 0 {
		return &Limiter{}
	}
	return &Limiter{slots: make(chan struct{}, n)}
}

// Run is Run that first waits for a free slot. The timeout counts from the
// start of the program, not of the wait.
func (l *Limiter) Run(ctx context.Context, s Spec) Result {
	if l == nil || l.slots == nil {
		return Run(ctx, s)
	}
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
		return Run(ctx, s)
	case <-ctx.Done():
		return Result{Err: fmt.Errorf("proc: %s: waiting for a slot: %w", s.Name(), ctx.Err())}
	}
}

// Name is the program's name for messages.
func (s Spec) Name() string {
	if len(s.Args) == 0 {
		return "(no program)"
	}
	return s.Args[0]
}

// argv returns the path to execute and its arguments.
func (s Spec) argv() (string, []string, error) {
	if len(s.Args) == 0 || s.Args[0] == "" {
		return "", nil, errors.New("proc: no program given")
	}
	for _, a := range s.Args {
		if strings.IndexByte(a, 0) >= 0 {
			return "", nil, fmt.Errorf("proc: %q: argument holds a NUL byte", s.Args[0])
		}
	}
	if s.Shell {
		text := s.Args[0]
		for _, a := range s.Args[1:] {
			text += " " + Quote(a)
		}
		return "/bin/sh", []string{"/bin/sh", "-c", text}, nil
	}
	path, err := lookPath(s.Args[0])
	if err != nil {
		return "", nil, fmt.Errorf("proc: %s: %w", s.Args[0], err)
	}
	return path, s.Args, nil
}

// lookPath resolves a program without a slash as the shell does, but never
// through an empty or relative entry of PATH.
func lookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := os.Getenv("PATH")
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("not found in PATH: %w", fs.ErrNotExist)
}

// Quote returns s as one word of the POSIX shell.
func Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// environ is what children inherit: keepalived's rule, nothing added.
func environ(base, extra []string) []string {
	out := make([]string, 0, len(base)+len(extra))
	for _, kv := range base {
		switch k, _, _ := strings.Cut(kv, "="); k {
		case "IFS", "LD_PRELOAD", "LD_LIBRARY_PATH":
		default:
			out = append(out, kv)
		}
	}
	return append(out, extra...)
}
