// Types of lower packages that commands use: commands import only app.

package app

import (
	"context"
	"slices"

	"bursar/internal/aggregate"
	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/imported"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live/spool"
	"bursar/internal/event/repair"
	"bursar/internal/event/retract"
	"bursar/internal/event/scan"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/rebuild"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/verify"
)

type (
	// IngestOptions are the options of one Ingest.
	IngestOptions = intake.Options
	// IngestResult counts the rows of one Ingest.
	IngestResult = intake.Result
	// RetractOptions are the options of one Retract.
	RetractOptions = retract.Options
	// Retraction is what a call of Retract has retracted, or restored.
	Retraction = retract.Retracted
	// LeftOut is a retracted batch or event, with time and reason.
	LeftOut = event.Retraction
	// RetractedFile is a statement file that was retracted or restored.
	RetractedFile = imported.RetractedFile
	// UnfinishedError means that the retraction of a statement file was interrupted.
	UnfinishedError = imported.UnfinishedError
	// Totals are control totals by name and group.
	Totals = event.Totals
	// Rejected is one row in quarantine.
	Rejected = event.Rejected
	// AcceptOptions are the options of accepting a quarantined row.
	AcceptOptions = intake.AcceptOptions
	// DismissOptions are the options of dismissing a quarantined row.
	DismissOptions = event.DismissOptions
	// Dismissal is the time and reason of dismissing a quarantined row.
	Dismissal = event.Dismissal
	// GiveUp names the lost parts of a stream that a repair gives up.
	GiveUp = repair.GiveUp
	// GivenUp is a lost part of a stream that was given up, with time and reason.
	GivenUp = event.GivenUp
	// Dismissed is the result of one Dismiss.
	Dismissed = event.Dismissed
	// InQuarantine counts the rows of a stream in quarantine.
	InQuarantine = event.QuarantineCount
	// RowPlace identifies a row within its stream.
	RowPlace = event.Place
	// Difference is a column that differs in a conflict.
	Difference = intake.Difference
	// Compared is a quarantined row with the accepted event of the same id.
	Compared = intake.Compared
	// Run is one run of a pipeline.
	Run = runs.Run
	// Given counts the events that contributed a value to each fold.
	Given = runs.FoldCounts
	// Rebuilt is the result of rebuilding a pipeline.
	Rebuilt = rebuild.Result
	// Status is the state of a pipeline.
	Status = query.Status
	// Answer is one artifact as of a run.
	Answer = query.GetResult
	// Traced is an artifact with the runs that wrote it.
	Traced = query.Traced
	// TracedEvent is one event of an artifact.
	TracedEvent = query.TracedEvent
	// Unkeyed counts the events without a key, by stream.
	Unkeyed = runs.Unkeyed
	// UnkeyedEvent is one event without a key.
	UnkeyedEvent = query.UnkeyedEvent
	// UnkeyedError means that a listing of events without a key does not match their count.
	UnkeyedError = query.UnkeyedError
	// UntracedError means that a trace finds other events than were folded.
	UntracedError = query.UntracedError
	// Exported is the result of an export.
	Exported = query.Exported
	// Exception is one open item.
	Exception = query.Exception
	// VerifyOptions are the options of one verification.
	VerifyOptions = verify.Options
	// Verified is the result of verifying a pipeline.
	Verified = verify.Result
	// Loss describes a damaged spool with which acknowledged requests may have been lost.
	Loss = spool.Loss
	// ImportOptions are the options of one Import.
	ImportOptions = aggregate.Options
	// Imported is the result of one Import.
	Imported = aggregate.Result
	// CompletenessQuery selects accounts and intervals for Completeness.
	CompletenessQuery = completeness.Query
	// Interval is the verdict on an account from one day to another.
	Interval = completeness.Interval
	// Account is the completeness of one account.
	Account = completeness.Account
	// State says how far an interval of an account can be trusted.
	State = completeness.State
	// Acceptance records that a person accepts an unproven interval.
	Acceptance = completeness.Acceptance
	// NotFoundError is returned for an unknown name or key.
	NotFoundError = reconcile.NotFoundError
)

// The verdicts on an account's interval.
const (
	Proven  = completeness.Proven
	Claimed = completeness.Claimed
	Unknown = completeness.Unknown
	Broken  = completeness.Broken
)

// ErrTooManyRejected is returned by Ingest, wrapped, if more rows than IngestOptions.MaxRejected were rejected.
var ErrTooManyRejected = intake.ErrTooManyRejected

// ParseValue is query.ParseValue.
func ParseValue(v *column.Vector, text string) error { return query.ParseValue(v, text) }

// Steps returns the names of a run's steps, in order.
func Steps() []runs.StepName { return slices.Clone(runs.StepNames) }

// InputSize returns the size of an input file in bytes. If it is not a regular file, the error has class Data.
func InputSize(path string) (int64, error) {
	info, err := scan.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Remedy says how a stream's declaration may grow so that a retry accepts a rejected row; empty if it may not.
func Remedy(r *Rejected, s *project.Stream) string { return intake.Remedy(r, s) }

// Compare compares rows in quarantine with the events that were accepted with their ids.
func (a *App) Compare(ctx context.Context, stream string, rows []Rejected) ([]Compared, error) {
	s := a.Project.Stream(stream)
	if s == nil {
		return nil, &NotFoundError{What: "stream " + stream}
	}
	return intake.Compare(ctx, a.Intake, s, rows)
}

// ParseRow parses the reference of a quarantined row.
func ParseRow(text string) (RowPlace, bool) { return event.ParsePlace(text) }

// Quarantine calls each for every row of a stream that is in quarantine, batch by batch, including dismissed ones. It stops at
// the first error of each and returns it.
func (a *App) Quarantine(ctx context.Context, stream string, each func(Rejected) error) error {
	if a.Project.Stream(stream) == nil {
		return &NotFoundError{What: "stream " + stream}
	}
	return imported.Quarantine(ctx, a.Intake.Catalog, a.Intake.Objects, stream, each)
}
