// Guesses that need all columns: identity, time, control totals and amounts in minor units.

package infer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
)

// chooseID chooses a required column that is named like an id and unique in the sample: one named id or after the stream, else the first
// id, else the first number. Without one, rows are identified by their file and place.
func (d *draft) chooseID() {
	best, rank := -1, 0
	for i := range d.columns {
		g := &d.columns[i]
		if r := d.idRank(g.Name); g.unique && g.namesRow() && r > rank {
			best, rank = i, r
		}
	}
	if best < 0 {
		d.stream.ID = []string{project.RowID}
		d.repeat = d.findRepeatedID()
		return
	}
	d.stream.ID = []string{d.columns[best].Name}
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

// chooseTime chooses the first required date or timestamp, else the first one.
func (d *draft) chooseTime() {
	for _, optional := range []bool{false, true} {
		for i := range d.columns {
			g := &d.columns[i]
			if d.stream.Time == "" && g.Optional == optional && (g.Type.Kind == column.Date || g.Type.Kind == column.Timestamp) {
				d.stream.Time = g.Name
			}
		}
	}
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

// repeatedID is a column that looks like an id but has repeated values.
type repeatedID struct {
	Column  string
	Rows    int      // rows whose value occurs in an earlier row
	Differs []string // columns that differ between rows with one value; none means that the rows are equal
}

// findRepeatedID finds the column by which rows of the sample are versions of the same thing, or duplicates. It must certainly be the
// row's id, or another column must indicate changes: foreign keys repeat as well.
func (d *draft) findRepeatedID() *repeatedID {
	var best *repeatedID
	rank := 0
	for i := range d.columns {
		g := &d.columns[i]
		if !g.namesRow() || g.unique || g.In != nil || d.idRank(g.Name) <= rank {
			continue
		}
		r, whole := d.compareRepeats(i)
		if r.Rows == 0 || len(r.Differs) == 0 && !whole {
			continue
		}
		if d.idRank(g.Name) == plainID || len(r.Differs) == 0 || slices.ContainsFunc(r.Differs, changeLike) {
			best, rank = r, d.idRank(g.Name)
		}
	}
	return best
}

// compareRepeats compares the rows of each value of a column; whole reports whether all columns could be compared.
func (d *draft) compareRepeats(id int) (r *repeatedID, whole bool) {
	r, whole = &repeatedID{Column: d.columns[id].Name}, true
	first := map[string]int{} // the first row of each value
	before := make([]int, d.rows)
	for row, text := range d.fields[id].texts {
		at, seen := first[text]
		if before[row] = at; !seen {
			first[text], before[row] = row, row
			continue
		}
		r.Rows++
	}
	for i := range d.columns {
		texts := d.fields[i].texts
		if len(texts) < d.rows { // values are missing, so the rows of the others are unknown
			whole = whole && d.fields[i].count == 0
			continue
		}
		for row, text := range texts {
			if texts[before[row]] != text {
				r.Differs = append(r.Differs, d.columns[i].Name)
				break
			}
		}
	}
	return r, whole
}

// namesRow reports whether a column may be an id, apart from repeated values.
func (g *guess) namesRow() bool {
	kinds := []column.Kind{column.String, column.Int, column.BigInt}
	return !g.Optional && idLike(g.Name) && slices.Contains(kinds, g.Type.Kind)
}

// changeLike reports whether a column's name indicates that its row's subject changes.
func changeLike(name string) bool {
	words := []string{"status", "state", "version", "revision", "updated", "changed", "modified", "revised"}
	return slices.ContainsFunc(strings.Split(name, "_"), func(word string) bool { return slices.Contains(words, word) })
}

// shownDiffering bounds the differing columns that a comment names.
const shownDiffering = 5

// Named lists the differing columns.
func (r *repeatedID) Named() string {
	named := strings.Join(r.Differs[:min(len(r.Differs), shownDiffering)], ", ")
	if more := len(r.Differs) - shownDiffering; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return named
}

// minorWords are words in the names of columns of minor units.
var minorWords = []string{"cent", "cents", "minor", "pence", "pennies"}

// nameMajors gives amounts that are, or may be, in minor units a second name: that of the same amount in major units.
func (d *draft) nameMajors(taken map[string]bool) {
	for i := range d.columns {
		g := &d.columns[i]
		if g.Type.Kind != column.Int && g.Type.Kind != column.BigInt || idLike(g.Name) {
			continue
		}
		words := strings.Split(g.Name, "_")
		major := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return slices.Contains(minorWords, word) })
		switch {
		case len(major) < len(words):
			g.major = unique(cmp.Or(strings.Join(major, "_"), "amount"), taken)
		case moneyLike(words[len(words)-1]):
			g.major = unique(g.Name+"_major", taken)
		}
	}
}
