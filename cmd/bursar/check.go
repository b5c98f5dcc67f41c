// bursar check, init and stream infer: the commands that need only the project folder.

package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/event/infer"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/project/doc"

	"github.com/spf13/cobra"
)

func (c *cli) checkCommand() *cobra.Command {
	backends := false
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate the project folder without changing state",
		Long: `Reads all files of the project folder and binds every expression in them against the declared columns. Each error is
reported with its file and line; the exit code is then 2. These are errors, too:

  - a sum over the groups of a control total, such as currencies, unless the fold says ` + "`mixed: ok`" + `
  - a comparison with a value that the column cannot have
  - a change of a stream that contains events, other than the allowed growth of its schema
  - a change of an institution's accounts, reversals or CSV mapping after statements were imported, because entries would
    be counted twice

A pipeline that has changed since its artifacts were made is listed: it needs a rebuild. The next five due times of each
job are shown.

With --backends, the servers that bursar.yaml names are tried, too: whether each answers, its version, the rights that the
project needs, and how long a round trip takes; then whether objects, catalog, vault and Temporal namespace belong to the
same project. An object is written to S3 and deleted again; nothing else is changed. Only then are the declarations compared
with a catalog in PostgreSQL.`,
		Example: `  bursar check
  bursar check --backends
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
			var checked []app.CheckedBackend
			var failed error
			if backends && faults == nil {
				checked, failed = app.CheckBackends(cmd.Context(), p)
			}
			if backends && faults == nil && failed == nil {
				stored, changed, err := app.CheckShared(cmd.Context(), p)
				if err != nil {
					return err
				}
				if outdated = append(outdated, changed...); len(stored) > 0 {
					faults = &app.ProjectError{Errors: stored}
				}
			}
			return errors.Join(c.printCheck(p, faults, outdated, checked), faultsError(faults), failed)
		},
	}
	cmd.Flags().BoolVar(&backends, "backends", false, "try the servers that bursar.yaml names, too")
	return cmd
}

// checkResult is the output of `check --json`.
type checkResult struct {
	OK       bool           `json:"ok"`
	Errors   []doc.Error    `json:"errors"`
	Outdated []app.Outdated `json:"outdated,omitempty"`
	Jobs     []checkedJob   `json:"jobs,omitempty"`

	Backends []app.CheckedBackend `json:"backends,omitempty"`
}

func (c *cli) printCheck(p *project.Project, faults *app.ProjectError, outdated []app.Outdated, backends []app.CheckedBackend) error {
	if faults != nil {
		return c.result(checkResult{Errors: faults.Errors, Outdated: outdated}, func(w io.Writer) {
			for _, fault := range faults.Errors {
				fmt.Fprintln(w, printable(fault.Error()))
			}
		})
	}
	ok := !slices.ContainsFunc(backends, func(b app.CheckedBackend) bool { return b.Error != "" })
	jobs := checkJobs(p, time.Now())
	return c.result(checkResult{OK: ok, Errors: []doc.Error{}, Outdated: outdated, Jobs: jobs, Backends: backends}, func(w io.Writer) {
		more := ""
		if n := len(p.Loads); n > 0 {
			more = ", " + plural(n, "load", "loads")
		}
		if n := len(p.Models); n > 0 {
			more += ", " + plural(n, "model", "models")
		}
		if n := len(jobs); n > 0 {
			more += ", " + plural(n, "job", "jobs")
		}
		fmt.Fprintf(w, "The project is valid: %s, %s%s.\n",
			plural(len(p.Streams), "stream", "streams"), plural(len(p.Pipelines), "pipeline", "pipelines"), more)
		for _, j := range jobs {
			fmt.Fprintln(w, printable(describeJob(j)))
		}
		for i, b := range backends {
			if same := withSameError(backends[:i], b); same != "" {
				b.Error = "the same error as " + same
			}
			fmt.Fprintln(w, printable(describeBackend(b)))
		}
		for _, o := range outdated {
			fmt.Fprintln(w, printable(o.File+": "+changedSince(o.Pipeline, o.Changed)))
		}
		switch {
		case !ok: // the errors say what to do
		case len(backends) == 0 && p.Config.IsShared():
			fmt.Fprintln(w, "next: bursar check --backends")
		case len(outdated) > 0:
			fmt.Fprintf(w, "next: bursar rebuild %s\n", outdated[0].Pipeline)
		case len(p.Streams) > 0:
			fmt.Fprintf(w, "next: bursar ingest %s FILE\n", p.Streams[0].Name)
		case p.HasConnectors():
			fmt.Fprintln(w, "next: bursar account status")
		case len(p.Institutions) > 0:
			fmt.Fprintln(w, "next: bursar import FILE…")
		}
	})
}

// withSameError returns which of some backends failed for the same reason, such as the index in the database of the catalog.
func withSameError(before []app.CheckedBackend, b app.CheckedBackend) string {
	i := slices.IndexFunc(before, func(other app.CheckedBackend) bool { return b.Error != "" && other.Error == b.Error })
	if i < 0 {
		return ""
	}
	return before[i].Backend
}

// describeBackend is one line: "✓ catalog (postgres): db:5432/books, schema bursar; 15.2; round trip 0.4 ms", or "✗ catalog (postgres): …; check the
// user [data]".
func describeBackend(b app.CheckedBackend) string {
	text := fmt.Sprintf("✓ %s (%s): %s", b.Backend, b.Kind, b.Place)
	if b.Error != "" {
		return fmt.Sprintf("✗ %s (%s): %s [%s]", b.Backend, b.Kind, oneLine(b.Error), b.Class)
	}
	if b.Version != "" {
		text += "; " + b.Version
	}
	if b.RoundTrip > 0 {
		text += fmt.Sprintf("; round trip %.1f ms", b.RoundTrip)
	}
	if b.UsedBy != "" {
		text += "; used by " + b.UsedBy
	}
	return text
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

func (c *cli) initCommand() *cobra.Command {
	var example string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Create a project folder",
		Long: `Writes a small working project into DIR: an example's declarations and its sample events. DIR is created if it does not
exist; it must be empty.`,
		Example: `  bursar init shop
  bursar init users --example warehouse`,
		Args: argCount(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && !cmd.Flags().Changed("project"):
				return usagef("%s needs the folder to create: %s", cmd.CommandPath(), cmd.UseLine())
			case len(args) == 0:
				args = []string{c.project}
			}
			return c.init(args[0], example)
		},
	}
	cmd.Flags().StringVar(&example, "example", project.DefaultExample,
		"the example to start from: "+strings.Join(project.Examples(), ", "))
	return cmd
}

func (c *cli) init(dir, example string) error {
	if !slices.Contains(project.Examples(), example) {
		return usagef("%q is not an example; choose one of: %s", example, strings.Join(project.Examples(), ", "))
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find folder %s: %w", dir, err)
	}
	if err := project.Init(root, example); err != nil {
		return failure.Wrap(failure.Data, err)
	}
	made := struct {
		Project string `json:"project"`
		Example string `json:"example"`
	}{root, example}
	return c.result(made, func(w io.Writer) {
		fmt.Fprintf(w, "Created project %s from the example %s.\n", dir, example)
		next := "bursar ingest payments sample/payments.jsonl"
		switch example {
		case "aggregation":
			next = "bursar institution simulate --into acme"
		case "reminders":
			next = "bursar ingest companies sample/companies.jsonl; README.md shows the rest"
		case "statements":
			next = "bursar import sample/*"
		case "warehouse":
			next = "bursar load && bursar model run"
		}
		fmt.Fprintf(w, "next: cd %s && %s\n", dir, next)
	})
}

func (c *cli) streamCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "stream",
		Short:   "Work with stream definitions",
		Long:    `Works with stream definitions.`,
		Example: `  bursar stream infer payments.jsonl`,
		Args:    argCount(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.inferCommand())
	return cmd
}

func (c *cli) inferCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "infer FILE",
		Short: "Propose a stream file for a file of events",
		Long: `Reads the beginning of FILE (CSV, JSON lines, a JSON array of objects, Parquet) and prints a stream file for it. The types are
exact and fit every row that was read; comments mark what a person should decide. The project is not changed.`,
		Example: `  bursar stream infer payments.jsonl > streams/payments.yaml
  bursar stream infer export-2025-03.csv --name payments > streams/payments.yaml
  bursar stream infer fees.csv.gz --json`,
		RunE: func(_ *cobra.Command, args []string) error {
			if name != "" && !doc.IsName(name) {
				return usagef("--name %s: names are lower-case letters, digits and _, and start with a letter", name)
			}
			yaml, err := infer.Stream(args[0], name)
			if err != nil {
				return err
			}
			return c.result(map[string]string{"yaml": yaml}, func(w io.Writer) { fmt.Fprint(w, yaml) })
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the stream's name; by default that of the file")
	return cmd
}
