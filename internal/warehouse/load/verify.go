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
	Objects int64  `json:"objects"` // of the journal, a renamed one once
	Rows    int64  `json:"rows"`    // of these objects, those that are archived included
	Found   int64  `json:"found"`   // rows in the table and its archive
	Differ  Names  `json:"differ"`  // objects of which the table has more or fewer rows; none are named while periods are archived
	Loaded  bool   `json:"loaded"`  // a load was completed
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
	if v.out.Loaded = r.history.Last != nil; err == nil && v.out.Loaded {
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
	sums, err := numbers(ctx, reader, fmt.Sprintf(sumsSQL, journal, table))
	if err != nil {
		return err
	}
	v.out.Objects, v.out.Rows, v.out.Found = sums[0]-sums[1], sums[2], sums[3]
	parts, err := archive.Parts(ctx, reader, v.declared.Table)
	for i := range parts {
		v.out.Found += parts[i].Rows
	}
	if err != nil || len(parts) > 0 { // the journal of the archive does not know objects
		return err
	}
	return v.compareObjects(ctx, reader, table, journal)
}

// sumsSQL counts objects, those of them that are another one under a new name, and rows.
const sumsSQL = `WITH j AS (SELECT load_number, size, CASE WHEN digest <> '' THEN digest ELSE etag END AS content, row_count, row_count + rejected AS n_read FROM %s)
SELECT (SELECT count(*) FROM j), (SELECT count(*) FROM j WHERE n_read = 0 AND content <> '' AND EXISTS (SELECT 1 FROM j AS f
WHERE f.n_read > 0 AND f.load_number = j.load_number AND f.size = j.size AND f.content = j.content)),
(SELECT CAST(coalesce(sum(row_count), 0) AS BIGINT) FROM j), (SELECT count(*) FROM %s)`

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
