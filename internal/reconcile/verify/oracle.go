// The check of `bursar verify` that recomputes a sample of artifacts without the SQL of reduce and merge.

package verify

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/fold"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
)

// oracle recomputes artifacts from their events by independent code: DuckDB only evaluates the declared expressions event by
// event and, at the end, the `is` columns; grouping and folding are plain loops in Go, over all events at once.
type oracle struct {
	plan    *fold.Plan
	folds   []project.Fold // the folds, without `is`
	sql     string
	columns map[string]int // position of a stream column in sql's result
	where   []int          // position of each fold's `where`, followed by that of its value
	events  map[string][]eventAt
}

// eventAt is one row of a chunk of query results.
type eventAt struct {
	rows []column.Vector
	row  int
}

func newOracle(plan *fold.Plan) *oracle {
	o := &oracle{plan: plan, columns: map[string]int{}, events: map[string][]eventAt{}}
	var list []string
	for _, k := range plan.Events.Key {
		list = append(list, "e."+column.QuoteIdentifier(k.Event))
	}
	for _, f := range event.FoldedFields(plan.Events) {
		o.columns[f.Name] = len(list)
		list = append(list, "e."+column.QuoteIdentifier(f.Name))
	}
	for _, f := range plan.Pipeline.Artifact {
		if f.Kind == project.Is {
			continue
		}
		o.folds = append(o.folds, f)
		o.where = append(o.where, len(list))
		where, value := "true", "NULL::INTEGER"
		if f.Where != "" {
			where = fmt.Sprintf("coalesce((%s\n), false)", f.Where)
		}
		if f.Expr != "" {
			value = fmt.Sprintf("(%s\n)", f.SQL())
			if f.Kind == project.Sum {
				value = fmt.Sprintf("CAST(%s AS %s)", value, plan.Record[plan.Position(f.Name)].Type.SQL())
			}
		}
		list = append(list, where, value)
	}
	o.sql = fmt.Sprintf("SELECT %s FROM events AS e SEMI JOIN sample ON %s", strings.Join(list, ",\n"), sampleJoin(plan))
	return o
}

// sampleJoin is the join condition of events and sampled keys.
func sampleJoin(plan *fold.Plan) string {
	same := make([]string, len(plan.Events.Key))
	for i, k := range plan.Events.Key {
		same[i] = fmt.Sprintf("e.%s = sample.%s", column.QuoteIdentifier(k.Event), column.QuoteIdentifier(k.Name))
	}
	return strings.Join(same, " AND ")
}

// add copies a chunk of events.
func (o *oracle) add(rows []column.Vector) {
	kept := make([]column.Vector, len(rows))
	for c := range rows {
		kept[c] = column.NewVector(rows[c].Type, rows[c].Len())
		kept[c].AppendAll(&rows[c])
	}
	for i := range kept[0].Len() {
		key := string(artifact.AppendKey(nil, kept[:len(o.plan.Key)], i))
		o.events[key] = append(o.events[key], eventAt{kept, i})
	}
}

// fold appends the key and the fold columns of one key's events to out.
func (o *oracle) fold(key string, out []column.Vector) {
	events := o.events[key]
	width := len(o.plan.Key)
	for c := range width {
		out[c].AppendFrom(&events[0].rows[c], events[0].row)
	}
	for n, f := range o.folds {
		var selected []eventAt
		for _, e := range events {
			if e.rows[o.where[n]].Ints[e.row] != 0 {
				selected = append(selected, e)
			}
		}
		o.foldValue(f, o.where[n]+1, selected, &out[width+n])
	}
}

func (o *oracle) foldValue(f project.Fold, value int, selected []eventAt, out *column.Vector) {
	switch f.Kind {
	case project.Count:
		out.AppendInt(int64(len(selected)))
		return
	case project.ListOf:
		o.list(f, selected, out)
		return
	}
	var present []eventAt
	for _, e := range selected {
		if !e.rows[value].IsNull(e.row) {
			present = append(present, e)
		}
	}
	if f.Kind == project.Sum {
		sum := new(big.Int)
		for _, e := range present {
			sum.Add(sum, e.rows[value].Unscaled(e.row).BigInt())
		}
		if out.AppendUnscaled(sum) != nil {
			out.AppendNull() // a stored sum is never null, so the comparison fails and reports it
		}
		return
	}
	if len(present) == 0 {
		out.AppendNull()
		return
	}
	best := slices.MinFunc(present, func(a, b eventAt) int { return o.compareFor(f, value, a, b) })
	out.AppendFrom(&best.rows[value], best.row)
}

// compareFor orders events so that the one picked by min, max, first or last is least.
func (o *oracle) compareFor(f project.Fold, value int, a, b eventAt) int {
	switch f.Kind {
	case project.Min:
		return column.Compare(&a.rows[value], a.row, &b.rows[value], b.row)
	case project.Max:
		return column.Compare(&b.rows[value], b.row, &a.rows[value], a.row)
	case project.First:
		return o.byOrder(f, a, b)
	default:
		return o.byOrder(f, b, a)
	}
}

