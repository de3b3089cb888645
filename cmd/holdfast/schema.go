package main

import (
	"github.com/spf13/cobra"

	"holdfast/internal/config/toml"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of holdfast.toml, for editors",
		Long: `Print the JSON Schema of holdfast.toml: every block and keyword, the type
and range of its value or the words that it can be, its meaning and default.
Editors with a TOML language server complete and check with it:

  holdfast schema >holdfast.schema.json

and as the first line of the configuration (Taplo, Even Better TOML):

  #:schema ./holdfast.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return toml.WriteSchema(cmd.OutOrStdout()) },
	}
}
