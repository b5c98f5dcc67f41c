// What stands in a row.

package csvfile

import (
	"strings"

	"bursar/internal/event/scan"
)

// blame says of the first row that cannot be read why.
func (g *telling) blame(r row) {
	if !g.blamed {
		g.fault("line %d %s", r.place.Line, r.bad)
	}
	g.blamed = true
}

// date is a date as entries have it; what is none stays as it is, in quotes where intake would read it otherwise than declared.
func (g *telling) date(text string) string {
	if text == "" {
		return ""
	}
	if date, reason := scan.DateOf(g.mapping.Date, text); reason == "" {
		return date
	}
	if _, reason := scan.DateOf(nil, text); reason == "" {
		return "`" + text + "`"
	}
	return text
}

// text is what the bank says, from all its columns.
func (g *telling) text(r row) string {
	var texts []string
	for _, column := range g.table.columns.text {
		if text := r.cell(column); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}