// byOrder compares by the declared columns, then by the stream, then by the event id.
func (o *oracle) byOrder(f project.Fold, a, b eventAt) int {
	names := slices.Clone(f.By)
	if o.plan.Events.Several() {
		names = append(names, project.StreamColumn)
	}
	for _, id := range o.plan.Events.IDs {
		names = append(names, id.Name)
	}
	for _, name := range names {
		at := o.columns[name]
		if c := column.Compare(&a.rows[at], a.row, &b.rows[at], b.row); c != 0 {
			return c
		}
	}
	return 0
}

func (o *oracle) list(f project.Fold, selected []eventAt, out *column.Vector) {
	slices.SortFunc(selected, func(a, b eventAt) int { return o.byOrder(f, a, b) })
	if f.Keep > 0 && len(selected) > f.Keep {
		selected = selected[len(selected)-f.Keep:]
	}
	for i, field := range out.Type.Fields {
		at := o.columns[field.Name]
		for _, e := range selected {
			out.Fields[i].AppendFrom(&e.rows[at], e.row)
		}
	}
	out.AppendList()
}

// fields lists the columns that fold appends: the key, then the folds in declared order.
func (o *oracle) fields() []column.Field {
	fields := slices.Clone(o.plan.Key)
	for _, f := range o.folds {
		fields = append(fields, o.plan.Record[o.plan.Position(f.Name)].Field)
	}
	return fields
}

// checkSample recomputes a sample of artifacts, or all if there are fewer, and compares their printed form.
func (v *verification) checkSample(ctx context.Context) (string, error) {
	stored, keys, err := v.drawSample(ctx)
	if err != nil || len(stored) == 0 {
		return "no artifacts", err
	}
	o := newOracle(v.plan)
	session, closeSample, err := v.openSample(ctx, keys)
	if err != nil {
		return "", err
	}
	defer closeSample()
	if err := session.Query(ctx, o.sql, func(rows []column.Vector) error { o.add(rows); return nil }); err != nil {
		return "", err
	}
	if len(o.events) != len(stored) {
		return "", fmt.Errorf("%d of %d sampled keys have events", len(o.events), len(stored))
	}
	folded := column.NewVectors(column.Types(o.fields()), len(stored))
	for key := range o.events {
		o.fold(key, folded)
	}
	if err := v.compare(ctx, session, o, folded, stored); err != nil {
		return "", err
	}
	return reconcile.Plural(len(stored), "artifact") + " recomputed from the events: nothing differs", nil
}

// compare computes the `is` columns over the folded values and compares the printed artifacts with the stored ones.
func (v *verification) compare(ctx context.Context, session *duck.Session, o *oracle, folded []column.Vector, stored map[string]string) error {
	table, remove, err := v.SpillRows("folded", o.fields(), folded)
	if err != nil {
		return err
	}
	defer remove()
	fields := reconcile.StoredFields(v.plan)
	list := make([]string, 0, len(fields))
	for _, f := range fields {
		name := column.QuoteIdentifier(f.Name)
		declared := len(list) < len(v.plan.Key) || v.plan.Pipeline.Fold(f.Name) != nil
		if !declared {
			name = fmt.Sprintf("CAST(NULL AS %s)", f.Type.SQL())
		}
		list = append(list, name)
	}
	sql := v.plan.WithComputed(table)
	printer := query.NewPrinter(v.plan)
	return session.Query(ctx, fmt.Sprintf("SELECT %s FROM (%s)", strings.Join(list, ", "), sql), func(row []column.Vector) error {
		column.Declare(row, fields)
		for i := range row[0].Len() {
			key := string(reconcile.KeyJSON(row[:len(v.plan.Key)], i))
			if got := string(printer.Artifact(nil, row, i)); got != stored[key] {
				return fmt.Errorf("key %s: events give %s, stored is %s", key, got, stored[key])
			}
		}
		return nil
	})
}

// drawSample selects artifacts spread evenly over the keys. It returns printed artifacts by printed key, and the keys.
func (v *verification) drawSample(ctx context.Context) (map[string]string, []column.Vector, error) {
	stored := map[string]string{}
	keys := column.NewVectors(column.Types(v.plan.Key), v.sample)
	step, seen := max(1, int(v.generation.Artifacts)/max(1, v.sample)), 0
	printer := query.NewPrinter(v.plan)
	err := v.Walk(ctx, v.plan, &v.generation, func(row []column.Vector) error {
		for i := range row[0].Len() {
			if seen++; seen%step != 0 || len(stored) >= v.sample {
				continue
			}
			stored[string(reconcile.KeyJSON(row[:len(v.plan.Key)], i))] = string(printer.Artifact(nil, row, i))
			for c := range keys {
				keys[c].AppendFrom(&row[c], i)
			}
		}
		return nil
	})
	return stored, keys, err
}

// openSample opens a session with views of all events and of the sampled keys.
func (v *verification) openSample(ctx context.Context, keys []column.Vector) (session *duck.Session, closeSample func(), err error) {
	sample, remove, err := v.SpillRows("sample", v.plan.Key, keys)
	if err != nil {
		return nil, nil, err
	}
	files := v.Objects.Files()
	session, err = v.OpenViews(ctx, files, map[string]string{"events": event.FoldedSQL(files, v.plan.Events, v.batches), "sample": sample})
	if err != nil {
		files.Release()
		remove()
		return nil, nil, err
	}
	return session, func() { session.Close(); files.Release(); remove() }, nil
}
