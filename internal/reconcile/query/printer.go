// Printing of artifacts: all declared columns in declared order, without hidden state.

package query

import (
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

// line appends {"key":…,"artifact":{…}} and a line end.
func (p *Printer) line(dst []byte, row []column.Vector, i int) []byte {
	dst = append(dst, `{"key":`...)
	dst = reconcile.AppendKeyJSON(dst, row[:p.width], i)
	dst = append(dst, `,"artifact":`...)
	dst = p.Artifact(dst, row, i)
	return append(dst, '}', '\n')
}
