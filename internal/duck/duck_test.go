// Tests of queries and sessions of DuckDB.

package duck_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/duck"
)

func open(t *testing.T, o duck.Options) *duck.Session {
	t.Helper()
	s, err := duck.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestQueryReadsEveryType(t *testing.T) {
	t.Parallel()
	s := open(t, duck.Options{Threads: 1})
	sql := `SELECT * FROM (VALUES
		(true, 1::TINYINT, -5::INTEGER, 9007199254740993::BIGINT, 12.34::DECIMAL(4,2), -99999999999999999999999999999999.999999::DECIMAL(38,6),
		 DATE '2024-02-29', TIMESTAMP '2024-02-29 12:00:00.000001', 'short', 'a text longer than twelve bytes', [{'a': 1, 'b': 'x'}]),
		(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL))`
	var got []string
	err := s.Query(context.Background(), sql, func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			var line []byte
			for c := range rows {
				line = append(rows[c].AppendJSON(line, i), ' ')
			}
			got = append(got, string(line))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`true 1 -5 9007199254740993 "12.34" "-99999999999999999999999999999999.999999" "2024-02-29" "2024-02-29T12:00:00.000001Z" "short" "a text longer than twelve bytes" [{"a":1,"b":"x"}] `,
		strings.Repeat("null ", 11),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	s := open(t, duck.Options{Threads: 1})
	columns := []column.Field{
		{Name: "amount", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}},
		{Name: "quantity", Type: column.Type{Kind: column.Int}},
		{Name: "order", Type: column.Type{Kind: column.String}},
		{Name: "moment", Type: column.Type{Kind: column.Timestamp}},
		{Name: "at", Type: column.Type{Kind: column.Int}},
	}
	cases := []struct{ expr, want, fails string }{
		{expr: "amount * quantity", want: "decimal(18,2)"},
		{expr: `"order" = 'x'`, want: "bool"},
		{expr: "CASE WHEN amount = 0 THEN 'a' ELSE 'b' END", want: "string"},
		{expr: "round(amount, 1)", want: "decimal(18,1)"},
		{expr: "amount / 3", fails: "floating point"},
		{expr: "amount / 100", fails: "; `amount * 0.01` is `amount / 100`"},
		{expr: `CASE WHEN ("order") = 'x' THEN "amount"/10 > 1 END`, fails: "; `\"amount\" * 0.1` is `\"amount\" / 10`"},
		{expr: "(amount + 1) / 1000", fails: "; `(…) * 0.001` is `(…) / 1000`"},
		{expr: "amount / 100.5", fails: "rather than 0.015e0"},
		{expr: `"order" = "it's"`, fails: `there are amount, quantity, order, moment, at; text goes in single quotes: 'it''s'`},
		{expr: "at < 5", fails: `write the column at with quotes: "at"`},
		{expr: "quantity + Order", fails: `write the column order with quotes: "order"`},
		{expr: `"at" < 5`, want: "bool"},
		{expr: "list_sum(list_transform([amount, 1], lambda x: x + amount))", want: "decimal(38,2)"},
		{expr: "len(list_filter([{'a': amount}], lambda x: x.a > 0 AND len(list_filter([amount], lambda y: y = x.a)) = 1)) = 1", want: "bool"},
		{expr: "len(list_filter([amount], lambda x: x = z)) = 1", fails: `unknown column "z"`},
		{expr: "len(list_filter([amount], lambda x: x = 1)) = x", fails: ""},
		{expr: "nothing + 1", fails: `unknown column "nothing"`},
		{expr: "random() > 0.5", fails: "random() is refused"},
		{expr: "moment < now()", fails: "now() is refused"},
		{expr: "moment < current_timestamp", fails: "current_timestamp is refused"},
		{expr: "sum(amount)", fails: "aggregate"},
		{expr: "(SELECT 1)", fails: "subquery"},
		{expr: "1) FROM x --", fails: ""},
		{expr: "amount +", fails: "syntax error"},
		{expr: "$1", fails: ""},
		{expr: "amount AS x, 2", fails: ""},
		{expr: "nosuchfunction(amount)", fails: "nosuchfunction"},
	}
	for _, c := range cases {
		got, err := s.Bind(context.Background(), columns, c.expr, column.InRuns)
		switch {
		case c.want != "" && (err != nil || got.String() != c.want):
			t.Errorf("%s: got %v %v, want %s", c.expr, got, err, c.want)
		case c.want == "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: got %v %v, want an error with %q", c.expr, got, err, c.fails)
		}
	}
}

// TestFile writes to a database file in one session and reads it in the next.
func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := duck.Options{Scratch: filepath.Join(dir, "scratch"), File: filepath.Join(dir, "a.db"), Unordered: true}
	for _, sql := range []string{"CREATE TABLE x AS SELECT 1 AS a; CHECKPOINT", "INSERT INTO x VALUES (2)"} {
		s, err := duck.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
		s.Close()
	}
	s := open(t, o)
	var sum int64
	err := s.Query(t.Context(), "SELECT CAST(sum(a) AS BIGINT) FROM x", func(rows []column.Vector) error {
		sum = rows[0].Ints[0]
		return nil
	})
	if err != nil || sum != 3 {
		t.Errorf("the sum is %d (%v)", sum, err)
	}
}

