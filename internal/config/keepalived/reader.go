package keepalived

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/config"
)

// Bounds on what is read.
const (
	maxLine  = 1023     // bytes of a line; keepalived drops longer ones
	maxDepth = 16       // includes within includes
	maxFiles = 1024     // files of one configuration
	maxBytes = 64 << 20 // bytes of all of them
	maxNest  = 64       // blocks within blocks
	maxLines = 1 << 18  // lines that come from parameters and sequences
	maxFree  = 32       // arenas that are kept for later
	maxHeld  = 1 << 20  // statements in one tree: each takes more memory than its text
	maxNodes = 1 << 22  // statements of all trees, where those of the top level are passed on one by one
)

// DependsOnBackslash says whether one of the findings of Read is that
// Options.Backslashes changes what is read.
func DependsOnBackslash(diags []config.Diagnostic) bool {
	return slices.ContainsFunc(diags, func(d config.Diagnostic) bool { return d.ID == "comment-backslash" })
}

// ErrSkip is returned by Source.Read for a file that is left out as keepalived
// leaves it out: not a regular file, or executable.
var ErrSkip = errors.New("not a regular, non-executable file")

// Source gives access to files.
type Source interface {
	// Read returns the contents of a file. The texts of the tree are parts of
	// it. An error that wraps ErrSkip leaves the file out.
	Read(path string) (string, error)
	// Glob returns the files that match a pattern, sorted; none is no error.
	Glob(pattern string) ([]string, error)
}

// Options says how a configuration is read.
type Options struct {
	Source Source
	// ConfigID is what lines that begin with @id are compared with. Empty: no
	// line with an id is kept, every line with ^id is.
	ConfigID string
	// Env returns a variable of the environment for ${_ENV NAME}; nil: none is set.
	Env func(name string) string
	// Checks are the kinds of missing includes that are complaints from the
	// beginning; include_check changes them.
	Checks config.IncludeCheck
	// Backslashes takes the backslash that a comment ends in for the end of the
	// last word before it, as keepalived does; else it is only reported.
	Backslashes bool
	// Statement takes each statement of the top level once it is whole, and the
	// tree stays empty: of a large file only a part is in memory then. The
	// reader leaves it alone until done is called, on any goroutine: from then
	// on neither n nor a node or a list of words in it may be looked at; texts
	// stay. nil: all are in the tree.
	Statement func(n *config.Node, done func())
}

// reader builds the tree of one configuration.
type reader struct {
	opts     Options
	root     *config.Node
	open     []*config.Node // blocks that are open, the root first
	last     *config.Node   // statement that a following '{' belongs to
	deep     int            // braces opened beyond maxNest
	files    []string
	stack    []string // files that are being read, each included by the one before
	stop     bool     // a bound is reached: nothing more is read
	bytes    int      // read and expanded so far
	nodes    int      // statements so far
	held     int      // those of them that were not passed on
	maxNodes int      // bound of nodes
	maxHeld  int      // bound of held
	lost     bool     // keepalived's parent process does not see the next line
	lines    int      // expanded so far
	found    config.Findings
	params   map[string]string
	scratch  []piece
	splits   []config.Word // of the statement that is being read
	arena    *arena        // of the statement of the top level that is being read
	free     chan *arena
	defining string                 // parameter whose definition goes on in this line
	more     bool                   // this line ends in a backslash
	trailing bool                   // its comment does, and nothing before that
	ids      map[string]*conditions // by file
	unclosed bool                   // a statement of this line has a quote that is not closed
	checks   config.IncludeCheck    // of includes that do not say themselves
	random   *rand.Rand             // of ${_RANDOM}; nil: not used yet
	hinted   config.Pos             // of the last parameter that what follows keeps from being replaced
}

// Read reads the files that match the pattern path, which may be a plain name,
// with everything that they include. It returns the tree and the names of the
// files in the order of reading. A missing file is a diagnostic, not an error.
func Read(path string, opts Options) (root *config.Node, files []string, diags []config.Diagnostic) {
	return read(path, opts, maxHeld, maxNodes)
}

// read is Read with bounds of its own.
func read(path string, opts Options, held, nodes int) (root *config.Node, files []string, diags []config.Diagnostic) {
	r := &reader{maxHeld: held, maxNodes: nodes, opts: opts, root: &config.Node{Block: true}, params: map[string]string{}, ids: map[string]*conditions{}, checks: opts.Checks}
	r.open = []*config.Node{r.root}
	r.free = make(chan *arena, maxFree)
	r.arena = r.newArena()
	r.include(path, "", config.Pos{File: path}, 0, config.CheckAll)
	r.finish()
	r.idle()
	r.handOver()
	return r.root, r.files, r.found.All()
}

