package config

// schemaTables returns the tables that make up the schema, in the order of the
// reference.
func schemaTables() [][]Keyword { return nil }
