package config

import (
	"maps"
	"slices"
	"strings"
)

// Shape says what follows a keyword.
type Shape uint8

// The shapes.
const (
	// ShapeArgs is a statement on one line: keyword and arguments.
	ShapeArgs Shape = iota
	// ShapeBlock is a keyword with statements in braces.
	ShapeBlock
	// ShapeLines is a keyword with lines of data in braces: each line is an
	// entry described by Lines, and its first word is no keyword.
	ShapeLines
)

// Status says whether a keyword has an effect.
type Status uint8

// The states of a keyword.
const (
	// Active keywords do what they say.
	Active Status = iota
	// ParsedNotActive keywords are read and checked, and have no effect yet.
	ParsedNotActive
)

func (s Status) String() string {
	return [...]string{"active", "read, not active yet"}[s]
}

// Kind is the type of an argument.
type Kind uint8

// The kinds of arguments.
const (
	KindString  Kind = iota
	KindInt          // decimal whole number
	KindSeconds      // whole seconds
	KindTimer        // seconds with up to six decimals
	KindMillis       // milliseconds, decimal
	KindBool         // true on yes false off no, lower case
	KindFlag         // a bare word: present or not
	KindAddr         // IPv4 or IPv6 address
	KindPrefix       // address with optional prefix length
	KindCommand      // a command line: one quoted text
)

// Arg describes one argument of a keyword, or of a line.
type Arg struct {
	// Name is the argument's name; TOML uses it as the key of inline tables.
	Name string
	// Key is the word that introduces the value ("dev" in "dev eth0"). It is
	// empty for a positional argument. For KindFlag it is the word itself.
	Key  string
	Kind Kind
	// Optional arguments may be left out.
	Optional bool
	// Rest takes all remaining words.
	Rest bool
	// Range bounds a number in TOML, in its unit (seconds, milliseconds); the
	// zero value says nothing.
	Range Range
	// Words are all that the argument may be, where it is one of a fixed set;
	// Fold: in upper or lower case.
	Words []string
	Fold  bool
}

// Range is what a number may be, both ends included.
type Range struct{ Low, High float64 }

// Keyword is one row of the schema: everything that is known about one keyword
// in one block. It serves keepalived.conf, TOML, the reference and diagnostics.
type Keyword struct {
	// Block is the path of the block the keyword lives in: "" for the top
	// level, "vrrp_instance", "virtual_server/real_server/HTTP_GET/url".
	Block   string
	Name    string
	Aliases []string // other spellings, accepted in both languages
	Shape   Shape
	// Args are the arguments on the keyword's own line, in order: positional
	// ones first, then the ones introduced by a word.
	Args []Arg
	// Lines describes an entry of a ShapeLines block.
	Lines []Arg
	// Named blocks are written [vrrp_instance.NAME] in TOML: the first
	// argument is a name.
	Named bool
	// Word rows are words within the lines of their block, no statements.
	Word bool
	// Repeat keywords may occur several times in their block (an array of
	// tables, or an array of values, in TOML).
	Repeat bool

	Syntax  string // the arguments as text, for the reference
	Default string // as text; "" for none
	Since   string // version of keepalived that brought it; "" for old or own
	Tier    string // core, common, rare, obsolete, own
	Status  Status
	Doc     string

	set   setter
	path  string     // of the block it opens
	inner *blockRows // of that block; nil: it has none
}

// Path returns the path of the block that a ShapeBlock keyword opens.
func (k *Keyword) Path() string { return k.path }

// below is the one block right below that of path which has a keyword; empty:
// none has it, or several.
func below(path, name string) (block string) {
	for _, place := range placesOf(name) {
		if i := strings.LastIndexByte(place, '/'); i >= 0 && place[:i] == path {
			if block != "" {
				return ""
			}
			block = place
		}
	}
	return block
}

// above is the innermost block around that of path, or "the top level", which has a
// keyword that the block itself has not; empty: none has it.
func above(path, name string) (block string) {
	for path != "" {
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		if blocks()[path].find(name) == nil {
			continue
		}
		if path == "" {
			return "the top level"
		}
		return path
	}
	return ""
}

// Lookup finds the row of a keyword in the block with the given path ("" is
// the top level). Aliases are found too. It reports false for a keyword that
// does not exist there.
func Lookup(block, name string) (*Keyword, bool) {
	k := blocks()[block].find(name)
	return k, k != nil
}

// Keywords returns the rows of a block in the order of declaration.
func Keywords(block string) []*Keyword {
	return blocks()[block].all()
}

// Blocks returns the paths of all blocks, sorted; the first one is "".
func Blocks() []string {
	return slices.Sorted(maps.Keys(blocks()))
}
