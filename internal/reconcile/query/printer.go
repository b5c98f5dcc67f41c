// Printing of artifacts: all declared columns in declared order, without hidden state.

package query

import (
	"slices"

	"bursar/internal/column"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
)

// Printer prints artifacts: all declared columns in declared order, without hidden state.
type Printer struct {
	width   int
	names   [][]byte // "name":
	columns []int    // position of each declared column in a record
	items   [][]int
}

// NewPrinter returns a printer of a pipeline's artifacts.
func NewPrinter(plan *fold.Plan) *Printer {
	p := &Printer{width: len(plan.Key)}
	for _, f := range plan.Pipeline.Artifact {
		for i, c := range plan.Record {
			if c.Name == f.Name {
				p.names = append(p.names, append(column.QuoteJSON(f.Name), ':'))
				p.columns = append(p.columns, len(plan.Key)+i)
				p.items = append(p.items, c.Items)
			}
		}
	}
	return p
}

// Artifact appends the artifact in a row as a JSON object.
func (p *Printer) Artifact(dst []byte, row []column.Vector, i int) []byte {
	dst = append(dst, '{')
	for c, at := range p.columns {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, p.names[c]...)
		if p.items[c] != nil {
			dst = row[at].AppendItemsJSON(dst, i, p.items[c])
			continue
		}
		dst = row[at].AppendJSON(dst, i)
	}
	return append(dst, '}')
}

// fields returns the printed columns of a record with the given fields: those of the key, then the artifact's.
func (p *Printer) fields(record []column.Field) []column.Field {
	fields := slices.Clone(record[:p.width])
	for c, at := range p.columns {
		f := record[at]
		if p.items[c] != nil {
			f.Type.Fields = pick(f.Type.Fields, p.items[c])
		}
		fields = append(fields, f)
	}
	return fields
}

// values returns the values of the printed columns, which share the memory of row. A list is never null, as it is printed.
func (p *Printer) values(row []column.Vector) []column.Vector {
	values := slices.Clone(row[:p.width])
	for c, at := range p.columns {
		v := row[at]
		if p.items[c] != nil {
			v.Type.Fields, v.Fields, v.Null = pick(v.Type.Fields, p.items[c]), pick(v.Fields, p.items[c]), nil
		}
		values = append(values, v)
	}
	return values
}

func pick[T any](all []T, places []int) []T {
	picked := make([]T, len(places))
	for i, place := range places {
		picked[i] = all[place]
	}
	return picked
}

// line appends {"key":…,"artifact":{…}} and a line end.
func (p *Printer) line(dst []byte, row []column.Vector, i int) []byte {
	dst = append(dst, `{"key":`...)
	dst = reconcile.AppendKeyJSON(dst, row[:p.width], i)
	dst = append(dst, `,"artifact":`...)
	dst = p.Artifact(dst, row, i)
	return append(dst, '}', '\n')
}
