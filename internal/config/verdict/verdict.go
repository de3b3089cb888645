// Package verdict holds what keepalived 2.2.7 was seen to say with "-t" of
// several hundred short configurations: of keywords with good and bad values,
// and of everything odd that the language allows. It is for tests: ours is held
// against it, and the list against a keepalived that is installed.
package verdict

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// Interfaces are those that the configurations take to be there.
var Interfaces = []string{"lo", "eth0", "eth1"}

// ConfigID is the configuration id of all of them.
const ConfigID = "test"

// Case is one configuration.
type Case struct {
	Name string // its line of the list
	Text string
	Exit int // exit code of keepalived -t
	// Lines are those that it complained about, in order, and 0 first when it
	// said something without naming a line; nil: not looked at.
	Lines []int
}

// list has a case a line: exit code, with "@" and the lines complained about
// where they were looked at, what the text stands in, and the text, quoted as in
// Go.
//
//go:embed verdicts.tsv
var list string

// good is a vrrp_instance that nobody complains about, with room for more.
const good = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n  10.0.0.1\n }\n%s}\n"

// All returns the cases.
func All() ([]Case, error) {
	var out []Case
	for line := range strings.Lines(list) {
		line = strings.TrimSuffix(line, "\n")
		f := strings.SplitN(line, "\t", 3)
		if len(f) != 3 {
			return nil, fmt.Errorf("%q has %d fields", line, len(f))
		}
		code, places, judged := strings.Cut(f[0], "@")
		exit, err := strconv.Atoi(code)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		var complained []int
		if judged {
			complained = []int{}
		}
		for place := range strings.FieldsFuncSeq(places, func(r rune) bool { return r == ',' }) {
			n, err := strconv.Atoi(place)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			complained = append(complained, n)
		}
		text, err := strconv.Unquote(f[2])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		switch f[1] {
		case "global":
			text = "global_defs {\n" + text + "\n}\n" + fmt.Sprintf(good, "")
		case "root":
			text += "\n" + fmt.Sprintf(good, "")
		case "instance":
			text = fmt.Sprintf(good, text+"\n")
		case "text":
		default:
			return nil, fmt.Errorf("%q: nothing is called %s", line, f[1])
		}
		out = append(out, Case{line, text, exit, complained})
	}
	return out, nil
}
