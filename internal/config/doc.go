// Package config holds the typed configuration, the schema of its keywords,
// and the decoder that turns a tree of statements into a Config.
//
// Two readers make such a tree: internal/config/keepalived from
// keepalived.conf and internal/config/toml from TOML. Both languages share one
// row a keyword (Keyword): it gives the argument types and ranges, the setter,
// the text of the reference (WriteKeywords) and the candidates for "did you
// mean". What differs between the languages is what a mistake costs and a few
// defaults; the decoder knows which language it reads.
//
// Nothing here touches files, the network or the clock. Interface names,
// users and files are looked up through functions of Options.
package config
