// Ids that come again: rows that look like versions of the same thing, or like the same row once more.

package infer

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
)

// repeatedID is a column that looks like an identity, and of which values come again.
type repeatedID struct {
	column  string
	rows    int      // whose value a row before them has
	differs []string // columns that differ between rows of one value; none means that the rows say the same
}

// findRepeatedID looks for the column that would make rows of the sample versions of the same thing, or the same event. The column is plainly
// the id of the row, or another column says of a value that it changes: a foreign key comes again as well.
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

// compareRepeats compares the rows of one column's values; whole says that all columns could be compared.
func (d *draft) compareRepeats(id int) (r *repeatedID, whole bool) {
	r, whole = &repeatedID{column: d.columns[id].Name}, true
	first := map[string]int{} // the row that a value was seen in first
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
		if len(texts) < d.rows { // values are missing: those that are there are not known by row
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

// namesRow reports whether a column may be an identity but for values that come again.
func (g *guess) namesRow() bool {
	kinds := []column.Kind{column.String, column.Int, column.BigInt}
	return !g.Optional && idLike(g.Name) && slices.Contains(kinds, g.Type.Kind)
}

// changeLike reports whether a column says by its name that the thing of its row changes.
func changeLike(name string) bool {
	words := []string{"status", "state", "version", "revision", "updated", "changed", "modified", "revised"}
	return slices.ContainsFunc(strings.Split(name, "_"), func(word string) bool { return slices.Contains(words, word) })
}

// shownDiffering is how many differing columns a comment names.
const shownDiffering = 5

// comment says what the column could be declared as.
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
