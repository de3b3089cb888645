package load

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/config"
	"holdfast/internal/config/encode"
	"holdfast/internal/config/keepalived"
	"holdfast/internal/config/toml"
)

// Converted is a configuration in the other language.
type Converted struct {
	Text string
	// Flattened says what of the source has no counterpart in the text, which
	// holds what came of it: parameters, sequences, conditions, includes.
	Flattened []string
	// LeftOut says which keywords are not in the text, because they are not
	// active yet or because others make them void.
	LeftOut []string
	// Own are the keywords of the text that keepalived does not know.
	Own []string
	// Refused are the things of the text that keepalived 2.2.7 does not take,
	// although it knows the keywords.
	Refused []string
	// Mistakes is how many findings are about what is not in the text as it is
	// written: an unknown keyword, a value in whose place a default stands.
	Mistakes int
	// Foreign says what the source seems to be, where nothing in it is of
	// keepalived.conf; else empty.
	Foreign string
	// RefusedHere are the errors for which a daemon on this machine would not take
	// the text: a user that is missing, say, without whom keepalived goes on. Their
	// lines are those of the text, their file is empty.
	RefusedHere []config.Diagnostic
	// LostComments are the comments whose statement is not in the text.
	LostComments []encode.Comment
}

// ErrNotSame is returned when the text would not mean the same.
var ErrNotSame = errors.New("the converted text does not mean the same: this is a fault of holdfast, please report it")

// Convert loads the configuration at path and writes it in the language to. The
// text is read again and compared with what was loaded. Findings about the
// source are returned in any case; those about the text, where it is refused.
func Convert(path string, to config.Language, opts Options) (*Converted, []config.Diagnostic, error) {
	opts.NoKeyFiles = true // the text names them too
	root, c, diags := loadTree(path, opts)
	if c == nil {
		return nil, diags, errors.New("it has errors")
	}
	if len(c.Files) == 0 {
		return nil, diags, errors.New("no file was read")
	}
	if !says(root, "global_defs", "router_id") {
		c.Global.RouterID = "" // the host's name, wherever that is
	}
	texts := map[string]string{}
	for _, f := range c.Files {
		if data, err := opts.source().Read(f); err == nil {
			texts[f] = string(data)
		}
	}
	out := &Converted{}
	if !isTOML(path) {
		for _, f := range c.Files {
			out.Flattened = append(out.Flattened, flattened(f, texts[f])...)
		}
	}
	for _, d := range diags {
		if d.ID == config.NotActive {
			out.LeftOut = append(out.LeftOut, d.String())
		}
		if d.Mistake() || d.Class == config.ClassFileNotFound {
			out.Mistakes++
		}
	}
	if out.Mistakes > 0 && !isTOML(path) && !known(root) {
		out.Foreign = foreign(texts)
	}
	for i := range c.Instances {
		for _, what := range c.Instances[i].Ignored {
			out.LeftOut = append(out.LeftOut, "vrrp_instance "+c.Instances[i].Name+": "+what)
		}
	}
	tree := encode.Tree(c, to)
	out.LostComments = encode.Carry(root, texts, tree)
	if to == config.Keepalived {
		out.Own = ownKeywords(tree, "", nil)
		for i := range c.Instances {
			if c.Instances[i].VRF != "" {
				out.Refused = append(out.Refused, "vrrp_instance "+c.Instances[i].Name+": it has a vrf and no interface")
			}
		}
	}
	var err error
	if out.Text, err = write(tree, to); err != nil {
		return nil, diags, err
	}
	if refused, err := same(c, out.Text, to); err != nil {
		return nil, append(diags, refused...), err
	}
	_, here := textOf(out.Text, to, Options{NoKeyFiles: true, Users: true})
	for _, d := range here {
		if d.Severity == config.Error {
			d.Pos.File = ""
			out.RefusedHere = append(out.RefusedHere, d)
		}
	}
	return out, diags, nil
}

// textOf loads a text.
func textOf(text string, lang config.Language, opts Options) (*config.Config, []config.Diagnostic) {
	name := "converted.conf"
	if lang == config.TOML {
		name = "converted.toml"
	}
	opts.Files = func(string) ([]byte, error) { return []byte(text), nil }
	_, c, diags := loadTree(name, opts)
	return c, diags
}

// ownKeywords lists the keywords of statements that are holdfast's own.
func ownKeywords(n *config.Node, path string, out []string) []string {
	for _, c := range n.Children {
		k, ok := config.Lookup(path, c.Keyword())
		if !ok || k.Shape == config.ShapeLines {
			continue
		}
		if k.Tier == "own" && !slices.Contains(out, k.Name) {
			out = append(out, k.Name)
		}
		if c.Block {
			out = ownKeywords(c, k.Path(), out)
		}
	}
	return out
}

// says reports whether a block of the top level has a keyword.
func says(root *config.Node, block, keyword string) bool {
	for _, b := range root.Children {
		for _, n := range b.Children {
			if b.Keyword() == block && n.Keyword() == keyword {
				return true
			}
		}
	}
	return false
}

func write(tree *config.Node, lang config.Language) (string, error) {
	if lang == config.TOML {
		return toml.Write(tree)
	}
	return keepalived.Write(tree)
}

// same reads text and compares its meaning with c.
func same(c *config.Config, text string, lang config.Language) (refused []config.Diagnostic, err error) {
	back, diags := textOf(text, lang, Options{NoKeyFiles: true})
	if back == nil {
		for _, d := range diags {
			if d.Severity == config.Error {
				refused = append(refused, d)
			}
		}
		return refused, errors.New("the other language refuses what this one complains about: mend that first")
	}
	for _, d := range diags {
		if d.ID == "bad-value" {
			refused = append(refused, d)
		}
	}
	back.Global.RouterID = c.Global.RouterID
	for _, l := range []config.Language{config.Keepalived, config.TOML} {
		a, err := write(encode.Tree(c, l), l)
		if err != nil {
			continue // one of the languages may lack words; the other compares
		}
		if b, err := write(encode.Tree(back, l), l); err != nil || a != b {
			if len(refused) > 0 {
				return refused, errors.New("the other language has no such value")
			}
			return nil, ErrNotSame
		}
		return nil, nil
	}
	return nil, ErrNotSame
}

// flattened finds what the preprocessor of keepalived.conf replaces.
func flattened(file, text string) (out []string) {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		what := ""
		switch {
		case strings.HasPrefix(line, "~SEQ"), strings.HasPrefix(line, "~LST"):
			what = "sequence"
		case strings.HasPrefix(line, "@"):
			what = "condition"
		case strings.HasPrefix(line, "include"):
			what = "the text of" // the line says include itself
		case strings.HasPrefix(line, "$") && strings.Contains(line, "="):
			what = "parameter"
		default:
			continue
		}
		if len(line) > 60 {
			line = line[:57] + "..."
		}
		out = append(out, fmt.Sprintf("%s:%d: %s %s", file, i+1, what, line))
	}
	return out
}
