// The control totals of batches, as rows for balanced tests.

package model

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
)

// totalSQL returns a SELECT of a stream's control total, with its groups if there are any, of the batches that are published (rule 4).
func (t *tester) totalSQL(ctx context.Context, m *project.Model, test *project.ModelTest) (string, error) {
	stream, total := t.Project.ControlTotal(test)
	table := project.EventsTable(stream.Name)
	at, ok := t.positions[table]
	if !ok {
		return "", fault(m, test.Line, "test %s: table %s was not published yet: run `bursar publish`", test.Name, table)
	}
	sums, err := t.Totals.Published(ctx, stream.Name, total.Name, at.Through, at.Retraction)
	if err != nil {
		return "", err
	}
	group := column.Type{Kind: column.String}
	if c := stream.Column(total.By); c != nil {
		group = c.Type
	}
	var rows []string
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		row, err := t.totalRow(group, total.By != "", name, sums[name])
		if err != nil {
			return "", fault(m, test.Line, "test %s: %v", test.Name, err)
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		return strings.Join(rows, " UNION ALL "), nil
	}
	none := "0 WHERE 1 = 0"
	if total.By != "" {
		none = fmt.Sprintf("CAST(NULL AS %s), %s", t.db.Type(group), none)
	}
	return "SELECT " + none, nil
}

func (t *tester) totalRow(group column.Type, grouped bool, name, sum string) (string, error) {
	_, fraction, _ := strings.Cut(sum, ".")
	amount, err := literalOf(column.Type{Kind: column.Decimal, Precision: 38, Scale: len(fraction)}, sum, t.db.Type)
	if err != nil || !grouped {
		return "SELECT " + amount, err
	}
	value, err := literalOf(group, name, t.db.Type)
	return fmt.Sprintf("SELECT %s, %s", value, amount), err
}
