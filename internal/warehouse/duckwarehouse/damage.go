// Damage of the file: which errors mean it, and the check that reads all tables.

package duckwarehouse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/durable"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// DamagedError means that bytes of the file are not what was written to it.
type DamagedError struct{ cause error }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the warehouse's file is damaged: %v; `bursar repair` puts it aside; publishing fills a new one, and so do loads from the objects that still exist", e.cause)
}
func (e *DamagedError) Unwrap() error { return e.cause }

// Class is Data: it stays so until a person repairs the project.
func (*DamagedError) Class() failure.Class { return failure.Data }

// damagedTexts are in DuckDB's messages about a file whose bytes are not what it wrote: each block has a checksum.
var damagedTexts = []string{"Corrupt database file", "Serialization Error", "not a valid DuckDB database file", "replaying WAL file"}

// damage makes a DamagedError of an error that says that the file of a path is damaged.
func damage(path string, err error) error {
	var message duck.Error
	if !errors.As(err, &message) || message.Class() != failure.Bug || errors.As(err, new(*DamagedError)) {
		return err
	}
	text := string(message)
	tooShort := strings.Contains(text, "Could not read enough bytes") && strings.Contains(text, path)
	if tooShort || slices.ContainsFunc(damagedTexts, func(part string) bool { return strings.Contains(text, part) }) {
		return &DamagedError{err}
	}
	return err
}

// checkPlace refuses a path at which there is something else than a file: DuckDB's messages about it do not say what to do.
func checkPlace(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		target, linkErr := os.Readlink(path)
		if errors.Is(linkErr, fs.ErrNotExist) {
			return nil
		}
		return failure.Wrap(failure.Data, fmt.Errorf("%s is a link to %s, which does not exist: put the file back there, or remove the link; publishing then fills a new file, and so do loads", path, target))
	}
	if err == nil && !info.Mode().IsRegular() {
		return failure.Wrap(failure.Data, fmt.Errorf("%s is not a regular file: move it away; publishing then fills a new file, and so do loads", path))
	}
	return nil // DuckDB says why a file cannot be read
}

// Verify reads every value of every table, and returns how many tables there are. The error is a DamagedError if the file is damaged.
// Blocks that are in memory already are not read again.
func (d *Database) Verify(ctx context.Context) (tables int, err error) {
	err = d.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		names, err := tableNames(ctx, r)
		if err != nil {
			return err
		}
		tables = len(names)
		for _, name := range names { // a count alone reads no values
			sql := "SELECT bit_xor(hash(t)) FROM " + column.QuoteIdentifier(name) + " AS t"
			if err := r.Query(ctx, sql, func([]warehouse.Column, []column.Vector) error { return nil }); err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
		}
		return nil
	})
	return tables, err
}

func tableNames(ctx context.Context, r warehouse.Reader) (names []string, err error) {
	err = r.Query(ctx, "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary AND schema_name = current_schema() ORDER BY table_name", func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			names = append(names, string(rows[0].Text(i)))
		}
		return nil
	})
	return names, err
}

// PutAside renames a file that cannot be used, with its log, and returns its new path. The warehouse must be closed.
func PutAside(path string) (string, error) {
	aside := path + ".damaged"
	for _, suffix := range []string{".wal", ""} { // a new file must never meet an old log
		if err := durable.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("put the damaged warehouse aside: %w", err)
		}
	}
	return aside, nil
}
