// bursar quarantine: what was rejected, and why.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"bursar/internal/app"

	"github.com/spf13/cobra"
)

func (c *cli) quarantineCommand() *cobra.Command {
	var limit int
	var retry bool
	cmd := &cobra.Command{
		Use:   "quarantine [STREAM]",
		Short: "Show rejected rows and why they were rejected",
		Long: `Shows the rows in quarantine, of one stream or of all: where each stood, which column was wrong and why. Of a row whose id was
accepted before with other values, each column that differs is named with both values. The rows are kept whole; --json lists all of them
with their text.

With --retry the rows are first checked again, as a schema that has grown may accept them now. They become a batch of their
own in which they keep their file and row; those that are rejected again stay in quarantine. Rows of statement files are kept as they
were read: where an institution declares something else since, import the file again.`,
		Example: `  bursar quarantine
  bursar quarantine payments --limit 200
  bursar quarantine payments --json
  bursar quarantine payments --retry`,
		Args:              takes(0, 1),
		ValidArgsFunction: c.completeStream,
		RunE: func(cmd *cobra.Command, args []string) error {
			open := c.openToRead
			if retry {
				open = c.open
			}
			return open(cmd, func(ctx context.Context, a *app.App) error {
				streams, err := streamsOf(a, args)
				if err != nil {
					return err
				}
				var retried []app.IngestResult
				if retry {
					if retried, err = retryAll(ctx, a, streams); err != nil {
						return err
					}
				}
				return c.quarantine(ctx, a, streams, retried, limit)
			})
		},
	}
	cmd.Flags().BoolVar(&retry, "retry", false, "take the rows up again first")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many rows the table shows")
	return cmd
}

// streamsOf are the named streams, or all.
func streamsOf(a *app.App, names []string) ([]string, error) {
	for _, name := range names {
		if _, err := stream(a, name); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		for _, s := range a.Project.AllStreams() {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// rejectedRow is one row of `quarantine --json`.
type rejectedRow struct {
	Stream string `json:"stream"`
	Batch  uint64 `json:"batch"`
	File   string `json:"file"`
	Row    int64  `json:"row"`
	Place  string `json:"place,omitempty"` // of a statement's row: line:column in the file
	Column string `json:"column"`
	Reason string `json:"reason"`
	Raw    string `json:"raw"`
	Bytes  []byte `json:"bytes,omitempty"`  // in place of raw where it is not UTF-8, as base64
	Object string `json:"object,omitempty"` // in place of raw where it is longer than a line may be

	Differences []app.Difference `json:"differences,omitempty"` // of a conflict, by column
}

// comparedAtOnce is how many rows are compared with what was accepted at a time.
const comparedAtOnce = 500

// eachRejected calls each for the rows of several streams. Of more than so many rows of a stream, those behind are not compared with what was
// accepted.
func eachRejected(ctx context.Context, a *app.App, streams []string, compared int, each func(rejectedRow) error) error {
	for _, name := range streams {
		var rows []app.Rejected
		left := compared
		flush := func() (err error) {
			var differences [][]app.Difference
			if n := min(len(rows), left); n > 0 {
				left -= n
				differences, err = a.Differences(ctx, name, rows[:n])
			}
			for i := range rows {
				if err != nil {
					return err
				}
				row := rejectedRowOf(a, name, &rows[i])
				if i < len(differences) {
					row.Differences = differences[i]
				}
				err = each(row)
			}
			rows = rows[:0]
			return err
		}
		err := a.Quarantine(ctx, name, func(r app.Rejected) error {
			if rows = append(rows, r); len(rows) < comparedAtOnce {
				return nil
			}
			return flush()
		})
		if err == nil {
			err = flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func rejectedRowOf(a *app.App, stream string, r *app.Rejected) rejectedRow {
	row := rejectedRow{Stream: stream, Batch: r.Batch, File: r.File, Row: r.Row, Column: r.Column, Reason: r.Reason, Raw: r.Raw, Bytes: r.Bytes, Object: r.Object}
	if s := a.Project.Stream(stream); s != nil && s.Builtin {
		row.Row, row.Place = locate([]byte(r.Raw), r.Row)
	}
	return row
}

// shown is the column and the reason as the table shows them: of a conflict, what differs comes first.
func (r *rejectedRow) shown() (column, reason string) {
	if len(r.Differences) == 0 {
		return r.Column, r.Reason
	}
	var columns, values []string
	for _, d := range r.Differences {
		columns = append(columns, d.Column)
		values = append(values, fmt.Sprintf("%s is %s, accepted was %s", d.Column, d.Rejected, d.Accepted))
	}
	return strings.Join(columns, ", "), strings.Join(append(values, r.Reason), "; ")
}

// locate finds where in its file a statement's row was read: the row itself is one that import made.
func locate(text []byte, row int64) (line int64, place string) {
	var from struct{ Place string }
	var column int64
	if err := json.Unmarshal(text, &from); err != nil {
		return row, ""
	}
	if _, err := fmt.Sscanf(from.Place, "%d:%d", &line, &column); err != nil {
		return row, ""
	}
	return line, from.Place
}

// where is a row as tables show it.
func where(row int64, place string) string {
	if place != "" {
		return place
	}
	return count(row)
}

// retryAll takes up again what is in the quarantines of the streams; one without any is left out.
func retryAll(ctx context.Context, a *app.App, streams []string) ([]app.IngestResult, error) {
	retried := []app.IngestResult{}
	for _, name := range streams {
		err := a.Quarantine(ctx, name, func(app.Rejected) error { return errFirst })
		if err == nil {
			continue
		}
		if !errors.Is(err, errFirst) {
			return retried, err
		}
		result, err := a.Retry(ctx, name)
		if err != nil {
			return retried, &interruptedError{err, "nothing was sealed"}
		}
		retried = append(retried, result)
	}
	return retried, nil
}

func (c *cli) quarantine(ctx context.Context, a *app.App, streams []string, retried []app.IngestResult, limit int) error {
	if c.json {
		var more map[string]any
		if retried != nil {
			more = map[string]any{"retried": retried}
		}
		return c.list("rows", more, func(add func(any) error) error {
			return eachRejected(ctx, a, streams, math.MaxInt, func(r rejectedRow) error { return add(r) })
		})
	}
	g, total := newGrid("stream", "batch", "file", "row", "column", "reason"), 0
	err := eachRejected(ctx, a, streams, limit, func(r rejectedRow) error {
		if total++; total <= limit {
			column, reason := r.shown()
			g.add(r.Stream, count(r.Batch), c.nearName(r.File), where(r.Row, r.Place), column, reason)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.result(nil, func(w io.Writer) {
		for i := range retried {
			r := &retried[i]
			fmt.Fprintf(w, "Retried %s of %s: %s accepted, %s rejected again, %s known already.\n", plural(r.Rows, "row", "rows"),
				r.Stream, count(r.Accepted), count(r.Quarantined), count(r.Duplicates))
		}
		if total == 0 {
			fmt.Fprintln(w, "Nothing is in quarantine.")
			return
		}
		c.printSome(w, g, total)
		fmt.Fprintf(w, "%s in quarantine.\n", plural(total, "row is", "rows are"))
	})
}

// nearName is a file's name from the working folder, if it lies below it. What a long one ends with tells more than what it
// begins with.
func (c *cli) nearName(file string) string {
	name := file
	if here, err := filepath.Abs(c.path(".")); err == nil {
		if near, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(near, "..") {
			name = near
		}
	}
	if letters := []rune(name); len(letters) > cellWidth {
		return "…" + string(letters[len(letters)-cellWidth+1:])
	}
	return name
}
