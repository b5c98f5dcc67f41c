// Prints the result of ingest: counts, control totals, and the next step.

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/app"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// ingestEnd is what the sentences after the counts depend on.
type ingestEnd struct {
	files          int
	rejected       string // a file with rows in quarantine, if all rows are known
	next           string
	dryRun, failed bool
}

// nextOfStream is what makes the events of a stream count in artifacts.
func nextOfStream(all *project.Project, stream string) string {
	for _, p := range all.Pipelines {
		if slices.Contains(p.From, stream) {
			return "bursar run"
		}
	}
	return "declare a pipeline that reads " + stream + " in pipelines/NAME.yaml"
}

func (c *cli) printIngest(r *intake.Result, s *project.Stream, end ingestEnd) error {
	return c.result(r, func(w io.Writer) {
		countsTable(*r).print(w, width(c.out))
		printTotals(w, r.Totals, width(c.out) > 0)
		what := ""
		if s.Format != project.JSONL {
			what = "columns " // their names say all
		} else if r.Extra > 0 {
			fmt.Fprintf(w, "%s of undeclared properties left out.\n", plural(r.Extra, "value", "values"))
		}
		for _, u := range r.Undeclared {
			more := ""
			if u.More {
				more = " and more"
			}
			fmt.Fprintf(w, "%s: %snot declared and left out: %s%s\n", printable(u.File), what, printable(strings.Join(u.Columns, ", ")), more)
		}
		c.printRejections(w, r)
		printIngestOutcome(w, r, end)
	})
}

// countsTable has a row of counts for each stream.
func countsTable(results ...intake.Result) *grid {
	g := newGrid("stream", "batch", "rows", "accepted", "quarantined", "duplicates")
	for _, r := range results {
		batch := noValue
		if r.Batch > 0 {
			batch = formatCount(r.Batch)
		}
		g.add(r.Stream, batch, formatCount(r.Rows), formatCount(r.Accepted), formatCount(r.Quarantined), formatCount(r.Duplicates))
	}
	return g
}

// printKept says where to find rejected rows.
func printKept(w io.Writer, stream string, rows int64) {
	if rows > 0 {
		fmt.Fprintf(w, "%s rejected and kept: bursar quarantine %s\n", plural(rows, "row was", "rows were"), stream)
	}
}

// printRejections lists the first rejected rows of a dry run, and counts the others by reason.
func (c *cli) printRejections(w io.Writer, r *intake.Result) {
	if len(r.Rejected) == 0 {
		return
	}
	rows := newGrid("file", "row", "column", "reason").wrap("file").wrap("reason")
	for _, x := range r.Rejected {
		rows.add(c.displayName(x.File), formatCount(x.Row), x.Column, x.Reason)
	}
	rows.print(w, width(c.out))
	for _, more := range r.RejectedMore {
		column := ""
		if more.Column != "" {
			column = "column " + more.Column + ": "
		}
		fmt.Fprintf(w, "%s rejected: %s%s\n", plural(more.Rows, "more row is", "more rows are"), column, printable(more.Reason))
	}
}

func printIngestOutcome(w io.Writer, r *intake.Result, end ingestEnd) {
	switch {
	case end.dryRun:
		fmt.Fprintln(w, "Dry run: nothing was sealed.")
	case r.Batch == 0 && end.failed:
		fmt.Fprintln(w, "Nothing was sealed.")
	case r.Rows == 0:
		fmt.Fprintln(w, "Nothing to ingest: the files contain no rows.")
	case r.Batch == 0 && end.rejected != "":
		fmt.Fprintf(w, "Nothing new: all rows are known. Rows of %s are still in quarantine; once the stream accepts them:\n", printable(end.rejected))
		fmt.Fprintf(w, "next: bursar quarantine %s --retry\n", r.Stream)
	case r.Batch == 0:
		fmt.Fprintln(w, "Nothing new: all rows are known.")
	default:
		fmt.Fprintf(w, "Sealed batch %d of %s from %s.\n", r.Batch, r.Stream, plural(end.files, "file", "files"))
		if !end.failed {
			printKept(w, r.Stream, r.Quarantined)
		}
		if r.Accepted > 0 {
			fmt.Fprintf(w, "next: %s\n", end.next)
		}
	}
}

func printTotals(w io.Writer, totals event.Totals, terminal bool) {
	if len(totals) == 0 {
		return
	}
	sums := newGrid("control total", "group", "sum")
	for _, name := range slices.Sorted(maps.Keys(totals)) {
		for _, group := range slices.Sorted(maps.Keys(totals[name])) {
			sum := totals[name][group]
			if terminal {
				sum = formatMoney(sum, group)
			}
			sums.add(name, group, sum)
		}
	}
	if len(sums.rows) > 0 {
		sums.print(w, 0)
	}
}

// fileInQuarantine returns the name of the first file with rows in quarantine that are not dismissed, or "".
func fileInQuarantine(ctx context.Context, a *app.App, stream string, files []string) (name string) {
	names := map[string]bool{}
	for _, file := range files {
		names[filepath.Base(file)] = true
	}
	_ = a.Quarantine(ctx, stream, func(row event.Rejected) error { // if it fails, the hint is shorter
		if base := filepath.Base(row.File); names[base] && row.Dismissed == nil {
			name = base
			return failure.ErrStop
		}
		return nil
	})
	return name
}

// rejectedHint suggests what may be wrong with a file of which no row was accepted.
func rejectedHint(ctx context.Context, a *app.App, s *project.Stream, r *intake.Result, files []string) string {
	if s.Format == project.CSVText {
		if d := likelyDelimiter(files[0], s.CSV.Delimiter); d != 0 {
			return fmt.Sprintf("%s seems to use the delimiter %q, but stream %s declares %q: set csv.delimiter in %s",
				filepath.Base(files[0]), d, s.Name, s.CSV.Delimiter, s.File)
		}
	}
	hint := fmt.Sprintf("`bursar quarantine %s` shows the reasons", s.Name)
	if r.Batch == 0 { // a dry run keeps no rows
		return "check the files against " + s.File
	}
	_ = a.Quarantine(ctx, s.Name, func(row event.Rejected) error { // if it fails, the hint is shorter
		if row.Batch != r.Batch {
			return nil
		}
		where := fmt.Sprintf("%s row %d", filepath.Base(row.File), row.Row)
		if row.Column != "" {
			where += ", column " + row.Column
		}
		hint = fmt.Sprintf("%s: %s; %s", where, row.Reason, hint)
		return failure.ErrStop
	})
	return hint
}

// likelyDelimiter finds a delimiter in the first line of a file that does not contain the declared one; 0 means none.
func likelyDelimiter(file string, declared byte) byte {
	line, err := scan.FirstLine(file)
	if err != nil {
		return 0
	}
	if bytes.IndexByte(line, declared) >= 0 {
		return 0
	}
	var best byte
	for _, mark := range []byte(",;\t|") {
		if n := bytes.Count(line, []byte{mark}); n > 0 && (best == 0 || n > bytes.Count(line, []byte{best})) {
			best = mark
		}
	}
	return best
}
