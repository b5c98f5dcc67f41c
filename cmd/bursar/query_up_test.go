//go:build linux

// Questions to the warehouse while `bursar up` has it.

package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

func TestQueryThroughUp(t *testing.T) {
	t.Parallel()
	dir, here := shop(t), t.TempDir()
	withValues(t, dir)
	fillWarehouse(t, dir, func(ctx context.Context, tx warehouse.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE numbers AS SELECT i FROM range(100000) t(i)")
		return err
	})
	u := bringUp(t, dir)
	in := func(input string, args ...string) outcome {
		cmd := program(t, 0, append(append([]string{"query"}, args...), "--project", dir)...)
		cmd.Dir, cmd.Stdin = here, strings.NewReader(input)
		return ended(t, cmd, cmd.Run())
	}
	if got := in("", "SELECT id, amount FROM \"values\" ORDER BY id", "--format", "csv"); got.code != 0 || got.out != "id,amount\n\"a \"\"b\"\", <c> ž\",1234.50\nb,\n" {
		t.Errorf("got %+v", got)
	}
	if got := in("SELECT max(i) AS most FROM numbers -- 'x'\n;", "-", "--to", "-", "--format", "csv"); got.code != 0 || got.out != "most\n99999\n" {
		t.Errorf("of standard input: %+v", got)
	}
	file(t, here, "sum.sql", "SELECT count(*) AS n FROM numbers")
	if got := in("", "--file", "sum.sql", "--to", "n.csv"); got.code != 0 {
		t.Errorf("of a file: %+v", got)
	}
	if text, err := os.ReadFile(filepath.Join(here, "n.csv")); err != nil || string(text) != "n\n100000\n" {
		t.Errorf("the file has %s, %v", text, err)
	}
	if got := in("", "SELECT * FROM nosuch"); got.code != 1 || !strings.Contains(got.err, "hint: there are ") || !strings.Contains(got.err, "flags, numbers, ") {
		t.Errorf("of a table that does not exist: %+v", got)
	}
	if got := in("", "--tables"); got.code != 0 || !regexp.MustCompile(`│ numbers +│ table │ i BIGINT`).MatchString(got.out) {
		t.Errorf("the tables: %+v", got)
	}
	u.stop(os.Interrupt, 0)
}

// TestQueryIsInterrupted interrupts a statement that runs here and one that runs in `bursar up`.
func TestQueryIsInterrupted(t *testing.T) {
	t.Parallel()
	for name, served := range map[string]bool{"here": false, "in up": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := shop(t)
			fillWarehouse(t, dir, func(ctx context.Context, tx warehouse.Tx) error {
				return tx.Create(ctx, "t", []column.Field{{Name: "n", Type: column.Type{Kind: column.BigInt}}})
			})
			var u *running
			if served {
				u = bringUp(t, dir)
			}
			cmd := program(t, 0, "query", "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c", "--timeout", "0", "--project", dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			awaitMatch(t, filepath.Join(dir, ".bursar", "scratch", "warehouse", "append-*"))
			started := time.Now()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if got := ended(t, cmd, cmd.Wait()); got.code != 1 || got.out != "" || got.err != "error: interrupted\n" {
				t.Errorf("got %+v", got)
			}
			if took := time.Since(started); took > 20*time.Second {
				t.Errorf("it has ended after %s", took)
			}
			if served {
				u.stop(os.Interrupt, 0)
			}
		})
	}
}

// lasting is longer than the transactions in which `up` looks for what it has to publish.
const lasting = 2 * time.Second

// awaitMatch waits until a file of a pattern has been there for a while.
func awaitMatch(t *testing.T, pattern string) {
	t.Helper()
	deadline := time.After(time.Minute)
	since := map[string]time.Time{}
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		list, _ := filepath.Glob(pattern)
		for _, path := range list {
			if first, known := since[path]; !known {
				since[path] = time.Now()
			} else if time.Since(first) > lasting {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("there is no %s", pattern)
		}
	}
}
