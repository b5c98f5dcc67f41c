// bursar retract: excludes a batch, an event or a statement file from every view.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"

	"bursar/internal/aggregate/imported"
	"bursar/internal/app"
	"bursar/internal/event/retract"
	"bursar/internal/project"
	"bursar/internal/reconcile/rebuild"

	"github.com/spf13/cobra"
)

func (c *cli) retractCommand() *cobra.Command {
	var o retract.Options
	cmd := &cobra.Command{
		Use:   "retract STREAM [BATCH|FILE] [--event ID] --reason TEXT",
		Short: "Exclude a wrong batch, event or statement file from every view",
		Long: `Excludes a sealed batch, or with --event one event of it, from every view, together with its control totals. Sealed data are
not changed, and --undo undoes the retraction. Pipelines that had folded the retracted events are rebuilt at once: their runs
are numbered from 1 again, and --history and --as-of of ` + "`bursar get`" + ` start again. If the rebuild is interrupted, these
pipelines are refused, and status, check and verify list them, until this command is repeated or ` + "`bursar rebuild`" + ` is run.

For intake, the ids of retracted events are new: neither duplicates nor conflicts, and the same file may be ingested again. So
ingest the correct file afterwards. Rows of the batch's files that are in quarantine are excluded too. Rows that left the
quarantine by --retry or --accept are events of a later batch; this command prints its number, and it is retracted separately.
An event is named by its id as ` + "`bursar trace --json`" + ` prints it; an id of several columns is a JSON array.

In a stream that keeps versions (` + "`versions: keep`" + `), one version of an event is retracted. If several count, they are listed, and
the batch must be given. If a batch contains several versions, the newest is retracted; to retract an older one, retract the
batch and ingest the correct rows again.

--undo is refused if an event with the same id was accepted in the meantime: the message names it and its batch, and the
command that retracts it.

In the stream statements, a whole file is retracted. Name it by its path, by the name under which it was imported, or by its
object as ` + "`bursar completeness --json`" + ` prints it. Its statements do not count any more, and entries that no other statement
lists are withdrawn; the next run folds that. Files whose rows were in conflict with it are listed: import them again.`,
		Example: `  bursar retract payments 3 --reason "the file of another shop"
  bursar retract payments --event p-1003 --reason "booked twice by the bank"
  bursar retract payments 3 --undo
  bursar retract statements june-wrong.csv --reason "the bank sent a corrected one"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Reason = strings.TrimSpace(o.Reason)
			if args[0] == project.StatementStream && !isBatch(args[1:]) {
				return c.retractFile(cmd, args[1:], o)
			}
			if err := parseRetraction(&o, args); err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App) error { return c.retract(ctx, a, args[0], o) })
		},
	}
	cmd.Flags().StringVar(&o.Event, "event", "", "retract only the event with this id")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "the reason, which is kept and shown; required without --undo")
	cmd.Flags().BoolVar(&o.Undo, "undo", false, "undo the retraction")
	return cmd
}

// isBatch reports whether the arguments after the stream are the number of a batch.
func isBatch(args []string) bool {
	if len(args) != 1 {
		return false
	}
	_, err := strconv.ParseUint(args[0], 10, 64)
	return err == nil
}

// parseRetraction checks the command line and sets the batch.
func parseRetraction(o *retract.Options, args []string) error {
	if len(args) > 1 {
		batch, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil || batch == 0 {
			return usagef("%q is not the number of a batch: `bursar ingest` and `bursar trace` print it", args[1])
		}
		o.Batch = batch
	}
	switch {
	case o.Batch == 0 && o.Event == "":
		return usagef("give a batch, as in `bursar retract %s 3 --reason TEXT`, or --event ID", args[0])
	case o.Reason == "" && !o.Undo:
		return usagef("give the reason for the retraction: --reason TEXT")
	}
	return nil
}

func (c *cli) retract(ctx context.Context, a *app.App, name string, o retract.Options) error {
	s, err := findStream(a, name)
	if err != nil {
		return err
	}
	out, err := a.Retract(ctx, name, o)
	if err != nil && out.Retraction.Number == 0 {
		return &interruptedError{err, "nothing was retracted"}
	}
	if err != nil {
		err = withHint(err, "%s is %s; repeat the command to complete it", out.Retraction.What(), retractionState(&out.Retraction))
	}
	return errors.Join(c.result(out, func(w io.Writer) {
		printRetracted(w, s, &out, width(c.out) > 0)
		if err == nil && out.Retraction.Undoes == 0 && !out.Retraction.Already {
			fmt.Fprintf(w, "next: bursar ingest %s FILE\n", out.Retraction.Stream)
		}
	}), err)
}

// retractionState says whether a batch or event is retracted after this retraction.
func retractionState(r *retract.Retracted) string {
	if r.Undoes != 0 {
		return "not retracted any more"
	}
	return "retracted"
}

func printRetracted(w io.Writer, s *project.Stream, out *app.Retracted, terminal bool) {
	r := &out.Retraction
	effect := "left out of every view"
	if r.Undoes != 0 {
		effect = "counted again"
	}
	if r.Already {
		fmt.Fprintf(w, "%s is already %s, since %s%s.\n", capitalize(printable(r.What())), retractionState(r), formatTime(&r.At), inBrackets(r.Reason))
	} else {
		fmt.Fprintf(w, "%s is %s%s: %s %s.\n", capitalize(printable(r.What())), retractionState(r), inBrackets(r.Reason), plural(r.Events, "event", "events"), effect)
		known, unknown := maps.Clone(r.Totals), r.UnknownTotals(s)
		for _, name := range unknown {
			delete(known, name)
		}
		printTotals(w, known, terminal)
		for _, name := range unknown {
			fmt.Fprintf(w, "control total %s is not known: its definition changed after the batch was sealed\n", name)
		}
	}
	for _, batch := range r.Retries {
		fmt.Fprintf(w, "Events from its quarantine still count, in batch %d: bursar retract %s %d --reason TEXT retracts that batch too.\n", batch, r.Stream, batch)
	}
	printRebuilt(w, out.Rebuilt)
}

func printRebuilt(w io.Writer, all []rebuild.Result) {
	for _, made := range all {
		fmt.Fprintf(w, "%s is rebuilt as generation %d: %s.\n", made.Pipeline, made.Generation, plural(made.Rows, "artifact", "artifacts"))
		if made.DigestBefore != "" {
			fmt.Fprintf(w, "  before %s\n", made.DigestBefore)
		}
		fmt.Fprintf(w, "  after  %s\n", made.DigestAfter)
	}
}

// retractFile retracts the file that the arguments name, or undoes its retraction.
func (c *cli) retractFile(cmd *cobra.Command, args []string, o retract.Options) error {
	switch {
	case len(args) == 0 || o.Event != "":
		return usagef("name one file: `bursar retract statements FILE --reason TEXT`")
	case o.Reason == "" && !o.Undo:
		return usagef("give the reason for the retraction: --reason TEXT")
	}
	return c.open(cmd, func(ctx context.Context, a *app.App) error {
		name := args[0]
		if info, err := os.Stat(c.path(name)); err == nil && info.Mode().IsRegular() {
			name = c.path(name)
		}
		out, err := a.RetractFile(ctx, name, o.Reason, o.Undo)
		if err != nil {
			return &interruptedError{err, "repeat the command to complete it"}
		}
		printed := c.result(out, func(w io.Writer) { printRetractedFile(w, &out) })
		return errors.Join(printed, notCancelled(out.NotCancelled, "repeat the command to complete it"))
	})
}

func printRetractedFile(w io.Writer, f *imported.RetractedFile) {
	name := printable(f.File)
	switch {
	case !f.Undone && f.NotCancelled != "" && f.Begun:
		fmt.Fprintf(w, "%s: the command is not complete.\n", name)
		return
	case f.Undone && f.Already:
		fmt.Fprintf(w, "%s is not retracted.\n", name)
		return
	case f.Undone:
		fmt.Fprintf(w, "%s is not retracted any more: %s.\n", name, plural(f.Statements, "statement counts", "statements count"))
	case f.Already:
		fmt.Fprintf(w, "%s is already retracted, since %s%s.\n", name, formatTime(&f.At), inBrackets(f.Reason))
	default:
		fmt.Fprintf(w, "%s is retracted%s: %s any more.\n", name, inBrackets(f.Reason), plural(f.Statements, "statement does not count", "statements do not count"))
	}
	if f.Cancelled > 0 {
		fmt.Fprintf(w, "Withdrew %s that no statement that counts lists any more.\n", plural(int(f.Cancelled), "entry", "entries"))
	}
	if len(f.ImportAgain) > 0 {
		fmt.Fprintf(w, "Rows of the account in quarantine were in conflict with this file and may be accepted now: bursar import %s\n", shellWords(f.ImportAgain))
	}
	if !f.Undone && !f.Already {
		fmt.Fprintln(w, "If another file contains one of its statements, import that file again: the statement then counts.")
	}
	fmt.Fprintln(w, "next: bursar completeness, bursar run")
}

func printRetractedFiles(w io.Writer, list []imported.RetractedFile) {
	for i := range list {
		if f := &list[i]; !f.Begun {
			fmt.Fprintf(w, "retracted %s since %s%s: bursar retract statements %s --undo\n",
				printable(f.File), formatTime(&f.At), inBrackets(f.Reason), shellWord(f.Object))
		}
	}
}

// unfinishedRetraction returns an error that names an incomplete retraction of a file, or nil.
func unfinishedRetraction(ctx context.Context, a *app.App) error {
	err := a.CheckRetractions(ctx)
	var cut *imported.UnfinishedError
	if errors.As(err, &cut) {
		return withHint(err, "repeat it: `bursar retract statements %s --reason TEXT`, or with --undo", shellWord(cut.Object))
	}
	return err
}
