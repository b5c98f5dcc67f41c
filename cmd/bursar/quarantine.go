// bursar quarantine: lists rejected rows with the reasons.

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"bursar/internal/app"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
)

type quarantineOptions struct {
	rowFlags
	retry     bool
	dismissed bool // list the dismissed rows instead of the others
	resolveOptions
}

func (c *cli) quarantineCommand() *cobra.Command {
	var o quarantineOptions
	cmd := &cobra.Command{
		Use:   "quarantine [STREAM]",
		Short: "Show rejected rows with the reasons, and resolve them",
		Long: `Shows the rows in quarantine, of one stream or of all: file and row, the wrong column, and the reason. For a conflict, a
row whose id was accepted before with other values, each differing column is shown with both values. If that event does not
count any more, this is shown, because --retry checks the row again. Rows are kept whole; --json lists all of them with their
text. The batch is the one whose quarantine contains the row: that of its file, or that of the last retry. Ref, file and row
stay the same.

With --retry the rows are first checked again, because a grown schema may accept them now. They become a batch of their own,
in which they keep their file and row; those that are rejected again stay in quarantine. Rows of statement files are kept as
they were read: if the declaration of an institution has changed since, import the file again.

Other rows are resolved one by one. A row is named by its ref: the number of its file within the stream, and its row.

--accept accepts a conflict: the event that was accepted with its id is retracted, and the row takes its place. Pipelines that
had folded the older event are rebuilt at once, so that --history of ` + "`bursar get`" + ` starts again; the changes are shown. Other
rows stay in quarantine; those with the same id are now in conflict with this row. If the command is interrupted, repeat it.
To choose the older event after all, retract the newer one and undo the other retraction:
` + "`bursar retract STREAM BATCH --event ID --undo`" + `.

--dismiss marks a row as resolved. It stays in quarantine and in the control totals, retries skip it, and it is not shown in
this list or in status; --dismissed lists it with the reason. --undo withdraws the dismissal.`,
		Example: `  bursar quarantine
  bursar quarantine payments --limit 200
  bursar quarantine payments --columns ref,reason,raw
  bursar quarantine payments --to rejected.csv
  bursar quarantine payments --retry
  bursar quarantine payments --accept 3:17 --reason "the bank corrected the amount"
  bursar quarantine payments --dismiss 3:18 --reason "a test order"
  bursar quarantine payments --dismissed
  bursar quarantine payments --dismiss 3:18 --undo`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			if err := o.rowFlags.check(cmd, c.json); err != nil {
				return err
			}
			if o.resolves() {
				return c.resolve(cmd, args[0], &o.resolveOptions)
			}
			return c.listQuarantine(cmd, args, &o)
		},
	}
	cmd.Flags().BoolVar(&o.retry, "retry", false, "check the rows again first")
	o.addTo(cmd, 50, "rows")
	cmd.Flags().BoolVar(&o.dismissed, "dismissed", false, "show the dismissed rows")
	cmd.Flags().StringVar(&o.accept, "accept", "", "accept this `ROW` in place of the event it is in conflict with")
	cmd.Flags().StringVar(&o.dismiss, "dismiss", "", "mark this `ROW` as resolved")
	cmd.Flags().StringVar(&o.reason, "reason", "", "the reason, which is kept and shown; required with --accept and --dismiss")
	cmd.Flags().BoolVar(&o.undo, "undo", false, "withdraw the dismissal")
	return cmd
}

func (c *cli) listQuarantine(cmd *cobra.Command, args []string, o *quarantineOptions) error {
	open := c.openToRead
	if o.retry {
		open = c.open
	}
	return open(cmd, func(ctx context.Context, a *app.App) error {
		streams, err := streamsOf(a, args)
		if err != nil {
			return err
		}
		var retried []intake.Result
		if o.retry {
			if retried, err = retryAll(ctx, a, streams); err != nil {
				return err
			}
		}
		return c.quarantine(ctx, a, streams, retried, o)
	})
}

