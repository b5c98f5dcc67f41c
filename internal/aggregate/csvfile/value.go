// What stands in a row.

package csvfile

import (
	"strings"
	"time"

	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// entryDate is a date as entries have it; or, where it cannot be read, what stands there in quotes, so that intake reads it in no other
// way and no other day takes its place, and why.
func (g *emitter) entryDate(column, text string, required bool) (date, reason string) {
	if text == "" && !required {
		return "", ""
	}
	if text == "" {
		return "``", emptyReason(column)
	}
	if date, reason = parseDate(text, g.mapping); reason == "" {
		return date, ""
	}
	return "`" + text + "`", "column " + quote(column) + " is " + quote(text) + ": " + reason
}

// parseDate reads a date in any of the declared ways, which have to agree on the day.
func parseDate(text string, m *project.CSVMapping) (date, reason string) {
	if len(m.Dates) == 0 {
		return scan.DateOf(nil, text)
	}
	format, why := "", ""
	for _, layout := range m.Dates {
		day, misfit := scan.DateOf(layout, text)
		switch {
		case misfit == "" && date == "":
			date, format = day, layout.Format
		case misfit == "" && day != date:
			return "", "written " + format + " it is " + date + ", and written " + layout.Format + " it is " + day + ": declare one of the two"
		case misfit != "" && (why == "" || !strings.HasPrefix(misfit, scan.NotWritten)):
			why = misfit // that there is no such day says more than that it is written otherwise
		}
	}
	if date != "" {
		return date, ""
	}
	if len(m.Dates) == 1 || !strings.HasPrefix(why, scan.NotWritten) {
		return "", why
	}
	formats := make([]string, len(m.Dates))
	for i, l := range m.Dates {
		formats[i] = l.Format
	}
	return "", scan.NotWritten + " in any of the declared ways: " + strings.Join(formats, ", ")
}

// isDay reports whether a text is a date as entries have it.
func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// entryText is what the bank says, from all its columns.
func (g *emitter) entryText(r row) string {
	var texts []string
	for _, column := range g.table.columns.text {
		if text := g.table.cell(r, column); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}
