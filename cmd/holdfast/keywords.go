package main

import (
	"github.com/spf13/cobra"

	"holdfast/internal/config"
)

// newKeywords prints docs/keywords.md from the schema.
func newKeywords() *cobra.Command {
	return &cobra.Command{
		Use:    "keywords",
		Short:  "Print every configuration keyword and its status as Markdown",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return config.WriteKeywords(cmd.OutOrStdout())
		},
	}
}
