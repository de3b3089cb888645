package demo

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"holdfast/integration/lab"
)

// report prints the summary and says whether everything was as it should be.
func (s *stage) report() bool {
	fmt.Fprintf(s.out, "\n%-22s %7s %7s %16s   %s\n", "What the client saw", "asked", "failed", "longest silence", "answers")
	for _, a := range s.acts {
		sum := s.traffic.Summarise(a.from, a.to)
		fmt.Fprintf(s.out, "%-22s %7d %7d %16s   %s\n", a.title, sum.Sent, sum.Failed, round(sum.Silence), shares(sum))
		if sum.Failed > 0 {
			fmt.Fprintf(s.out, "%-22s %s\n", "", s.explain(a, sum))
		}
	}
	fmt.Fprintln(s.out)
	return s.verdict()
}

// explain says why requests failed, and why that many.
func (s *stage) explain(a act, sum lab.Summary) string {
	var reasons []string
	for r, n := range sum.Reasons {
		reasons = append(reasons, fmt.Sprintf("%d %s", n, r))
	}
	sort.Strings(reasons)
	text := strings.Join(reasons, ", ")
	if a.why != "" {
		text += ": " + a.why
	}
	if sum.Silence > 500*time.Millisecond {
		text += fmt.Sprintf(" (%v without an answer, one request every %v)", round(sum.Silence), s.pace)
	}
	return text
}

func shares(sum lab.Summary) string {
	total := sum.Sent - sum.Failed
	if total == 0 {
		return "none"
	}
	var names []string
	for name := range sum.By {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d%%", name, (sum.By[name]*100+total/2)/total)
	}
	return strings.Join(names, ", ")
}

// fair reports whether both servers got at least a quarter.
func fair(sum lab.Summary) bool {
	total := sum.Sent - sum.Failed
	return total > 0 && sum.By["web1"]*4 >= total && sum.By["web2"]*4 >= total
}

// showLogs prints what the directors said, for whoever looks for the cause.
func (s *stage) showLogs() {
	for i, p := range s.procs {
		if p == nil {
			continue
		}
		log := strings.TrimSpace(p.Log())
		if lines := strings.Split(log, "\n"); len(lines) > 60 {
			log = "…\n" + strings.Join(lines[len(lines)-60:], "\n")
		}
		fmt.Fprintf(s.out, "\n--- log of %s\n%s\n", s.dirs[i].Name, log)
	}
}
