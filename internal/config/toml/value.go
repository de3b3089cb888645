package toml

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/config"
)

// word makes an unquoted word.
func (r *reader) word(text string, off int) config.Word {
	return config.Word{Text: text, Pos: r.pos(off)}
}

// values turns a value into the words that stand for the given arguments.
func (r *reader) values(args []config.Arg, key string, value any, at *place) []config.Word {
	if len(args) == 0 {
		r.complain(at.value, "wrong-type", "%s takes no values", key)
		return nil
	}
	switch v := value.(type) {
	case map[string]any:
		for _, name := range at.order {
			if !isArg(args, name) {
				r.complain(at.fields[name].key, "unknown-argument", "%s has no argument %q; it takes %s", key, name, names(args))
			}
		}
		return r.arguments(args, v, at)
	case []map[string]any:
		r.complain(at.value, "wrong-type", "%s is an array of tables where %s is expected", key, describe(args[0]))
		return nil
	case []any:
		if args[0].Kind == config.KindCommand {
			return r.argument(args[0], key, v, at)
		}
		if len(v) > len(args) && !slices.ContainsFunc(args, func(a config.Arg) bool { return a.Rest || a.Key != "" }) || len(args) == 1 && !args[0].Rest {
			r.complain(at.value, "wrong-type", "%s is an array where %s is expected", key, describe(args[0]))
			return nil
		}
		var words []config.Word
		for i, e := range v {
			a := args[min(i, len(args)-1)]
			words = append(words, r.argument(a, key, e, elem(at, i))...)
		}
		return words
	case string:
		if len(args) > 1 && args[0].Kind != config.KindCommand || args[0].Rest {
			return r.split(args, v, at)
		}
	}
	return r.argument(args[0], key, value, at)
}

// argument turns one value into the words of one argument.
func (r *reader) argument(a config.Arg, key string, value any, at *place) []config.Word {
	w := config.Word{Pos: r.pos(at.value)}
	switch v := value.(type) {
	case string:
		w.Text, w.Quoted = r.seconds(a, v, at), true
	case int64:
		w.Text = strconv.FormatInt(v, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			r.complain(at.value, "wrong-type", "%s cannot be %v", key, v)
			return nil
		}
		w.Text = strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		w.Text = strconv.FormatBool(v)
	case []any:
		return r.array(a, key, v, at)
	case time.Time:
		r.complain(at.value, "wrong-type", "%s is a date or time where %s is expected; a string wants quotes", key, describe(a))
		return nil
	default:
		r.complain(at.value, "wrong-type", "%s is %s where %s is expected", key, kindOf(value), describe(a))
		return nil
	}
	return []config.Word{w}
}

// array turns an array into the words of one argument: a program with its
// arguments becomes one command line, other arrays their elements.
func (r *reader) array(a config.Arg, key string, array []any, at *place) []config.Word {
	if a.Kind != config.KindCommand && !a.Rest {
		r.complain(at.value, "wrong-type", "%s is an array where %s is expected", key, describe(a))
		return nil
	}
	var words []config.Word
	for i, e := range array {
		p := elem(at, i)
		if _, nested := e.([]any); nested {
			r.complain(p.value, "wrong-type", "%s holds an array in an array", key)
			return nil
		}
		words = append(words, r.argument(config.Arg{Kind: config.KindString}, key, e, p)...)
	}
	if a.Kind != config.KindCommand || len(words) == 0 {
		return words
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w.Text)
	}
	return []config.Word{{Text: strings.Join(quoted, " "), Pos: r.pos(at.value), Quoted: true}}
}

// quote makes one word of a command line out of text. Words that need no
// quoting stay as they are.
func quote(text string) string {
	plain := text != "" && strings.IndexFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_-./:,=@%+", c)
	}) < 0
	if plain {
		return text
	}
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

// seconds turns a duration with a unit ("250ms", "1m30s") into the seconds or
// milliseconds that the argument is a number of; any other text stays as it is.
func (r *reader) seconds(a config.Arg, text string, at *place) string {
	if a.Kind != config.KindTimer && a.Kind != config.KindSeconds && a.Kind != config.KindMillis {
		return text
	}
	d, err := time.ParseDuration(text)
	if err != nil || text == "0" {
		return text // a plain number, or for the decoder to complain about
	}
	if d%time.Microsecond != 0 {
		r.complain(at.value, "wrong-type", "%q is finer than one microsecond", text)
	}
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	if a.Kind == config.KindMillis {
		d *= 1000
	}
	out := sign + strconv.FormatInt(int64(d/time.Second), 10)
	if micros := int64(d % time.Second / time.Microsecond); micros != 0 {
		frac := strconv.FormatInt(1_000_000+micros, 10)[1:]
		out += "." + strings.TrimRight(frac, "0")
	}
	return out
}

// split takes a text apart at blanks, as a line of keepalived.conf is: what
// stands in double quotes is one word. Times may carry a unit.
func (r *reader) split(args []config.Arg, text string, at *place) []config.Word {
	exact := r.verbatim(text, at)
	var words []config.Word
	for i := 0; i < len(text); {
		if text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r' {
			i++
			continue
		}
		w := config.Word{Pos: r.pos(at.value)}
		if exact {
			w.Pos = r.pos(at.value + 1 + i)
		}
		end, next := wordEnd(text, i)
		if text[i] == '"' {
			w.Quoted = true
			i++
		}
		w.Text = text[i:end]
		if a := argOf(args, words); a != nil {
			w.Text = r.seconds(*a, w.Text, at)
		}
		words, i = append(words, w), next
	}
	return words
}

// wordEnd finds where the word that starts at i ends and where to go on.
func wordEnd(text string, i int) (end, next int) {
	if text[i] == '"' {
		if n := strings.IndexByte(text[i+1:], '"'); n >= 0 {
			return i + 1 + n, i + 2 + n
		}
		return len(text), len(text)
	}
	if n := strings.IndexAny(text[i:], " \t\r\n\""); n >= 0 {
		return i + n, i + n
	}
	return len(text), len(text)
}

// argOf returns the argument that the word after the given ones stands for,
// as far as it can be told without knowing the keyword: the one introduced by
// the last word, or the next positional one.
func argOf(args []config.Arg, before []config.Word) *config.Arg {
	if len(before) > 0 {
		last := before[len(before)-1].Text
		if i := slices.IndexFunc(args, func(a config.Arg) bool { return a.Key == last && a.Kind != config.KindFlag }); i >= 0 {
			return &args[i]
		}
	}
	if i := len(before); i < len(args) && args[i].Key == "" {
		return &args[i]
	}
	return nil
}

// verbatim reports whether a string stands in the file exactly as its value
// is, so that a position in the one is a position in the other.
func (r *reader) verbatim(text string, at *place) bool {
	start, end := at.value+1, at.value+1+len(text)
	return end < len(r.data) && string(r.data[start:end]) == text && r.data[end] == r.data[at.value]
}

// names lists the names of arguments for a message.
func names(args []config.Arg) string {
	var out []string
	for _, a := range args {
		out = append(out, a.Name)
	}
	return strings.Join(out, ", ")
}
