// Publishing all versions of a pipeline's artifacts: each from when the last event of its run was received until that of the next version.

package publish

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

var validFrom, validTo = project.HistoryColumns[0], project.HistoryColumns[1]

// fillHistory adds the versions of all runs to a new table, a group of runs at a time.
func (a *artifactsPublication) fillHistory(ctx context.Context, table string) error {
	for _, published, _, _ := a.artifacts.Generation(); a.record.through < published; {
		if err := a.extend(ctx, table); err != nil {
			return err
		}
	}
	a.out.From = 0
	return nil
}

// addVersions ends the versions in the table that staged ones follow, and adds these.
func (a *artifactsPublication) addVersions(ctx context.Context, table, from string, _ group) error {
	quoted, columns := warehouse.Quote(a.db, table), warehouse.QuoteAll(a.db, stagedColumns(a.columns))
	key, exact := warehouse.QuoteAll(a.db, a.key), warehouse.ExactList(a.db, a.key)
	ended := fmt.Sprintf("UPDATE %s SET %s = s.ended FROM (SELECT %s, min(%s) AS ended FROM %s AS v GROUP BY %s) AS s WHERE %s AND %[2]s IS NULL",
		quoted, validTo, key, validFrom, from, exact, warehouse.SameSQL(a.db, "s.", quoted+".", a.key))
	if _, err := a.tx.Exec(ctx, ended); err != nil {
		return err
	}
	added, err := a.tx.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s, %s) SELECT %[2]s, lead(%[4]s) OVER (PARTITION BY %[5]s ORDER BY %[6]s) FROM %[7]s AS s",
		quoted, columns, validTo, validFrom, exact, RunColumn, from))
	if err != nil {
		return err
	}
	a.out.Rows += added
	a.record.rows += added
	return nil
}

// latestVersion returns when the last version in a table became valid. Batches of several streams are sealed in no common order, and a version
// must not end before it begins.
func (a *artifactsPublication) latestVersion(ctx context.Context, table string) (latest time.Time, err error) {
	if !a.history || len(a.pipeline.From) == 1 || a.record.through == 0 {
		return latest, nil
	}
	sql := fmt.Sprintf("SELECT max(%s) AS latest FROM %s", validFrom, warehouse.Quote(a.db, table))
	err = a.tx.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		if at := timeOf(&rows[0], 0); at != nil {
			latest = *at
		}
		return nil
	})
	return latest, err
}
