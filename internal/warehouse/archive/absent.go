// What queries and models do not see: the rows of periods that are archived.

package archive

import (
	"context"
	"fmt"
	"strings"

	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// Absent says which rows a table, or the view of one, lacks.
type Absent struct {
	Table string
	View  bool
	Cold  []Part
	Warm  []Part // only a table lacks them
}

// String is a sentence with the next step.
func (a *Absent) String() string {
	name := a.Table
	if a.View {
		name = project.ArchiveView(a.Table)
	}
	var text []string
	if len(a.Warm) > 0 {
		text = append(text, fmt.Sprintf("table %s lacks %s, which are warm: read the view %s", name, periods(a.Warm), project.ArchiveView(a.Table)))
	}
	if len(a.Cold) > 0 {
		text = append(text, fmt.Sprintf("%s lacks %s, which are cold: `bursar restore %s --from %s --to %s` brings them back", name, periods(a.Cold), a.Table,
			a.Cold[0].Period.First.Format(dayLayout), a.Cold[len(a.Cold)-1].Period.Until.AddDate(0, 0, -1).Format(dayLayout)))
	}
	return strings.Join(text, "; ")
}

// periods says which periods parts are of, and how many rows they have.
func periods(parts []Part) string {
	rows := int64(0)
	for i := range parts {
		rows += parts[i].Rows
	}
	first, last := parts[0].Period, parts[len(parts)-1].Period
	text := first.String()
	if last != first {
		text += " to " + last.String()
	}
	return fmt.Sprintf("%d rows of %s", rows, text)
}

// AbsentOf returns what the table or the view with a stored name lacks of all parts; nil if it lacks nothing.
func AbsentOf(db warehouse.Database, parts []Part, name string) *Absent {
	var a Absent
	for _, p := range parts {
		view := name == db.Name(project.ArchiveView(p.Table))
		switch {
		case name != db.Name(p.Table) && !view:
			continue
		case p.Tier == Cold:
			a.Cold = append(a.Cold, p)
		case !view:
			a.Warm = append(a.Warm, p)
		}
		a.Table, a.View = p.Table, view
	}
	if len(a.Cold)+len(a.Warm) == 0 {
		return nil
	}
	return &a
}

// AbsentIn returns what the tables and views lack that a statement names, also through other views.
func AbsentIn(ctx context.Context, db warehouse.Database, r warehouse.Reader, sql string) (list []*Absent, err error) {
	parts, err := Parts(ctx, r, "")
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	archived := map[string]bool{}
	for i := range parts {
		archived[db.Name(project.ArchiveView(parts[i].Table))] = true
	}
	names, err := NamesIn(ctx, r, sql, func(view string) bool { return !archived[view] })
	for _, name := range names {
		if a := AbsentOf(db, parts, name); a != nil {
			list = append(list, a)
		}
	}
	return list, err
}
