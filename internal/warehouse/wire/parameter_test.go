// Tests of values of parameters as literals.

package wire

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/column"
	"bursar/internal/duck"
)

func TestLiterals(t *testing.T) {
	t.Parallel()
	types := pgtype.NewMap()
	for _, c := range []struct {
		oid        uint32
		text, want string // "": refused
	}{
		{pgtype.Int4OID, "-5", "CAST(-5 AS INTEGER)"},
		{pgtype.Int8OID, "1); DROP TABLE x", ""},
		{pgtype.NumericOID, "-12.30", "(-12.30)"},
		{pgtype.NumericOID, "NaN", ""},
		{pgtype.NumericOID, "1e5", ""},
		{pgtype.NumericOID, strings.Repeat("9", 39), ""},
		{pgtype.TextOID, "O'Neil; $1", "'O''Neil; $1'"},
		{pgtype.BoolOID, "f", "false"},
		{pgtype.BoolOID, "maybe", ""},
		{pgtype.Float8OID, "-Infinity", "CAST('-inf' AS DOUBLE)"},
		{pgtype.Float8OID, "1'", ""},
		{pgtype.DateOID, "2024-02-29' --", "CAST('2024-02-29'' --' AS DATE)"},
		{pgtype.ByteaOID, `\x00ff`, "from_hex('00ff')"},
		{pgtype.ByteaOID, "abc", ""},
		{pgtype.UUIDOID, "x", "CAST('x' AS UUID)"},
		{pgtype.Int4ArrayOID, "{1,NULL,3}", "CAST([CAST(1 AS INTEGER), NULL, CAST(3 AS INTEGER)] AS INTEGER[])"},
		{pgtype.TextArrayOID, `{a,"b,'c"}`, "CAST(['a', 'b,''c'] AS VARCHAR[])"},
		{pgtype.Int4ArrayOID, "{a}", ""},
		{pgtype.Int4ArrayOID, "1,2", ""},
		{pgtype.TimestamptzOID, "2024-01-01 00:00:00+01", "CAST('2024-01-01 00:00:00+01' AS TIMESTAMP WITH TIME ZONE)"},
		{0, "x", "'x'"},
	} {
		got, err := value{c.oid, pgproto3.TextFormat, []byte(c.text)}.literal(types)
		var refused *sqlError
		if c.want == "" && !errors.As(err, &refused) || c.want != "" && (err != nil || got != c.want) {
			t.Errorf("%d %q: %s, %v, want %s", c.oid, c.text, got, err, c.want)
		}
	}
	if got, err := (value{oid: pgtype.DateOID}).literal(types); err != nil || got != "CAST(NULL AS DATE)" {
		t.Errorf("null: %s, %v", got, err)
	}
	if got, err := (value{pgtype.Int4OID, pgproto3.BinaryFormat, []byte{1, 2}}).literal(types); err == nil {
		t.Errorf("a binary value that is too short: %s", got)
	}
}

func TestParameterNumbers(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]int{"SELECT 1": 0, "SELECT $2, $1, $2": 2, "SELECT $7": 7} {
		if _, n, err := parametersOf(scan(sql)); n != want || err != nil {
			t.Errorf("%s: %d, %v", sql, n, err)
		}
	}
	for _, sql := range []string{"SELECT $0", "SELECT $99999", "SELECT $99999999999999999999"} {
		if _, _, err := parametersOf(scan(sql)); err == nil {
			t.Errorf("%s is accepted", sql)
		}
	}
}

// FuzzText checks that a text in the place of a parameter is that text, whatever it is, and whatever stands around it.
func FuzzText(f *testing.F) {
	for _, text := range []string{"", "'", "''", "\\'", "$1", "'; DROP TABLE x; --", "/*", "*/", "--", "\n", "$$", "ü", "\u200b", "E'\\"} {
		f.Add(text)
	}
	session, err := duck.Open(duck.Options{Memory: "100MB", Threads: 1})
	if err != nil {
		f.Fatal(err)
	}
	types := pgtype.NewMap()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 || !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			return
		}
		const sql = "SELECT '$1', $1/* $1 */::VARCHAR, $$ $1 $$ -- $1"
		literal, err := value{pgtype.TextOID, pgproto3.TextFormat, []byte(text)}.literal(types)
		if err != nil {
			t.Fatal(err)
		}
		parameters, _, err := parametersOf(scan(sql))
		if err != nil {
			t.Fatal(err)
		}
		err = session.Query(t.Context(), substitute(sql, parameters, []string{literal}), func(rows []column.Vector) error {
			if a, b, c := string(rows[0].Text(0)), string(rows[1].Text(0)), string(rows[2].Text(0)); a != "$1" || b != text || c != " $1 " {
				t.Fatalf("%q becomes %q, %q, %q", text, a, b, c)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzNumber checks that what is accepted as a number is one token, or one in brackets.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"1", "-1", "1.5", ".5", "1e5", "NaN", "1 1", "--1", "1/**/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, oid := range []uint32{pgtype.NumericOID, pgtype.Int8OID} {
			literal, err := scalarLiteral(oid, text)
			if err == nil && strings.ContainsAny(literal, "'\"/*;$") {
				t.Fatalf("%q becomes %s", text, literal)
			}
		}
	})
}
