// Prints the table of rejected rows, and how to resolve them.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"bursar/internal/app"
	"bursar/internal/event/intake"
)

func (c *cli) quarantine(ctx context.Context, a *app.App, streams []string, retried []intake.Result, o *quarantineOptions) error {
	l := listing[rejectedRow]{
		name: "rows", more: map[string]any{}, fields: quarantineFields, row: rejectedRow.values, cells: c.rejectedCells,
		grid: newGrid("stream", "ref", "kept in batch", "file", "row", "column", "reason"),
	}
	if retried != nil {
		l.more["retried"] = retried
	}
	if o.dismissed {
		l.grid = newGrid("stream", "ref", "kept in batch", "file", "row", "dismissed", "because", "column", "reason").wrap("because")
	}
	l.grid.wrap("file").wrap("column").wrap("reason")
	compared := math.MaxInt
	if o.forPeople() {
		compared = o.offset + o.limit
	}
	var first *rejectedRow // the first conflict that is shown, or else the first row
	others, n := 0, 0
	l.before = func(w io.Writer) {
		for _, r := range retried {
			fmt.Fprintf(w, "Retried %s of %s: %s accepted, %s rejected again, %s already known.\n", plural(r.Rows, "row", "rows"),
				r.Stream, formatCount(r.Accepted), formatCount(r.Quarantined), formatCount(r.Duplicates))
		}
	}
	l.after = func(w io.Writer, rows int) { printInQuarantine(w, rows, others, o.dismissed, first) }
	return printRows(c, &o.rowFlags, &l, func(add func(rejectedRow) error) (err error) {
		others, err = eachRejected(ctx, a, streams, o.dismissed, compared, func(r rejectedRow) error {
			if n++; o.includes(n) && (first == nil || r.conflict && !first.conflict) {
				first = &r
			}
			return add(r)
		})
		if !o.dismissed {
			l.more["dismissed"] = others
		}
		return err
	})
}

func (c *cli) rejectedCells(r rejectedRow) []string {
	column, reason := r.describe("\n", shownDifferences, shorten)
	cells := []string{r.Stream, r.Ref, formatCount(r.Batch), c.displayName(r.File), formatRow(r.Row, r.Place)}
	if d := r.Dismissed; d != nil {
		cells = append(cells, formatTime(&d.At), d.Reason)
	}
	return append(cells, column, reason)
}

// printInQuarantine completes a table of total rows. Of the others the table has none.
func printInQuarantine(w io.Writer, total, others int, dismissed bool, first *rejectedRow) {
	switch {
	case total == 0 && dismissed:
		fmt.Fprintln(w, "No row is dismissed.")
		return
	case total == 0 && others == 0:
		fmt.Fprintln(w, "The quarantine is empty.")
		return
	case dismissed:
		fmt.Fprintf(w, "%s dismissed.\n", plural(total, "row is", "rows are"))
		return
	}
	fmt.Fprintf(w, "%s in quarantine", plural(total, "row is", "rows are"))
	if others > 0 {
		fmt.Fprintf(w, ", and %s dismissed: bursar quarantine --dismissed", plural(others, "is", "are"))
	}
	fmt.Fprintln(w, ".")
	if first != nil {
		fmt.Fprintln(w, first.nextStep())
	}
}

const (
	shownDifferences = 20  // columns of a conflict
	shownText        = 200 // characters of a value or reason
)

// describe is the column and the reason in parts: of a conflict, what differs comes first, in at most so many columns.
func (r *rejectedRow) describe(separator string, atMost int, value func(string) string) (column, reason string) {
	var columns, lines []string
	was := "the accepted event has"
	if r.Retracted != nil {
		was = "the retracted event has"
	}
	for i, d := range r.Differences {
		if i == atMost {
			lines = append(lines, fmt.Sprintf("%s more: --json", plural(len(r.Differences)-i, "column differs", "columns differ")))
			break
		}
		columns = append(columns, printable(d.Column))
		lines = append(lines, fmt.Sprintf("%s is %s, %s %s", printable(d.Column), value(string(d.New)), was, value(string(d.Old))))
	}
	if len(columns) == 0 {
		columns = []string{printable(r.Column)}
	}
	lines = append(lines, printable(r.Reason))
	if out := r.Retracted; out != nil {
		lines = append(lines, fmt.Sprintf("that event is retracted%s and does not count any more: --retry checks this row again", inBrackets(value(out.Reason))))
	}
	return strings.Join(columns, ", "), strings.Join(lines, separator)
}

// statementPlace finds where in its file a statement's row was read: the row itself is one that import made.
func statementPlace(text []byte, row int64) (line int64, place string) {
	var fields struct{ Place string }
	var column int64
	if err := json.Unmarshal(text, &fields); err != nil {
		return row, ""
	}
	if _, err := fmt.Sscanf(fields.Place, "%d:%d", &line, &column); err != nil {
		return row, ""
	}
	return line, fields.Place
}

func (r *rejectedRow) nextStep() string {
	dismiss := fmt.Sprintf("bursar quarantine %s --dismiss %s --reason TEXT", r.Stream, r.Ref)
	switch {
	case r.builtin:
		return "next: import the correct statement, retract a wrong file (bursar retract statements FILE --reason TEXT), or " + dismiss
	case r.Retracted != nil:
		return fmt.Sprintf("next: bursar quarantine %s --retry, which checks the row again, or %s", r.Stream, dismiss)
	case r.conflict && r.versions:
		return fmt.Sprintf("next: bursar quarantine %s --retry, which accepts the row as a new version, or %s", r.Stream, dismiss)
	case r.conflict:
		return fmt.Sprintf("next: bursar quarantine %s --accept %s --reason TEXT, or %s", r.Stream, r.Ref, dismiss)
	}
	if r.remedy != "" {
		return fmt.Sprintf("next: %s and bursar quarantine %s --retry, or %s", r.remedy, r.Stream, dismiss)
	}
	return fmt.Sprintf("next: no allowed change of stream %s accepts row %s: correct it at its source and ingest it, or declare a new stream that reads it, and %s",
		r.Stream, r.Ref, dismiss)
}
