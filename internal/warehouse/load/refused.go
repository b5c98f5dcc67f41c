// Rows that the database refuses, such as a text that is too long for it: they are rejected like those that do not fit the declaration.

package load

import (
	"fmt"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
)

// refusedRow is a row that the database refuses.
type refusedRow struct {
	object string
	line   int64
	column string
	reason string
}

func (e *refusedRow) Error() string {
	return fmt.Sprintf("object %s: line %d: column %s: %s", e.object, e.line, e.column, e.reason)
}

// Class is Data: the same row is refused again.
func (e *refusedRow) Class() failure.Class { return failure.Data }

// maxRefused bounds how many such rows a load rejects: it reads its objects again for each.
const maxRefused = 100

// noteRefused makes the next attempt reject a row.
func (r *run) noteRefused(row *refusedRow) bool {
	if len(r.refused) == maxRefused {
		return false
	}
	r.refused = append(r.refused, row)
	return true
}

// rejectRefused turns rows of a block that the database refuses into rejected ones, and returns the columns of the others.
func (rd *reading) rejectRefused(b *scan.Block, o *object) ([]column.Vector, []int64, error) {
	var out []int // of the block
	for _, row := range rd.run.refused {
		if row.object != o.Name {
			continue
		}
		for i, line := range b.Rows {
			if line != row.line {
				continue
			}
			if err := rd.rejected.add(o.Name, &scan.Reject{Row: line, Column: row.column, Reason: row.reason, Raw: b.Raw(i)}); err != nil {
				return nil, nil, err
			}
			o.Rejected++
			out = append(out, i)
		}
	}
	if len(out) == 0 {
		return b.Columns, b.Rows, nil
	}
	columns, rows := withoutRows(b, out)
	return columns, rows, rd.checkRejected()
}

func withoutRows(b *scan.Block, out []int) (columns []column.Vector, rows []int64) {
	drop := map[int]bool{}
	for _, i := range out {
		drop[i] = true
	}
	columns = make([]column.Vector, len(b.Columns))
	for c := range b.Columns {
		columns[c] = column.NewVector(b.Columns[c].Type, len(b.Rows))
		for i := range b.Rows {
			if !drop[i] {
				columns[c].AppendFrom(&b.Columns[c], i)
			}
		}
	}
	for i, line := range b.Rows {
		if !drop[i] {
			rows = append(rows, line)
		}
	}
	return columns, rows
}
