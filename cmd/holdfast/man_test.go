package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestManPages: every option of these commands is in the manual page too.
func TestManPages(t *testing.T) {
	for page, commands := range map[string][]*cobra.Command{
		"holdfast.8":      {newRun(), newSyncDump(), newCheck(), newPlan(), newReload(), newConvert(), newFmt(), newExplain(), newKeywords()},
		"holdfast-ipvs.8": newIPVS().Commands(),
	} {
		text, err := os.ReadFile("../../packaging/man/" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, cmd := range commands {
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if !regexp.MustCompile(`(?m)^\.(It|Op|Fl|Pq)\b.*[ ,]-`+regexp.QuoteMeta(f.Name)+`\b`).Match(text) &&
					!strings.Contains(string(text), ", -"+f.Name) {
					t.Errorf("%s: --%s of %s is missing", page, f.Name, cmd.Name())
				}
			})
		}
	}
}
