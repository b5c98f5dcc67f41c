// bursar quarantine: what was rejected, and why.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"bursar/internal/app"

	"github.com/spf13/cobra"
)

// quarantineOptions are what the command line asks for.
type quarantineOptions struct {
	limit     int
	retry     bool
	dismissed bool // those rows are listed that are dismissed
	resolveOptions
}

func (c *cli) quarantineCommand() *cobra.Command {
	var o quarantineOptions
	cmd := &cobra.Command{
		Use:   "quarantine [STREAM]",
		Short: "Show rejected rows and why they were rejected, and resolve them",
		Long: `Shows the rows in quarantine, of one stream or of all: where each stood, which column was wrong and why. Of a row whose id was
accepted before with other values, each column that differs is named with both values; where that event does not count any more, this is
said, as --retry judges the row again. The rows are kept whole; --json lists all of them with their text. The batch is the one whose
quarantine keeps the row: that of its file, or after a retry that of the retry; ref, file and row stay the same.

With --retry the rows are first checked again, as a schema that has grown may accept them now. They become a batch of their
own in which they keep their file and row; those that are rejected again stay in quarantine. Rows of statement files are kept as they
were read: where an institution declares something else since, import the file again.

The other rows are resolved one by one. A row is named by what stands under ref, the number of its file within the stream and its row, which
stay the same over retries.

--accept takes a conflict in: the event that was accepted with its id is retracted, the row takes its place, and pipelines that had folded the
older event are rebuilt at once, so that --history of ` + "`bursar get`" + ` begins anew; what that changes is shown. Other rows stay in quarantine; those with the id
are conflicts with this one. Where that is cut short, the same command completes it. To choose the older event after all, retract the
newer one and take the other retraction back: ` + "`bursar retract STREAM BATCH --event ID --undo`" + `.

--dismiss has a row count as resolved. It stays in quarantine and in the control totals, and no retry takes it in; it is left out of this list
and of status, and --dismissed lists it, with the reason. --undo takes that back.`,
		Example: `  bursar quarantine
  bursar quarantine payments --limit 200
  bursar quarantine payments --json
  bursar quarantine payments --retry
  bursar quarantine payments --accept 3:17 --reason "the bank corrected the amount"
  bursar quarantine payments --dismiss 3:18 --reason "a test order"
  bursar quarantine payments --dismissed
  bursar quarantine payments --dismiss 3:18 --undo`,
		Args:              argCount(0, 1),
		ValidArgsFunction: c.completeStream,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			if o.resolves() {
				return c.resolve(cmd, args[0], &o.resolveOptions)
			}
			return c.listQuarantine(cmd, args, &o)
		},
	}
	cmd.Flags().BoolVar(&o.retry, "retry", false, "take the rows up again first")
	cmd.Flags().IntVar(&o.limit, "limit", 50, "how many rows the table shows")
	cmd.Flags().BoolVar(&o.dismissed, "dismissed", false, "show the rows that are dismissed")
	cmd.Flags().StringVar(&o.accept, "accept", "", "the `ROW` that takes the place of the event it is in conflict with")
	cmd.Flags().StringVar(&o.dismiss, "dismiss", "", "the `ROW` that counts as resolved")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why: it is kept and shown; required with --accept and --dismiss")
	cmd.Flags().BoolVar(&o.undo, "undo", false, "take the dismissal back")
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
		var retried []app.IngestResult
		if o.retry {
			if retried, err = retryAll(ctx, a, streams); err != nil {
				return err
			}
		}
		return c.quarantine(ctx, a, streams, retried, o)
	})
}

// streamsOf are the named streams, or all.
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
	Ref    string `json:"ref"`   // what names the row within the stream
	Batch  uint64 `json:"batch"` // whose quarantine keeps the row: its file's, or that of the last retry
	File   string `json:"file"`
	Row    int64  `json:"row"`
	Place  string `json:"place,omitempty"` // of a statement's row: line:column in the file
	Column string `json:"column"`
	Reason string `json:"reason"`
	Raw    string `json:"raw"`
	Bytes  []byte `json:"bytes,omitempty"`  // in place of raw where it is not UTF-8, as base64
	Object string `json:"object,omitempty"` // in place of raw where it is longer than a line may be

	Differences []rejectedValue `json:"differences,omitempty"` // of a conflict, by column
	Retracted   *retractedEvent `json:"accepted_retracted,omitempty"`
	Dismissed   *dismissal      `json:"dismissed,omitempty"`

	conflict, builtin, versions bool
	remedy                      string // how the stream may be declared so that a retry accepts the row; empty is none
}

// dismissal says since when and why a row counts as resolved.
type dismissal struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// retractedEvent says of a conflict why the event does not count any more that was accepted with its id.
type retractedEvent struct {
	Retraction uint64    `json:"retraction"`
	Reason     string    `json:"reason,omitempty"`
	At         time.Time `json:"at"`
}

// comparedAtOnce is how many rows are compared with what was accepted at a time.
const comparedAtOnce = 500

// eachRejected calls each for the rows of several streams, those that are dismissed or the others, and counts those it leaves out. Of more
// than so many rows of a stream, those behind are not compared with what was accepted.
func eachRejected(ctx context.Context, a *app.App, streams []string, dismissed bool, compareLimit int, each func(rejectedRow) error) (skipped int, err error) {
	for _, name := range streams {
		var rows []app.Rejected
		left := compareLimit
		flush := func() (err error) {
			var compared []app.Compared
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
		err := a.Quarantine(ctx, name, func(r app.Rejected) error {
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

func rejectedRowOf(a *app.App, stream string, r *app.Rejected) rejectedRow {
	row := rejectedRow{Stream: stream, Ref: r.Place().String(), conflict: r.Conflict(), Batch: r.Batch, File: r.File, Row: r.Row, Column: r.Column, Reason: r.Reason, Raw: r.Raw, Bytes: r.Bytes, Object: r.Object}
	if s := a.Project.Stream(stream); s != nil {
		row.builtin, row.versions, row.remedy = s.Builtin, s.Versions, r.Remedy(s)
	}
	if row.builtin {
		row.Row, row.Place = statementPlace([]byte(r.Raw), r.Row)
	}
	if d := r.Dismissed; d != nil {
		row.Dismissed = &dismissal{d.Reason, d.At}
	}
	return row
}

// rejectedValue is a column of which a row in quarantine has another value than the event that was accepted with its id.
type rejectedValue struct {
	Column string          `json:"column"`
	Old    json.RawMessage `json:"accepted"` // as trace prints it
	New    json.RawMessage `json:"rejected"`
}

// setComparison takes over what the row says otherwise than the event that was accepted with its id, and whether that still counts.
func (r *rejectedRow) setComparison(with *app.Compared) {
	for _, d := range with.Differences {
		r.Differences = append(r.Differences, rejectedValue(d))
	}
	if out := with.Out; out != nil {
		r.Retracted = &retractedEvent{out.Number, out.Reason, out.At}
	}
}

// retryAll takes up again what is in the quarantines of the streams; one without any, but for those that are dismissed, is left out.
func retryAll(ctx context.Context, a *app.App, streams []string) ([]app.IngestResult, error) {
	retried := []app.IngestResult{}
	for _, name := range streams {
		err := a.Quarantine(ctx, name, func(r app.Rejected) error {
			if r.Dismissed != nil {
				return nil
			}
			return errStop
		})
		if err == nil {
			continue
		}
		if !errors.Is(err, errStop) {
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