func (r *reader) report(pos config.Pos, s config.Severity, c config.Class, id, format string, args ...any) {
	r.found.Add(config.Diagnostic{Pos: pos, Severity: s, Class: c, ID: id, Text: fmt.Sprintf(format, args...)})
}

// bound reports that a bound is reached and ends the reading.
func (r *reader) bound(pos config.Pos, id, format string, args ...any) {
	r.stop = true
	r.report(pos, config.Error, config.ClassGeneral, id, format, args...)
}

func (r *reader) top() *config.Node { return r.open[len(r.open)-1] }

// file reads one file.
func (r *reader) file(path string, pos config.Pos, depth int, check config.IncludeCheck) {
	switch {
	case r.stop:
		return
	case slices.Contains(r.stack, path):
		r.report(pos, config.Error, config.ClassGeneral, "include-loop", "%s includes itself", path)
		return
	case len(r.files) >= maxFiles:
		r.bound(pos, "too-many-files", "more than %d files are included", maxFiles)
		return
	}
	data, err := r.opts.Source.Read(path)
	switch {
	case errors.Is(err, ErrSkip):
		r.report(pos, config.Warning, complaint(check != 0), "skipped-file", "%s is left out: %v", path, ErrSkip)
		return
	case err != nil:
		r.report(pos, config.Warning, complaint(check&config.CheckRead != 0), "unreadable-file", "%s cannot be read: %v", path, err)
		return
	}
	if r.bytes += len(data); r.bytes > maxBytes {
		r.bound(pos, "too-large", "the configuration is larger than %d MiB", maxBytes>>20)
		return
	}
	r.stack = append(r.stack, path)
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()
	r.files = append(r.files, path)
	data, marked := strings.CutPrefix(data, "\xef\xbb\xbf")
	if marked {
		r.report(config.Pos{File: path, Line: 1, Column: 1}, config.Warning, config.ClassUnknownKeyword, "byte-order-mark",
			"the file begins with a byte order mark, which is ignored: keepalived takes it for a part of the first word")
	}
	for line := 1; len(data) > 0 && !r.stop; line++ {
		text, rest, _ := strings.Cut(data, "\n")
		data = rest
		r.line(strings.TrimSuffix(text, "\r"), config.Pos{File: path, Line: line, Column: 1}, depth)
	}
}

// complaint is the class of a file that is not read.
func complaint(checked bool) config.Class {
	if checked {
		return config.ClassFileNotFound
	}
	return config.ClassNone
}

