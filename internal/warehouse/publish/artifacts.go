// Publishing the artifacts of a pipeline.

package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// RunColumn is the column of the run that has made an artifact.
const RunColumn = "_run"

func (p *Publisher) publishArtifacts(ctx context.Context, db warehouse.Database, s source) (out Result, err error) {
	err = p.Pipelines.ReadPublished(ctx, s.pipeline.Name, func(ctx context.Context, artifacts Artifacts) error {
		return db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
			a := artifactsPublication{Publisher: p, source: s, db: db, tx: tx, artifacts: artifacts}
			err := a.publish(ctx)
			out = a.out
			return err
		})
	})
	return out, err
}

// artifactsPublication publishes artifacts within one transaction of the warehouse.
type artifactsPublication struct {
	*Publisher
	source

	db        warehouse.Database
	tx        warehouse.Tx
	artifacts Artifacts
	columns   []column.Field // with that of the run
	key       []column.Field
	record    *record
	out       Result
}

// artifactColumns returns the columns of a table of artifacts, or of their history, and those of the key.
func artifactColumns(a Artifacts, history bool) (columns, key []column.Field) {
	fields, n := a.Fields()
	columns = append(slices.Clip(fields), column.Field{Name: RunColumn, Type: column.Type{Kind: column.BigInt}, Required: true})
	if history {
		for _, name := range project.HistoryColumns {
			columns = append(columns, instant(name))
		}
	}
	return columns, fields[:n]
}

// isBehindArtifacts reports whether a pipeline's table lacks something that readers see, or has something else.
func (p *Publisher) isBehindArtifacts(ctx context.Context, s source, r *record, a Artifacts) (bool, error) {
	generation, run, _, _ := a.Generation()
	columns, _ := artifactColumns(a, s.history)
	if r == nil || r.generation != generation || r.through != run || r.definition != definitionOf(columns) {
		return true, nil
	}
	other, err := r.hasOther(run, receivedAt(ctx, a))
	if err != nil || other {
		return other, err
	}
	quarantined, err := p.quarantined(ctx, s.streams(), r.watermark)
	return quarantined != r.quarantined, err
}

// receivedAt returns a function that returns when a run received its last event.
func receivedAt(ctx context.Context, a Artifacts) func(n uint64) (time.Time, error) {
	return func(n uint64) (time.Time, error) {
		received, _, _, err := a.Run(ctx, n)
		return received, err
	}
}

func (a *artifactsPublication) publish(ctx context.Context) error {
	if err := ensureRecord(ctx, a.db, a.tx); err != nil {
		return err
	}
	a.columns, a.key = artifactColumns(a.artifacts, a.history)
	var err error
	if a.record, err = a.readRecord(ctx, a.tx, a.source); err != nil {
		return err
	}
	how, _, err := compare(ctx, a.db, a.tx, a.source, a.record, a.columns)
	if err != nil {
		return err
	}
	behind, err := a.isBehindArtifacts(ctx, a.source, a.record, a.artifacts)
	if err != nil {
		return err
	}
	if how == fits && !behind {
		a.out.Generation, a.out.From, a.out.To, a.out.Watermark = a.record.generation, a.record.through, a.record.through, a.record.watermark
		return nil
	}
	other, err := a.isOther(ctx)
	switch {
	case err != nil:
	case how != fits || other:
		err = a.replace(ctx, how)
	default:
		err = a.extend(ctx, a.table)
	}
	if err == nil {
		err = a.checkRows()
	}
	if err != nil {
		return err
	}
	a.record.definition = definitionOf(a.columns)
	return a.writeRecord(ctx)
}

// isOther reports whether the table has other runs than readers see: of another generation, or of a project that was put back from a copy. If only
// what this publication knows is out of date, that is an error.
func (a *artifactsPublication) isOther(ctx context.Context) (bool, error) {
	generation, run, _, _ := a.artifacts.Generation()
	if a.record == nil {
		return false, nil
	}
	other, err := a.record.hasOther(run, receivedAt(ctx, a.artifacts))
	if err != nil || !other && a.record.generation == generation && a.record.through <= run {
		return false, err
	}
	current, err := a.artifacts.IsCurrent(ctx)
	if err == nil && !current {
		err = errOutdated
	}
	return true, err
}

var errOutdated = failure.Wrap(failure.Transient, errors.New("more was published meanwhile"))

// writeRecord records how far the table is.
func (a *artifactsPublication) writeRecord(ctx context.Context) error {
	generation, run, _, watermark := a.artifacts.Generation()
	if a.record.through == run {
		a.record.watermark = watermark
	}
	if a.record.through > 0 {
		received, _, _, err := a.artifacts.Run(ctx, a.record.through)
		if err != nil {
			return err
		}
		a.record.received = &received
	}
	var err error
	if a.record.quarantined, err = a.quarantined(ctx, a.streams(), a.record.watermark); err != nil {
		return err
	}
	a.out.Generation, a.out.To, a.out.Watermark = generation, a.record.through, a.record.watermark
	return writeRecord(ctx, a.db, a.tx, a.record, a.streams(), a.Events.Now())
}

