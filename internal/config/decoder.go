package config

import (
	"slices"
	"time"
)

// Options says how a tree is decoded.
type Options struct {
	Language Language

	// Hostname is the default of router_id.
	Hostname string

	// Interfaces returns the names of the interfaces that exist. Nil, or a nil
	// map: their existence is not checked.
	Interfaces func() map[string]bool

	// InterfacesIn is Interfaces for another network namespace, that of
	// net_namespace; nil: the same are looked at.
	InterfacesIn func(namespace string) (map[string]bool, error)

	// UserExists reports whether a user exists; nil: not checked.
	UserExists func(name string) bool

	// GroupExists reports whether a group exists; nil: not checked.
	GroupExists func(name string) bool

	// KeyFile returns the contents of the file of a key; nil: such keys are not
	// read and stay empty, for a configuration that is looked at and not run.
	KeyFile func(path string) ([]byte, error)

	// Number looks a name up in one of iproute2's tables (rt_tables, rt_protos,
	// rt_scopes, rt_realms, rt_dsfield, group) or among the protocols; nil: only
	// the names that every system has. etc and usr are iproute_etc_dir and
	// iproute_usr_dir, where given.
	Number func(etc, usr, table, name string) (int, bool)

	// Executable says what keeps the program at path from being run, as in "does not
	// exist": an ErrInterpreter where the file itself is as it should be. Nil: not
	// checked, every program is taken to be there.
	Executable func(path string) error

	// FolderPossible reports whether a folder is there or can be made; nil: not
	// checked.
	FolderPossible func(path string) bool

	// Insecure returns why a command must not be run under
	// enable_script_security; its user is already the default one where
	// script_user gives one. Nil: not checked.
	Insecure func(c Command) error
}

// setter puts what one statement says into target, which is the value the
// enclosing block is decoded into.
type setter func(d *decoder, target any, n *Node)

// frame is a block that is being decoded.
type frame struct {
	path   string
	rows   *blockRows // of the block
	key    *Keyword   // nil for the top level
	node   *Node
	target any
	lines  func(n *Node) // for ShapeLines: takes one line
	skip   bool          // nothing in it is looked at
	open   bool          // its opening brace is missing, and nobody said so yet
	close  func()
	// closed is a close that needs to know no more than this: of blocks that there
	// are tens of thousands of, each function with values of its own is memory.
	closed func(d *decoder, target any, n *Node)
}

// decoder is the state of decoding one tree.
type decoder struct {
	opts   Options
	cfg    *Config
	found  Findings
	passes [processes]pass
	pass   process
	stack  []frame             // of the pass that reads
	seen   map[findingAt]bool  // what passes found that read the same; nil: one reads
	said   map[Diagnostic]bool // of TOML
	ended  Pos                 // closing brace of the block that is being closed
	kw     *Keyword            // keyword being decoded
	state  *building
}

// Decode turns a tree into a configuration. Every finding is reported, not
// only the first; the configuration is usable when none of them is an Error.
// Findings come in the order of keepalived's log: those of statements in the
// order of the file, then those about whole instances and services.
func Decode(root *Node, opts Options) (*Config, []Diagnostic) {
	d := NewDecoder(opts)
	children := root.Children
	if opts.Language == TOML {
		children = tomlOrder(children)
	}
	for _, n := range children {
		d.Statement(n)
	}
	return d.End()
}

// Decoder is Decode for the statements of a keepalived.conf that come one after
// the other, so that they need not all be there at the same time.
type Decoder struct{ d *decoder }

// NewDecoder begins a configuration.
func NewDecoder(opts Options) *Decoder {
	d := &decoder{opts: opts, cfg: &Config{Daemon: Daemon{ChildWait: 5 * time.Second}}}
	d.state = newBuilding(d)
	for p := range d.passes {
		d.passes[p].stack = []frame{{rows: blocks()[""], target: &d.cfg.Daemon}}
	}
	d.stack = d.passes[0].stack
	return &Decoder{d}
}

// Statement decodes the next statement of the top level. It reports whether that
// is over: a block that is still open needs its node.
func (d *Decoder) Statement(n *Node) (done bool) {
	if d.d.toml() {
		d.d.statements([]*Node{n})
		return len(d.d.stack) == 1
	}
	d.d.everyone(n)
	return d.d.level()
}

// End returns what Decode returns.
func (d *Decoder) End() (*Config, []Diagnostic) {
	for p := range d.d.passes {
		d.d.as(process(p), d.d.endOfText)
	}
	d.d.finish()
	return d.d.cfg, d.d.found.All()
}

// tomlOrder puts what others refer to first: in TOML the order of the tables
// has no meaning.
func tomlOrder(nodes []*Node) []*Node {
	rank := map[string]int{"global_defs": 0, "vrrp_script": 1, "track_file": 1, "vrrp_track_process": 1, "bfd_instance": 1}
	out := slices.Clone(nodes)
	slices.SortStableFunc(out, func(a, b *Node) int {
		ra, ok := rank[a.Keyword()]
		if !ok {
			ra = 2
		}
		rb, ok := rank[b.Keyword()]
		if !ok {
			rb = 2
		}
		return ra - rb
	})
	return out
}

func (d *decoder) toml() bool { return d.opts.Language == TOML }

func (d *decoder) top() *frame { return &d.stack[len(d.stack)-1] }

