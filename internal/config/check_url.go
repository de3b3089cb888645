package config

import (
	"math"
	"slices"
	"strings"
)

// regexOptions are the words of regex_options, in the order of keepalived's
// list.
var regexOptions = []string{
	"allow_empty_class", "alt_bsux", "auto_callout", "caseless", "dollar_endonly", "dotall", "dupnames", "extended", "firstline",
	"match_unset_backref", "multiline", "never_ucp", "never_utf", "no_auto_capture", "no_auto_possess", "no_dotstar_anchor",
	"no_start_optimize", "ucp", "ungreedy", "utf", "never_backslash_c", "alt_circumflex", "alt_verbnames", "use_offset_limit",
}

// url is a url block in the making.
type url struct {
	URL
	tls *bool
}

// urlPath takes an empty path for the root: keepalived would send a request
// line without one.
func urlPath(d *decoder, u *url, n *Node) {
	a, ok := arg1(d, n)
	if !ok {
		return
	}
	if a == "" {
		d.silent(n.ArgPos(0), "empty-path", "path is empty: / is used")
		a = "/"
	}
	u.Path = a
}

func successful() []StatusRange { return []StatusRange{{200, 299}} }

func openURL(d *decoder, target any, n *Node) {
	c := target.(*checker)
	u := &url{}
	d.within(u, func() {
		if u.Path == "" {
			if !d.toml() {
				d.report(d.closing(n), Warning, ClassGeneral, "no-path", "url has no path: it is ignored")
				return
			}
			u.Path = "/"
		}
		if len(u.StatusCodes) == 0 {
			u.StatusCodes = successful()
		}
		d.regexComplete(&u.Regex, n)
		c.URLs = append(c.URLs, u.URL)
		c.urlTLS = append(c.urlTLS, u.tls)
	})
}

// regexComplete reports what goes with a pattern where there is none.
func (d *decoder) regexComplete(r *Regex, n *Node) {
	if r.Pattern == "" && (r.NoMatch || len(r.Options) > 0 || r.Max > 0 || r.MinOffset > 0 || r.MaxOffset > 0) {
		d.silent(d.closing(n), "no-regex", "url: there is no regex that regex_no_match, regex_options, regex_stack and the offsets go with: they are ignored")
		*r = Regex{}
	}
	if r.MaxOffset > 0 && r.MinOffset >= r.MaxOffset {
		d.silent(d.closing(n), "regex-offset", "url: regex_max_offset is not above regex_min_offset: the pattern never matches")
	}
}

// silent reports what keepalived takes without a word.
func (d *decoder) silent(pos Pos, id, text string) {
	d.report(pos, Warning, d.quietClass(), id, text)
}

// quietClass is the class of what keepalived does not say: of no effect on its
// exit code, but a mistake in TOML.
func (d *decoder) quietClass() Class {
	if d.toml() {
		return ClassGeneral
	}
	return ClassNone
}

// quiet is v whose complaints keepalived does not share: it takes the value, or
// ignores it, without a word.
func quiet(v value) value {
	set := v.set
	v.set = func(d *decoder, target any, n *Node) {
		from := len(d.found.List)
		set(d, target, n)
		for i := from; i < len(d.found.List) && !d.toml(); i++ {
			d.found.List[i].Class, d.found.List[i].Severity = ClassNone, Warning
		}
	}
	return v
}

func setRegexOptions(d *decoder, u *url, n *Node) {
	if _, ok := arg1(d, n); !ok {
		return
	}
	given := map[string]bool{}
	for k, w := range n.Args() {
		if !slices.Contains(regexOptions, w.Text) {
			d.reportHint(n.ArgPos(k), Warning, ClassGeneral, "bad-value", "regex_options: there is no option '"+clip(w.Text)+"', ignored",
				d.didYouMean(w.Text, func() []string { return regexOptions }))
			continue
		}
		given[w.Text] = true
	}
	u.Regex.Options = nil
	for _, o := range regexOptions {
		if given[o] {
			u.Regex.Options = append(u.Regex.Options, o)
		}
	}
}

func regexStack(d *decoder, u *url, n *Node) {
	if len(n.Words) < 3 {
		d.missing(n, max(len(n.Words)-1, 0))
		return
	}
	start, err := parseInt(n.Arg(0), 1, math.MaxInt32)
	limit, err2 := parseInt(n.Arg(1), 1, math.MaxInt32)
	if err != nil || err2 != nil || start > limit {
		d.bad(n, 0, ClassInvalidNumber, "'%s %s' is no size in bytes followed by one that is not smaller, ignored", clip(n.Arg(0)), clip(n.Arg(1)))
		return
	}
	u.Regex.Start, u.Regex.Max = start, limit
}

func httpProtocol(d *decoder, c *checker, n *Node) {
	a, ok := arg1(d, n)
	if !ok {
		return
	}
	switch strings.ToUpper(a) {
	case "1.0", "1.0C", "1.1":
		c.HTTPProtocol = strings.ToUpper(a)
	default:
		d.bad(n, 0, ClassGeneral, "'%s' is not one of 1.0 1.0C 1.1, ignored", clip(a))
	}
}

func digest(d *decoder, u *url, n *Node) {
	a, ok := arg1(d, n)
	if !ok {
		return
	}
	if len(a) != 32 || strings.Trim(a, "0123456789abcdefABCDEF") != "" {
		d.bad(n, 0, ClassGeneral, "'%s' is not 32 hexadecimal digits, ignored", clip(a))
		return
	}
	u.Digest = strings.ToLower(a)
}

func statusCode(d *decoder, u *url, n *Node) {
	if len(n.Args()) == 0 {
		d.silent(n.Pos, "missing-parameter", "status_code: a code is missing: it is ignored")
		return
	}
	for k, w := range n.Args() {
		low, high, isRange := strings.Cut(w.Text, "-")
		if !isRange {
			high = low
		}
		l, err := parseInt(low, 100, 599)
		h, err2 := parseInt(high, 100, 599)
		if err != nil || err2 != nil || l > h {
			d.bad(n, k, ClassGeneral, "'%s' is no status code or range in 100..599, ignored", clip(w.Text))
			continue
		}
		u.StatusCodes = append(u.StatusCodes, StatusRange{l, h})
	}
}
