//go:build linux

// Tests of a warehouse on a full disk: a small file system in memory.

package duckwarehouse_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
)

// disk mounts a file system of so many KiB.
func disk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", size)); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves so many KiB free on a disk, and returns how to make room again.
func fill(t *testing.T, dir string, leave int64) (free func()) {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "filler")
	if err := os.WriteFile(path, make([]byte, max(0, int64(s.Bavail)*s.Bsize-leave<<10)), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

var columns = []column.Field{{Name: "n", Type: column.Type{Kind: column.BigInt}}}

// appendRows appends so many rows that no compression makes smaller.
func appendRows(ctx context.Context, tx warehouse.Tx, n int) error {
	_, err := tx.Append(ctx, "t", columns, func(yield func([]column.Vector, error) bool) {
		random := rand.New(rand.NewPCG(1, 2))
		block := column.NewVectors(column.Types(columns), 0)
		for range n {
			block[0].AppendInt(random.Int64())
		}
		yield(block, nil)
	})
	return err
}

func count(t *testing.T, db *duckwarehouse.Database) (n int64) {
	t.Helper()
	err := db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		return r.Query(ctx, "SELECT count(*) FROM t", func(_ []warehouse.Column, rows []column.Vector) error {
			n = rows[0].Ints[0]
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

// fullDisk is a warehouse on a small disk.
type fullDisk struct {
	t      *testing.T
	config duckwarehouse.Config
	db     *duckwarehouse.Database
	want   int64 // rows
}

func onDisk(t *testing.T, file, scratch string) *fullDisk {
	t.Helper()
	f := &fullDisk{t: t, config: duckwarehouse.Config{Path: filepath.Join(file, "warehouse.duckdb"), Scratch: scratch, Memory: "300MB", Threads: 2}}
	f.open()
	err := f.db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error { return tx.Create(ctx, "t", columns) })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fullDisk) open() {
	f.t.Helper()
	db, err := duckwarehouse.Open(f.config)
	if err != nil {
		f.t.Fatal(err)
	}
	f.db = db
}

// close checks that what was committed is there when the file is opened again.
func (f *fullDisk) close() {
	f.t.Helper()
	_ = f.db.Close()
	f.open()
	f.check()
	_ = f.db.Close()
}

// write appends rows, and checks that they are there or that nothing has changed.
func (f *fullDisk) write(rows int) error {
	f.t.Helper()
	err := f.db.Write(f.t.Context(), func(ctx context.Context, tx warehouse.Tx) error { return appendRows(ctx, tx, rows) })
	if err == nil {
		f.want += int64(rows)
	} else if failure.Of(err) != failure.Transient {
		f.t.Errorf("class %v: %v", failure.Of(err), err)
	}
	f.check()
	return err
}

func (f *fullDisk) check() {
	f.t.Helper()
	if got := count(f.t, f.db); got != f.want {
		f.t.Errorf("there are %d rows, want %d", got, f.want)
	}
}

// writeUntil writes until the disk is full.
func (f *fullDisk) writeUntil(rows int, want string) {
	f.t.Helper()
	const most = 1000
	for range most {
		err := f.write(rows)
		if f.t.Failed() {
			f.t.FailNow()
		}
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				f.t.Errorf("the error is %v, want %s", err, want)
			}
			return
		}
	}
	f.t.Errorf("the disk is not full")
}

// TestFullDisk fills the disk of the file, or of the files that rows are read from, in each phase of a transaction.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scratch bool
		rows    int   // of a write
		leave   int64 // KiB
		want    string
	}{
		"rows on their way": {true, 300_000, 1000, ".parquet: no space left on device"},
		"rows":              {false, 300_000, 1000, `warehouse.duckdb": No space left on device`},
		"commit":            {false, 8000, 1000, `warehouse.duckdb.wal": No space left on device`},
		// DuckDB's log has at most 16 MB; then its contents move to the file.
		"checkpoint in place of a commit": {false, 100_000, 24_000, "checkpoint"},
		"checkpoint after a commit":       {false, 8000, 24_000, `warehouse.duckdb.wal": No space left on device`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			small, large := disk(t, 40<<10), t.TempDir()
			file, scratch := small, large
			if c.scratch {
				file, scratch = large, small
			}
			f := onDisk(t, file, scratch)
			defer f.close()
			free := fill(t, small, c.leave)
			f.writeUntil(c.rows, c.want)
			free()
			if err := f.write(c.rows); err != nil {
				t.Errorf("with free space: %v", err)
			}
		})
	}
}

// TestFullDiskWhileRead has a read that is open when a write ends DuckDB's use of the file: others wait for its end.
func TestFullDiskWhileRead(t *testing.T) {
	t.Parallel()
	small := disk(t, 40<<10)
	f := onDisk(t, small, t.TempDir())
	defer f.close()
	defer fill(t, small, 24_000)()
	write := func(rows int) error {
		return f.db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error { return appendRows(ctx, tx, rows) })
	}
	err := f.db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		var err error
		for err == nil {
			if err = write(100_000); err == nil {
				f.want += 100_000
			}
		}
		if !errors.Is(err, warehouse.ErrOutcomeUnknown) {
			t.Errorf("the write: %v", err)
		}
		if err := write(1); failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "opened again when all of them have ended") {
			t.Errorf("another write: %v", err)
		}
		return r.Query(ctx, "SELECT 1", func([]warehouse.Column, []column.Vector) error { return nil })
	})
	if failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "opened again when all of them have ended") {
		t.Errorf("the read: %v", err)
	}
	f.check()
}

func TestOpenOtherFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "warehouse.duckdb")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := duckwarehouse.Open(duckwarehouse.Config{Path: path}); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), path) {
		t.Errorf("class %v: %v", failure.Of(err), err)
	}
}
