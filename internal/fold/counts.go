// Counts of the events that give each fold a value: a fold without any value is probably declared wrong.

package fold

import (
	"fmt"
	"strings"

	"bursar/internal/project"
)

// CountsSQL is a SELECT of one row with the number of events that give a value to each of the named folds, followed by the number
// of events that match the condition of each fold in matched. It is empty if SQL files make the columns.
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
