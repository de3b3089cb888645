package keepalived

import (
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/config"
)

// includeWord is what a spelling of include checks; include by itself checks what
// include_check says. It reports false for another word.
func includeWord(word string) (check config.IncludeCheck, ok bool) {
	switch word {
	case "include":
		return 0, true
	case "includer":
		return config.CheckRead, true
	case "includem":
		return config.CheckMatch, true
	case "includew":
		return config.CheckWildcard | config.CheckMatch, true
	case "includeb":
		return config.CheckBrace, true
	case "includea":
		return config.CheckAll, true
	}
	return 0, false
}

// includeLine handles a line that begins with include; false: it is none. With
// a backslash at its end no file matches.
func (r *reader) includeLine(text string, pos config.Pos, depth int, backslash bool) bool {
	if !strings.HasPrefix(text, "include") {
		return false
	}
	keyword, rest, _ := strings.Cut(text, " ")
	if i := strings.IndexByte(keyword, '\t'); i >= 0 {
		keyword, rest = text[:i], text[i+1:]
	}
	check, ok := includeWord(trimRight(keyword))
	if !ok {
		return false
	}
	if check == 0 {
		check = r.checks
	}
	pattern := strings.Trim(rest, blanks)
	switch {
	case pattern == "" && backslash: // it belongs to the keyword
		return false
	case backslash: // which makes it a pattern
		if check&config.CheckWildcard != 0 {
			r.missing(pattern+`\`, pos, true)
		}
		return true
	case pattern == "":
		r.report(pos, config.Warning, config.ClassGeneral, "missing-parameter", "%s: the file is missing", keyword)
		return true
	case pattern[0] == '"':
		r.report(pos, config.Warning, config.ClassNone, "quoted-file", "%s: the quotes are part of the name here, as in keepalived", keyword)
	}
	r.include(pattern, directory(pos.File), pos, depth+1, check)
	return true
}

// include reads every file that matches a pattern; relative ones start at dir.
func (r *reader) include(pattern, dir string, pos config.Pos, depth int, check config.IncludeCheck) {
	if depth > maxDepth {
		r.bound(pos, "include-depth", "includes go deeper than %d files", maxDepth)
		return
	}
	alternatives := expandBraces(pattern)
	found := false
	for _, p := range alternatives {
		if dir != "" && !filepath.IsAbs(p) {
			p = filepath.Join(dir, p)
		}
		names := []string{p}
		if strings.ContainsAny(p, `*?[\`) {
			var err error
			if names, err = r.opts.Source.Glob(p); err != nil {
				r.report(pos, config.Warning, config.ClassGeneral, "bad-pattern", "include %s: %v", p, err)
			}
			slices.Sort(names)
		} else if exists, _ := r.opts.Source.Glob(p); len(exists) == 0 {
			names = nil
		}
		if len(names) == 0 && check&config.CheckBrace != 0 && strings.Contains(pattern, "{") {
			r.missing(p, pos, true)
		}
		found = found || len(names) > 0
		for _, name := range names {
			r.file(name, pos, depth, check)
		}
	}
	if !found {
		kind := config.CheckMatch
		switch {
		case strings.ContainsAny(pattern, "*?["):
			kind = config.CheckWildcard
		case strings.Contains(pattern, "{"):
			kind = config.CheckBrace
		}
		r.missing(pattern, pos, check&kind != 0)
	}
}

func (r *reader) missing(pattern string, pos config.Pos, checked bool) {
	class := config.ClassNone
	if checked && pos.Line > 0 {
		class = config.ClassFileNotFound
	}
	if pos.Line == 0 {
		r.report(pos, config.Error, config.ClassNone, "no-file", "there is no file %s", pattern)
		return
	}
	r.report(pos, config.Warning, class, "no-file", "include: there is no file %s", pattern)
}

// maxAlternatives bounds what brace expansion may yield.
const maxAlternatives = 256

// expandBraces expands {a,b} as glob(3) does with GLOB_BRACE.
func expandBraces(p string) []string {
	out := []string{p}
	for done := 0; done < len(out) && len(out) <= maxAlternatives; {
		s := out[done]
		open := strings.IndexByte(s, '{')
		if open < 0 {
			done++
			continue
		}
		level, starts, end := 0, []int{open + 1}, -1
		for i := open; i < len(s) && end < 0; i++ {
			switch s[i] {
			case '{':
				level++
			case '}':
				if level--; level == 0 {
					end = i
				}
			case ',':
				if level == 1 {
					starts = append(starts, i+1)
				}
			}
		}
		if end < 0 {
			done++
			continue
		}
		var parts []string
		for k, from := range starts {
			to := end
			if k+1 < len(starts) {
				to = starts[k+1] - 1
			}
			parts = append(parts, s[:open]+s[from:to]+s[end+1:])
		}
		out = slices.Replace(out, done, done+1, parts...)
	}
	return out
}
