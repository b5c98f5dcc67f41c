// bursar retract statements: has a wrong statement file count no more.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"bursar/internal/app"

	"github.com/spf13/cobra"
)

// retractFile retracts the file that the arguments name, or takes its retraction back.
func (c *cli) retractFile(cmd *cobra.Command, args []string, o app.RetractOptions) error {
	switch {
	case len(args) == 0 || o.Event != "":
		return usagef("name one file: `bursar retract statements FILE --reason TEXT`")
	case o.Reason == "" && !o.Undo:
		return usagef("say why it is retracted: --reason TEXT")
	}
	return c.open(cmd, func(ctx context.Context, a *app.App) error {
		name := args[0]
		if path := c.path(name); isFile(path) {
			name = path
		}
		out, err := a.RetractFile(ctx, name, o.Reason, o.Undo)
		if err != nil {
			return &interruptedError{err, "the same command goes on with what is left"}
		}
		err = c.result(out, func(w io.Writer) { printRetractedFile(w, &out) })
		if out.NotCancelled != "" {
			err = errors.Join(err, hinted(errors.New(out.NotCancelled), "the same command goes on with what is left"))
		}
		return err
	})
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func printRetractedFile(w io.Writer, f *app.RetractedFile) {
	name := clean(f.File)
	switch {
	case !f.Undone && f.NotCancelled != "" && f.Begun:
		fmt.Fprintf(w, "%s: the command is not done.\n", name)
		return
	case f.Undone && f.Already:
		fmt.Fprintf(w, "%s is not retracted.\n", name)
		return
	case f.Undone:
		fmt.Fprintf(w, "%s is not retracted any more: %s.\n", name, plural(f.Statements, "statement counts", "statements count"))
	case f.Already:
		fmt.Fprintf(w, "%s is retracted already, since %s%s.\n", name, when(&f.At), because(f.Reason))
	default:
		fmt.Fprintf(w, "%s is retracted%s: %s no more.\n", name, because(f.Reason), plural(f.Statements, "statement counts", "statements count"))
	}
	if f.Cancelled > 0 {
		fmt.Fprintf(w, "%s taken back, which no statement that counts lists.\n", plural(int(f.Cancelled), "entry was", "entries were"))
	}
	if len(f.ImportAgain) > 0 {
		fmt.Fprintf(w, "Rows of the account that are in quarantine were in conflict, and may be taken in now: bursar import %s\n", shellWords(f.ImportAgain))
	}
	if !f.Undone && !f.Already {
		fmt.Fprintln(w, "A statement that another file has, too, counts once that file is imported again.")
	}
	fmt.Fprintln(w, "next: bursar completeness, bursar run")
}

// undoRetract is the command that has a retracted file count again.
func undoRetract(f *app.RetractedFile) string {
	return "bursar retract statements " + shellWord(f.Object) + " --undo"
}

// printRetractedFiles lists files that are retracted.
func printRetractedFiles(w io.Writer, list []app.RetractedFile) {
	for i := range list {
		if f := &list[i]; !f.Begun {
			fmt.Fprintf(w, "retracted %s since %s%s: %s\n", clean(f.File), when(&f.At), because(f.Reason), undoRetract(f))
		}
	}
}

// unfinished is an error that names a retraction of a file which was cut short, or nil.
func unfinished(ctx context.Context, a *app.App) error {
	err := a.CheckRetractions(ctx)
	var cut *app.UnfinishedError
	if errors.As(err, &cut) {
		return hinted(err, "repeat it: `bursar retract statements %s --reason TEXT`, or with --undo", shellWord(cut.Object))
	}
	return err
}
