// bursar import: reads statement files of banks into the built-in streams.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"

	"bursar/internal/aggregate"
	"bursar/internal/app"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) importCommand() *cobra.Command {
	var institution string
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Import statement files of banks: CAMT, MT940, OFX, CSV",
		Long: `Reads statement files. The format is detected from the content: CAMT.052/053/054, MT940/942, OFX/QFX, and CSV as an
institution of the project declares it. Files may be compressed, or several in a zip archive. Their content becomes events of
the built-in streams statements, entries, details and balances, which pipelines fold like any other stream. Each file is kept
as it was received.

Importing a file again changes nothing; neither does a statement that was sent before or overlaps another one. A file that
cannot be read to its end is refused as a whole, with line and column, and the other files are imported. If a file does not
exist or cannot be opened, nothing is imported.

Exit codes: 1 if a file was refused, if all rows of a file are in quarantine (not if only some are), or if an original file
that is needed to find withdrawn entries cannot be read again. 2, and nothing is imported, if an institution's accounts,
reversals or CSV mapping have changed since earlier imports, because entries would be counted twice.

` + "`bursar completeness`" + ` checks the statements.`,
		Example: `  bursar import statements/*.xml
  bursar import 2024.zip export.sta
  bursar import umsaetze.csv --institution acme`,
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, args []string) error {
			files, err := c.paths(args)
			if err != nil {
				return err
			}
			return c.importFiles(ctx, a, files, institution)
		}),
	}
	cmd.Flags().StringVar(&institution, "institution", "", "the institution whose CSV mapping is used; by default it is found by the header line")
	return cmd
}

func (c *cli) importFiles(ctx context.Context, a *app.App, files []string, institution string) error {
	if institution != "" && a.Project.Institution(institution) == nil {
		return notFound("institution", institution, namesOf(a.Project.Institutions, func(i *project.Institution) string { return i.Name }))
	}
	total, err := totalSize(files)
	if err != nil {
		return withHint(err, "nothing was imported: every file is looked for before the first is read")
	}
	var read atomic.Int64
	bar := c.meter("statements", "bytes", total)
	r, err := a.Import(ctx, files, aggregate.Options{Institution: institution, Progress: func(n int64) { bar.set(read.Add(n)) }})
	bar.done()
	if ctx.Err() != nil && err != nil {
		return &interruptedError{err, "sealed batches stay; import the same files again"}
	}
	if err != nil {
		return err
	}
	if r.Older {
		fmt.Fprintln(c.err, "warning: this project identifies entries by the rules of an earlier version, which depend on order and decimals; "+
			"for the newer rules, import the originals in .bursar/objects/statements into a new project")
	}
	return errors.Join(c.printImport(&r), refusedError(&r), notCancelled(r.NotCancelled, "the files were imported"))
}

// refusedError lists the refused files and the reasons.
func refusedError(r *aggregate.Result) error {
	err := r.Refused()
	if err == nil {
		return nil
	}
	quarantined, others := false, ""
	for _, f := range r.Files {
		for _, p := range f.Parts {
			quarantined = quarantined || p.Quarantined != ""
			if p.Quarantined == "" && p.Refused == "" {
				others = "; the other files were imported"
			}
		}
	}
	if quarantined {
		return withHint(fmt.Errorf("files were not imported, or not completely: %w", err), "rows in quarantine do not count: "+
			"`bursar quarantine` shows them; balances and other content of these files were imported%s", others)
	}
	return withHint(fmt.Errorf("files were not imported: %w", err), "nothing of these files counts%s", others)
}

// notCancelled says why entries that should be withdrawn may still count; nil if there is no reason.
func notCancelled(reason, hint string) error {
	if reason == "" {
		return nil
	}
	return withHint(failure.Wrap(failure.Data, errors.New(reason)), "%s", hint)
}

func (c *cli) printImport(r *aggregate.Result) error {
	return c.result(r, func(w io.Writer) {
		files := newGrid("file", "note", "format", "statements", "entries", "details", "balances")
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
					note = "already known"
				}
				if parts++; parts <= shownFiles {
					files.add(filepath.Base(p.File), note, p.Format, formatCount(p.Statements), formatCount(p.Entries), formatCount(p.Details), formatCount(p.Balances))
				}
			}
		}
		if parts > 0 {
			files.print(w, width(c.out))
		}
		printRest(w, parts-len(files.rows), "--json shows all")
		if len(r.Streams) == 0 && r.Refused() != nil {
			fmt.Fprintln(w, "Nothing was imported.")
			return
		}
		printStreams(w, r)
		printFaults(w, r)
		if r.Cancelled > 0 {
			fmt.Fprintf(w, "Withdrew %s that no statement that counts lists any more: bursar completeness names the statements.\n", plural(int(r.Cancelled), "entry", "entries"))
		}
		if r.Corrected > 0 {
			fmt.Fprintf(w, "Withdrew %s that other entries replace or delete (CORRECTFITID).\n", plural(int(r.Corrected), "entry", "entries"))
		}
		for _, f := range r.Files {
			if f.Retracted != nil {
				fmt.Fprintf(w, "%s is retracted since %s%s and was not imported: bursar retract statements %s --undo makes it count again.\n",
					printable(f.File), formatTime(&f.Retracted.At), inBrackets(f.Retracted.Reason), shellWord(f.Object))
			}
		}
		fmt.Fprintln(w, "next: bursar completeness, bursar run")
	})
}

// shownFiles is the maximum number of files in the table; --json lists all.
const shownFiles = 20

func printStreams(w io.Writer, r *aggregate.Result) {
	var streams []intake.Result
	for _, name := range project.BuiltinStreams {
		if s, got := r.Streams[name]; got {
			s.Stream = name
			streams = append(streams, s)
		}
	}
	if len(streams) == 0 {
		fmt.Fprintln(w, "Nothing new.")
		return
	}
	countsTable(streams...).print(w, 0)
	for _, s := range streams {
		printKept(w, s.Stream, s.Quarantined)
	}
}

// printFaults lists statements whose own totals are wrong, and content of files that is not imported.
func printFaults(w io.Writer, r *aggregate.Result) {
	faults, notices := 0, map[string]int{}
	for _, f := range r.Files {
		for _, p := range f.Parts {
			for _, fault := range p.Faults {
				if faults++; faults <= shownFiles {
					fmt.Fprintf(w, "inconsistent statement: %s: %s\n", filepath.Base(p.File), printable(fault))
				}
			}
			for _, n := range p.Notices {
				notices[n.What] += int(max(n.Count, 1))
			}
		}
	}
	if faults > shownFiles {
		fmt.Fprintf(w, "… and %s more.\n", plural(faults-shownFiles, "inconsistent statement", "inconsistent statements"))
	}
	if len(notices) > 0 {
		fmt.Fprintf(w, "Reported and not imported (--json lists them): %s.\n", listCounts(notices))
	}
}
