package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteKeywords writes the reference of all keywords as Markdown: one table a
// block.
func WriteKeywords(w io.Writer) error {
	b := bufio.NewWriter(w)
	active, all := 0, 0
	for _, b := range blocks() {
		for _, k := range b.all() {
			all++
			if k.Status == Active {
				active++
			}
		}
	}
	fmt.Fprintf(b, `# Keywords

<!-- Generated from the schema by "go test ./internal/config -run Reference -update". Do not edit. -->

holdfast knows all %d keywords of keepalived, words within lines included. %d of them are active. The others are accepted and reported by name; they have no effect yet:
*read* means that the value is checked and kept.

The keywords are the same in keepalived.conf and in TOML. Defaults are keepalived's unless they say "TOML".
`, all, active)
	b.WriteString("\n## Before the keywords\n\nWhat the preprocessor of keepalived.conf replaces in the text; TOML has none of it.\n\n| form | meaning |\n|---|---|\n")
	for _, d := range Directives {
		fmt.Fprintf(b, "| `%s` | %s |\n", d.Syntax, cell(d.Doc))
	}
	for _, block := range Blocks() {
		title := "Top level"
		if block != "" {
			title = block
		}
		fmt.Fprintf(b, "\n## %s\n", title)
		rows := Keywords(block)
		if len(rows) > 0 && rows[0].Word {
			b.WriteString("\nWords within its lines:\n")
		}
		b.WriteString("\n| keyword | arguments | default | meaning |\n|---|---|---|---|\n")
		for _, k := range rows {
			name := "`" + k.Name + "`"
			for _, a := range k.Aliases {
				name += ", `" + a + "`"
			}
			doc := k.Doc
			if k.Status == ParsedNotActive {
				doc += " *(read, not active yet)*"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, cell(k.Syntax), cell(k.Default), cell(doc))
		}
	}
	return b.Flush()
}

// cell escapes text for a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(s)
}
