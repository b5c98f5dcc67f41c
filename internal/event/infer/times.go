// Dates and timestamps: the formats that are tried, and numbers that count the seconds or milliseconds since 1970.

package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

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

// tryFormat declares the column with a type and format if it then accepts every value.
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

// epochs are the formats of epoch times with the values that are taken for one: those from 2001 to 2128.
var epochs = []struct {
	format, unit string
	values       *regexp.Regexp
	perSecond    int64
}{
	{"epoch_s", "seconds", regexp.MustCompile(`^[1-4][0-9]{9}(\.[0-9]{1,6})?$`), 1},
	{"epoch_ms", "milliseconds", regexp.MustCompile(`^[1-4][0-9]{12}(\.[0-9]{1,3})?$`), 1000},
}

// epochWords are words in the names of columns of times.
var epochWords = []string{"at", "ts", "time", "date", "datetime", "timestamp", "epoch", "created", "updated", "modified", "occurred"}

// tryEpoch takes numbers for an epoch time if the column's name and the range of its values suggest one.
func (g *guess) tryEpoch(f *field) bool {
	named := slices.ContainsFunc(strings.Split(g.Name, "_"), func(word string) bool { return slices.Contains(epochWords, word) })
	if !named || idLike(g.Name) || len(f.texts) == 0 {
		return false
	}
	for _, e := range epochs {
		if slices.ContainsFunc(f.texts, func(text string) bool { return !e.values.MatchString(text) }) ||
			!g.tryFormat(newTypeChecker(f), column.Timestamp, e.format) {
			continue
		}
		whole, _, _ := strings.Cut(f.texts[0], ".")
		var n int64
		_, _ = fmt.Sscan(whole, &n) // the expression allows digits only
		g.note(fmt.Sprintf("CHECK: %s since 1970, by the name and range: the first is %s", e.unit, time.Unix(n/e.perSecond, 0).UTC().Format(time.RFC3339)))
		return true
	}
	return false
}
