// How many events give each fold a value: a fold that gets none of many is mostly declared wrong.

package fold

import (
	"fmt"
	"strings"

	"bursar/internal/project"
)

// CountsSQL is the SELECT of one row that counts, for each of the named folds, the events that give it a value, and behind these, for
// each of those in met, the events that its condition is true of. It is empty where SQL files make the columns.
func (plan *Plan) CountsSQL() (sql string, names, matched []string) {
	var values, conditions []string
	for i := range plan.Pipeline.Artifact {
		f := &plan.Pipeline.Artifact[i]
		if f.Kind == project.Is || f.Kind == project.Typed {
			continue
		}
		where := "true"
		if f.Where != "" {
			where = fmt.Sprintf("(%s\n)", f.Where)
		}
		if plan.Pipeline.NamesDeclared(f, plan.Events.Streams) {
			conditions, matched = append(conditions, countSQL(where)), append(matched, f.Name)
		}
		if f.Expr != "" {
			where += fmt.Sprintf(" AND (%s\n) IS NOT NULL", f.SQL())
		}
		values, names = append(values, countSQL(where)), append(names, f.Name)
	}
	if len(names) == 0 {
		return "", nil, nil
	}
	return "SELECT " + strings.Join(append(values, conditions...), ",\n  ") + "\nFROM events", names, matched
}

func countSQL(where string) string { return fmt.Sprintf("count(*) FILTER (WHERE %s)", where) }
