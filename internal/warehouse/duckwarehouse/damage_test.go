// Tests of damage of the file: it is found, or it does not matter.

package duckwarehouse_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
)

const damagedRows = 20_000

// intactFile makes a closed file with one table, and returns its bytes.
func intactFile(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	db := openAt(t, path)
	err := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE t AS SELECT range AS n, md5(range::text) AS x FROM range(20_000)")
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func openAt(t *testing.T, path string) *duckwarehouse.Database {
	t.Helper()
	db, err := duckwarehouse.Open(duckwarehouse.Config{Path: path, Scratch: t.TempDir(), Memory: "200MB", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// sumDamaged opens a file that may be damaged, reads all, and sums.
func sumDamaged(t *testing.T, path string) (sum int64, err error) {
	t.Helper()
	db, err := duckwarehouse.Open(duckwarehouse.Config{Path: path, Scratch: t.TempDir(), Memory: "200MB", Threads: 1})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if tables, err := db.Verify(t.Context()); err != nil || tables != 1 {
		return 0, errors.Join(err, errors.New("not one table"))
	}
	err = db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		return r.Query(ctx, "SELECT sum(n)::BIGINT FROM t WHERE x = md5(n::text)", func(_ []warehouse.Column, rows []column.Vector) error {
			sum = rows[0].Ints[0]
			return nil
		})
	})
	return sum, err
}

// TestDamage changes a byte, or cuts the file. Every error says that the file is damaged; without one, all rows are right.
func TestDamage(t *testing.T) {
	t.Parallel()
	text := intactFile(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	found := 0
	for range 40 {
		path, damaged := filepath.Join(t.TempDir(), "w.duckdb"), append([]byte(nil), text...)
		at := random.IntN(len(text))
		if cut := random.IntN(4) == 0; cut {
			damaged = damaged[:at]
		} else {
			damaged[at] ^= 1 << random.IntN(8)
		}
		if len(damaged) == 0 {
			continue // an empty file is a new one
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := sumDamaged(t, path)
		switch {
		case err == nil && sum == damagedRows*(damagedRows-1)/2:
		case errors.As(err, new(*duckwarehouse.DamagedError)) && failure.Of(err) == failure.Data:
			found++
		default:
			t.Errorf("byte %d of %d, now %d long: sum %d, %v", at, len(text), len(damaged), sum, err)
		}
	}
	if found < 10 {
		t.Errorf("%d times the damage is found", found)
	}
}

// TestPutAside leaves room for a new file, with the log of a process that was killed.
func TestPutAside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	for _, name := range []string{path, path + ".wal"} {
		if err := os.WriteFile(name, []byte("not a database, but longer than the header of one"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	aside, err := duckwarehouse.PutAside(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{aside, aside + ".wal"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if err := openAt(t, path).Close(); err != nil {
		t.Error(err)
	}
}
