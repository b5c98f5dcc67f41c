// Parses dates and joins the texts of a row.

package csvfile

import (
	"strings"

	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// entryDate returns a date as entries have it. If it cannot be read, it returns the text in backquotes, so that
// intake neither reads it differently nor replaces it by another day, and the reason.
func (e *emitter) entryDate(column, text string, required bool) (date, reason string) {
	if text == "" && !required {
		return "", ""
	}
	if text == "" {
		return "``", emptyReason(column)
	}
	if date, reason = parseDate(text, e.mapping); reason == "" {
		return date, ""
	}
	return "`" + text + "`", "column " + quote(column) + " is " + quote(text) + ": " + reason
}

// parseDate parses a date in any of the declared formats, which must agree on the day.
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
			why = misfit // a day that does not exist is more specific than another format
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

// entryText joins the text columns.
func (e *emitter) entryText(r row) string {
	var texts []string
	for _, column := range e.table.columns.text {
		if text := e.table.cell(r, column); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}