// TestDatabase writes to a database file in one session while another one reads, and reads it again after it was closed.
func TestDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := duck.Options{File: filepath.Join(dir, "a.db"), Scratch: filepath.Join(dir, "scratch")}
	openDatabase := func() *duck.Database {
		db, err := duck.OpenDatabase(o)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	session := func(db *duck.Database) *duck.Session {
		s, err := db.Session()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	exec := func(s *duck.Session, statements ...string) {
		for _, sql := range statements {
			if err := s.Exec(t.Context(), sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
	value := func(s *duck.Session, sql string) (text string) {
		err := s.Query(t.Context(), sql, func(rows []column.Vector) error {
			text = string(rows[0].AppendPlain(nil, 0))
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		}
		return text
	}
	db := openDatabase()
	writer, reader := session(db), session(db)
	exec(writer, "CREATE TABLE x AS SELECT 1 AS a")
	exec(reader, "BEGIN TRANSACTION READ ONLY")
	const sum = "SELECT CAST(sum(a) AS BIGINT) FROM x"
	if got := value(reader, sum); got != "1" {
		t.Errorf("the sum is %s", got)
	}
	exec(writer, "BEGIN", "INSERT INTO x VALUES (2)", "COMMIT")
	if got := value(reader, sum); got != "1" {
		t.Errorf("in the same transaction, the sum is %s", got)
	}
	exec(reader, "COMMIT")
	if got := value(reader, sum) + value(reader, "SELECT current_setting('TimeZone')"); got != "3UTC" {
		t.Errorf("after it, the sum and the time zone are %s", got)
	}
	if err := reader.Exec(t.Context(), "SET threads=1"); err == nil {
		t.Error("a session may change the configuration")
	}
	writer.Close()
	reader.Close()
	db.Close()
	db = openDatabase()
	defer db.Close()
	last := session(db)
	defer last.Close()
	if got := value(last, sum); got != "3" {
		t.Errorf("opened again, the sum is %s", got)
	}
}

func TestNoWayOut(t *testing.T) {
	t.Parallel()
	s := open(t, duck.Options{Dirs: []string{t.TempDir()}})
	for _, sql := range []string{"SELECT * FROM read_text('/etc/passwd')", "SET threads=1", "INSTALL httpfs"} {
		if err := s.Exec(context.Background(), sql); err == nil {
			t.Errorf("%s was allowed", sql)
		}
	}
}

// TestFreshSession opens sessions after others that created objects or failed: nothing of these is visible.
func TestFreshSession(t *testing.T) {
	t.Parallel()
	o := duck.Options{Scratch: t.TempDir()}
	for _, sql := range []string{"CREATE TEMP VIEW x AS SELECT 1 AS a", "CREATE TABLE x AS SELECT 1 AS a", "SELECT 1 FROM nowhere", "SELECT 1"} {
		for range 2 {
			s, err := duck.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Query(t.Context(), "SELECT * FROM x", func([]column.Vector) error { return nil }); err == nil {
				t.Errorf("before %s there is an x already", sql)
			}
			s.Close()
			if s, err = duck.Open(o); err != nil {
				t.Fatal(err)
			}
			if err := s.Exec(t.Context(), sql); (err != nil) != strings.Contains(sql, "nowhere") {
				t.Errorf("%s: %v", sql, err)
			}
			s.Close()
		}
	}
}

// TestErrorsContainNoValues has statements fail on values, which errors must not contain: they are written to histories and logs (rule 7).
func TestErrorsContainNoValues(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"SELECT CAST(x AS INT) FROM (VALUES ('1'), ('SECRET 4711')) t(x)", "SELECT CAST(x AS JSON) FROM (VALUES ('SECRET 4711')) t(x)",
		"SELECT CAST(x AS DATE) FROM (VALUES ('SECRET 4711')) t(x)", "SELECT CAST(x AS DECIMAL(5,2)) FROM (VALUES (4711::BIGINT)) t(x)",
		"SELECT x + x FROM (VALUES (2147484711::BIGINT * 4000000000)) t(x)", "SELECT strptime(x, '%Y') FROM (VALUES ('SECRET 4711')) t(x)",
		"SELECT CAST(x AS INT) FROM (VALUES (99994711.55::DECIMAL(38,2) * 1000)) t(x)", "SELECT CAST(x AS TIMESTAMP) FROM (VALUES ('SECRET-4711')) t(x)",
		"SELECT json_extract(x, '$.a') FROM (VALUES ('SECRET 4711')) t(x)", "SELECT CAST(x AS BOOLEAN) FROM (VALUES ('SECRET 4711')) t(x)",
		"SELECT make_date(x, 4711, 1) FROM (VALUES (4711)) t(x)", "SELECT CAST(x AS UUID) FROM (VALUES ('SECRET 4711')) t(x)",
	} {
		s := open(t, duck.Options{Threads: 1})
		err := s.Query(t.Context(), sql, func([]column.Vector) error { return nil })
		var message duck.Error
		if !errors.As(err, &message) || !message.CausedByValue() || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	s := open(t, duck.Options{Threads: 1})
	err := s.Query(t.Context(), "SELECT error('"+duck.RaisedPrefix+"3 keys: have none')", func([]column.Vector) error { return nil })
	if err == nil || err.Error() != "3 keys: have none" {
		t.Errorf("raised: %v", err)
	}
}
