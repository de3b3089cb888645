package toml

import (
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"holdfast/internal/config"
)

// object is a JSON object.
type object = map[string]any

// WriteSchema writes the JSON Schema (draft 2020-12) of holdfast.toml, for
// editors: every block with its keys, their types and what they mean. It
// describes the form, and the range of numbers that have one; what goes together
// is for the check to say.
func WriteSchema(w io.Writer) error {
	defs := object{}
	for _, path := range config.Blocks() {
		if path != "" && !config.Keywords(path)[0].Word {
			defs[defName(path)] = blockSchema(path, blockArgs(path))
		}
	}
	root := blockSchema("", nil)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "holdfast.toml"
	root["description"] = "Configuration of holdfast: keepalived's keywords in TOML."
	root["$defs"] = defs
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(root)
}

func defName(path string) string { return strings.ReplaceAll(path, "/", ".") }

// blockArgs are the arguments of a block itself, which stand among its keys;
// the name of a named block stands in the table's name.
func blockArgs(path string) []config.Arg {
	at := strings.LastIndexByte(path, '/')
	k, ok := config.Lookup(path[:max(at, 0)], path[at+1:])
	switch {
	case !ok:
		return nil
	case k.Named && len(k.Args) > 0:
		return k.Args[1:]
	}
	return k.Args
}

