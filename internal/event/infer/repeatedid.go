// Ids that repeat: rows that look like versions of the same thing, or like duplicates.

package infer

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
)

// repeatedID is a column that looks like an id but has repeated values.
type repeatedID struct {
	column  string
	rows    int      // rows whose value occurs in an earlier row
	differs []string // columns that differ between rows with one value; none means that the rows are equal
}

// findRepeatedID finds the column by which rows of the sample are versions of the same thing, or duplicates. It must certainly be the row's id, or another column must
// indicate changes: foreign keys repeat as well.
func (d *draft) findRepeatedID() *repeatedID {
	var best *repeatedID
	rank := 0
	for i := range d.columns {
		g := &d.columns[i]
		if !g.namesRow() || g.unique || g.In != nil || d.idRank(g.Name) <= rank {
			continue
		}
		r, whole := d.compareRepeats(i)
		if r.rows == 0 || len(r.differs) == 0 && !whole {
			continue
		}
		if d.idRank(g.Name) == plainID || len(r.differs) == 0 || slices.ContainsFunc(r.differs, changeLike) {
			best, rank = r, d.idRank(g.Name)
		}
	}
	return best
}

// compareRepeats compares the rows of each value of a column; whole reports whether all columns could be compared.
func (d *draft) compareRepeats(id int) (r *repeatedID, whole bool) {
	r, whole = &repeatedID{column: d.columns[id].Name}, true
	first := map[string]int{} // the first row of each value
	before := make([]int, d.rows)
	for row, text := range d.fields[id].texts {
		at, seen := first[text]
		if before[row] = at; !seen {
			first[text], before[row] = row, row
			continue
		}
		r.rows++
	}
	for i := range d.columns {
		texts := d.fields[i].texts
		if len(texts) < d.rows { // values are missing, so the rows of the others are unknown
			whole = whole && d.fields[i].count == 0
			continue
		}
		for row, text := range texts {
			if texts[before[row]] != text {
				r.differs = append(r.differs, d.columns[i].Name)
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

// comment suggests a declaration of the column.
func (r *repeatedID) comment() string {
	again := fmt.Sprintf("# %s looks like one, but comes again in %s of the sampled rows", r.column, thousands(r.rows))
	if len(r.differs) == 0 {
		return fmt.Sprintf("%s, which say the same each time. Are they the same event once more? Then declare this, and they are\n# set aside as duplicates:\n# id: %s\n",
			again, scalar(r.column))
	}
	named := strings.Join(r.differs[:min(len(r.differs), shownDiffering)], ", ")
	if more := len(r.differs) - shownDiffering; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s, with other values in %s.\n# Are these versions of the same thing? Then declare this, and fold what was received last (`{last: …, by: _received}`):\n# id: %s\n# versions: keep\n",
		again, named, scalar(r.column))
}
