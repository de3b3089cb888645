package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
)

// namespaceDir is where "ip netns" keeps the names of network namespaces.
const namespaceDir = "/run/netns"

// NamespacePath is the file of a named network namespace.
func NamespacePath(name string) string { return filepath.Join(namespaceDir, name) }

// SystemNamespaces are the names of the network namespaces of this machine.
func SystemNamespaces() []string {
	list, _ := os.ReadDir(namespaceDir)
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// Daemon returns the keywords of the top level about the processes. It looks at
// nothing else and reports nothing: that is for Load, in the namespace named
// here.
func Daemon(path string, opts Options) config.Daemon {
	if !opts.namesProcess(path) {
		return config.Daemon{}
	}
	opts.Interfaces, opts.Users = nil, false
	opts, decode := opts.decoding(path)
	root, _, _ := read(path, opts)
	if root == nil {
		return config.Daemon{}
	}
	own := &config.Node{Block: true}
	for _, n := range root.Children {
		if slices.Contains(processKeywords, n.Keyword()) && !n.Block {
			own.Children = append(own.Children, n)
		}
	}
	cfg, _ := config.Decode(own, decode)
	return cfg.Daemon
}

// processKeywords are the keywords that Daemon is about.
var processKeywords = []string{"instance", "net_namespace", "use_pid_dir"}

// namesProcess is the function of this name for the file at path. One that cannot
// be read may hold anything.
func (o Options) namesProcess(path string) bool {
	var r io.Reader
	if o.Files != nil {
		data, err := o.Files(path)
		if err != nil {
			return true
		}
		r = bytes.NewReader(data)
	} else {
		f, err := open(path)
		if err != nil {
			return true
		}
		defer f.Close()
		r = f
	}
	names, err := namesProcess(r)
	return names || err != nil
}

// namesProcess reports whether a text may hold one of processKeywords: a word
// like it, another file, or a parameter. Most have none, and a large one is not
// read twice for that.
func namesProcess(r io.Reader) (bool, error) {
	// Words are at most this long, with one byte before them.
	const overlap = 16
	buf := make([]byte, scanned)
	for n, begun := 0, false; ; begun = true {
		more, err := io.ReadFull(r, buf[n:])
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return false, err
		}
		if n += more; mayName(buf[:n], begun, !ended) {
			return true, nil
		}
		if ended {
			return false, nil
		}
		n = copy(buf, buf[n-overlap:n])
	}
}

// scanned is how much of a file namesProcess looks at at a time.
const scanned = 32 << 10

// mayName is namesProcess for a part of the text; before and after say that
// there is more of it. What begins or ends with the part is then whole in another
// one.
func mayName(data []byte, before, after bool) bool {
	if bytes.IndexByte(data, '$') >= 0 || bytes.Contains(data, []byte("include")) {
		return true
	}
	return slices.ContainsFunc(processKeywords, func(word string) bool {
		for from := 0; ; {
			i := bytes.Index(data[from:], []byte(word))
			if i < 0 {
				return false
			}
			first, end := from+i, from+i+len(word)
			begins := first == 0 && !before || first > 0 && !isWord(data[first-1])
			ends := end == len(data) && !after || end < len(data) && !isWord(data[end])
			if begins && ends {
				return true
			}
			from = end
		}
	})
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// within calls f in a network namespace and returns to the present one.
func within(name string, f func()) error {
	runtime.LockOSThread()
	here, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("network namespace: %w", err)
	}
	defer unix.Close(here)
	there, err := unix.Open(NamespacePath(name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Setns(there, unix.CLONE_NEWNET)
		unix.Close(there)
	}
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("network namespace %s: %w", name, err)
	}
	f()
	if err := unix.Setns(here, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("network namespace: %w", err) // this thread ends with its goroutine
	}
	runtime.UnlockOSThread()
	return nil
}

// interfacesOf sees to it that interfaces are looked for in the namespace that
// the configuration is for.
func (o Options) interfacesOf(decode *config.Options) {
	switch {
	case o.Interfaces == nil:
	case o.Namespace == "":
		decode.Interfaces = remember(o.Interfaces)
		decode.InterfacesIn = o.interfacesIn
	default:
		decode.Interfaces = remember(func() map[string]bool {
			have, _ := o.interfacesIn(o.Namespace)
			return have
		})
	}
}

func (o Options) interfacesIn(namespace string) (have map[string]bool, err error) {
	err = within(namespace, func() { have = o.Interfaces() })
	return have, err
}
