// Tests of descriptions of statements with parameters, and of macros that statements may call.

package duck

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestDescribePrepared(t *testing.T) {
	t.Parallel()
	s, _ := openAsked(t)
	for sql, want := range map[string]string{
		"SELECT id, $1::DATE AS day FROM orders WHERE id = $2": "map[1:DATE 2:BIGINT] [{id BIGINT} {day DATE}]",
		"SELECT $3::DECIMAL(10,2) AS d, [$1::VARCHAR] AS l":    "map[1:VARCHAR 3:DECIMAL(10,2)] [{d DECIMAL(10,2)} {l VARCHAR[]}]",
		"SELECT '{}'::JSON AS j, {'a': 1} AS s, 1::HUGEINT h":  "map[] [{j JSON} {s } {h HUGEINT}]",
		"SELECT 1 AS a WHERE 1 IN ($1)":                        "map[1:INTEGER] [{a INTEGER}]",
	} {
		p, err := s.DescribePrepared(t.Context(), sql)
		if got := fmt.Sprint(p.Parameters, p.Columns); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", sql, got, err, want)
		}
	}
	if _, err := s.DescribePrepared(t.Context(), "SELECT nope FROM orders WHERE id = $1"); err == nil {
		t.Error("a wrong statement is described")
	}
}

// TestAllowMacros calls macros that the program has made, and other functions of their names.
func TestAllowMacros(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Memory: "100MB", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Exec(context.Background(), "CREATE MACRO current_setting(n) AS 'mine'; CREATE SCHEMA own; CREATE MACRO own.getenv(n) AS 'mine'; CREATE MACRO rows_of() AS TABLE SELECT 1; CREATE MACRO current_database() AS 'x'; CREATE TABLE a (b INT)"); err != nil {
		t.Fatal(err)
	}
	s.AllowMacros(set("current_setting getenv rows_of"), "own")
	for sql, allowed := range map[string]bool{
		"SELECT current_setting('threads') FROM a": true, "SELECT own.getenv('HOME')": true, "FROM rows_of()": true, "SELECT system.main.current_setting('threads')": false, "SELECT main.current_setting('threads')": false,
		"SELECT memory.own.getenv('HOME')": false, "SELECT setseed(0.5)": false, "FROM memory.main.rows_of()": false,
	} {
		_, err := s.CheckAsked(t.Context(), sql)
		var refused *AskError
		if allowed != (err == nil) || err != nil && !errors.As(err, &refused) {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
