package config

import (
	_ "embed"
	"strings"
)

// keywordList is every keyword that keepalived 2.4.3 knows, one a line: block,
// name, arguments, default, version that brought it, tier. Rows of the tables
// in this package stand before it; what only the list has is not yet active.
//
//go:embed keywords.tsv
var keywordList string

// schemaTables returns the tables that make up the schema, in the order of the
// reference. The first row of a name wins.
func schemaTables() [][]Keyword {
	out := [][]Keyword{rootTable(), table("", daemonRows()...), globalTable()}
	out = append(out, table("global_defs", fileRows()...), table("global_defs", outletRows()...))
	out = append(out, table("global_defs", vmacGlobalRows()...))
	out = append(out, table("global_defs", ipv6GlobalRows()...))
	out = append(out, table("global_defs", authGlobalRows()...))
	out = append(out, table("global_defs", garpGlobalRows()...), garpGroupRows())
	out = append(out, vrrpTables()...)
	out = append(out, authTables()...)
	out = append(out, trackTables()...)
	out = append(out, lvsTables()...)
	out = append(out, lineWords())
	return append(out, listed())
}

// listed reads keywordList.
func listed() []Keyword {
	var out []Keyword
	lines := strings.Split(strings.TrimSuffix(keywordList, "\n"), "\n")
	for _, line := range lines[1:] {
		f := strings.Split(line, "\t")
		k := Keyword{Block: f[0], Name: f[1], Syntax: f[2], Default: f[3], Since: f[4], Tier: f[5], Status: NotYet}
		if strings.Contains(k.Syntax, "{ ") {
			k.Shape = ShapeBlock
		} else if k.Syntax != "" {
			k.Args = []Arg{{Name: "value", Optional: true, Rest: true}}
		}
		out = append(out, k)
	}
	return out
}
