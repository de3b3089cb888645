// Package load reads a configuration from files: it chooses the language,
// reads, decodes and checks. It is the one place where configurations meet the
// file system, the host name, the users and the interfaces of this machine.
package load

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"holdfast/internal/config"
	"holdfast/internal/config/keepalived"
	"holdfast/internal/config/toml"
	"holdfast/internal/proc"
	"holdfast/internal/stack"
)

// Options says how a configuration is loaded. The zero value reads real files
// and checks neither interfaces nor users.
type Options struct {
	// Files returns the contents of a file; nil: the file system. With it,
	// patterns of includes match nothing but plain names.
	Files func(path string) ([]byte, error)
	// ConfigID selects lines that begin with @id; empty: the host name up to
	// its first dot.
	ConfigID string
	// Interfaces returns the names of the existing interfaces; nil: their
	// existence is not checked. SystemInterfaces gives the machine's.
	Interfaces func() map[string]bool
	// Users makes sure that users named in the configuration exist, and that
	// programs do where keepalived looks at that.
	Users bool
	// NoKeyFiles leaves the keys empty that are in files of their own: for a
	// configuration that is looked at and not run.
	NoKeyFiles bool
	// Namespace is the network namespace whose interfaces are looked at; empty:
	// that of net_namespace in the configuration, else the caller's.
	Namespace string
	// AllIncludes makes every missing include a complaint.
	AllIncludes bool
	// Strict makes a complaint of keepalived about keepalived.conf an error.
	Strict bool
}

// Load reads the configuration at path: TOML when its name ends in .toml, else
// keepalived.conf, where path may be a pattern.
//
// The findings come in the order in which they were made. The configuration is nil when one of them is
// an Error.
func Load(path string, opts Options) (*config.Config, []config.Diagnostic) {
	if isTOML(path) {
		_, cfg, diags := loadTree(path, opts)
		return cfg, diags
	}
	opts, decode := opts.decoding(path)
	reading := opts.reading()
	cfg, files, diags := stream(path, reading, decode)
	if keepalived.DependsOnBackslash(diags) {
		// What keepalived complains about is another matter than what is run.
		reading.Backslashes = true
		_, _, theirs := stream(path, reading, decode)
		diags = asTheirs(diags, theirs)
	}
	return opts.judge(cfg, files, diags)
}

// stream reads and decodes a keepalived.conf. Each statement is decoded as soon as it
// is read: the whole tree of a large file takes more memory than the configuration.
func stream(path string, reading keepalived.Options, decode config.Options) (cfg *config.Config, files []string, diags []config.Diagnostic) {
	d := config.NewDecoder(decode)
	use := func(n *config.Node, done func()) {
		if d.Statement(n) {
			done()
		}
	}
	end := func() {}
	reading.Statement = use
	if runtime.GOMAXPROCS(0) > 1 {
		reading.Statement, end = beside(use)
	}
	_, files, diags = keepalived.Read(path, reading)
	end()
	cfg, found := d.End()
	return cfg, files, append(diags, found...)
}

// beside has statements used in a goroutine of their own; end waits for the last one.
// With one processor that would be in vain, and take a turn of the scheduler for
// each few of them.
func beside(use func(*config.Node, func())) (give func(*config.Node, func()), end func()) {
	type statement struct {
		node *config.Node
		done func()
	}
	statements := make(chan statement, 16)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		stack.Reserve()
		for s := range statements {
			use(s.node, s.done)
		}
	}()
	give = func(n *config.Node, done func()) { statements <- statement{n, done} }
	return give, func() { close(statements); <-ended }
}

