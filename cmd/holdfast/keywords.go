package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
)

func newKeywords() *cobra.Command {
	return &cobra.Command{
		Use:   "keywords [KEYWORD...]",
		Short: "Say what a keyword of the configuration means",
		Long: `Say for each KEYWORD in which blocks it stands, what follows it, what it means,
its other names, its default, and whether it is active. Shells complete the
keywords. What the preprocessor of keepalived.conf takes is explained too: include
and its variants, $NAME=, ${_PWD}, ~SEQ, ~LST, @ID.

Without KEYWORD: print all of them as Markdown, block by block.

Exit code: 0 done, 1 when there is no such keyword.`,
		Example:           "  holdfast keywords advert_int\n  holdfast keywords lvs_sync_daemon quorum",
		ValidArgsFunction: completeKeyword,
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return config.WriteKeywords(cmd.OutOrStdout())
			}
			for _, name := range names {
				if describe(cmd.OutOrStdout(), name) {
					continue
				}
				if like := config.SuggestKeyword(name); like != "" {
					return fmt.Errorf("keywords: there is no keyword %q: did you mean %s?", name, like)
				}
				return fmt.Errorf("keywords: there is no keyword %q", name)
			}
			return nil
		},
	}
}

// describe prints the rows of a keyword; false: there are none.
func describe(w io.Writer, name string) (found bool) {
	if d := config.FindDirective(name); d != nil {
		found = true
		fmt.Fprintf(w, "%s, anywhere in keepalived.conf\n    %s\n", d.Syntax, d.Doc)
	}
	for _, block := range config.Blocks() {
		k, ok := config.Lookup(block, name)
		if !ok {
			continue
		}
		found = true
		where := "at the top level"
		if block != "" {
			where = "in " + block
		}
		fmt.Fprintf(w, "%s, %s\n", strings.TrimSpace(k.Name+" "+k.Syntax), where)
		if k.Name != name {
			fmt.Fprintf(w, "    %s is another name for it\n", name)
		} else if len(k.Aliases) > 0 {
			fmt.Fprintf(w, "    also written %s\n", strings.Join(k.Aliases, ", "))
		}
		if k.Doc != "" {
			fmt.Fprintf(w, "    %s\n", k.Doc)
		}
		switch k.Default {
		case "":
		case "required":
			fmt.Fprintf(w, "    required\n")
		default:
			fmt.Fprintf(w, "    default: %s\n", k.Default)
		}
		if k.Since != "" {
			fmt.Fprintf(w, "    in keepalived since %s\n", k.Since)
		}
		if k.Status != config.Active {
			fmt.Fprintf(w, "    %v\n", k.Status)
		}
	}
	return found
}