// blockSchema describes the table of a block.
func blockSchema(path string, args []config.Arg) object {
	properties := object{}
	for _, a := range args {
		properties[a.Name] = argSchema(a)
	}
	for _, k := range config.Keywords(path) {
		s := keywordSchema(k)
		doc := sentence(k.Doc)
		if k.Status != config.Active {
			doc = strings.TrimSpace(doc + " Not active yet.")
		}
		if k.Default != "" {
			doc = strings.TrimSpace(doc + " Default: " + k.Default + ".")
		}
		if doc != "" {
			s["description"] = doc
		}
		if k.Tier == "obsolete" {
			s["deprecated"] = true
		}
		properties[k.Name] = s
		for _, alias := range k.Aliases {
			other := object{"deprecated": true}
			for key, v := range s {
				other[key] = v
			}
			properties[alias] = other
		}
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

// keywordSchema describes the value of a key.
func keywordSchema(k *config.Keyword) object {
	switch {
	case k.Shape == config.ShapeBlock:
		ref := object{"$ref": "#/$defs/" + defName(k.Path())}
		switch {
		case k.Named:
			return object{"type": "object", "additionalProperties": ref}
		case k.Repeat:
			return object{"anyOf": []any{ref, object{"type": "array", "items": ref}}}
		}
		return object{"allOf": []any{ref}}
	case k.Shape == config.ShapeLines:
		entry := valueSchema(k.Lines)
		list := object{"anyOf": append(alternatives(entry), object{"type": "array", "items": entry})}
		if k.Named {
			return object{"type": "object", "additionalProperties": list}
		}
		return list
	case len(k.Args) == 0:
		return object{"type": "boolean"}
	}
	value := valueSchema(k.Args)
	switch {
	case k.Args[0].Kind != config.KindBool:
	case k.Args[0].Words != nil:
		value = object{"anyOf": []any{object{"type": "boolean"}, wordSchema(k.Args[0])}}
	case !strings.Contains(k.Syntax, "true|false"):
		// Words of its own beside true and false.
		value = object{"type": []any{"boolean", "string"}}
	}
	if !required(k.Args) && !takesBool(k.Args) {
		value = object{"anyOf": append(alternatives(value), object{"type": "boolean"})}
	}
	if k.Repeat && !takesArray(k.Args) {
		value = object{"anyOf": append(alternatives(value), object{"type": "array", "items": value})}
	}
	return value
}

// valueSchema describes a value that stands for the given arguments: the first
// of them alone, all as one text, or each by its name.
func valueSchema(args []config.Arg) object {
	out := alternatives(argSchema(args[0]))
	if len(args) > 1 || args[0].Rest {
		if text := (object{"type": "string"}); args[0].Words == nil {
			out = append(out, text)
		} else {
			text["pattern"] = wordPattern(args[0], `[ \t].*`)
			out = append(out, text)
		}
		if len(args) > 1 {
			named := object{}
			for _, a := range args {
				named[a.Name] = argSchema(a)
				if a.Rest && a.Key != "" {
					named[a.Name] = object{"anyOf": []any{argSchema(a), object{"type": "array", "items": object{"type": "string"}}}}
				}
			}
			out = append(out, object{"type": "object", "properties": named, "additionalProperties": false})
		}
	}
	switch {
	case args[0].Kind == config.KindCommand:
	case args[0].Words != nil && (args[0].Rest || len(args) > 1 && args[1].Words != nil):
		out = append(out, object{"type": "array", "items": argSchema(args[0])})
	case args[0].Rest, len(args) > 1:
		out = append(out, object{"type": "array", "items": object{"type": []any{"string", "number", "boolean"}}})
	}
	if len(out) == 1 {
		return out[0].(object)
	}
	return object{"anyOf": out}
}

// alternatives takes a schema apart into those of which one must hold.
func alternatives(s object) []any {
	if list, ok := s["anyOf"].([]any); ok && len(s) == 1 {
		return list[:len(list):len(list)]
	}
	return []any{s}
}

// argSchema describes the value of one argument.
func argSchema(a config.Arg) object {
	switch a.Kind {
	case config.KindInt:
		return numberSchema("integer", integerText, a.Range)
	case config.KindSeconds, config.KindTimer, config.KindMillis:
		return numberSchema("number", timeText, a.Range)
	case config.KindBool, config.KindFlag:
		return object{"type": "boolean"}
	case config.KindCommand:
		return object{"anyOf": []any{
			object{"type": "string"},
			object{"type": "array", "items": object{"type": []any{"string", "number", "boolean"}}},
		}}
	}
	if a.Words != nil {
		return wordSchema(a)
	}
	return object{"type": []any{"string", "number"}}
}

// wordSchema is one of the words of an argument, or the number that one looks
// like.
func wordSchema(a config.Arg) object {
	var list []any
	for _, w := range a.Words {
		list = append(list, w)
		if n, err := strconv.ParseFloat(w, 64); err == nil {
			list = append(list, n)
		}
	}
	if !a.Fold {
		return object{"enum": list}
	}
	return object{"anyOf": []any{object{"enum": list}, object{"type": "string", "pattern": wordPattern(a, "")}}}
}

// wordPattern matches one of the words of an argument, in any case where that
// does not matter, and after it what rest matches, if anything.
func wordPattern(a config.Arg, rest string) string {
	words := make([]string, len(a.Words))
	for i, w := range a.Words {
		var b strings.Builder
		for _, c := range regexp.QuoteMeta(w) {
			if low, up := unicode.ToLower(c), unicode.ToUpper(c); a.Fold && low != up {
				b.WriteString("[" + string(up) + string(low) + "]")
			} else {
				b.WriteRune(c)
			}
		}
		words[i] = b.String()
	}
	if rest != "" {
		rest = "(" + rest + ")?"
	}
	return "^(" + strings.Join(words, "|") + ")" + rest + "$"
}

// Texts that the reader takes for a number, and for a time: with its unit, or a
// number of what the key counts in.
const (
	integerText = `^[ \t]*[+-]?([0-9]+|0[xX][0-9a-fA-F]+)$`
	decimalText = `([0-9]+\.?[0-9]*|\.[0-9]+)`
	timeText    = `^[ \t]*[+-]?(` + decimalText + `|(` + decimalText + `(ns|us|µs|μs|ms|s|m|h))+)$`
)

// numberSchema is a number in a range, or a text that stands for one. A minimum
// says nothing about texts, a pattern nothing about numbers.
func numberSchema(kind, pattern string, r config.Range) object {
	s := object{"type": []any{kind, "string"}, "pattern": pattern}
	if r != (config.Range{}) {
		s["minimum"], s["maximum"] = r.Low, r.High
	}
	return s
}