// statements decodes nodes in the block on top of the stack. It follows the
// braces of the text rather than the shape of the tree, because that is what
// keepalived does: a block after an unknown keyword is not skipped, its lines
// belong to the outer block, and its closing brace closes that.
func (d *decoder) statements(nodes []*Node) {
	for _, n := range nodes {
		f := d.top()
		if f.open && !n.closes() {
			f.open = false
			d.report(n.Pos, Warning, ClassBraces, "missing-brace", "missing '{' before this: "+clip(f.node.Text())+" opens a block (what is said of the lines below may come of that)")
		}
		switch {
		case n.closes():
			d.closeBrace(n.Pos)
		case f.skip:
		case f.lines != nil:
			d.line(n)
		default:
			d.statement(n)
		}
	}
}

// inner decodes the children of a block that is not expected here.
func (d *decoder) inner(n *Node) {
	if d.toml() {
		return // reported by the caller; nothing in it can be meant for the outer block
	}
	d.unexpectedBrace(n)
	d.statements(n.Children)
	d.endOf(n)
}

func (d *decoder) unexpectedBrace(n *Node) {
	pos := n.Brace
	if pos.Line == 0 {
		pos = n.Pos
	}
	d.report(pos, Warning, ClassBraces, "unexpected-brace", "unexpected '{', ignored: what follows belongs to the outer block")
}

// endOf is the closing brace of a block, which may be missing.
func (d *decoder) endOf(n *Node) {
	if n.End.Line != 0 || d.toml() {
		d.closeBrace(n.End)
	}
}

func (d *decoder) statement(n *Node) {
	if len(n.Words) == 0 {
		if n.Block {
			d.inner(n)
		}
		return
	}
	k := d.top().rows.find(n.Keyword())
	if k == nil {
		d.unknown(d.top().path, n)
		if n.Block {
			d.inner(n)
		}
		return
	}
	if d.top().path == "" && !d.toml() && owner(k) != d.pass {
		return // another process decodes it, and this one counts the braces
	}
	d.kw = k
	d.newer(n)
	switch {
	case k.Shape == ShapeArgs:
		k.set(d, d.top().target, n)
		if n.Block {
			d.inner(n)
		}
	default:
		d.block(k, n)
	}
}

// block opens a block and decodes it.
func (d *decoder) block(k *Keyword, n *Node) {
	d.stack = append(d.stack, frame{path: k.path, rows: k.inner, key: k, node: n, target: d.top().target})
	k.set(d, d.top().target, n) // replaces target, sets lines and close
	d.extraWords(k, n)
	if !n.Block {
		d.missingBrace(k, n)
		return
	}
	d.statements(n.Children)
	d.endOf(n)
}

// missingBrace reports that a block has no opening brace. keepalived does so in
// the line after it, where the block begins; not for one of lines, where that
// has no consequence inside the block.
func (d *decoder) missingBrace(k *Keyword, n *Node) {
	switch {
	case d.toml():
		d.report(n.Pos, Warning, ClassBraces, "missing-brace", "missing '{' after "+n.Text())
		d.pop()
	case k.Path() == "virtual_server_group":
		d.report(n.Pos, Error, ClassMissingParameter, "missing-brace", "missing '{' after "+n.Text())
	case k.Shape == ShapeLines:
		d.report(n.Pos, Warning, ClassNone, "missing-brace", "missing '{' after "+n.Text())
	default:
		d.top().open = true
	}
}

// endOfText closes the blocks that are open at the end.
func (d *decoder) endOfText() {
	for len(d.stack) > 1 {
		d.ended = Pos{}
		if f := d.top(); f.open {
			d.report(f.node.Pos, Warning, ClassNone, "missing-brace", "missing '{' after "+f.node.Text())
		}
		d.pop()
	}
}

// line hands a line of data to the block on top of the stack.
func (d *decoder) line(n *Node) {
	f := d.top()
	d.kw = f.key
	if len(n.Words) > 0 {
		f.lines(n)
	}
	if n.Block {
		d.inner(n)
	}
}

func (d *decoder) closeBrace(pos Pos) {
	if len(d.stack) > 1 {
		if f := d.top(); f.open {
			f.open = false
			d.report(pos, Warning, ClassBraces, "missing-brace", "missing '{' before this: "+clip(f.node.Text())+" opens a block (what is said of the lines below may come of that)")
		}
		d.ended = pos
		d.pop()
		d.ended = Pos{}
		return
	}
	d.report(pos, Warning, ClassUnknownKeyword, "unknown-keyword", "unknown keyword '}'")
}

func (d *decoder) pop() {
	f := d.stack[len(d.stack)-1]
	d.stack = d.stack[:len(d.stack)-1]
	if f.close != nil {
		d.kw = f.key
		f.close()
	}
	if f.closed != nil {
		d.kw = f.key
		f.closed(d, f.target, f.node)
	}
}

// within sets what the block just opened is decoded into.
func (d *decoder) within(target any, closing func()) {
	f := d.top()
	f.target, f.close = target, closing
}

// blockName is the name of the block just opened, which is skipped without one.
func (d *decoder) blockName(n *Node) string {
	name, ok := arg1(d, n)
	d.top().skip = !ok
	return name
}

// lines makes the block just opened one of lines.
func (d *decoder) lines(take func(n *Node)) { d.top().lines = take }
