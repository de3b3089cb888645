package config

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteKeywords writes the reference of all keywords as Markdown: one table a
// block, what is active first.
func WriteKeywords(w io.Writer) error {
	b := bufio.NewWriter(w)
	active, all := 0, 0
	for _, k := range index().rows {
		all++
		if k.Status == Active {
			active++
		}
	}
	fmt.Fprintf(b, `# Keywords

<!-- Generated from the schema by "go test ./internal/config -run Reference -update". Do not edit. -->

holdfast knows all %d keywords of keepalived, words within lines included. %d of them are active. The others are accepted and reported by name; they have no effect yet:
*read* means that the value is checked and kept.

The keywords are the same in keepalived.conf and in TOML. Defaults are keepalived's unless they say "TOML".
`, all, active)
	for _, block := range Blocks() {
		title := "Top level"
		if block != "" {
			title = block
		}
		fmt.Fprintf(b, "\n## %s\n", title)
		rows := Keywords(block)
		var now, later []*Keyword
		for _, k := range rows {
			if k.Status == NotYet {
				later = append(later, k)
			} else {
				now = append(now, k)
			}
		}
		if len(now) > 0 {
			if now[0].Word {
				b.WriteString("\nWords within its lines:\n")
			}
			b.WriteString("\n| keyword | arguments | default | meaning |\n|---|---|---|---|\n")
			for _, k := range now {
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
		if len(later) > 0 {
			names := make([]string, len(later))
			for i, k := range later {
				names[i] = "`" + k.Name + "`"
			}
			slices.Sort(names)
			fmt.Fprintf(b, "\nNot yet: %s.\n", strings.Join(names, ", "))
		}
	}
	return b.Flush()
}

// cell escapes text for a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(s)
}
