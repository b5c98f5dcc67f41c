// The retail example published month by month, compared with its export.

package app

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/event/intake"
	"bursar/internal/warehouse"
)

// TestPublishRetail publishes after each month of invoices.
func TestPublishRetail(t *testing.T) {
	t.Parallel()
	files := retailFiles(t)
	a := openTest(t, "../../examples/retail")
	var got intake.Result
	for _, month := range byMonth(files) {
		addResult(t, &got, a, month)
		runAll(t, a, "invoices")
		publishAll(t, a)
	}
	compareWithExport(t, a, "invoices")
	checkVerified(t, a)
}

// compareWithExport compares a pipeline's table with its export.
func compareWithExport(t *testing.T, a *App, pipeline string) {
	t.Helper()
	fields, err := a.Queries.ArtifactFields(t.Context(), pipeline)
	if err != nil {
		t.Fatal(err)
	}
	key := len(a.Project.Pipeline(pipeline).Key)
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = column.QuoteIdentifier(f.Name)
	}
	var lines [][]byte
	db, err := a.Warehouse(t.Context())
	if err == nil {
		err = db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
			lines = nil
			return r.Query(ctx, fmt.Sprintf("SELECT %s FROM %s", strings.Join(names, ", "), pipeline), func(_ []warehouse.Column, rows []column.Vector) error {
				for i := range rows[0].Len() {
					lines = append(lines, exportLine(fields, rows, key, i))
				}
				return nil
			})
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Split(bytes.TrimSuffix(exportOf(t, a, pipeline), []byte("\n")), []byte("\n"))
	slices.SortFunc(lines, bytes.Compare)
	slices.SortFunc(want, bytes.Compare)
	compareLines(t, bytes.Join(lines, []byte("\n")), bytes.Join(want, []byte("\n")))
}

// exportLine prints a row as an export does.
func exportLine(fields []column.Field, rows []column.Vector, key, i int) []byte {
	line := []byte(`{"key":`)
	if key > 1 {
		line = append(line, '[')
	}
	for c := range rows {
		switch {
		case c == key && key > 1:
			line = append(line, `],"artifact":{`...)
		case c == key:
			line = append(line, `,"artifact":{`...)
		case c > 0:
			line = append(line, ',')
		}
		if c >= key {
			line = append(column.AppendJSON(line, []byte(fields[c].Name)), ':')
		}
		line = rows[c].AppendJSON(line, i)
	}
	return append(line, '}', '}')
}
