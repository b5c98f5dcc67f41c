// Timestamps in expressions with time zones: they are instants, so AT TIME ZONE gives the local time of that zone.

package project

import (
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
)

// instantCast casts a timestamp, which is stored in UTC, to an instant. To DuckDB, a TIMESTAMP is a local time: AT TIME ZONE would
// interpret it in that zone.
const instantCast = "::TIMESTAMPTZ"

var (
	sqlComment = regexp.MustCompile(`(?s)^(?:--[^\n]*|/\*.*?\*/)$`)
	sqlToken   = regexp.MustCompile(`(?is)--[^\n]*|/\*.*?\*/|\$\$.*?\$\$|'(?:[^']|'')*'|"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*|[0-9][0-9a-z_.]*|::|:=|\S`)
)

// sqlTokens are the tokens of an expression, without comments, and their positions.
type sqlTokens struct {
	texts  []string
	places [][]int
}

// Instants rewrites an expression in which a time zone is applied, so that the timestamp columns in it are instants.
func Instants(expr string, columns []column.Field) string {
	t := sqlTokens{}
	for _, at := range sqlToken.FindAllStringIndex(expr, -1) {
		if text := expr[at[0]:at[1]]; !sqlComment.MatchString(text) {
			t.texts, t.places = append(t.texts, text), append(t.places, at)
		}
	}
	if !t.zoned() {
		return expr
	}
	var out strings.Builder
	from := 0
	for i := range t.texts {
		if t.isTimestamp(i, columns) {
			name := column.QuoteIdentifier(strings.ReplaceAll(strings.Trim(t.texts[i], `"`), `""`, `"`)) // a name such as at needs quotes here
			out.WriteString(expr[from:t.places[i][0]] + name + instantCast)
			from = t.places[i][1]
		}
	}
	return out.String() + expr[from:]
}

// word returns a token in lower case, or "" outside of the expression.
func (t *sqlTokens) word(i int) string {
	if i < 0 || i >= len(t.texts) {
		return ""
	}
	return strings.ToLower(t.texts[i])
}

func (t *sqlTokens) zoned() bool {
	for i := range t.texts {
		if t.isZone(i) || t.word(i) == "timezone" && t.word(i+1) == "(" {
			return true
		}
	}
	return false
}

func (t *sqlTokens) isZone(i int) bool {
	return t.word(i) == "at" && t.word(i+1) == "time" && t.word(i+2) == "zone"
}

// isTimestamp reports whether a token is the name of a timestamp column, and not a keyword, type, function or key with the same
// spelling.
func (t *sqlTokens) isTimestamp(i int, columns []column.Field) bool {
	name, isQuoted := strings.CutPrefix(t.word(i), `"`)
	if isQuoted {
		name = strings.ReplaceAll(strings.TrimSuffix(name, `"`), `""`, `"`)
	}
	named := slices.ContainsFunc(columns, func(c column.Field) bool {
		return c.Type.Kind == column.Timestamp && strings.EqualFold(c.Name, name)
	})
	before, next := t.word(i-1), t.word(i+1)
	switch {
	case !named, next == "(", next == ":", next == ":=", next == ".", before == ".", before == "::":
		return false
	case next == "::" && t.word(i+2) == strings.ToLower(instantCast[2:]):
		return false // it is cast already
	case isQuoted:
		return true
	}
	isKeyword := t.isZone(i) || t.isZone(i-1) || t.isZone(i-2)
	isUnit := before != "" && before[0] >= '0' && before[0] <= '9' || next == "from"
	return !isKeyword && !isUnit && before != "as" && !strings.HasPrefix(next, "'")
}

// Instants rewrites an expression over the stream's columns as it is evaluated.
func (s *Stream) Instants(expr string) string { return Instants(expr, s.Types()) }

// ZonedColumns returns the computed columns that apply a time zone to a timestamp.
func (s *Stream) ZonedColumns() []*Column {
	var zoned []*Column
	for i := range s.Columns {
		if c := &s.Columns[i]; strings.Contains(c.Is, instantCast) {
			zoned = append(zoned, c)
		}
	}
	return zoned
}

// castInstants rewrites the stream's expressions as they are evaluated.
func (s *Stream) castInstants() {
	for i := range s.Columns {
		s.Columns[i].Is = s.Instants(s.Columns[i].Is)
	}
	for i := range s.Totals {
		s.Totals[i].Where = s.Instants(s.Totals[i].Where)
	}
}

// castInstants rewrites the expressions over events as they are evaluated.
func (p *Pipeline) castInstants(e *Events) {
	for _, s := range e.Streams {
		for i, part := range p.Keys[s.Name] {
			if !BareName.MatchString(part) {
				p.Keys[s.Name][i] = Instants(part, s.Types())
			}
		}
	}
	for i := range p.Artifact {
		f := &p.Artifact[i]
		f.Where = Instants(f.Where, e.Types())
		if f.Kind != Is {
			f.Expr = Instants(f.Expr, e.Types())
		}
	}
}
