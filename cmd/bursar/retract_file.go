// bursar retract statements: retracts a wrong statement file.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"bursar/internal/aggregate/imported"
	"bursar/internal/app"
	"bursar/internal/event/retract"
	"bursar/internal/failure"

	"github.com/spf13/cobra"
)

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
		if path := c.path(name); isFile(path) {
			name = path
		}
		out, err := a.RetractFile(ctx, name, o.Reason, o.Undo)
		if err != nil {
			return &interruptedError{err, "repeat the command to complete it"}
		}
		err = c.result(out, func(w io.Writer) { printRetractedFile(w, &out) })
		if out.NotCancelled != "" {
			err = errors.Join(err, withHint(failure.Wrap(failure.Data, errors.New(out.NotCancelled)), "repeat the command to complete it"))
		}
		return err
	})
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
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

// undoCommand returns the command that undoes the retraction of a file.
func undoCommand(f *imported.RetractedFile) string {
	return "bursar retract statements " + shellWord(f.Object) + " --undo"
}

// printRetractedFiles lists the retracted files.
func printRetractedFiles(w io.Writer, list []imported.RetractedFile) {
	for i := range list {
		if f := &list[i]; !f.Begun {
			fmt.Fprintf(w, "retracted %s since %s%s: %s\n", printable(f.File), formatTime(&f.At), inBrackets(f.Reason), undoCommand(f))
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
