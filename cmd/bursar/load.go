// bursar load: loads objects into tables of the warehouse.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/warehouse/load"

	"github.com/spf13/cobra"
)

// loadFlags are those of `bursar load`.
type loadFlags struct {
	validate, reload, verify bool
	from                     string
}

func (c *cli) loadCommand() *cobra.Command {
	var flags loadFlags
	cmd := &cobra.Command{
		Use:   "load [LOAD…]",
		Short: "Load objects into tables of the warehouse",
		Long: `Loads objects of a folder or bucket into tables of the warehouse, as the files warehouse/LOAD.yaml declare; without arguments,
all of them. A journal in the warehouse knows each object that is loaded: loading again changes nothing, and an interrupted
load continues. A table and the journal change in one transaction, completely or not at all.

The strategy of a load says which objects it reads: manifest, those that are new; bulk, all of them, whose rows replace the table;
timeseries, those from the first period on in which something differs, whose rows replace the rows of these periods. Objects that
were changed or deleted after they were loaded are reported. --reload loads all objects again and replaces the table. --verify
compares how many rows the table has of each object with the journal.

Rejected rows are kept in the table bursar_load_rejected. If there are more than max_errors, nothing is loaded and the exit code
is 1.`,
		Example: `  bursar load
  bursar load user_events --validate
  bursar load user_events --reload
  bursar load page_views --from 2026-11-20
  bursar load --verify
  bursar load infer events/2026/ > warehouse/events.yaml`,
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, args []string) error { return c.loadAll(ctx, a, args, &flags) }),
	}
	cmd.AddCommand(c.loadInferCommand())
	c.readUsage(cmd)
	cmd.ValidArgsFunction = c.completeFirst(loadNames, cobra.ShellCompDirectiveNoFileComp)
	cmd.Flags().BoolVar(&flags.validate, "validate", false, "read and check all objects; change nothing")
	cmd.Flags().BoolVar(&flags.reload, "reload", false, "load all objects again and replace the table")
	cmd.Flags().BoolVar(&flags.verify, "verify", false, "compare the number of rows of each object with the journal; load nothing")
	cmd.Flags().StringVar(&flags.from, "from", "", "of a time series: replace the rows from this `period` on, such as 2026-11-20, 2026-11-20T08 or 17")
	return cmd
}

