// bursar import: what banks send becomes events of the built-in streams.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"

	"bursar/internal/app"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) importCommand() *cobra.Command {
	var institution string
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Take statement files of banks in: CAMT, MT940, OFX, CSV",
		Long: `Reads statement files, told apart by content: CAMT.052/053/054, MT940/942, OFX/QFX, and CSV as an institution of the
project declares it; also compressed, or several in a zip archive. What they say becomes events of the built-in streams
statements, entries, details and balances, which pipelines fold like any other. Each file is kept as it was received.

A file that was imported before changes nothing; nor does a statement that is sent again or overlaps another. A file
that cannot be read to its end is refused whole, with line and column, and the others are taken in: the exit code is 1 then.
It is 1 too when all that a file lists is in quarantine, though not when only some of its rows are; and when an original that is
needed to know what is to be taken back cannot be read once more. It is 2, with nothing taken in, where an institution's accounts,
reversals or CSV mapping have changed since earlier imports, so that entries would count twice.
Whether the statements hold is what ` + "`bursar completeness`" + ` tells.`,
		Example: `  bursar import statements/*.xml
  bursar import 2024.zip export.sta
  bursar import umsaetze.csv --institution acme`,
		Args: takes(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App) error {
				files, err := c.paths(args)
				if err != nil {
					return err
				}
				return c.importFiles(ctx, a, files, institution)
			})
		},
	}
	cmd.Flags().StringVar(&institution, "institution", "", "whose CSV mapping is used; otherwise the header line tells")
	return cmd
}

func (c *cli) importFiles(ctx context.Context, a *app.App, files []string, institution string) error {
	if institution != "" && a.Project.Institution(institution) == nil {
		return missing("institution", institution, institutionNames(a.Project))
	}
	total, err := sizes(files)
	if err != nil {
		return err
	}
	var read atomic.Int64
	bar := c.meter("statements", "bytes", total)
	r, err := a.Import(ctx, files, app.ImportOptions{Institution: institution, Progress: func(n int64) { bar.set(read.Add(n)) }})
	bar.done()
	if ctx.Err() != nil && err != nil {
		return &interruptedError{err, "what is sealed stays; import the same files again"}
	}
	if err != nil {
		return err
	}
	if r.Older {
		fmt.Fprintln(c.err, "warning: entries of this project are told apart by the rules of an earlier version, by which their order and decimals matter: "+
			"for the newer ones import the originals, which are in .bursar/objects/statements, into a new project")
	}
	return errors.Join(c.printImport(&r), refusedError(&r), leftError(&r))
}

// refusedError says which files were refused, and why.
func refusedError(r *app.Imported) error {
	err := r.Refused()
	if err == nil {
		return nil
	}
	for _, f := range r.Files {
		for _, p := range f.Parts {
			if p.Quarantined != "" {
				return hinted(fmt.Errorf("files were not taken in, or not whole: %w", err), "what is in quarantine does not count: "+
					"`bursar quarantine` shows it; balances and what else these files say was taken in, and so were the others")
			}
		}
	}
	return hinted(fmt.Errorf("files were not taken in: %w", err), "nothing of these files counts; the others were taken in")
}

// leftError says why entries that should be taken back may be left.
func leftError(r *app.Imported) error {
	if r.NotCancelled == "" {
		return nil
	}
	return hinted(errors.New(r.NotCancelled), "what the files list was taken in")
}

func (c *cli) printImport(r *app.Imported) error {
	return c.result(r, func(w io.Writer) {
		files := newGrid("file", "format", "statements", "entries", "details", "balances", "")
		parts := 0
		for _, f := range r.Files {
			for _, p := range f.Parts {
				note := ""
				switch {
				case p.Refused != "":
					note = "refused"
				case p.Quarantined != "":
					note = "in quarantine"
				case f.Retracted != nil:
					note = "retracted"
				case f.Known:
					note = "known already"
				}
				if parts++; parts <= shownFiles {
					files.add(filepath.Base(p.File), p.Format, count(p.Statements), count(p.Entries), count(p.Details), count(p.Balances), note)
				}
			}
		}
		c.printFirst(w, files, parts, "--json shows all")
		if len(r.Streams) == 0 && r.Refused() != nil {
			fmt.Fprintln(w, "Nothing was taken in.")
			return
		}
		printStreams(w, r)
		tellFaults(w, r)
		if r.Cancelled > 0 {
			fmt.Fprintf(w, "%s taken back, which no statement that counts lists: bursar completeness names the statements.\n", plural(int(r.Cancelled), "entry was", "entries were"))
		}
		if r.Corrected > 0 {
			fmt.Fprintf(w, "%s taken back, which other entries replace or delete (CORRECTFITID).\n", plural(int(r.Corrected), "entry was", "entries were"))
		}
		for _, f := range r.Files {
			if f.Retracted != nil {
				fmt.Fprintf(w, "%s is retracted since %s%s, and was not taken in: bursar retract statements %s --undo has it count again.\n",
					clean(f.File), when(&f.Retracted.At), because(f.Retracted.Reason), shellWord(f.Object))
			}
		}
		fmt.Fprintln(w, "next: bursar completeness, bursar run")
	})
}

// shownFiles is how many files the table shows; --json has all.
const shownFiles = 20

func printStreams(w io.Writer, r *app.Imported) {
	streams := newGrid("stream", "batch", "rows", "accepted", "quarantined", "duplicates")
	for _, name := range project.BuiltinStreams {
		s, got := r.Streams[name]
		if !got {
			continue
		}
		batch := none
		if s.Batch > 0 {
			batch = count(s.Batch)
		}
		streams.add(name, batch, count(s.Rows), count(s.Accepted), count(s.Quarantined), count(s.Duplicates))
	}
	if len(streams.rows) == 0 {
		fmt.Fprintln(w, "Nothing new.")
		return
	}
	streams.print(w, 0)
	for _, name := range project.BuiltinStreams {
		if n := r.Streams[name].Quarantined; n > 0 {
			fmt.Fprintf(w, "%s rejected and kept: bursar quarantine %s\n", plural(n, "row was", "rows were"), name)
		}
	}
}

// tellFaults names statements that do not hold, and what files say that is no bank statement.
func tellFaults(w io.Writer, r *app.Imported) {
	faults, notices := 0, map[string]int{}
	for _, f := range r.Files {
		for _, p := range f.Parts {
			for _, fault := range p.Faults {
				if faults++; faults <= shownFiles {
					fmt.Fprintf(w, "does not hold: %s: %s\n", filepath.Base(p.File), clean(fault))
				}
			}
			for _, n := range p.Notices {
				notices[n.What] += int(max(n.Count, 1))
			}
		}
	}
	if faults > shownFiles {
		fmt.Fprintf(w, "and %s more that do not hold.\n", plural(faults-shownFiles, "statement", "statements"))
	}
	if len(notices) > 0 {
		fmt.Fprintf(w, "Reported and not taken in (--json lists them): %s.\n", listCounts(notices))
	}
}
