package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

func newConvert() *cobra.Command {
	var to, id, output string
	var force bool
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Write a configuration in the other language: keepalived.conf or TOML",
		Long: `Write a configuration in the other language: a keepalived.conf as TOML, and TOML
as keepalived.conf. The text is read again and compared: it means the same, or
nothing is written.

Comments stay with their statement, or at the end of their block or file; those
that cannot are listed. Parameters, sequences, conditions and
includes of keepalived.conf are written as what they come to, for one
configuration id, and listed on standard error. Where the two languages have
other defaults, keepalived's are written out.

TOML refuses what keepalived.conf only complains about: a user of scripts that
does not exist is written all the same, and told with what else a daemon on this
machine would refuse the text for.

Exit code: 0 done, 1 when something was flattened or left out, an unknown keyword
and a bad value too, or a daemon on this machine would refuse the text, 2 when
nothing was written.`,
		Example: "  holdfast convert /etc/keepalived/keepalived.conf >holdfast.toml\n  holdfast convert -i lvs2 keepalived.conf -o lvs2.toml\n  holdfast convert holdfast.toml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lang, err := target(args[0], to)
			if err != nil {
				return err
			}
			c, diags, err := load.Convert(args[0], lang, load.Options{ConfigID: id})
			errs := cmd.ErrOrStderr()
			for _, d := range diags {
				if d.ID != config.NotActive {
					fmt.Fprintln(errs, d)
				}
			}
			if err != nil {
				fmt.Fprintf(errs, "holdfast: convert: %s: %v\n", args[0], err)
				return exitError{2}
			}
			for _, f := range c.Flattened {
				fmt.Fprintln(errs, "flattened:", f)
			}
			for _, f := range c.LeftOut {
				fmt.Fprintln(errs, "left out:", f)
			}
			for _, f := range c.LostComments {
				fmt.Fprintf(errs, "left out: %s:%d: comment%s\n", f.Pos.File, f.Pos.Line, shown(f.Text))
			}
			if c.Mistakes > 0 {
				fmt.Fprintln(errs, "left out: what the warnings above are about, or a default stands in its place")
			}
			if c.Foreign != "" {
				fmt.Fprintf(errs, "holdfast: convert: %s: this is no keepalived.conf: %s\n", args[0], c.Foreign)
			}
			for _, k := range c.Own {
				fmt.Fprintf(errs, "note: %s is holdfast's own: keepalived does not know it\n", k)
			}
			for _, what := range c.Refused {
				fmt.Fprintf(errs, "note: %s, which keepalived 2.2.7 refuses\n", what)
			}
			for _, d := range c.RefusedHere {
				d.Pos.File = cmp.Or(output, "the text")
				fmt.Fprintln(errs, "refused on this machine:", d)
			}
			if output != "" {
				err = saveFile(output, c.Text, force)
			} else {
				_, err = io.WriteString(cmd.OutOrStdout(), c.Text)
			}
			if err != nil {
				fmt.Fprintf(errs, "holdfast: convert: %v\n", err)
				return exitError{2}
			}
			if len(c.Flattened)+len(c.LeftOut)+len(c.LostComments)+len(c.RefusedHere)+c.Mistakes > 0 {
				return exitError{1}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&to, "to", "", "language to write: toml or keepalived (default: the one that FILE is not in)")
	complete(cmd, "to", "toml", "keepalived")
	configIDFlag(f, &id)
	f.StringVarP(&output, "output", "o", "", "file to write (default: standard output)")
	f.BoolVar(&force, "force", false, "replace the file if it exists")
	return cmd
}

// target is the language to write.
func target(file, to string) (config.Language, error) {
	switch to {
	case "toml":
		return config.TOML, nil
	case "keepalived":
		return config.Keepalived, nil
	case "":
		if strings.HasSuffix(file, ".toml") {
			return config.Keepalived, nil
		}
		return config.TOML, nil
	}
	return 0, fmt.Errorf("--to %s: toml or keepalived is wanted", to)
}

// shown is a comment as it is printed: not what may be a password that somebody
// has put out of force.
func shown(comment string) string {
	for _, secret := range []string{"pass", "key", "secret"} {
		if strings.Contains(strings.ToLower(comment), secret) {
			return ""
		}
	}
	return " # " + comment
}
