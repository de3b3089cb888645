package load

import (
	"regexp"
	"strings"
	"sync"

	"holdfast/internal/config"
)

// known reports whether any statement of the top level is of keepalived.conf.
func known(root *config.Node) bool {
	for _, n := range root.Children {
		if _, ok := config.Lookup("", n.Keyword()); ok {
			return true
		}
	}
	return false
}

var (
	ldirectord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^virtual6?\s*=`) })
	rules      = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(-[AaEe]|--(add|edit)-(service|server))\s+(-[tufrM]\b|--(tcp|udp|sctp|fwmark)-service\b)`)
	})
)

// foreign says what a text without a keyword of keepalived.conf seems to be, and
// what there is for that.
func foreign(texts map[string]string) string {
	for _, text := range texts {
		for line := range strings.Lines(text) {
			switch line = strings.TrimSpace(line); {
			case ldirectord().MatchString(line):
				return `it looks like an ldirectord.cf, which cannot be converted: see "From other programs" in docs/migration.md`
			case rules().MatchString(line):
				return "it looks like rules of ipvsadm, which are no configuration: holdfast ipvs restore installs them as they are"
			}
		}
	}
	return "no keyword of keepalived.conf is in it"
}
