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
its default, and whether it is active. Shells complete the keywords.

Without KEYWORD: print all of them as Markdown, block by block.

Exit code: 0 done, 1 when there is no such keyword.`,
		Example:           "  holdfast keywords advert_int\n  holdfast keywords lvs_sync_daemon quorum",
		ValidArgsFunction: completeKeyword,
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return config.WriteKeywords(cmd.OutOrStdout())
			}
			for _, name := range names {
				if !describe(cmd.OutOrStdout(), name) {
					return fmt.Errorf("keywords: there is no keyword %q", name)
				}
			}
			return nil
		},
	}
}

// describe prints the rows of a keyword; false: there are none.
func describe(w io.Writer, name string) (found bool) {
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
