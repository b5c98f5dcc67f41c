// The check of `bursar verify` for pipelines with SQL files: the same events in other batches must give the same artifacts.

package verify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/fold"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
)

// The meaning of a project's own SQL is unknown, so artifacts cannot be recomputed independently. But rule 6 can be checked: the
// events of a sample of keys, distributed over other batches in another order, give what is stored.

// regroupings is how many times the events are distributed: first into one batch, which detects SQL that counts batches, then into
// several.
const regroupings = 3

// checkRegrouped folds the events of a sample of keys in random groupings and orders.
func (v *verification) checkRegrouped(ctx context.Context) (string, error) {
	stored, keys, err := v.drawSample(ctx)
	if err != nil || len(stored) == 0 {
		return "no artifacts", err
	}
	events, err := v.sampleEvents(ctx, keys)
	if err != nil {
		return "", err
	}
	random := rand.New(rand.NewPCG(v.seed, 0))
	for round := range regroupings {
		batches := 1
		if round > 0 {
			batches = 2 + random.IntN(4)
		}
		if err := v.regroup(ctx, random, batches, events, stored); err != nil {
			return "", fmt.Errorf("seed %d: %w", v.seed, err)
		}
	}
	return fmt.Sprintf("%s folded from their events in %d random groupings and orders (seed %d): nothing differs",
		reconcile.Plural(len(stored), "artifact"), regroupings, v.seed), nil
}

// sampleEvents reads all events of the keys, with the columns of event.FoldedFields.
func (v *verification) sampleEvents(ctx context.Context, keys []column.Vector) ([]column.Vector, error) {
	session, closeSample, err := v.openSample(ctx, keys)
	if err != nil {
		return nil, err
	}
	defer closeSample()
	fields := event.FoldedFields(v.plan.Events)
	order := fmt.Sprintf("%s, %s", event.FileColumn, event.RowColumn) // so that a seed always gives the same batches
	if v.plan.Events.Several() {
		order = project.StreamColumn + ", " + order
	}
	sql := fmt.Sprintf("SELECT %s FROM events AS e SEMI JOIN sample ON %s ORDER BY %s", fold.Names(fields), sampleJoin(v.plan), order)
	return collect(ctx, session, sql, fields)
}

// collect reads a whole result into columns.
func collect(ctx context.Context, session *duck.Session, sql string, fields []column.Field) ([]column.Vector, error) {
	all := column.NewVectors(column.Types(fields), 0)
	err := session.Query(ctx, sql, func(rows []column.Vector) error {
		for c := range all {
			all[c].AppendAll(&rows[c])
		}
		return nil
	})
	return all, err
}

// regroup distributes the events over batches, folds them one after another, and compares the result.
func (v *verification) regroup(ctx context.Context, random *rand.Rand, batches int, events []column.Vector, stored map[string]string) error {
	groups := make([][]int, batches)
	for _, i := range random.Perm(events[0].Len()) {
		g := random.IntN(len(groups))
		groups[g] = append(groups[g], i)
	}
	state := map[string]eventAt{}
	for _, group := range groups {
		if len(group) == 0 {
			continue
		}
		batch := column.NewVectors(column.Types(event.FoldedFields(v.plan.Events)), len(group))
		for c := range batch {
			for _, i := range group {
				batch[c].AppendFrom(&events[c], i)
			}
		}
		if err := v.foldGroup(ctx, batch, state); err != nil {
			return v.plan.Explain(err)
		}
	}
	printer := query.NewPrinter(v.plan)
	if len(state) != len(stored) {
		return fmt.Errorf("%d of %d sampled keys have events", len(state), len(stored))
	}
	for _, at := range state {
		key := string(reconcile.KeyJSON(at.rows[:len(v.plan.Key)], at.row))
		if got := string(printer.Artifact(nil, at.rows, at.row)); got != stored[key] {
			return fmt.Errorf("key %s: its events give %s in another grouping and order, but %s is stored: %s and %s must not depend on which events come together or first",
				key, got, stored[key], v.plan.Pipeline.Reduce.File, v.plan.Pipeline.Merge.File)
		}
	}
	return nil
}

// foldGroup reduces one batch and merges it into the state, by encoded key.
func (v *verification) foldGroup(ctx context.Context, events []column.Vector, state map[string]eventAt) error {
	deltaFields := v.plan.DeltaFields()
	delta, err := v.queryRows(ctx, v.plan.Reduce, deltaFields, rowView{"events", event.FoldedFields(v.plan.Events), events})
	if err != nil {
		return err
	}
	before := column.NewVectors(column.Types(reconcile.StateFields(v.plan)), 0)
	var keys []string
	for i := range delta[0].Len() {
		key := string(artifact.AppendKey(nil, delta[:len(v.plan.Key)], i))
		keys = append(keys, key)
		at, known := state[key]
		for c := range before {
			if known {
				before[c].AppendFrom(&at.rows[c], at.row)
			} else {
				before[c].AppendNull()
			}
		}
	}
	after, err := v.queryRows(ctx, v.plan.Merge, reconcile.StoredFields(v.plan),
		rowView{"delta", deltaFields, delta}, rowView{"state", reconcile.StateFields(v.plan), before})
	if err != nil {
		return err
	}
	if after[0].Len() != len(keys) {
		return errors.New("bug: merge gives other keys than the delta has")
	}
	for i, key := range keys {
		state[key] = eventAt{after, i}
	}
	return nil
}

// rowView is a named view over rows in memory.
type rowView struct {
	view   string
	fields []column.Field
	rows   []column.Vector
}

// queryRows runs a query over such views, and reads the first columns of its result.
func (v *verification) queryRows(ctx context.Context, sql string, fields []column.Field, tables ...rowView) ([]column.Vector, error) {
	views, cleanups := map[string]string{}, []func(){}
	defer func() {
		for _, remove := range cleanups {
			remove()
		}
	}()
	for _, t := range tables {
		sql, remove, err := v.SpillRows(t.view, t.fields, t.rows)
		if err != nil {
			return nil, err
		}
		views[t.view], cleanups = sql, append(cleanups, remove)
	}
	session, err := v.OpenViews(ctx, nil, views)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return collect(ctx, session, sql, fields)
}
