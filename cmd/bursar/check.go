// bursar check: validates the project folder.

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/project/doc"

	"github.com/spf13/cobra"
)

func (c *cli) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Validate the project folder without changing state",
		Long: `Reads all files of the project folder and binds every expression in them against the declared columns. Each error is
reported with its file and line; the exit code is then 2. These are errors, too:

  - a sum over the groups of a control total, such as currencies, unless the fold says ` + "`mixed: ok`" + `
  - a comparison with a value that the column cannot have
  - a change of a stream that contains events, other than the allowed growth of its schema
  - a change of an institution's accounts, reversals or CSV mapping after statements were imported, because entries would
    be counted twice

A pipeline that has changed since its artifacts were made is listed: it needs a rebuild.`,
		Example: `  bursar check
  bursar check --project shop --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := app.Check(cmd.Context(), c.project)
			var faults *app.ProjectError
			if err != nil && !errors.As(err, &faults) {
				return err
			}
			var outdated []app.Outdated
			if faults == nil {
				var stored []doc.Error
				if stored, outdated = app.CheckStored(cmd.Context(), p, c.project); len(stored) > 0 {
					faults = &app.ProjectError{Errors: stored}
				}
			}
			return errors.Join(c.printCheck(p, faults, outdated), faultsError(faults))
		},
	}
}

// checkResult is the output of `check --json`.
type checkResult struct {
	OK       bool           `json:"ok"`
	Errors   []doc.Error    `json:"errors"`
	Outdated []app.Outdated `json:"outdated,omitempty"`
}

func (c *cli) printCheck(p *project.Project, faults *app.ProjectError, outdated []app.Outdated) error {
	if faults != nil {
		return c.result(checkResult{Errors: faults.Errors, Outdated: outdated}, func(w io.Writer) {
			for _, fault := range faults.Errors {
				fmt.Fprintln(w, printable(fault.Error()))
			}
		})
	}
	return c.result(checkResult{OK: true, Errors: []doc.Error{}, Outdated: outdated}, func(w io.Writer) {
		fmt.Fprintf(w, "The project is valid: %s, %s.\n",
			plural(len(p.Streams), "stream", "streams"), plural(len(p.Pipelines), "pipeline", "pipelines"))
		for _, o := range outdated {
			fmt.Fprintln(w, printable(o.File+": "+changedSince(o.Pipeline, o.Changed)))
		}
		switch {
		case len(outdated) > 0:
			fmt.Fprintf(w, "next: bursar rebuild %s\n", outdated[0].Pipeline)
		case len(p.Streams) > 0:
			fmt.Fprintf(w, "next: bursar ingest %s FILE\n", p.Streams[0].Name)
		case len(p.Institutions) > 0:
			fmt.Fprintln(w, "next: bursar import FILE…")
		}
	})
}

// changedSince says that a pipeline needs a rebuild, and why.
func changedSince(pipeline string, changed []string) string {
	return fmt.Sprintf("pipeline %s has changed (%s) since its artifacts were made; it needs a rebuild", pipeline, strings.Join(changed, ", "))
}

// faultsError ends the command once the faults are printed: exit code 2.
func faultsError(faults *app.ProjectError) error {
	if faults == nil {
		return nil
	}
	n := len(faults.Errors)
	return withHint(&usageError{plural(n, "error", "errors") + " in the project folder"}, "the files and lines are listed above")
}
