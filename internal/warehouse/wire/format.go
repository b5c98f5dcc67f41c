// PostgreSQL's functions with a format of dates and times, which DuckDB has with other names and formats. Dashboards filter by them.

package wire

import (
	"strings"
)

// formatFunctions are these functions, as DuckDB knows them: what replaces the name, and what follows the call.
var formatFunctions = map[string]struct{ name, after string }{
	"to_char": {"strftime", ""}, "to_timestamp": {"strptime", ""}, "to_date": {"strptime", "::DATE"},
}

// formatEdits returns the edits that a call of such a function at a token needs. A call whose format is no text, has other patterns, or would
// be read as another time, stays as it is, and is refused.
func formatEdits(tokens []token, i int) []edit {
	f, known := formatFunctions[wordAt(tokens, i)]
	if !known || i > 0 && tokens[i-1].is(".") || i+1 >= len(tokens) || !tokens[i+1].is("(") {
		return nil
	}
	end := closing(tokens, i+1)
	if end < i+4 || tokens[end-1].kind != literal || !tokens[end-2].is(",") {
		return nil
	}
	format := tokens[end-1]
	text, ok := strftimeFormat(format.text)
	if !ok || f.name == "strptime" && !readsAlike(text) {
		return nil
	}
	return []edit{{tokens[i].at, tokens[i].end(), f.name}, {format.at, format.end(), text}, {tokens[end].at, tokens[end].end(), ")" + f.after}}
}

// readsAlike reports whether DuckDB reads the same time by a format as PostgreSQL does, which has another century for some years of two digits, another
// year if there is none, and takes 12 o'clock for midnight if nothing says whether it is.
func readsAlike(format string) bool {
	hasYear := strings.Contains(format, "%Y") || strings.Contains(format, "%G")
	isHalf := strings.Contains(format, "%I") || strings.Contains(format, "%-I")
	return hasYear && !strings.Contains(format, "%y") && (!isHalf || strings.Contains(format, "%p"))
}

// formatPatterns are the patterns of PostgreSQL's formats with those of DuckDB; "" where DuckDB has none. Longer ones are before those that they
// begin with.
var formatPatterns = []struct {
	pattern, to string
	isName      bool // which is written as the pattern is: in upper or lower case
}{
	{"SSSS", "", false},
	{"FMHH24", "%-H", false},
	{"FMHH12", "%-I", false},
	{"FMMM", "%-m", false},
	{"FMDD", "%-d", false},
	{"FMMonth", "%B", true},
	{"FMDay", "%A", true},
	{"HH24", "%H", false},
	{"HH12", "%I", false},
	{"HH", "%I", false},
	{"YYYY", "%Y", false},
	{"YY", "%y", false},
	{"IYYY", "%G", false},
	{"IW", "%V", false},
	{"ID", "%u", false},
	{"MM", "%m", false},
	{"DDD", "%j", false},
	{"DD", "%d", false},
	{"MI", "%M", false},
	{"SS", "%S", false},
	{"MS", "%g", false},
	{"US", "%f", false},
	{"Mon", "%b", true},
	{"Dy", "%a", true},
	{"AM", "%p", true},
	{"PM", "%p", true},
}

// strftimeFormat returns DuckDB's format for one of PostgreSQL, both in quotes. ok is false if it has a pattern that is not known.
func strftimeFormat(format string) (text string, ok bool) {
	if !strings.HasPrefix(format, "'") {
		return "", false
	}
	var b strings.Builder
	for rest := format; rest != ""; {
		n, to := formatPattern(rest)
		if to == "" {
			return "", false
		}
		b.WriteString(to)
		rest = rest[n:]
	}
	return b.String(), true
}

// formatPattern returns the length of the pattern at the beginning of a format, and that of DuckDB; "" if there is none.
func formatPattern(format string) (n int, to string) {
	for _, p := range formatPatterns {
		if n := len(p.pattern); len(format) >= n && (format[:n] == p.pattern || !p.isName && strings.EqualFold(format[:n], p.pattern)) {
			return n, p.to
		}
	}
	switch c := format[0]; {
	case c == '"', c == '\\', isNamePart(c) && c != '_':
		return 1, ""
	case c == '%':
		return 1, "%%"
	}
	return 1, format[:1]
}
