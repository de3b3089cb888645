package config

import (
	"slices"
	"strings"
)

// Directive is something that the preprocessor of keepalived.conf replaces before
// keywords are looked at. TOML has none of them.
type Directive struct {
	Name   string // how it begins
	Syntax string // the whole of it
	Doc    string
}

// Directives are all of them.
var Directives = []Directive{
	{"include", "include PATTERN", "reads the files that match, sorted, as if their text stood here; a relative pattern starts at the folder of the file that has the line, and *, ?, [a-z] and {a,b} are replaced. keepalived does not complain of a file that is missing, unless `include_check` or -e says so"},
	{"includer", "includer PATTERN", "include, and a file that cannot be read is a complaint"},
	{"includem", "includem PATTERN", "include, and a name without a file is a complaint"},
	{"includew", "includew PATTERN", "includem, and a pattern with *, ? or [] that matches no file is a complaint too"},
	{"includeb", "includeb PATTERN", "include, and an alternative in braces that matches no file is a complaint"},
	{"includea", "includea PATTERN", "include with all these complaints"},
	{"$", "$NAME=VALUE", "defines a parameter: $NAME, followed by a blank, a comma, a closing parenthesis or the end of the line, and ${NAME} anywhere, stand for the value from here on. A value that ends in a backslash goes on in the next line, and stands for several lines"},
	{"${_PWD}", "${_PWD}", "the folder of the file that has the line"},
	{"${_INSTANCE}", "${_INSTANCE}", "the configuration id: of -i, or the host's name"},
	{"${_RANDOM}", "${_RANDOM [LEAST [GREATEST]]}", "a number drawn anew for each use, 0..32767 without bounds"},
	{"${_HASH}", "${_HASH}", "#, which begins a comment otherwise"},
	{"${_BANG}", "${_BANG}", "!, which begins a comment otherwise"},
	{"${_ENV", "${_ENV NAME}", "a variable of the environment that the daemon was started with; not in keepalived 2.2.7"},
	{"~SEQ", "~SEQ(NAME[, START[, STEP]], END) LINE", "repeats the line with $NAME at START (1), START+STEP and so on up to END; ~SEQx counts in hexadecimal"},
	{"~LST", "~LST(NAME, VALUE...) LINE", "repeats the line with $NAME at each value; ~LST({A, B}, {1, 2}...) sets several parameters each time"},
	{"@", "@ID LINE", "the line counts where the configuration id (-i, or the host's name) is ID"},
	{"@^", "@^ID LINE", "the line counts where the configuration id is another one"},
}

// FindDirective returns the directive that a word begins with, as it stands in a
// file or as it is named in Directives; nil: the word is none.
func FindDirective(word string) *Directive {
	var found *Directive
	for i := range Directives {
		d := &Directives[i]
		whole := strings.HasPrefix(d.Name, "include")
		if d.Name == word || !whole && strings.HasPrefix(word, strings.TrimSuffix(d.Name, "}")) {
			found = d // the longest is the last
		}
	}
	return found
}

// SuggestKeyword returns the keyword or directive that word is most likely meant
// to be; "" when none is close.
func SuggestKeyword(word string) string {
	var all []string
	for _, b := range blocks() {
		all = append(all, b.words()...)
	}
	for _, d := range Directives {
		all = append(all, d.Name)
	}
	slices.Sort(all)
	return Nearest(word, slices.Compact(all))
}
