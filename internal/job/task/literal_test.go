// Tests of values in SQL, with a small reader of SQL texts.

package task

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"bursar/internal/project"
)

var errNoText = errors.New("not exactly one text")

// readText reads a statement that must be one text and nothing else, as DuckDB and PostgreSQL do. If escapes is set, a backslash is an escape in
// plain texts as well, as on servers with standard_conforming_strings off.
func readText(sql string, escapes bool) (string, error) {
	rest, isEscape := strings.CutPrefix(sql, "E")
	rest, isText := strings.CutPrefix(rest, "'")
	if !isText {
		return "", errNoText
	}
	var out strings.Builder
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '\\' && (isEscape || escapes):
			if i++; i == len(rest) || rest[i] != '\\' {
				return "", errNoText
			}
			out.WriteByte('\\')
		case c != '\'':
			out.WriteByte(c)
		case i+1 < len(rest) && rest[i+1] == '\'':
			out.WriteByte('\'')
			i++
		case i+1 != len(rest):
			return "", errNoText
		default:
			return out.String(), nil
		}
	}
	return "", errNoText
}

// FuzzValue renders values into statements: each is read back as the same text, whatever servers take a backslash for.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{"", "acme", "O'Hara", "''", `\`, `\'`, `'\''; DROP TABLE t; --`, "a\nb", "\x00", "é\u2028", "\xff", "{{.x}}", "$$", "/*", "--", `E'\\'`} {
		f.Add(seed)
	}
	p := &parser{job: &project.Job{}}
	tmpl := p.sql("task.sql", "{{.x}}")
	between := p.sql("task.sql", "SELECT {{.x}}, 'a', {{.x}} -- end")
	if len(p.errs) > 0 {
		f.Fatal(p.errs)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sql, err := tmpl.render(values{"x": s})
		if refused := strings.Contains(s, "\x00") || !utf8.ValidString(s); refused {
			if err == nil {
				t.Errorf("%q is not refused: %s", s, sql)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		for _, escapes := range []bool{false, true} {
			if back, err := readText(sql, escapes); err != nil || back != s {
				t.Errorf("%q becomes %s, which reads as %q (%v) with escapes %v", s, sql, back, err, escapes)
			}
		}
		if all, err := between.render(values{"x": s}); err != nil || all != "SELECT "+sql+", 'a', "+sql+" -- end" {
			t.Errorf("%q: %s (%v)", s, all, err)
		}
	})
}

// FuzzPlace puts a value into any statement: it is refused, or the value stands where an independent reader sees a text begin.
func FuzzPlace(f *testing.F) {
	for _, seed := range []string{"SELECT @", "'@'", "'a' @", "E'\\'@'", "-- @\n@", "/*/*@*/@*/@", "$a$@$a$@", `"@"@`, "x@", "@x", "''@", "'''@", "$1 @", "a$$@$$", "\\'@'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, statement string) {
		if strings.Contains(statement, marker) || strings.Count(statement, "@") != 1 {
			t.Skip()
		}
		const value = "it's; --"
		before, after, _ := strings.Cut(statement, "@")
		got, err := place(before + marker + textMark + value + marker + after)
		if err != nil {
			return
		}
		if got != before+literal(value)+after {
			t.Fatalf("%q becomes %q", statement, got)
		}
		if open := openAfter(before); open != "" {
			t.Errorf("%q: the value is inside %s", statement, open)
		}
	})
}

// openAfter says what a statement is inside of at its end: it reads from the beginning, one construct at a time.
func openAfter(sql string) string {
	for sql != "" {
		var rest string
		var closed bool
		switch {
		case strings.HasPrefix(sql, "--"):
			_, rest, closed = strings.Cut(sql, "\n")
		case sql[0] == '\'' || sql[0] == '"':
			_, rest, closed = strings.Cut(sql[1:], sql[:1])
		case strings.HasPrefix(sql, "/*"):
			rest, closed = afterComment(sql[2:])
		case (sql[0]|0x20) == 'e' && strings.HasPrefix(sql[1:], "'"):
			rest, closed = afterEscaped(sql[2:])
		case isNameByte(sql[0]) && sql[0] != '$':
			rest, closed = strings.TrimLeftFunc(sql, func(r rune) bool {
				return r != '"' && (r >= utf8.RuneSelf || isNameByte(byte(r)))
			}), true
		case sql[0] == '$':
			end := strings.IndexByte(sql[1:], '$') + 1
			if tag := sql[:end+1]; end > 0 && strings.Trim(tag[1:end], "abcdefghijklmnopqrstuvwxyz") == "" {
				_, rest, closed = strings.Cut(sql[len(tag):], tag)
			} else {
				rest, closed = sql[1:], true
			}
		default:
			rest, closed = sql[1:], true
		}
		if !closed {
			return sql
		}
		sql = rest
	}
	return ""
}

func afterComment(sql string) (rest string, closed bool) {
	for depth := 1; sql != ""; {
		switch {
		case strings.HasPrefix(sql, "/*"):
			depth++
			sql = sql[2:]
		case strings.HasPrefix(sql, "*/"):
			depth--
			sql = sql[2:]
			if depth == 0 {
				return sql, true
			}
		default:
			sql = sql[1:]
		}
	}
	return "", false
}

func afterEscaped(sql string) (rest string, closed bool) {
	for i := 0; i < len(sql); i++ {
		switch {
		case sql[i] == '\\':
			i++
		case strings.HasPrefix(sql[i:], "''"):
			i++
		case sql[i] == '\'':
			return sql[i+1:], true
		}
	}
	return "", false
}
