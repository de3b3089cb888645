package toml

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/config"
)

// rank orders the statements of a block: as the schema has them, then blocks
// as the file has them, unknown keywords last. Some statements refer to one
// before them (a scheduler's flags to the scheduler), and in TOML the order of
// keys has no meaning.
func (r *reader) rank(block string, k *config.Keyword) int {
	m := r.ranks[block]
	if m == nil {
		m = map[string]int{}
		rows := config.Keywords(block)
		for i, row := range rows {
			m[row.Name] = i
			if row.Shape == config.ShapeBlock && block != "" {
				m[row.Name] = len(rows)
			}
		}
		r.ranks[block] = m
	}
	if k == nil {
		return 2 * len(m)
	}
	return m[k.Name]
}

// block turns a table into the statements of the block with the given path.
// args are the positional arguments of the block itself, which stand in the
// same table and are left out here.
func (r *reader) block(path string, args []config.Arg, table map[string]any, at *place) []*config.Node {
	type ranked struct {
		node *config.Node
		rank int
	}
	var out []ranked
	for _, key := range at.order {
		p := at.fields[key]
		k, known := config.Lookup(path, key)
		if !known {
			if isArg(args, key) {
				continue
			}
			// The decoder knows what to say about it.
			out = append(out, ranked{&config.Node{Words: []config.Word{r.word(key, p.key)}, Pos: r.pos(p.key), End: r.pos(p.key)}, r.rank(path, nil)})
			continue
		}
		for _, n := range r.keyword(k, key, table[key], p) {
			out = append(out, ranked{n, r.rank(path, k)})
		}
	}
	slices.SortStableFunc(out, func(a, b ranked) int { return a.rank - b.rank })
	nodes := make([]*config.Node, len(out))
	for i := range out {
		nodes[i] = out[i].node
	}
	return nodes
}

func isArg(args []config.Arg, name string) bool {
	return slices.ContainsFunc(args, func(a config.Arg) bool { return a.Name == name })
}

// keyword turns one key with its value into statements: several for an array
// of tables, none for a flag that is false.
func (r *reader) keyword(k *config.Keyword, key string, value any, at *place) []*config.Node {
	switch {
	case k.Shape == config.ShapeBlock && k.Named:
		return r.named(k, key, value, at)
	case k.Shape == config.ShapeBlock:
		return r.tables(k, key, value, at)
	case k.Shape == config.ShapeLines && k.Named:
		return r.namedLists(k, key, value, at)
	case k.Shape == config.ShapeLines:
		return r.list(k, key, value, at)
	}
	if array, ok := value.([]any); ok && k.Repeat && !takesArray(k.Args) {
		var out []*config.Node
		for i, v := range array {
			out = append(out, r.statement(k, key, v, elem(at, i))...)
		}
		return out
	}
	return r.statement(k, key, value, at)
}

// named turns [keyword.NAME] tables into blocks.
func (r *reader) named(k *config.Keyword, key string, value any, at *place) []*config.Node {
	all, ok := value.(map[string]any)
	if !ok {
		r.complain(at.value, "wrong-type", "%s needs a name: write [%s.NAME]", key, key)
		return nil
	}
	var out []*config.Node
	for _, name := range at.order {
		p := at.fields[name]
		table, ok := all[name].(map[string]any)
		if !ok {
			r.complain(p.key, "wrong-type", "%s.%s is %s where a table is expected: %s needs a name, write [%s.NAME]",
				key, name, kindOf(all[name]), key, key)
			continue
		}
		args := k.Args
		if len(args) > 0 {
			args = args[1:] // the name is the table's
		}
		before := r.found.Count()
		n := r.open(k, key, p)
		n.Words = append(n.Words, r.word(name, p.key))
		n.Words = append(n.Words, r.arguments(args, table, p)...)
		n.Children = r.block(k.Path(), args, table, p)
		n.Refused = r.found.Count() > before
		out = append(out, n)
	}
	return out
}

// tables turns a table, or an array of tables, into blocks.
func (r *reader) tables(k *config.Keyword, key string, value any, at *place) []*config.Node {
	var out []*config.Node
	each := func(v any, p *place) {
		table, ok := v.(map[string]any)
		if !ok {
			r.complain(p.value, "wrong-type", "%s is %s where a table is expected", key, kindOf(v))
			return
		}
		before := r.found.Count()
		n := r.open(k, key, p)
		n.Words = append(n.Words, r.arguments(k.Args, table, p)...)
		n.Children = r.block(k.Path(), k.Args, table, p)
		n.Refused = r.found.Count() > before
		out = append(out, n)
	}
	switch v := value.(type) {
	case []map[string]any:
		for i := range v {
			each(v[i], elem(at, i))
		}
	case []any:
		for i := range v {
			each(v[i], elem(at, i))
		}
	default:
		each(v, at)
	}
	if len(out) > 1 && !k.Repeat {
		r.complain(elem(at, 1).value, "wrong-type", "there can be only one %s here: write [%s], not [[%s]]", key, key, key)
	}
	return out
}

