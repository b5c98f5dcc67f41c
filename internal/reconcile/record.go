// The rows of artifacts: their columns, how a stored record is decoded, and how a key is printed.

package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/fold"
)

// StoredFields returns the columns of an artifact's row: those of the key, then those of the record.
func StoredFields(plan *fold.Plan) []column.Field {
	return slices.Concat(plan.Key, plan.RecordFields())
}

// StateFields returns the columns of a state: those of a record, all null for a new key.
func StateFields(plan *fold.Plan) []column.Field {
	fields := StoredFields(plan)
	for i := range fields {
		fields[i].Required = false
	}
	return fields
}

// NewRow returns empty columns for the rows of artifacts.
func NewRow(plan *fold.Plan) []column.Vector {
	return column.NewVectors(column.Types(StoredFields(plan)), 0)
}

// ResetRow empties the columns of a row.
func ResetRow(row []column.Vector) {
	for i := range row {
		row[i].Reset()
	}
}

// DecodeRecord appends a record as row i of the columns, and checks that it has the key of the index entry.
func DecodeRecord(record []byte, row []column.Vector, i int, entry artifact.Entry) error {
	err := artifact.DecodeRecord(record, row)
	if err == nil && !artifact.IsKey(entry.Key, row, i) {
		err = fmt.Errorf("the index points to another key's record: %w", artifact.ErrCorrupt)
	}
	if err != nil {
		return fmt.Errorf("read artifact of run %d at %+v: %w", entry.Run, entry.Location, err)
	}
	return nil
}

// Unreadable adds the remedy to an error about a damaged or missing part.
func Unreadable(pipeline string, err error) error {
	if errors.Is(err, artifact.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
		return failure.Wrap(failure.Data, fmt.Errorf("%w; run `bursar rebuild %s`", err, pipeline))
	}
	return err
}

// KeyJSON prints a key as a JSON value, a composite key as an array.
func KeyJSON(key []column.Vector, i int) json.RawMessage { return AppendKeyJSON(nil, key, i) }

// AppendNulls appends a row of nulls.
func AppendNulls(row []column.Vector) {
	for c := range row {
		row[c].AppendNull()
	}
}

// AppendKeyJSON appends what KeyJSON prints.
func AppendKeyJSON(dst []byte, key []column.Vector, i int) []byte {
	if len(key) == 1 {
		return key[0].AppendJSON(dst, i)
	}
	dst = append(dst, '[')
	for c := range key {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = key[c].AppendJSON(dst, i)
	}
	return append(dst, ']')
}

// Plural formats a count of things.
func Plural[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "ch") {
		what += "e"
	} else if stem, found := strings.CutSuffix(what, "y"); found {
		what = stem + "ie"
	}
	return fmt.Sprintf("%d %ss", n, what)
}
