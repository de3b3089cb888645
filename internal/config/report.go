package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

func (d *decoder) report(pos Pos, s Severity, c Class, id, text string) {
	d.reportHint(pos, s, c, id, text, "")
}

func (d *decoder) reportHint(pos Pos, s Severity, c Class, id, text, hint string) {
	if d.toml() && (Diagnostic{Severity: s, Class: c, ID: id}).Mistake() {
		s, text = Error, withoutFallback(text)
	}
	if d.seen != nil {
		at := findingAt{pos, id}
		if d.seen[at] {
			return
		}
		d.seen[at] = true
	}
	found := Diagnostic{Pos: pos, Severity: s, Class: c, ID: id, Text: text, Hint: hint}
	if d.toml() && len(d.found.List) < maxFindings {
		// A block that stands for several services is looked at for each of them.
		if d.said[found] {
			return
		}
		if d.said == nil {
			d.said = map[Diagnostic]bool{}
		}
		d.said[found] = true
	}
	d.found.Add(found)
}

// fallback is what a warning says of what stands in the place of a mistake.
var fallback = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`([,:] |[:;] (it|this one|this line|the (address|check|line|options|route|rule|server|service)) (is|are) )ignored$|: [^:]+ is used$`)
})

// withoutFallback is the text of a warning as it is true of a file that is
// refused: nothing is used instead.
func withoutFallback(text string) string { return fallback().ReplaceAllString(text, "") }

// Mistake reports whether a warning is about something in keepalived.conf that is
// not understood or not taken as it is written, so that a default stands in its
// place: keepalived complains of it and goes on. TOML refuses it.
func (d Diagnostic) Mistake() bool {
	return d.Severity == Warning && tomlFatal(d.Class) && !slices.Contains(tomlTolerated, d.ID)
}

// tomlFatal reports whether a TOML file may not have mistakes of a class, while
// keepalived.conf goes on with a fallback.
func tomlFatal(c Class) bool {
	switch c {
	case ClassUnknownKeyword, ClassBraces, ClassUnmatchedQuote, ClassInvalidNumber, ClassGeneral, ClassFatal:
		return true
	}
	return false
}

// tomlTolerated are the findings of those classes that are no mistake: what
// is written is clear, though it is not used as it is.
var tomlTolerated = []string{
	"small-group", "own-interface", "group-weight", "no-vips", "no-effect", "quorum", "hysteresis", "too-many-vips",
	"no-real-servers", "threshold", "no-iptables", "vmac-unicast", "strict-inherited",
	"port-ignored", // a check connects to it all the same
}

// bad reports a value that is not accepted; the fallback names what is used
// instead.
func (d *decoder) bad(n *Node, arg int, class Class, format string, args ...any) {
	d.report(n.ArgPos(arg), Warning, class, "bad-value", d.kw.Name+": "+fmt.Sprintf(format, args...))
}

// missing reports that a statement lacks an argument: keepalived stops at that,
// but for some keywords.
func (d *decoder) missing(n *Node, arg int) {
	if n.Refused {
		return // what was written there has been told
	}
	what := "a value"
	if arg < len(d.kw.Args) {
		what = d.kw.Args[arg].Name
	}
	if d.goesOn(d.kw) {
		d.report(n.Pos, Warning, ClassGeneral, "missing-parameter", fmt.Sprintf("%s: %s is missing: it is ignored", n.Keyword(), what))
		return
	}
	d.report(n.Pos, Error, ClassMissingParameter, "missing-parameter", fmt.Sprintf("%s: %s is missing", n.Keyword(), what))
}

// place names a keyword with its block.
func (k *Keyword) place() string {
	if k.Block == "" {
		return k.Name
	}
	return k.Name + " (" + k.Block + ")"
}

// newer says that a keyword is one that keepalived 2.2.7 complains about.
func (d *decoder) newer(n *Node) {
	if d.kw.Since != "" && !d.toml() {
		d.report(n.Pos, Info, ClassUnknownKeyword, "newer-keyword", n.Keyword()+" is not known to keepalived 2.2.7, but from "+d.kw.Since+" on")
	}
}

func (d *decoder) unknown(path string, n *Node) {
	name := n.Keyword()
	where := "at the top level"
	if path != "" {
		where = "in " + path
	}
	if len(d.stack) > 0 {
		if s, ok := d.top().target.(*service); ok {
			s.refused = true // it may be a slip of a keyword that is missing then
		}
	}
	d.reportHint(n.Pos, Warning, ClassUnknownKeyword, "unknown-keyword",
		fmt.Sprintf("unknown keyword '%s' %s", clip(name), where), d.keywordHint(path, name))
}

// maxHints bounds the proposals for one configuration: a file that is not a
// configuration at all has a slip in every line.
const maxHints = 100

// maxCandidates bounds what a word is compared with for a proposal.
const maxCandidates = 10_000

// didYouMean proposes one of the candidates for a word that is none of them.
func (d *decoder) didYouMean(word string, candidates func() []string) string {
	if d.state.hints >= maxHints || len(word) > 64 {
		return ""
	}
	d.state.hints++
	names := candidates()
	if len(names) > maxCandidates {
		d.state.hints = maxHints
		return ""
	}
	if s := Nearest(word, names); s != "" {
		return "did you mean " + s + "?"
	}
	return ""
}

// keywordHint proposes a keyword: the block of this one that has it, or one with
// a similar name in this block, or the place where a keyword of this very name
// belongs.
func (d *decoder) keywordHint(path, name string) string {
	if dir := FindDirective(name); d.toml() && dir != nil && dir.Name == name && strings.HasPrefix(name, "include") {
		return "TOML has no include: the configuration is one file"
	}
	if below := below(path, name); below != "" {
		return "it belongs to " + below
	}
	if above := above(path, name); above != "" && !d.toml() {
		return "it belongs to " + above + ": is a '}' missing above?"
	}
	if h := d.didYouMean(name, func() []string { return slices.Sorted(slices.Values(blocks()[path].words())) }); h != "" {
		return h
	}
	if places := placesOf(name); len(places) > 0 && len(places) <= 3 {
		return "it belongs to " + strings.Join(places, " or ")
	}
	return ""
}

// clip shortens text from a file for messages.
func clip(s string) string {
	if len(s) > 80 {
		return s[:77] + "..."
	}
	return s
}
