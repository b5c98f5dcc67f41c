// bursar retract: leaves a batch or an event out of every view.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"bursar/internal/app"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) retractCommand() *cobra.Command {
	var o app.RetractOptions
	cmd := &cobra.Command{
		Use:   "retract STREAM [BATCH|FILE] [--event ID] --reason TEXT",
		Short: "Leave a wrong batch, event or statement file out of every view",
		Long: `Leaves a sealed batch, or with --event one event of it, out of every view from then on, with its own control totals. Nothing
that is sealed is changed, and --undo takes the retraction back. Pipelines that had folded what is retracted are rebuilt at once: their
runs are numbered from 1 again, and --history and --as-of of ` + "`bursar get`" + ` begin anew. Where
that is cut short they are refused, and status, check and verify name them, until they are rebuilt: by the same command or by
` + "`bursar rebuild`" + `.

Ids of what is retracted are new again for intake: neither duplicates nor conflicts, and the same file may be ingested again. So ingest
the right file afterwards. Rows of its files that are in quarantine are left out too. Rows that came out of it by
--retry or --accept are events of a later batch, which is named, and retracted by itself. An event is named by its id
as ` + "`bursar trace --json`" + ` prints it, of several columns as a JSON array.

Of a stream that keeps versions (` + "`versions: keep`" + `), one version of an event is retracted: where several count, they are listed, and the batch
is to be named. Of several versions in one batch it is the newest; an older one goes with the batch, and the right rows are ingested again.

--undo is refused where an event of the same id was accepted meanwhile: the message names it and its batch, and how it is retracted first.

Of statements a whole file is retracted, named by its path, by its name as it was imported, or by its object as ` + "`bursar completeness --json`" + ` prints
it: its statements count no more, and entries that no other statement lists are taken back, which the next run folds. Files whose rows were in
conflict with it are named: import them again.`,
		Example: `  bursar retract payments 3 --reason "the file of another shop"
  bursar retract payments --event p-1003 --reason "booked twice by the bank"
  bursar retract payments 3 --undo
  bursar retract statements june-wrong.csv --reason "the bank sent a corrected one"`,
		Args:              argCount(1, 2),
		ValidArgsFunction: c.completeStream,
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
	cmd.Flags().StringVar(&o.Event, "event", "", "the id of the only event that is left out")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why: it is kept and shown; required, but with --undo")
	cmd.Flags().BoolVar(&o.Undo, "undo", false, "take the retraction back")
	return cmd
}

// isBatch reports whether the arguments behind a stream's name are the number of a batch.
func isBatch(args []string) bool {
	if len(args) != 1 {
		return false
	}
	_, err := strconv.ParseUint(args[0], 10, 64)
	return err == nil
}

// parseRetraction checks what the command line asks for.
func parseRetraction(o *app.RetractOptions, args []string) error {
	if len(args) > 1 {
		batch, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil || batch == 0 {
			return usagef("%q is not the number of a batch: `bursar ingest` prints it, and `bursar trace`", args[1])
		}
		o.Batch = batch
	}
	switch {
	case o.Batch == 0 && o.Event == "":
		return usagef("say what is retracted: a batch, as in `bursar retract %s 3 --reason TEXT`, or --event ID", args[0])
	case o.Reason == "" && !o.Undo:
		return usagef("say why it is retracted: --reason TEXT")
	}
	return nil
}

func (c *cli) retract(ctx context.Context, a *app.App, name string, o app.RetractOptions) error {
	if a.Project.Stream(name) == nil {
		_, err := findStream(a, name)
		return err
	}
	out, err := a.Retract(ctx, name, o)
	if err != nil && out.Retraction.Number == 0 {
		return &interruptedError{err, "nothing was retracted"}
	}
	if err != nil {
		err = withHint(err, "%s is %s, and the same command goes on with what is left", out.Retraction.What(), retractionState(&out.Retraction))
	}
	return errors.Join(c.result(out, func(w io.Writer) { printRetracted(w, a.Project.Stream(name), &out) }), err)
}

// retractionState is whether what a retraction is of counts.
func retractionState(r *app.Retraction) string {
	if r.Undoes != 0 {
		return "not retracted any more"
	}
	return "retracted"
}

func printRetracted(w io.Writer, s *project.Stream, out *app.Retracted) {
	r := &out.Retraction
	left := "left out of every view"
	if r.Undoes != 0 {
		left = "counted again"
	}
	if r.Already {
		fmt.Fprintf(w, "%s is %s already, since %s%s.\n", capitalize(printable(r.What())), retractionState(r), formatTime(&r.At), inBrackets(r.Reason))
	} else {
		fmt.Fprintf(w, "%s is %s%s: %s %s.\n", capitalize(printable(r.What())), retractionState(r), inBrackets(r.Reason), plural(r.Events, "event", "events"), left)
		known, unknown := maps.Clone(r.Totals), r.UnknownTotals(s)
		for _, name := range unknown {
			delete(known, name)
		}
		printTotals(w, known)
		for _, name := range unknown {
			fmt.Fprintf(w, "control total %s is not known: its definition changed since the batch was sealed\n", name)
		}
	}
	for _, batch := range r.Retries {
		fmt.Fprintf(w, "Events that came out of its quarantine still count, in batch %d: bursar retract %s %d --reason TEXT leaves that out too.\n", batch, r.Stream, batch)
	}
	printRebuilt(w, out.Rebuilt)
	if r.Undoes == 0 && !r.Already {
		fmt.Fprintf(w, "next: bursar ingest %s FILE\n", r.Stream)
	}
}

func printRebuilt(w io.Writer, all []app.Rebuilt) {
	for _, made := range all {
		fmt.Fprintf(w, "%s is rebuilt, at generation %d: %s.\n", made.Pipeline, made.Generation, plural(made.Rows, "artifact", "artifacts"))
		if made.DigestBefore != "" {
			fmt.Fprintf(w, "  before %s\n", made.DigestBefore)
		}
		fmt.Fprintf(w, "  after  %s\n", made.DigestAfter)
	}
}

// inBrackets is a reason in brackets.
func inBrackets(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + printable(reason) + ")"
}

func capitalize(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
