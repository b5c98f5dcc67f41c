// Package verify proves rules 4 and 6 on the stored data: that runs, objects, index and artifacts agree, and that a sample of
// artifacts, computed again from the events, is what is stored. The recomputation must not share code with reduce and merge. It
// changes nothing.
package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/event"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
)

// Verifier checks stored data.
type Verifier struct{ reader *query.Reader }

// New returns a verifier of what the reader reads.
func New(reader *query.Reader) *Verifier { return &Verifier{reader} }

// Options are the options of one verification.
type Options struct {
	Sample int    // how many artifacts to recompute
	Seed   uint64 // of the random groupings for SQL files; 0 takes one from the clock
}

// Result is the outcome of verifying a pipeline.
type Result struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Check is the result of one check. Totals marks those of rule 4.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Totals bool   `json:"totals,omitempty"`
	Detail string `json:"detail"`
	Err    error  `json:"-"` // why it is not OK
}

type verification struct {
	*query.Reader
	plan       *fold.Plan
	generation runs.Generation
	runs       []runs.Run    // published
	batches    []event.Batch // in the published runs
	sample     int
	seed       uint64         // of the random groupings
	stored     artifact.Index // the index as it is on disk; nil if it has no local files
	scratch    string         // folder of stored
	out        Result
}

// Verify checks rules 4 and 6 on the stored data: totals through every step, digests of batches and parts, every index entry
// against its record, and a sample of keys that is recomputed from the events by independent code or, for SQL files, folded
// in other groupings.
func (r *Verifier) Verify(ctx context.Context, pipeline string, o Options) (Result, error) {
	q, err := r.reader.OpenWithoutIndex(ctx, pipeline)
	if err != nil {
		return Result{}, err
	}
	defer q.Release()
	plan, g := q.Plan, q.Generation
	if err := r.reader.CheckStreams(ctx, plan); err != nil {
		return Result{}, err
	}
	seed := cmp.Or(o.Seed, uint64(r.reader.Now().UnixMilli())%1_000_000)
	v := &verification{Reader: r.reader, plan: plan, generation: g, sample: o.Sample, seed: seed, out: Result{OK: true}}
	defer v.close()
	sampleCheck := v.checkSample
	if plan.Custom() {
		sampleCheck = v.checkRegrouped
	}
	checks := []namedCheck{
		{"runs", false, v.checkRuns},
		{"run totals", true, v.checkRunTotals},
		{"batch objects", false, v.checkBatchObjects},
		{"batch totals", true, v.checkBatchTotals},
		{"parts", false, v.checkParts},
		{"index files", false, v.checkIndexFiles},
		{"index loads", false, v.checkLoads},
		{"index", false, v.checkIndex},
		{"artifact totals", true, v.checkArtifactTotals},
		{"recomputed sample", false, sampleCheck},
	}
	if plan.Events.MayLackKeys() {
		checks = slices.Insert(checks, 4, namedCheck{"unkeyed events", true, v.checkUnkeyed})
	}
	for _, c := range checks {
		detail, err := c.check(ctx)
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		check := Check{Name: c.name, OK: err == nil, Totals: c.totals, Detail: detail}
		if err != nil {
			if replaced := r.reader.CheckReplaced(ctx, q, err); replaced != nil {
				return Result{}, replaced
			}
			check.Detail, check.Err, v.out.OK = err.Error(), err, false
		}
		v.out.Checks = append(v.out.Checks, check)
		if err != nil && c.name == "runs" {
			break // the other checks rely on the runs
		}
	}
	return v.out, nil
}

type namedCheck struct {
	name   string
	totals bool
	check  func(context.Context) (string, error)
}

// checkRuns checks that published runs are complete and that each batch up to the last included one is in exactly one run.
func (v *verification) checkRuns(ctx context.Context) (string, error) {
	list, err := runs.List(ctx, v.Catalog, v.generation.Pipeline, v.generation.Generation, 0)
	if err != nil {
		return "", err
	}
	next := runs.StreamNumbers{}
	for i, run := range list {
		if run.Run != uint64(i+1) {
			return "", fmt.Errorf("found run %d in place of run %d", run.Run, i+1)
		}
		for _, batch := range run.Batches {
			if due := next[batch.Stream] + 1; batch.Batch != due {
				return "", fmt.Errorf("run %d contains batch %d where batch %d is due%s: a batch is in two runs or in none", run.Run, batch.Batch, due, streamSuffix(batch))
			}
			next[batch.Stream]++
		}
		for _, step := range runs.StepNames {
			if _, done := run.Steps[step]; !done && run.Run <= v.generation.Published {
				return "", fmt.Errorf("run %d is published, but its step %s is not recorded", run.Run, step)
			}
		}
	}
	if uint64(len(list)) < v.generation.Published {
		return "", fmt.Errorf("%d runs are recorded, %d published", len(list), v.generation.Published)
	}
	v.runs = list[:v.generation.Published]
	for i := range v.runs {
		batches, err := runs.ReadBatches(ctx, v.Catalog, v.Project, &v.runs[i])
		if err != nil {
			return "", err
		}
		v.batches = append(v.batches, batches...)
	}
	return fmt.Sprintf("%s, %s, each batch in one run", reconcile.Plural(len(v.runs), "run"), reconcile.Plural(len(v.batches), "batch")), nil
}

func streamSuffix(b runs.BatchRef) string {
	if b.Stream == "" {
		return ""
	}
	return " of " + b.Stream
}

