// Guesses that need all columns: identity, time and control totals.

package infer

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
)

// chooseID chooses a required column that is named like an id and unique in the sample: one named id or after the stream, else the first id, else the first
// number. Without one, rows are identified by their file and place.
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

// plainID is the rank of a column that is certainly the row's own id.
const plainID = 3

// idRank ranks how likely a column named like an id identifies the row itself.
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

// chooseTime chooses the first required date or timestamp, else the first one.
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

// chooseTotals sums columns named like money, by currency if there is a currency column.
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
		if g := &d.columns[i]; g.Type.Kind == column.Decimal && moneyLike(g.Name) || g.major != "" {
			d.stream.Totals = append(d.stream.Totals, project.Total{Name: g.Name, Sum: g.Name, By: by})
		}
	}
}