// streamsOf returns the named streams, or all if there are no names.
func streamsOf(a *app.App, names []string) ([]string, error) {
	for _, name := range names {
		if _, err := findStream(a, name); err != nil {
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
	event.ListedRow
	Differences []rejectedValue        `json:"differences,omitempty"` // of a conflict, by column
	Retracted   *retractedEvent        `json:"accepted_retracted,omitempty"`
	Dismissed   *event.ListedDismissal `json:"dismissed,omitempty"`

	conflict, builtin, versions bool
	remedy                      string // a change of the stream file that makes a retry accept the row, or ""
}

// retractedEvent says of a conflict why the event does not count any more that was accepted with its id.
type retractedEvent struct {
	Retraction uint64    `json:"retraction"`
	Reason     string    `json:"reason,omitempty"`
	At         time.Time `json:"at"`
}

// comparedAtOnce is the number of rows that are compared with accepted events in one query.
const comparedAtOnce = 500

var quarantineFields = typedFields("stream string, ref string, batch bigint, file string, row bigint, place string, column string, reason string, raw string, " +
	"bytes string, object string, dismissed_at timestamp, dismissed_because string")

// values are those of quarantineFields. The reason of a conflict contains both values of each column that differs.
func (r rejectedRow) values() []any {
	var at *time.Time
	because := ""
	if d := r.Dismissed; d != nil {
		at, because = &d.At, d.Reason
	}
	column, reason := r.Column, r.Reason
	if r.conflict {
		column, reason = r.describe("; ", len(r.Differences), printable)
	}
	return []any{r.Stream, r.Ref, r.Batch, r.File, r.Row, r.Place, column, reason, r.Raw, base64.StdEncoding.EncodeToString(r.Bytes), r.Object, at, because}
}

// eachRejected calls each for the rows of several streams, those that are dismissed or the others, and counts those it leaves out. Of more
// than so many rows of a stream, those behind are not compared with what was accepted.
func eachRejected(ctx context.Context, a *app.App, streams []string, dismissed bool, compareLimit int, each func(rejectedRow) error) (skipped int, err error) {
	for _, name := range streams {
		var rows []event.Rejected
		left := compareLimit
		flush := func() (err error) {
			var compared []intake.Compared
			if n := min(len(rows), left); n > 0 {
				left -= n
				compared, err = a.Compare(ctx, name, rows[:n])
			}
			for i := range rows {
				if err != nil {
					return err
				}
				row := rejectedRowOf(a, name, &rows[i])
				if i < len(compared) {
					row.setComparison(&compared[i])
				}
				err = each(row)
			}
			rows = rows[:0]
			return err
		}
		err := a.Quarantine(ctx, name, func(r event.Rejected) error {
			if dismissed != (r.Dismissed != nil) {
				skipped++
				return nil
			}
			if rows = append(rows, r); len(rows) < comparedAtOnce {
				return nil
			}
			return flush()
		})
		if err == nil {
			err = flush()
		}
		if err != nil {
			return skipped, err
		}
	}
	return skipped, nil
}

func rejectedRowOf(a *app.App, stream string, r *event.Rejected) rejectedRow {
	row := rejectedRow{Stream: stream, conflict: r.Conflict()}
	row.ListedRow, row.Dismissed = r.Listed()
	if s := a.Project.Stream(stream); s != nil {
		row.builtin, row.versions, row.remedy = s.Builtin, s.Versions, intake.Remedy(r, s)
	}
	if row.builtin {
		row.Row, row.Place = statementPlace([]byte(r.Raw), r.Row)
	}
	return row
}

// rejectedValue is a column in which a conflict differs from the event that was accepted with its id.
type rejectedValue struct {
	Column string          `json:"column"`
	Old    json.RawMessage `json:"accepted"` // in the form that trace prints
	New    json.RawMessage `json:"rejected"`
}

// setComparison stores the differing columns of a conflict, and whether the event that was accepted with its id still counts.
func (r *rejectedRow) setComparison(with *intake.Compared) {
	for _, d := range with.Differences {
		r.Differences = append(r.Differences, rejectedValue(d))
	}
	if out := with.Retraction; out != nil {
		r.Retracted = &retractedEvent{out.Number, out.Reason, out.At}
	}
}

// retryAll checks the rows in quarantine of the streams again. It skips streams whose rows are all dismissed.
func retryAll(ctx context.Context, a *app.App, streams []string) ([]intake.Result, error) {
	retried := []intake.Result{}
	for _, name := range streams {
		err := a.Quarantine(ctx, name, func(r event.Rejected) error {
			if r.Dismissed != nil {
				return nil
			}
			return failure.ErrStop
		})
		if err == nil {
			continue
		}
		if !errors.Is(err, failure.ErrStop) {
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