// checkRunTotals checks that each run changed totals by what its batches contain, and that all rows are accounted for.
func (v *verification) checkRunTotals(context.Context) (string, error) {
	at := 0
	for _, run := range v.runs {
		events, totals := int64(0), event.Totals{}
		for range run.Batches {
			b := v.batches[at]
			at++
			if b := b.AsSealed(); b.Rows != b.Accepted+b.Quarantined+b.Duplicates {
				return "", fmt.Errorf("batch %d of %s: %d rows are not %d accepted + %d quarantined + %d duplicates", b.Batch, b.Stream, b.Rows, b.Accepted, b.Quarantined, b.Duplicates)
			}
			events += b.Accepted
			if err := totals.Add(runs.ConservedTotals(v.plan, &b)); err != nil {
				return "", err
			}
		}
		if events != run.Events {
			return "", fmt.Errorf("run %d folded %d events, its batches contain %d", run.Run, run.Events, events)
		}
		for name, groups := range totals {
			for group, sum := range groups {
				if decimal.Rescale(run.Totals[name][group], v.scale(name)) != sum {
					return "", fmt.Errorf("run %d changed %s %s by %s, its batches contain %s", run.Run, name, group, run.Totals[name][group], sum)
				}
			}
		}
		if !run.Balanced {
			return "", fmt.Errorf("run %d is published, but its control totals did not balance", run.Run)
		}
	}
	return fmt.Sprintf("%s: events and control totals are those of the batches", reconcile.Plural(len(v.runs), "run")), nil
}

// scale is the number of decimals of a conserved total.
func (v *verification) scale(total string) int {
	for _, c := range v.plan.Conserve {
		if c.Total == total {
			return c.Type.Scale
		}
	}
	return 0
}

// checkBatchObjects checks that the objects of the batches have the bytes that were sealed.
func (v *verification) checkBatchObjects(ctx context.Context) (string, error) {
	objects := 0
	for _, b := range v.batches {
		b = b.AsSealed()
		all := slices.Clone(b.Objects)
		if b.Quarantine != nil {
			all = append(all, *b.Quarantine)
		}
		if err := object.CheckAll(ctx, object.Uncached(v.Objects), all, v.Workers); err != nil {
			return "", fmt.Errorf("batch %d of %s: %w", b.Batch, b.Stream, err)
		}
		objects += len(all)
	}
	return fmt.Sprintf("%s of %s: every byte as it was sealed", reconcile.Plural(objects, "object"), reconcile.Plural(len(v.batches), "batch")), nil
}

// checkBatchTotals recomputes each batch's rows, control totals and digest from its events.
func (v *verification) checkBatchTotals(ctx context.Context) (string, error) {
	events := int64(0)
	for _, b := range v.batches {
		b = b.AsSealed()
		if err := v.recount(ctx, b); err != nil {
			return "", fmt.Errorf("batch %d of %s: %w", b.Batch, b.Stream, err)
		}
		events += b.Accepted
	}
	return fmt.Sprintf("%s: rows, sums and digests are those of the batches", reconcile.Plural(events, "event")), nil
}

func (v *verification) recount(ctx context.Context, b event.Batch) error {
	stream := v.plan.Events.Stream(b.Stream)
	count := event.NewRecount(stream, b.Columns)
	files := v.Objects.Files()
	defer files.Release()
	session, err := v.OpenViews(ctx, files, map[string]string{"events": event.ViewSQL(files, stream, []event.Batch{b})})
	if err != nil {
		return err
	}
	defer session.Close()
	if err := count.Read(ctx, session, "events"); err != nil {
		return err
	}
	return count.Compare(b)
}

// checkParts checks that parts have the bytes that merge wrote.
func (v *verification) checkParts(ctx context.Context) (string, error) {
	parts, rows := 0, int64(0)
	for _, run := range v.runs {
		if err := object.CheckAll(ctx, object.Uncached(v.Objects), run.Parts(), v.Workers); err != nil {
			return "", fmt.Errorf("run %d: %w", run.Run, err)
		}
		for _, p := range run.Parts() {
			parts, rows = parts+1, rows+p.Rows
		}
	}
	return fmt.Sprintf("%s with %s: every byte as it was written", reconcile.Plural(parts, "part"), reconcile.Plural(rows, "record")), nil
}

// checkArtifactTotals checks that the current artifacts contain exactly the totals of all batches (rule 4).
func (v *verification) checkArtifactTotals(ctx context.Context) (string, error) {
	all, remove, err := v.SpillArtifacts(ctx, "verify", v.plan, &v.generation)
	if err != nil {
		return "", err
	}
	defer remove()
	now := step.NewArtifactTotals(v.plan)
	err = v.Query(ctx, nil, map[string]string{"state": all}, v.plan.StateTotals, func(rows []column.Vector) error {
		return now.Add(v.plan, rows[:len(v.plan.Key)], rows[len(v.plan.Key)], rows[len(v.plan.Key)+1:])
	})
	if err != nil {
		return "", err
	}
	wantEvents, want := int64(0), event.Totals{}
	for i := range v.runs {
		events, totals, err := v.runs[i].FoldedTotals(v.plan)
		if err == nil {
			err = want.Add(totals)
		}
		if err != nil {
			return "", err
		}
		wantEvents += events
	}
	events, totals, err := now.Minus(step.NewArtifactTotals(v.plan))
	if err != nil {
		return "", err
	}
	if err := step.CompareMerged(v.plan, wantEvents, want, events, totals); err != nil {
		return "", err
	}
	if now.Artifacts != v.generation.Artifacts {
		return "", fmt.Errorf("%d artifacts are indexed, %d were made", now.Artifacts, v.generation.Artifacts)
	}
	return fmt.Sprintf("%s: they contain %s and all control totals", reconcile.Plural(now.Artifacts, "artifact"), reconcile.Plural(wantEvents, "event")), nil
}