// open starts the node of a block.
func (r *reader) open(k *config.Keyword, key string, at *place) *config.Node {
	off := at.key
	if at.shape == isTable && at.explicit {
		off = at.value
	}
	return &config.Node{Words: []config.Word{r.word(key, off)}, Block: true, Pos: r.pos(off), End: r.pos(off)}
}

// arguments takes the arguments of a statement from a table that gives them by
// name. Arguments introduced by a word bring that word along.
func (r *reader) arguments(args []config.Arg, table map[string]any, at *place) []config.Word {
	var words []config.Word
	for _, a := range args {
		p := at.fields[a.Name]
		if p == nil {
			continue
		}
		value := table[a.Name]
		if flag, ok := value.(bool); ok && a.Kind == config.KindFlag {
			if flag {
				words = append(words, r.word(a.Key, p.value))
			}
			continue
		}
		if a.Key != "" {
			words = append(words, r.word(a.Key, p.key))
		}
		words = append(words, r.argument(a, a.Name, value, p)...)
	}
	return words
}

// list turns an array into a block of lines. One value alone is a list of one.
func (r *reader) list(k *config.Keyword, key string, value any, at *place) []*config.Node {
	before := r.found.Count()
	n := r.open(k, key, at)
	var values []any
	switch v := value.(type) {
	case []any:
		values = v
	case []map[string]any:
		for _, t := range v {
			values = append(values, t)
		}
	default:
		values = []any{v}
		at = &place{shape: isScalar, elems: []*place{at}}
	}
	whole := at.shape != isScalar && len(k.Lines) == 1 // ["a b"] is one name
	for i, v := range values {
		p := elem(at, i)
		words := []config.Word(nil)
		if _, isText := v.(string); isText && whole {
			words = r.argument(k.Lines[0], key, v, p)
		} else {
			words = r.values(k.Lines, key, v, p)
		}
		if len(words) > 0 {
			n.Children = append(n.Children, &config.Node{Words: words, Pos: words[0].Pos, End: words[len(words)-1].Pos})
		}
	}
	n.Refused = r.found.Count() > before
	return []*config.Node{n}
}

// namedLists turns the arrays of a [keyword] table, NAME = [...], into blocks
// of lines.
func (r *reader) namedLists(k *config.Keyword, key string, value any, at *place) []*config.Node {
	all, ok := value.(map[string]any)
	if !ok {
		r.complain(at.value, "wrong-type", "%s is %s: write [%s] and below it NAME = [...]", key, kindOf(value), key)
		return nil
	}
	var out []*config.Node
	for _, name := range at.order {
		p := at.fields[name]
		for _, n := range r.list(k, key, all[name], p) {
			n.Words = append(n.Words, r.word(name, p.key))
			out = append(out, n)
		}
	}
	return out
}

// statement turns one value into a statement on one line.
func (r *reader) statement(k *config.Keyword, key string, value any, at *place) []*config.Node {
	n := &config.Node{Words: []config.Word{r.word(key, at.key)}, Pos: r.pos(at.key), End: r.pos(at.value)}
	if flag, ok := value.(bool); ok && !takesBool(k.Args) {
		if required(k.Args) {
			r.complain(at.value, "wrong-type", "%s is a boolean where %s is expected", key, describe(k.Args[0]))
			return nil
		}
		if !flag {
			return nil
		}
		return []*config.Node{n}
	}
	if len(k.Args) == 0 {
		r.complain(at.value, "wrong-type", "%s is %s where true or false is expected", key, kindOf(value))
		return nil
	}
	before := r.found.Count()
	n.Words = append(n.Words, r.values(k.Args, key, value, at)...)
	n.Refused = r.found.Count() > before
	return []*config.Node{n}
}

// elem returns the place of an element, or of the array when there is none.
func elem(at *place, i int) *place {
	if i < len(at.elems) {
		return at.elems[i]
	}
	return at
}

func required(args []config.Arg) bool { return len(args) > 0 && !args[0].Optional }

func takesBool(args []config.Arg) bool {
	return slices.ContainsFunc(args, func(a config.Arg) bool { return a.Kind == config.KindBool && a.Key == "" })
}

// takesArray reports whether an array is the value of one statement.
func takesArray(args []config.Arg) bool {
	return slices.ContainsFunc(args, func(a config.Arg) bool { return a.Rest || a.Kind == config.KindCommand })
}

// describe says what an argument takes.
func describe(a config.Arg) string {
	switch a.Kind {
	case config.KindInt, config.KindSeconds, config.KindTimer, config.KindMillis:
		return "a number"
	case config.KindBool, config.KindFlag:
		return "true or false"
	}
	return "a string"
}

// kindOf names the TOML type of a value.
func kindOf(v any) string {
	switch v.(type) {
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "an array"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	}
	return strings.ToLower(fmt.Sprintf("a %T", v))
}
