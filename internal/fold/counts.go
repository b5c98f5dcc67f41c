// Counts of the events that give each fold a value: a fold without any value is probably declared wrong.

package fold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/duck"
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
		switch from := plan.streamsOf(f); {
		case plan.Pipeline.NamesDeclared(f, plan.Events.Streams):
			conditions, matched = append(conditions, countSQL(where+from)), append(matched, f.Name)
		case from != "":
			conditions, matched = append(conditions, countSQL("true"+from)), append(matched, f.Name)
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

// streamsOf is a condition that excludes the events of streams without any column of a fold's expression: by declaration they give it no
// value. It is empty if there is no such stream.
func (plan *Plan) streamsOf(f *project.Fold) string {
	named := func(c project.Column) bool {
		return regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(c.Name) + `\b`).MatchString(f.Expr)
	}
	var having []string
	for _, s := range plan.Events.Streams {
		if slices.ContainsFunc(s.Columns, named) {
			having = append(having, duck.Literal(s.Name))
		}
	}
	if len(having) == 0 || len(having) == len(plan.Events.Streams) {
		return ""
	}
	return fmt.Sprintf(" AND %s IN (%s)", project.StreamColumn, strings.Join(having, ", "))
}

func countSQL(where string) string { return fmt.Sprintf("count(*) FILTER (WHERE %s)", where) }
