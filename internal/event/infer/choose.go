// What is guessed from all columns together: identity, time and control totals.

package infer

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
)

// chooseID takes a required column that is named like an id and different in every row: the one that is plainly id or
// named after the stream, else the first id, else the first number. Without one a row is its file and its place there.
func (d *draft) chooseID() {
	best, rank := -1, 0
	for i := range d.columns {
		g := &d.columns[i]
		if !g.identifies() {
			continue
		}
		r := d.idRank(g.Name)
		if r > rank {
			best, rank = i, r
		}
	}
	if best < 0 {
		d.stream.ID = []string{project.RowID}
		d.repeat = d.findRepeatedID()
		return
	}
	d.stream.ID = []string{d.columns[best].Name}
	d.notes["id"] = fmt.Sprintf("different in all %s sampled rows; check that it always is", thousands(d.rows))
}

// plainID is the rank of a column that is plainly the row's own id.
const plainID = 3

// idRank is how surely a name that is like an id names the row itself.
func (d *draft) idRank(name string) int {
	switch name {
	case "id", "uuid", "guid", d.stream.Name + "_id", strings.TrimSuffix(d.stream.Name, "s") + "_id":
		return plainID
	}
	if strings.HasSuffix(name, "id") {
		return 2
	}
	return 1
}

func (g *guess) identifies() bool { return g.unique && g.namesRow() }

// chooseTime takes the first date or timestamp that every row has, else the first.
func (d *draft) chooseTime() {
	optional := ""
	for i := range d.columns {
		g := &d.columns[i]
		if g.Type.Kind != column.Date && g.Type.Kind != column.Timestamp {
			continue
		}
		if !g.Optional {
			d.stream.Time = g.Name
			return
		}
		if optional == "" {
			optional = g.Name
		}
	}
	d.stream.Time = optional
}

// chooseTotals sums what is named like money, by currency where rows name one.
func (d *draft) chooseTotals() {
	by := ""
	for i := range d.columns {
		g := &d.columns[i]
		last := g.Name[strings.LastIndexByte(g.Name, '_')+1:]
		if g.Type.Kind == column.String && !g.Optional && by == "" && slices.Contains([]string{"currency", "ccy", "cur"}, last) {
			by = g.Name
		}
	}
	for i := range d.columns {
		if g := &d.columns[i]; g.Type.Kind == column.Decimal && moneyLike(g.Name) {
			d.stream.Totals = append(d.stream.Totals, project.Total{Name: g.Name, Sum: g.Name, By: by})
		}
	}
}