// asTheirs joins what is found in the text as keepalived reads it, theirs, and
// as it is run, ours: the exit code of a test follows from the former, and
// whether the configuration is taken from the latter.
func asTheirs(ours, theirs []config.Diagnostic) []config.Diagnostic {
	common := make(map[config.Diagnostic]bool, len(ours))
	for _, d := range ours {
		common[d] = false
	}
	out := make([]config.Diagnostic, 0, len(ours)+len(theirs))
	for _, d := range theirs {
		if _, ok := common[d]; ok {
			common[d] = true
			out = append(out, d)
			continue
		}
		if d.Severity == config.Error {
			d.Severity = config.Warning
			if d.Class == config.ClassNone && d.ID != config.NotActive && d.ID != "no-file" {
				d.Class = config.ClassGeneral
			}
		}
		if d.Hint == "" {
			d.Hint = "keepalived 2.2.7 sees it so, by the backslash of a comment"
		}
		out = append(out, d)
	}
	for _, d := range ours {
		if !common[d] {
			d.Class = config.ClassNone // keepalived does not say so
			out = append(out, d)
		}
	}
	return out
}

// loadTree is Load that also gives the statements; they are nil when there are
// none to decode.
func loadTree(path string, opts Options) (*config.Node, *config.Config, []config.Diagnostic) {
	opts, decode := opts.decoding(path)
	root, files, diags := read(path, opts)
	if root == nil {
		return nil, nil, diags
	}
	cfg, found := config.Decode(root, decode)
	cfg, diags = opts.judge(cfg, files, append(diags, found...))
	return root, cfg, diags
}

// decoding is how the configuration at path is decoded, and o with what was
// left open.
func (o Options) decoding(path string) (Options, config.Options) {
	host, _ := os.Hostname()
	decode := config.Options{Hostname: host, Number: numbers()}
	o.interfacesOf(&decode)
	if !o.NoKeyFiles {
		decode.KeyFile = keyFile
	}
	if o.Users {
		byNumber := isTOML(path)
		decode.UserExists, decode.GroupExists = userExists(byNumber), func(name string) bool { return groupExists(name, byNumber) }
		decode.Executable = executable
		decode.Insecure, decode.FolderPossible = insecure, folderPossible
	}
	if isTOML(path) {
		decode.Language = config.TOML
	}
	if o.ConfigID == "" {
		o.ConfigID, _, _ = strings.Cut(host, ".")
	}
	return o, decode
}

// judge returns the configuration unless one of the findings is an Error.
func (o Options) judge(cfg *config.Config, files []string, diags []config.Diagnostic) (*config.Config, []config.Diagnostic) {
	if o.Strict {
		for i := range diags {
			if diags[i].Severity == config.Warning && diags[i].Class != config.ClassNone && diags[i].Class != config.ClassSecurity {
				diags[i].Severity = config.Error
			}
		}
	}
	if config.HasErrors(diags) {
		return nil, diags
	}
	cfg.Files = files
	return cfg, diags
}

func isTOML(path string) bool { return strings.HasSuffix(path, ".toml") }

// read reads the statements at path; root is nil when there are none to decode.
func read(path string, opts Options) (root *config.Node, files []string, diags []config.Diagnostic) {
	if !isTOML(path) {
		return keepalived.Read(path, opts.reading())
	}
	data, err := opts.source().Read(path)
	if err != nil {
		return nil, nil, []config.Diagnostic{{
			Pos: config.Pos{File: path}, Severity: config.Error, ID: "no-file", Text: fmt.Sprintf("cannot be read: %v", err),
		}}
	}
	root, diags = toml.Read(path, []byte(data))
	return root, []string{path}, diags
}

// reading is how a keepalived.conf is read.
func (o Options) reading() keepalived.Options {
	r := keepalived.Options{Source: o.source(), ConfigID: o.ConfigID, Env: os.Getenv}
	if o.AllIncludes {
		r.Checks = config.CheckAll
	}
	return r
}

// remember calls f at most once.
func remember(f func() map[string]bool) func() map[string]bool {
	if f == nil {
		return nil
	}
	return sync.OnceValue(f)
}

// SystemInterfaces returns the names of the interfaces of this network
// namespace; nil when they cannot be read.
func SystemInterfaces() map[string]bool {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	out := make(map[string]bool, len(list))
	for _, i := range list {
		out[i.Name] = true
	}
	return out
}