// checkRows compares the rows of the table with the artifacts that readers see (rule 4). Those of a history were compared run by run.
func (a *artifactsPublication) checkRows() error {
	_, run, artifacts, _ := a.artifacts.Generation()
	if a.history || a.record.through < run || a.record.rows == artifacts {
		return nil
	}
	return &UnbalancedError{Table: a.table, What: "artifacts:", Want: fmt.Sprint(artifacts), Got: fmt.Sprint(a.record.rows)}
}

// replace makes the table from the beginning, so that readers see the old artifacts or the new ones.
func (a *artifactsPublication) replace(ctx context.Context, how fit) error {
	if a.out.Replaced = a.record != nil; a.out.Replaced {
		a.out.Removed = a.record.rows
	}
	generation, _, _, _ := a.artifacts.Generation()
	a.record = &record{table: a.table, source: a.pipeline.Name, project: a.ProjectID, generation: generation, remade: a.record.nextRemade()}
	next := a.table
	if how != missing {
		next += "_bursar_next"
	}
	if err := createTable(ctx, a.tx, next, a.columns, names(a.key), false); err != nil {
		return err
	}
	fill := a.fill
	if a.history {
		fill = a.fillHistory
	}
	if err := fill(ctx, next); err != nil {
		return err
	}
	if how != missing {
		return a.tx.Replace(ctx, a.table, next)
	}
	return nil
}

// fill adds all artifacts to a new table.
func (a *artifactsPublication) fill(ctx context.Context, table string) error {
	added, err := a.tx.Append(ctx, table, a.columns, a.all(ctx))
	if err != nil {
		return err
	}
	_, run, _, _ := a.artifacts.Generation()
	a.out.Rows, a.record.rows, a.record.through = added, added, run
	if _, err := a.tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE pipeline = %s", runsTable, warehouse.Literal(a.pipeline.Name))); err != nil {
		return err
	}
	return a.recordRuns(ctx, 1, run)
}

// extend adds the next group of runs to a table.
func (a *artifactsPublication) extend(ctx context.Context, table string) error {
	_, published, _, _ := a.artifacts.Generation()
	g, err := a.nextGroup(ctx, published)
	a.out.From = a.record.through
	if err != nil || g.last < g.first {
		return err
	}
	a.out.More = g.last < published
	latest, err := a.latestVersion(ctx, table) // before rows are staged: a connection that copies rows executes nothing else
	if err != nil {
		return err
	}
	from, staged, err := a.tx.Stage(ctx, stagedColumns(a.columns), a.ofRuns(ctx, g.first, g.last, latest))
	if err != nil {
		return err
	}
	if staged != g.artifacts {
		return &UnbalancedError{Table: table, What: fmt.Sprintf("artifacts of runs %d to %d:", g.first, g.last), Want: fmt.Sprint(g.artifacts), Got: fmt.Sprint(staged)}
	}
	add := a.addVersions
	if !a.history {
		add = a.replaceArtifacts
	}
	if err := add(ctx, table, from, g); err != nil {
		return err
	}
	a.record.through, a.record.watermark = g.last, &g.received
	return nil
}

// replaceArtifacts puts the last version of each staged artifact in the place of the one in the table.
func (a *artifactsPublication) replaceArtifacts(ctx context.Context, table, from string, g group) error {
	quoted := warehouse.Quote(a.db, table)
	removed, err := a.tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE EXISTS (SELECT 1 FROM %s AS s WHERE %s)", quoted, from, warehouse.SameSQL(a.db, "s.", quoted+".", a.key)))
	if err != nil {
		return err
	}
	added, err := a.tx.Exec(ctx, a.insertSQL(quoted, from, g.first == g.last))
	if err != nil {
		return err
	}
	a.out.Rows, a.out.Removed = added, removed
	a.record.rows += added - removed
	return a.recordRuns(ctx, g.first, g.last)
}

// insertSQL inserts the last version of each staged artifact. Those of a single run have one version.
func (a *artifactsPublication) insertSQL(table, from string, single bool) string {
	list := warehouse.QuoteAll(a.db, a.columns)
	if single {
		return fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM %[3]s AS s", table, list, from)
	}
	versions := fmt.Sprintf("SELECT %s, row_number() OVER (PARTITION BY %s ORDER BY %s DESC) AS bursar_version FROM %s AS s", list, warehouse.ExactList(a.db, a.key), RunColumn, from)
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM (%[3]s) AS v WHERE bursar_version = 1", table, list, versions)
}

// recordRuns records runs, so that people can join the rows of a table with when they were made.
func (a *artifactsPublication) recordRuns(ctx context.Context, first, last uint64) error {
	generation, _, _, _ := a.artifacts.Generation()
	var rows [][]any
	for run := first; run <= last; run++ {
		received, events, artifacts, err := a.artifacts.Run(ctx, run)
		if err != nil {
			return err
		}
		rows = append(rows, []any{a.pipeline.Name, generation, run, &received, events, artifacts})
	}
	for chunk := range slices.Chunk(rows, rowsAtOnce) {
		if _, err := a.tx.Exec(ctx, insertSQL(a.db, runsTable, chunk...)); err != nil {
			return err
		}
	}
	return nil
}

// rowsAtOnce bounds the rows of one statement.
const rowsAtOnce = 500

func names(columns []column.Field) []string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name
	}
	return list
}