func (c *cli) loadInferCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "infer PREFIX",
		Short: "Propose a load file for the objects of a folder or bucket",
		Long: `Reads a sample of the objects below PREFIX, a folder, the beginning of paths, or s3://BUCKET/PREFIX, and prints a load file for
them. Of JSON it reads rows of many objects, since each may have other properties; of CSV and Parquet one object. The types are
exact and fit every row that was read; comments mark what a person should decide. A relative PREFIX begins in the project folder,
which is not changed.`,
		Example: `  bursar load infer events/2026/ > warehouse/events.yaml
  bursar load infer s3://events/clicks/ --name clicks > warehouse/clicks.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if name != "" && !doc.IsName(name) {
				return usagef("--name %s: names are lower-case letters, digits and _, and start with a letter", name)
			}
			yaml, err := app.InferLoad(cmd.Context(), c.project, args[0], name)
			if err != nil {
				return err
			}
			return c.result(map[string]string{"yaml": yaml}, func(w io.Writer) { fmt.Fprint(w, yaml) })
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the load's name; by default that of the last folder")
	return cmd
}

func loadNames(p *project.Project) []string {
	return namesOf(p.Loads, func(l *project.Load) string { return l.Name })
}

func (c *cli) loadAll(ctx context.Context, a *app.App, names []string, flags *loadFlags) (all error) {
	if len(names) == 0 {
		if names = loadNames(a.Project); len(names) == 0 {
			return withHint(usagef("the project declares no loads"), "`bursar load infer PREFIX` proposes one for a folder of objects")
		}
	}
	for _, name := range names {
		if a.Project.Load(name) == nil {
			return notFoundIn("load", name, "warehouse", loadNames(a.Project))
		}
	}
	switch {
	case flags.verify && (flags.validate || flags.reload || flags.from != ""):
		return usagef("--verify excludes --validate, --reload and --from")
	case flags.verify:
		return c.verifyLoads(ctx, a, names)
	}
	from, err := flags.period(a.Project, names)
	if err != nil {
		return err
	}
	results := []load.Result{}
	for _, name := range names {
		r, err := c.loadOne(ctx, a, name, load.Options{Reload: flags.reload, From: from}, flags.validate)
		if r.Load != "" {
			results = append(results, r)
		}
		if err != nil && ctx.Err() != nil {
			return &interruptedError{err, "nothing of the load is visible; load again"}
		}
		all = errors.Join(all, withHint(err, "%s", loadHint(err, name)))
	}
	return errors.Join(c.printLoads(results, flags.validate), all)
}

// verifyLoads compares tables with the journal.
func (c *cli) verifyLoads(ctx context.Context, a *app.App, names []string) error {
	list, differ, errs := []load.Verified{}, []string{}, []error{}
	for _, name := range names {
		v, err := a.VerifyLoad(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if list = append(list, v); !v.OK {
			differ = append(differ, name)
		}
	}
	err := errors.Join(errs...)
	printErr := c.result(map[string]any{"loads": list, "ok": err == nil && len(differ) == 0}, func(w io.Writer) {
		for i := range list {
			mark := noValue
			if list[i].Loaded {
				mark = checkMark(list[i].OK)
			}
			fmt.Fprintf(w, "%s %s\n", mark, printable(describeVerifiedLoad(&list[i])))
		}
	})
	if len(differ) > 0 {
		differs := fmt.Errorf("the tables of %s do not have the rows that were loaded", strings.Join(differ, ", "))
		err = errors.Join(err, withHint(&unbalancedError{error: differs}, "`bursar load %s --reload` fills the table from all objects", differ[0]))
	}
	return errors.Join(printErr, err)
}

func describeVerifiedLoad(v *load.Verified) string {
	if !v.Loaded {
		return fmt.Sprintf("%s: nothing was loaded into table %s yet", v.Load, v.Table)
	}
	text := fmt.Sprintf("%s: table %s has %s of %s", v.Load, v.Table, plural(v.Found, "row", "rows"), plural(v.Objects, "object", "objects"))
	switch {
	case v.OK:
		return text + ", as loaded"
	case v.Differ.Count == 0:
		return fmt.Sprintf("%s, and %s were loaded", text, formatCount(v.Rows))
	}
	return fmt.Sprintf("%s, and %s were loaded: %s", text, formatCount(v.Rows), firstNames(&v.Differ))
}

// period reads --from for the one load that it belongs to.
func (f *loadFlags) period(p *project.Project, names []string) (*project.Period, error) {
	switch {
	case f.from == "":
		return nil, nil
	case len(names) != 1 || p.Load(names[0]).Series == nil:
		return nil, usagef("--from needs the name of one load with strategy timeseries")
	case f.reload:
		return nil, usagef("--from and --reload exclude each other: --reload loads everything")
	}
	period, err := p.Load(names[0]).Series.By.Parse(f.from)
	if err != nil {
		return nil, usagef("--from: %v", err)
	}
	return &period, nil
}

func (c *cli) loadOne(ctx context.Context, a *app.App, name string, o load.Options, validate bool) (load.Result, error) {
	var mu sync.Mutex
	var bar *progressBar
	o.Progress = func(p load.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if bar == nil {
			bar = c.meter(name, "bytes", p.Total)
		}
		bar.set(p.Read)
	}
	do := a.Load
	if validate {
		do = a.ValidateLoad
	}
	r, err := do(ctx, name, o)
	if bar != nil {
		bar.done()
	}
	return r, err
}

// loadHint is the next step after an error, or empty.
func loadHint(err error, name string) string {
	var tooMany *load.TooManyError
	switch {
	case errors.As(err, &tooMany):
		return fmt.Sprintf("correct the columns in warehouse/%s.yaml or the objects, or raise max_errors; `bursar load %s --validate` checks everything", name, name)
	case load.IsDamaged(err):
		return fmt.Sprintf("replace or remove the object, or set max_errors so that strategy manifest leaves it out; `bursar load %s --validate` names all objects that cannot be read", name)
	}
	return ""
}

func (c *cli) printLoads(results []load.Result, validated bool) error {
	return c.result(map[string]any{"loads": results}, func(w io.Writer) {
		g := newGrid("load", "table", "objects", "rows", "rejected", "known", "from", "seconds")
		for i := range results {
			r := &results[i]
			g.add(r.Load, r.Table, formatCount(r.Objects), formatCount(r.Rows), formatCount(r.Rejected), formatCount(r.Known), r.From, formatSeconds(r.Seconds))
		}
		if len(results) > 0 {
			g.print(w, width(c.out))
		}
		for i := range results {
			printLoadNotes(w, &results[i], validated)
		}
		if validated && len(results) > 0 {
			fmt.Fprintln(w, "Nothing was changed.")
		}
	})
}

func printLoadNotes(w io.Writer, r *load.Result, validated bool) {
	removed := "were removed"
	if validated {
		removed = "would be removed"
	}
	note := func(format string, args ...any) { fmt.Fprintf(w, r.Load+": "+format+"\n", args...) }
	if len(r.Added) > 0 {
		note("new columns: %s", strings.Join(r.Added, ", "))
	}
	if len(r.Undeclared) > 0 {
		note("properties that are not declared and not kept: %s", printable(strings.Join(r.Undeclared, ", ")))
	}
	for _, names := range []struct {
		list      *load.Names
		one, many string
	}{
		{&r.Changed, "object is not as it was loaded", "objects are not as they were loaded; --reload loads everything again"},
		{&r.Renamed, "object was renamed, and is not loaded again", "objects were renamed, and are not loaded again"},
		{&r.Vanished, "loaded object does not exist any more", "loaded objects do not exist any more"},
		{&r.Removed, "loaded object is deleted or left out now, and its rows " + removed, "loaded objects are deleted or left out now, and their rows " + removed},
		{&r.Late, "new object is of a period that was passed", "new objects are of periods that were passed; --from loads from a period on"},
	} {
		if names.list.Count > 0 {
			note("%s: %s", plural(names.list.Count, names.one, names.many), printable(firstNames(names.list)))
		}
	}
	for _, o := range r.LeftOut {
		note("%s was left out: %s", printable(o.Object), printable(o.Reason))
	}
	for _, reject := range r.Rejects {
		column := ""
		if reject.Column != "" {
			column = " column " + reject.Column + ":"
		}
		note("rejected: %s line %d:%s %s", printable(reject.Object), reject.Line, column, printable(reject.Reason))
	}
	if more := r.Rejected - int64(len(r.Rejects)); more > 0 && len(r.Rejects) > 0 {
		note("… and %s more", formatCount(more))
	}
}

// shownObjects bounds the objects that a line names.
const shownObjects = 5

func firstNames(n *load.Names) string {
	shown := n.Names[:min(len(n.Names), shownObjects)]
	text := strings.Join(shown, ", ")
	if more := n.Count - int64(len(shown)); more > 0 {
		text += fmt.Sprintf(" and %s more", formatCount(more))
	}
	return text
}
