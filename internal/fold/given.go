// How many events give each fold a value: a fold that gets none of many is mostly declared wrong.

package fold

import (
	"fmt"
	"strings"

	"bursar/internal/project"
)

// Given is the SELECT of one row that counts, for each of the named folds, the events that give it a value. It is empty where
// SQL files make the columns.
func (plan *Plan) Given() (sql string, names []string) {
	var list []string
	for i := range plan.Pipeline.Artifact {
		f := &plan.Pipeline.Artifact[i]
		if f.Kind == project.Is || f.Kind == project.Typed {
			continue
		}
		where := "true"
		if f.Where != "" {
			where = fmt.Sprintf("(%s\n)", f.Where)
		}
		if f.Expr != "" {
			where += fmt.Sprintf(" AND (%s\n) IS NOT NULL", f.SQL())
		}
		list, names = append(list, fmt.Sprintf("count(*) FILTER (WHERE %s)", where)), append(names, f.Name)
	}
	if len(names) == 0 {
		return "", nil
	}
	return "SELECT " + strings.Join(list, ",\n  ") + "\nFROM events", names
}
