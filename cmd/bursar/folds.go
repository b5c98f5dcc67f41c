// bursar help folds: the folds of a pipeline's artifact, from the table by which project folders are checked.

package main

import (
	"fmt"
	"strings"

	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func foldsTopic() *cobra.Command {
	var text strings.Builder
	text.WriteString("Folds make the columns of an artifact from the events of its key, in any order and grouping. Each column of\n" +
		"`artifact` in pipelines/*.yaml is one of these:\n")
	for _, f := range project.Folds() {
		fmt.Fprintf(&text, "\n  %s: %s\n      %s\n", f.Kind, f.Means, f.Example)
		if keys := f.Beside(); keys != "" {
			fmt.Fprintf(&text, "      beside it: %s\n", keys)
		}
	}
	text.WriteString("\nExpressions and conditions are SQL in DuckDB's dialect; docs/project.md lists every key and the allowed functions.")
	return &cobra.Command{
		Use:     "folds",
		Short:   "The folds of a pipeline, with an example of each",
		Long:    text.String(),
		Example: "  bursar help folds",
	}
}
