// Comparing a table with the journal: how many rows it has of each object.

package load

import (
	"context"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
)

// Verified is the outcome of a comparison.
type Verified struct {
	Load    string `json:"load"`
	Table   string `json:"table"`
	Objects int64  `json:"objects"` // of the journal
	Rows    int64  `json:"rows"`    // of these objects, those that are archived included
	Found   int64  `json:"found"`   // rows in the table and its archive
	Differ  Names  `json:"differ"`  // objects of which the table has more or fewer rows; none are named while periods are archived
	OK      bool   `json:"ok"`
}

// Verify compares the table of a load with the journal. It finds rows that somebody has deleted or added, and not values that somebody has
// changed. A table with other columns is an error.
func (l *Loader) Verify(ctx context.Context, declared *project.Load) (Verified, error) {
	r := &run{l: l, declared: declared, columns: tableColumns(declared)}
	v := verification{run: r, out: Verified{Load: declared.Name, Table: declared.Table}}
	err := r.readHistory(ctx)
	if err == nil {
		_, err = r.checkTable()
	}
	if err == nil && r.history.Last != nil {
		err = r.db().Read(ctx, v.compare)
	}
	v.out.Differ.Names = orEmpty(v.out.Differ.Names)
	v.out.OK = err == nil && v.out.Differ.Count == 0 && v.out.Found == v.out.Rows
	return v.out, r.failed(err)
}

type verification struct {
	*run
	out Verified
}

// compare reads all that is compared in one state of the warehouse.
func (v *verification) compare(ctx context.Context, reader warehouse.Reader) error {
	v.out.Differ = Names{}
	table := warehouse.Quote(v.db(), v.declared.Table)
	journal := fmt.Sprintf("%s WHERE load = %s", objectsTable, warehouse.Literal(v.declared.Name))
	sums, err := numbers(ctx, reader, fmt.Sprintf("SELECT count(*), CAST(coalesce(sum(row_count), 0) AS BIGINT), (SELECT count(*) FROM %s) FROM %s", table, journal))
	if err != nil {
		return err
	}
	v.out.Objects, v.out.Rows, v.out.Found = sums[0], sums[1], sums[2]
	parts, err := archive.Parts(ctx, reader, v.declared.Table)
	for i := range parts {
		v.out.Found += parts[i].Rows
	}
	if err != nil || len(parts) > 0 { // the journal of the archive does not know objects
		return err
	}
	return v.compareObjects(ctx, reader, table, journal)
}

const differSQL = `SELECT coalesce(j.object, t.object, 'no object'), coalesce(j.n, 0), coalesce(t.n, 0)
FROM (SELECT object, row_count AS n FROM %s) AS j FULL JOIN (SELECT %s AS object, count(*) AS n FROM %s GROUP BY 1) AS t ON j.object = t.object
WHERE coalesce(j.n, 0) <> coalesce(t.n, 0) ORDER BY 1`

func (v *verification) compareObjects(ctx context.Context, reader warehouse.Reader, table, journal string) error {
	sql := fmt.Sprintf(differSQL, journal, warehouse.Quote(v.db(), objectColumn), table)
	return reader.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			v.out.Differ.add(fmt.Sprintf("%s: %d rows in place of %d", rows[0].Text(i), rows[2].Ints[i], rows[1].Ints[i]))
		}
		return nil
	})
}
