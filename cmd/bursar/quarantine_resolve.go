// bursar quarantine --accept and --dismiss: resolve one row in quarantine.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"bursar/internal/app"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/project"
	"bursar/internal/reconcile/rebuild"

	"github.com/spf13/cobra"
)

// resolveOptions are the row to resolve and the way to do it.
type resolveOptions struct {
	accept, dismiss string
	reason          string
	undo            bool
	row             event.Place
}

func (o *resolveOptions) resolves() bool { return o.accept+o.dismiss != "" }

// check rejects combinations of flags that are not allowed.
func (o *quarantineOptions) check(args []string) error {
	o.reason = strings.TrimSpace(o.reason)
	switch {
	case !o.resolves() && (o.reason != "" || o.undo):
		return usagef("--reason and --undo need --accept ROW or --dismiss ROW, with a ref that `bursar quarantine` lists")
	case !o.resolves():
		if o.retry && o.dismissed {
			return usagef("--retry skips dismissed rows: first use --dismiss ROW --undo")
		}
		return nil
	case o.accept != "" && o.dismiss != "", o.retry, o.dismissed:
		return usagef("resolve one row at a time: either --accept ROW or --dismiss ROW, without --retry and --dismissed")
	case o.undo && o.accept != "":
		return usagef("--undo withdraws a dismissal: --dismiss ROW --undo; an accepted row is an event: use `bursar retract`")
	case len(args) == 0:
		return usagef("name the stream of the row: `bursar quarantine STREAM --%s`", o.action())
	case o.reason == "" && !o.undo:
		return usagef("--%s needs --reason TEXT", strings.Fields(o.action())[0])
	}
	row, ok := event.ParsePlace(o.accept + o.dismiss)
	if !ok {
		return usagef("%q is not the ref of a row, such as 3:17: `bursar quarantine %s` lists them", o.accept+o.dismiss, args[0])
	}
	o.row = row
	return nil
}

func (o *resolveOptions) action() string {
	if o.accept != "" {
		return "accept " + o.accept
	}
	return "dismiss " + o.dismiss
}

func (c *cli) resolve(cmd *cobra.Command, name string, o *resolveOptions) error {
	do := c.dismiss
	open := app.Open
	if o.accept != "" {
		do = c.acceptRow
		open = func(ctx context.Context, dir, _ string, log *slog.Logger) (*app.App, error) {
			return app.Open(ctx, dir, app.AcceptCommand, log)
		}
	}
	return c.openWith(cmd, open, func(ctx context.Context, a *app.App) error {
		if _, err := streamsOf(a, []string{name}); err != nil {
			return err
		}
		return do(ctx, a, name, o)
	})
}

func (c *cli) acceptRow(ctx context.Context, a *app.App, name string, o *resolveOptions) error {
	out, err := a.AcceptRow(ctx, name, intake.AcceptOptions{Row: o.row, Reason: o.reason})
	switch {
	case err != nil && out.Batch == 0 && out.Replaced == nil:
		return &interruptedError{err, "nothing was accepted"}
	case err != nil && out.Batch == 0:
		return withHint(err, "%s is retracted; repeat the command to complete it", out.Replaced.What())
	case err != nil:
		err = withHint(err, "row %s of %s is accepted; repeat the command to complete it", out.Ref, name)
	}
	return errors.Join(c.result(out, func(w io.Writer) { c.printAccepted(w, a, &out, o.reason) }), err)
}

func (c *cli) printAccepted(w io.Writer, a *app.App, out *app.AcceptedRow, reason string) {
	place := ""
	if out.Replaced != nil {
		place = ", in place of " + printable(out.Replaced.What())
	}
	if out.Already {
		fmt.Fprintf(w, "Row %s of %s is already accepted in batch %d%s, since %s.\n", out.Ref, out.Stream, out.Batch, place, formatTime(&out.Replaced.At))
	} else {
		fmt.Fprintf(w, "Row %s of %s is accepted in batch %d%s%s.\n", out.Ref, out.Stream, out.Batch, place, inBrackets(reason))
	}
	if len(out.Changes) > 0 {
		g := newGrid("column", "old value", "new value").wrap("old value").wrap("new value")
		for _, change := range out.Changes {
			g.add(change.Column, shorten(string(change.Old)), shorten(string(change.New)))
		}
		g.print(w, width(c.out))
	}
	if r := out.Retried; r != nil && r.Duplicates > 0 {
		fmt.Fprintf(w, "%s with the same values left the quarantine as duplicates.\n", plural(r.Duplicates, "row", "rows"))
	}
	printRebuilt(w, out.Rebuilt)
	waits := slices.ContainsFunc(a.Project.Pipelines, func(p *project.Pipeline) bool {
		return p.Folds(out.Stream) && !slices.ContainsFunc(out.Rebuilt, func(made rebuild.Result) bool { return made.Pipeline == p.Name })
	})
	if waits && !out.Already && c.remote == nil {
		fmt.Fprintln(w, "next: bursar run")
	}
}

func (c *cli) dismiss(ctx context.Context, a *app.App, name string, o *resolveOptions) error {
	out, err := a.Dismiss(ctx, name, event.DismissOptions{Row: o.row, Reason: o.reason, Undo: o.undo})
	if err != nil {
		return err
	}
	return c.result(out, func(w io.Writer) {
		switch {
		case out.Undone:
			fmt.Fprintf(w, "Row %s of %s is not dismissed any more%s.\nnext: bursar quarantine %s\n", out.Ref, name, inBrackets(out.Reason), name)
		case out.Already:
			fmt.Fprintf(w, "Row %s of %s is already dismissed, since %s%s.\n", out.Ref, name, formatTime(&out.At), inBrackets(out.Reason))
		default:
			fmt.Fprintf(w, "Row %s of %s is dismissed%s: it stays in quarantine and counts as resolved.\n", out.Ref, name, inBrackets(out.Reason))
		}
	})
}
