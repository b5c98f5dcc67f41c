// Tables that Verify has found to differ from what they are made of.

package publish

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
)

// Differing is a table that is not as it was published.
type Differing struct {
	Table string
	Rows  int64 // that differ
}

// String is a sentence with the next step.
func (d Differing) String() string {
	rows := "1 row differs"
	if d.Rows != 1 {
		rows = fmt.Sprintf("%d rows differ", d.Rows)
	}
	return fmt.Sprintf("table %s is not as it was published: %s; `bursar publish --again %[1]s` makes it again", d.Table, rows)
}

// AllDiffering returns the tables that the last Verify of each has found to differ.
func AllDiffering(ctx context.Context, r warehouse.Reader) (list []Differing, err error) {
	records, err := readRecords(ctx, r, "")
	for i := range records {
		if records[i].broken > 0 {
			list = append(list, Differing{records[i].table, records[i].broken})
		}
	}
	return list, err
}

// DifferingIn returns those of them that a statement names, also through views.
func DifferingIn(ctx context.Context, db warehouse.Database, r warehouse.Reader, sql string) ([]Differing, error) {
	list, err := AllDiffering(ctx, r)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	names, err := archive.NamesIn(ctx, r, sql, func(string) bool { return true })
	return slices.DeleteFunc(list, func(d Differing) bool { return !slices.Contains(names, db.Name(d.Table)) }), err
}
