// Dates and timestamps: the formats that are tried.

package infer

import (
	"strings"

	"bursar/internal/column"
)

// dateFormats are common date formats, each with the one that the same text may also have.
var dateFormats = []struct{ format, other string }{
	{"%Y/%m/%d", ""},
	{"%Y.%m.%d", ""},
	{"%m/%d/%Y", "%d/%m/%Y"},
	{"%d/%m/%Y", ""},
	{"%d.%m.%Y", ""},
	{"%d-%m-%Y", "%m-%d-%Y"},
	{"%m-%d-%Y", ""},
	{"%m/%d/%y", "%d/%m/%y"},
	{"%d/%m/%y", ""},
	{"%d.%m.%y", ""},
	{"%d-%b-%Y", ""},
	{"%d %b %Y", ""},
	{"%d/%b/%Y", ""},
	{"%b %d, %Y", ""},
	{"%b %d %Y", ""},
	{"%d-%b-%y", ""},
	{"%Y-%m-%d", ""},
	{"%Y%m%d", ""},
}

// timeFormats are common formats of a time of day after a date.
var timeFormats = []string{
	" %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M", " %H:%M:%S.%f", "T%H:%M:%S.%f", ":%H:%M:%S", ", %H:%M:%S", ", %H:%M",
	" %H:%M:%S %z", " %H:%M:%S%z", "T%H:%M:%S%z", " %H:%M %z", "T%H:%M%z", ":%H:%M:%S %z", " %H:%M:%S.%f %z", "T%H%M%S", "T%H%M%SZ", "%H%M%S",
}

// compactDate accepts digits only as a date or timestamp if the name suggests it.
func (g *guess) compactDate(j *typeChecker) bool {
	return dateLike(g.Name) && (g.tryFormat(j, column.Date, "%Y%m%d") || g.tryFormat(j, column.Timestamp, "%Y%m%d%H%M%S"))
}

// tryTimes tries ISO 8601, then every other format. A text without digits has none.
func (g *guess) tryTimes(j *typeChecker) bool {
	line, _, _ := strings.Cut(string(j.few[:min(len(j.few), 100)]), "\n")
	if !strings.ContainsAny(line, "0123456789") || len(line) > 60 {
		return false
	}
	for _, kind := range []column.Kind{column.Date, column.Timestamp} {
		if g.tryFormat(j, kind, "") {
			g.noteZone(line)
			return true
		}
	}
	for _, day := range dateFormats {
		if day.format != "%Y-%m-%d" && day.format != "%Y%m%d" && g.tryFormat(j, column.Date, day.format) {
			g.noteDayMonth(j, day.other, "")
			return true
		}
		for _, clock := range timeFormats {
			if g.tryFormat(j, column.Timestamp, day.format+clock) {
				g.noteDayMonth(j, day.other, clock)
				if !strings.HasSuffix(strings.ToLower(clock), "z") {
					g.noteZone("")
				}
				return true
			}
		}
	}
	return false
}

func (g *guess) tryFormat(j *typeChecker, kind column.Kind, format string) bool {
	try := g.Column
	try.Type, try.Format = column.Type{Kind: kind}, format
	if _, ok := j.accepts(try); !ok {
		return false
	}
	g.Column = try
	return true
}

// noteDayMonth warns if day and month cannot be distinguished.
func (g *guess) noteDayMonth(j *typeChecker, format, clock string) {
	if format == "" {
		return
	}
	other := g.Column
	other.Format = format + clock
	if _, ok := j.accepts(other); ok {
		g.note("CHECK: day and month cannot be distinguished in the sample; the other order is \"" + other.Format + "\"")
	}
}

// noteZone explains a timestamp without a zone. line is the first value in its quotes, or empty.
func (g *guess) noteZone(line string) {
	value := strings.Trim(line, `"`)
	if g.Type.Kind != column.Timestamp || strings.HasSuffix(value, "Z") || strings.ContainsAny(value[min(len(value), 19):], "+-") {
		return
	}
	g.note("no zone is written: UTC, unless `zone:` names another")
}
