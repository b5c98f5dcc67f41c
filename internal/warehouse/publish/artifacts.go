// Publishing the artifacts of a pipeline.

package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// RunColumn is the column of the run that has made an artifact.
const RunColumn = "_run"

func (p *Publisher) publishArtifacts(ctx context.Context, db warehouse.Database, s source) (out Result, err error) {
	err = p.Pipelines.ReadPublished(ctx, s.pipeline.Name, func(artifacts Artifacts) error {
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

func artifactColumns(a Artifacts) (columns, key []column.Field) {
	fields, n := a.Fields()
	return append(slices.Clip(fields), column.Field{Name: RunColumn, Type: column.Type{Kind: column.BigInt}, Required: true}), fields[:n]
}

// isBehindArtifacts reports whether a pipeline's table lacks something that readers see.
func (r *record) isBehindArtifacts(a Artifacts, quarantined int64) bool {
	generation, run, _, _ := a.Generation()
	columns, _ := artifactColumns(a)
	return r == nil || r.generation != generation || r.through != run || r.quarantined != quarantined || r.definition != definitionOf(columns)
}

// quarantined counts the rows of a table's streams that wait in quarantine.
func (p *Publisher) quarantined(ctx context.Context, s source) (rows int64, err error) {
	for _, stream := range s.streams() {
		count, err := p.Events.CountQuarantine(ctx, stream)
		if err != nil {
			return 0, err
		}
		rows += count.Rows
	}
	return rows, nil
}

func (a *artifactsPublication) publish(ctx context.Context) error {
	if err := ensureRecord(ctx, a.tx); err != nil {
		return err
	}
	quarantined, err := a.quarantined(ctx, a.source)
	if err != nil {
		return err
	}
	a.columns, a.key = artifactColumns(a.artifacts)
	if a.record, err = a.readRecord(ctx, a.tx, a.source); err != nil {
		return err
	}
	how, _, err := compare(ctx, a.db, a.tx, a.source, a.record, a.columns)
	if err != nil {
		return err
	}
	if how == fits && !a.record.isBehindArtifacts(a.artifacts, quarantined) {
		a.out.Generation, a.out.From, a.out.To, a.out.Watermark = a.record.generation, a.record.through, a.record.through, a.record.watermark
		return nil
	}
	generation, run, artifacts, watermark := a.artifacts.Generation()
	if how != fits || a.record.generation != generation || a.record.through > run {
		err = a.replace(ctx, how)
	} else {
		err = a.extend(ctx)
	}
	if err != nil {
		return err
	}
	if a.record.through == run && a.record.rows != artifacts {
		return &UnbalancedError{Table: a.table, What: "artifacts:", Want: fmt.Sprint(artifacts), Got: fmt.Sprint(a.record.rows)}
	}
	if a.record.through == run {
		a.record.watermark = watermark
	}
	a.record.quarantined, a.record.definition = quarantined, definitionOf(a.columns)
	a.out.Generation, a.out.To, a.out.Watermark = generation, a.record.through, a.record.watermark
	return writeRecord(ctx, a.tx, a.record, a.streams(), a.Events.Now())
}

// replace makes the table from all artifacts, so that readers see those of the old generation or those of the new one.
func (a *artifactsPublication) replace(ctx context.Context, how fit) error {
	if a.out.Replaced = a.record != nil; a.out.Replaced {
		a.out.Removed = a.record.rows
	}
	generation, run, _, _ := a.artifacts.Generation()
	a.record = &record{table: a.table, source: a.pipeline.Name, project: a.ProjectID, generation: generation, through: run}
	if _, err := a.tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE pipeline = %s", runsTable, literal(a.pipeline.Name))); err != nil {
		return err
	}
	if err := a.recordRuns(ctx, 1, run); err != nil {
		return err
	}
	next := a.table
	if how != missing {
		next += "_bursar_next"
	}
	if err := createTable(ctx, a.tx, next, a.columns, names(a.key), false); err != nil {
		return err
	}
	added, err := a.tx.Append(ctx, next, a.columns, a.all(ctx))
	if err != nil {
		return err
	}
	a.out.Rows, a.record.rows = added, added
	if how != missing {
		return a.tx.Replace(ctx, a.table, next)
	}
	return nil
}

// all reads all artifacts, each with its run.
func (a *artifactsPublication) all(ctx context.Context) warehouse.Rows {
	number := column.NewVector(column.Type{Kind: column.BigInt}, 0)
	return rowsOf(func(each func([]column.Vector) error) error {
		return a.artifacts.All(ctx, func(made []uint64, values []column.Vector) error {
			number.Reset()
			for _, run := range made {
				number.AppendInt(int64(run))
			}
			return each(append(slices.Clip(values), number))
		})
	})
}

// extend adds the next group of runs: the last version of each artifact takes the place of the one in the table.
func (a *artifactsPublication) extend(ctx context.Context) error {
	_, published, _, _ := a.artifacts.Generation()
	first, last, received, err := a.nextGroup(ctx, published)
	if err != nil || last < first {
		return err
	}
	a.out.From, a.out.More = a.record.through, last < published
	from, staged, err := a.tx.Stage(ctx, a.columns, a.ofRuns(ctx, first, last))
	if err != nil {
		return err
	}
	removed, err := a.tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE EXISTS (SELECT 1 FROM %s AS s WHERE %s)", a.quoted(), from, a.sameKey("s")))
	if err != nil {
		return err
	}
	added, err := a.tx.Exec(ctx, a.insertSQL(from, first == last))
	if err != nil {
		return err
	}
	if first == last && added != staged {
		return &UnbalancedError{Table: a.table, What: fmt.Sprintf("artifacts of run %d:", last), Want: fmt.Sprint(staged), Got: fmt.Sprint(added)}
	}
	a.out.Rows, a.out.Removed = added, removed
	a.record.rows += added - removed
	a.record.through, a.record.watermark = last, &received
	return a.recordRuns(ctx, first, last)
}

// nextGroup returns the runs of the next group, and when the last event of them was received.
func (a *artifactsPublication) nextGroup(ctx context.Context, published uint64) (first, last uint64, received time.Time, err error) {
	first, last = a.record.through+1, a.record.through
	for rows := int64(0); last < published; last++ {
		at, _, artifacts, err := a.artifacts.Run(ctx, last+1)
		if err != nil {
			return 0, 0, received, err
		}
		if rows += artifacts; rows > a.groupRows() && last >= first {
			break
		}
		received = at
	}
	return first, last, received, nil
}

// ofRuns reads the artifacts that runs have made, each with its run.
func (a *artifactsPublication) ofRuns(ctx context.Context, first, last uint64) warehouse.Rows {
	number := column.NewVector(column.Type{Kind: column.BigInt}, 0)
	return rowsOf(func(each func([]column.Vector) error) error {
		for run := first; run <= last; run++ {
			err := a.artifacts.OfRun(ctx, run, func(values []column.Vector) error {
				number.Reset()
				for range values[0].Len() {
					number.AppendInt(int64(run))
				}
				return each(append(slices.Clip(values), number))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// insertSQL inserts the last version of each staged artifact. Those of a single run have one version.
func (a *artifactsPublication) insertSQL(from string, single bool) string {
	list := warehouse.QuoteAll(a.db, a.columns)
	if single {
		return fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM %[3]s AS s", a.quoted(), list, from)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM (SELECT %[2]s, row_number() OVER (PARTITION BY %[4]s ORDER BY %[5]s DESC) AS bursar_version FROM %[3]s AS s) AS v WHERE bursar_version = 1",
		a.quoted(), list, from, warehouse.QuoteAll(a.db, a.key), RunColumn)
}

func (a *artifactsPublication) quoted() string { return warehouse.Quote(a.db, a.table) }

// sameKey is the condition that a row of the table has the key of another one.
func (a *artifactsPublication) sameKey(other string) string {
	list := make([]string, len(a.key))
	for i, k := range a.key {
		name := warehouse.Quote(a.db, k.Name)
		list[i] = fmt.Sprintf("%s.%s = %s.%[2]s", other, name, a.quoted())
	}
	return strings.Join(list, " AND ")
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
		if _, err := a.tx.Exec(ctx, insertSQL(runsTable, chunk...)); err != nil {
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
