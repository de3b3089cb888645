package config

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
	return append(out, lineWords())
}
