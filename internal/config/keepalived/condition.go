package keepalived

import (
	"slices"
	"strings"

	"holdfast/internal/config"
)

// conditions are the ids that lines of a file ask for.
type conditions struct {
	first config.Pos
	ids   []string // different ones, at most maxIDs and one more
	met   bool     // a line asks for the id in force
}

// maxIDs bounds the ids named in a finding.
const maxIDs = 8

// condition takes the @id and @^id prefixes off a line; false drops the line.
func (r *reader) condition(text string, pos config.Pos) (string, bool) {
	for first := true; strings.HasPrefix(text, "@"); first = false {
		if !first {
			r.newer(pos, "a second condition in a line")
		}
		end := strings.IndexAny(text, blanks)
		if end < 0 {
			return "", false // nothing is left of the line
		}
		id := text[1:end]
		want := true
		if strings.HasPrefix(id, "^") {
			id, want = id[1:], false
		}
		is := id == r.opts.ConfigID && id != ""
		if want {
			r.asked(id, is, pos)
		}
		if is != want {
			return "", false
		}
		text = trimLeft(text[end:])
	}
	return text, text != ""
}

// asked notes that a line asks for an id.
func (r *reader) asked(id string, met bool, pos config.Pos) {
	c := r.ids[pos.File]
	if c == nil {
		c = &conditions{first: pos}
		r.ids[pos.File] = c
	}
	c.met = c.met || met
	if !slices.Contains(c.ids, id) && len(c.ids) <= maxIDs {
		c.ids = append(c.ids, id)
	}
}

// idle reports the files of whose lines with an id none counts: most often the
// id was forgotten or is misspelt.
func (r *reader) idle() {
	for _, file := range slices.Compact(slices.Sorted(slices.Values(r.files))) {
		c := r.ids[file]
		if c == nil || c.met {
			continue
		}
		names := make([]string, 0, len(c.ids))
		for k, id := range c.ids {
			if k == maxIDs {
				names = append(names, "…")
				break
			}
			names = append(names, "@"+id)
		}
		id := "the configuration id is '" + r.opts.ConfigID + "'"
		if r.opts.ConfigID == "" {
			id = "there is no configuration id"
		}
		r.report(c.first, config.Info, config.ClassNone, "no-such-id", "no line with %s counts: %s; give another one with -i", strings.Join(names, ", "), id)
	}
}