// userExists returns a lookup that remembers. With numbers, a user may be given
// by number, as proc.Lookup takes it; keepalived takes a number for a name, which
// nobody has.
func userExists(numbers bool) func(string) bool {
	known := map[string]bool{}
	return func(name string) bool {
		ok, seen := known[name]
		if !seen {
			_, err := user.Lookup(name)
			if err != nil && numbers {
				_, err = user.LookupId(name)
			}
			ok = err == nil
			known[name] = ok
		}
		return ok
	}
}

// groupExists looks a group up, by number as well where that is possible.
func groupExists(name string, numbers bool) bool {
	_, err := user.LookupGroup(name)
	if err != nil && numbers {
		_, err = user.LookupGroupId(name)
	}
	return err == nil
}

// executable says what keeps path from being run as a program.
func executable(path string) error {
	full, err := exec.LookPath(path)
	switch {
	case err == nil:
		if name := proc.MissingInterpreter(full); name != "" {
			return config.ErrInterpreter{Name: name}
		}
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return errors.New("does not exist")
	case errors.Is(err, syscall.EISDIR):
		return errors.New("is a folder")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("is not executable (chmod +x)")
	}
	return fmt.Errorf("cannot be run: %w", err)
}

// folderPossible reports whether path is a folder, or could be made as one.
func folderPossible(path string) bool {
	info, err := os.Stat(path)
	if err == nil {
		return info.IsDir()
	}
	info, err = os.Stat(filepath.Dir(path))
	return path != "" && err == nil && info.IsDir()
}

// defaultUser runs programs where script_user is not given, if there is one.
const defaultUser = "keepalived_script"

// insecure returns why a command must not be run under enable_script_security,
// by the rule that holds when it is started. That something else keeps it from
// being started is another matter.
func insecure(c config.Command) error {
	if c.User == "" {
		if _, err := user.Lookup(defaultUser); err == nil {
			c.User = defaultUser
		}
	}
	err := proc.Spec{Args: c.Args, Shell: c.Shell, User: c.User, Group: c.Group, Secure: true}.Trusted()
	if errors.Is(err, proc.ErrInsecure) {
		return err
	}
	return nil
}

func (o Options) source() keepalived.Source {
	if o.Files != nil {
		return hook{o.Files}
	}
	return system{}
}

// system reads real files.
type system struct{}

// maxFile bounds one file; a larger one is no configuration.
const maxFile = 64 << 20

func (system) Read(path string) (string, error) {
	f, err := open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	return readAll(f, info.Size())
}

var errTooLarge = errors.New("file is too large")

// readAll reads a file that says that it has size bytes; it may have others by now, and
// one of /proc never says how many. The text of a large one is there once, and read in one
// call: the kernel maps its pages while it fills them, instead of a page fault for each.
func readAll(r io.Reader, size int64) (string, error) {
	if size > maxFile {
		return "", errTooLarge
	}
	text := make([]byte, size)
	n, err := io.ReadFull(r, text)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return string(text[:n]), nil
	case err != nil:
		return "", err
	}
	more, err := io.ReadAll(io.LimitReader(r, maxFile+1-size))
	switch {
	case err != nil:
		return "", err
	case size+int64(len(more)) > maxFile:
		return "", errTooLarge
	case len(more) > 0:
		return string(append(text, more...)), nil
	}
	return unsafe.String(unsafe.SliceData(text), len(text)), nil // nobody else has it
}

// open opens a file that is one of a configuration.
func open(path string) (*os.File, error) {
	info, err := os.Stat(path) // before it is opened: of a pipe that would wait
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 != 0 {
		return nil, fmt.Errorf("%s: %w", path, keepalived.ErrSkip)
	}
	if info.Size() > maxFile {
		return nil, errTooLarge
	}
	return os.Open(path)
}

func (system) Glob(pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, `*?[\`) {
		if _, err := os.Stat(pattern); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return []string{pattern}, nil
	}
	return filepath.Glob(pattern)
}

// hook reads files through a function.
type hook struct {
	read func(string) ([]byte, error)
}

func (h hook) Read(path string) (string, error) {
	data, err := h.read(path)
	return string(data), err
}

func (h hook) Glob(pattern string) ([]string, error) {
	if _, err := h.read(pattern); err != nil {
		return nil, nil
	}
	return []string{pattern}, nil
}