// line reads one line of a file: bounds, comment, and what is left of it.
func (r *reader) line(raw string, pos config.Pos, depth int) {
	if len(raw) > maxLine {
		comment := isComment(raw)
		switch {
		case isComment(raw[maxLine:]):
		case comment:
			r.report(pos, config.Info, config.ClassUnknownKeyword, "long-line", "the line is longer than %d bytes: keepalived 2.2.7 takes the rest of it for a line of its own, which is no comment", maxLine)
		default:
			r.report(pos, config.Warning, config.ClassGeneral, "long-line", "the line is longer than %d bytes: it is ignored", maxLine)
			return
		}
		if comment {
			return
		}
	}
	if end := strings.IndexByte(raw, 0); end >= 0 {
		r.report(pos, config.Warning, config.ClassNone, "nul-byte", "the line holds a zero byte: it ends there")
		raw = raw[:end]
	}
	text, open := cutComment(raw)
	r.unclosed = false
	defer func() {
		// Of a line that is kept, its statement has said so.
		if open && !r.unclosed {
			r.report(pos, config.Warning, config.ClassUnmatchedQuote, "unmatched-quote", "a quote is not closed in a line that is a definition or does not count here: %s", trimLeft(text))
		}
	}()
	// A definition goes on even when the backslash stands in its comment; no other
	// line does: a backslash at its end belongs to the last word, blanks or not.
	before, ends := strings.CutSuffix(trimRight(text), `\`)
	if ends {
		text = trimRight(before) + `\`
	}
	r.trailing = !ends && endsInBackslash(raw[len(text):])
	r.more = ends || strings.HasSuffix(trimRight(raw), `\`)
	if r.defining != "" {
		r.define(r.defining, text)
		r.lost = r.defining == "" && isComment(raw) && strings.Trim(raw, blanks) != ""
		return
	}
	if r.lost {
		r.lost = false
		r.lostLine(text, pos)
	}
	switch {
	case trimLeft(text) != "":
		r.logical(text, pos, depth, 0)
	case r.trailing:
		r.plain(text, pos, depth)
	}
}

// endsComment reports that a comment, of a line that is no definition, ends in a
// backslash, and says whether that belongs to the words.
func (r *reader) endsComment(pos config.Pos) bool {
	if !r.trailing {
		return false
	}
	r.trailing = false
	r.report(pos, config.Warning, config.ClassNone, "comment-backslash",
		"the comment ends in a backslash, which keepalived takes for the end of the last word before it, or for a word of its own where there is none; here it stays a part of the comment")
	return r.opts.Backslashes
}

// lostLine reports a line after a definition that ends in a comment of its own:
// keepalived's parent process does not see it, its other processes do.
func (r *reader) lostLine(text string, pos config.Pos) {
	const why = "the comment above ends a definition: keepalived's parent process does not see this line (put an empty one between)"
	switch {
	case strings.ContainsAny(text, "{}"): // it complains about what follows
		r.report(pos, config.Warning, config.ClassUnknownKeyword, "lost-line", why)
	case strings.Trim(text, blanks) != "":
		r.report(pos, config.Warning, config.ClassNone, "lost-line", why)
	}
}

// isComment says that nothing but a comment, or nothing, is in a line.
func isComment(line string) bool {
	start := trimLeft(line)
	return start == "" || start[0] == '#' || start[0] == '!'
}

// pieces adds the statements and braces of a line to the tree.
func (r *reader) pieces(text string, pos config.Pos) {
	r.scratch = split(r.scratch[:0], text)
	for _, p := range r.scratch {
		at := pos
		at.Column = p.column
		switch p.brace {
		case '{':
			r.openBrace(at)
		case '}':
			r.closeBrace(at)
		default:
			r.statement(p.text, at)
		}
	}
}

func (r *reader) statement(text string, pos config.Pos) {
	w, ok := words(r.splits[:0], text, pos)
	r.splits = w
	if !ok {
		r.unclosed = true
		r.report(pos, config.Warning, config.ClassUnmatchedQuote, "unmatched-quote", "a quote is not closed: %s", text)
	}
	if len(w) == 0 || r.deep > 0 {
		return
	}
	r.settings(w)
	r.begin()
	n := r.arena.node(w)
	n.Pos, n.End, n.Raw = pos, w[len(w)-1].Pos, text
	r.add(n)
	r.last = n
}

// begin comes before every statement: when it is one of the top level, the one
// before it is whole.
func (r *reader) begin() {
	if len(r.open) == 1 {
		r.handOver()
	}
}

// add puts a statement into the block that is open.
func (r *reader) add(n *config.Node) {
	r.nodes++
	r.held++
	switch {
	case r.stop:
		return
	case r.nodes > r.maxNodes:
		r.bound(n.Pos, "too-many-statements", "the configuration has more than %d statements", r.maxNodes)
		return
	case r.held > r.maxHeld:
		what := "the configuration"
		if r.opts.Statement != nil {
			what = "the block"
		}
		r.bound(n.Pos, "too-many-statements", "%s has more than %d statements", what, r.maxHeld)
		return
	}
	t := r.top()
	t.Children = append(t.Children, n)
}

// handOver passes on the statement of the top level that is there: no brace
// can follow it any more.
func (r *reader) handOver() {
	if r.opts.Statement == nil {
		return
	}
	for _, n := range r.root.Children {
		a := r.arena
		r.arena = r.newArena()
		r.opts.Statement(n, func() { r.release(a) })
	}
	r.root.Children = r.root.Children[:0]
	r.held = 0
}

func (r *reader) openBrace(pos config.Pos) {
	if r.deep > 0 || len(r.open) > maxNest {
		if r.deep++; r.deep == 1 {
			r.report(pos, config.Error, config.ClassBraces, "too-deep", "more than %d blocks within each other", maxNest)
		}
		return
	}
	n := r.last
	if n == nil {
		r.begin()
		n = &config.Node{Pos: pos}
		r.add(n)
	}
	n.Block, r.last = true, nil
	n.Brace, n.End = pos, pos
	r.open = append(r.open, n)
}

func (r *reader) closeBrace(pos config.Pos) {
	r.last = nil
	switch {
	case r.deep > 0:
		r.deep--
	case len(r.open) > 1:
		r.top().End = pos
		r.open = r.open[:len(r.open)-1]
	default:
		r.report(pos, config.Warning, config.ClassBraces, "extra-brace", "extra '}': no block is open here")
		r.begin()
		r.add(&config.Node{Pos: pos, End: pos})
	}
}

// finish reports blocks that are still open, the outermost ones first.
func (r *reader) finish() {
	for k, n := range r.open[1:] {
		n.End = config.Pos{}
		if k >= 3 {
			continue
		}
		name := n.Text()
		if name == "" {
			name = "this block"
		}
		r.report(n.Pos, config.Warning, config.ClassBraces, config.UnclosedBlock, "missing '}': %s is not closed at the end of the configuration", name)
	}
}

// directory returns the folder that relative names in a file start from.
func directory(file string) string { return filepath.Dir(file) }
