// Package event ingests files and requests of a stream and seals them as batches: it parses rows, checks them against the schema, sets duplicates
// aside, keeps bad rows in quarantine and computes control totals. It owns the batches, their manifests and objects, the dedupe index and the
// quarantine. One catalog transaction seals a batch: a crash before it leaves nothing, a crash after it leaves everything (rules 1 and 3).
// The package must not know of pipelines.
package event

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/dedupe"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// Batch is a sealed batch's manifest: a catalog document, and an object beside the batch's events.
type Batch struct {
	Stream      string               `json:"stream"`
	Batch       uint64               `json:"batch"` // numbered from 1 within the stream
	Sealed      time.Time            `json:"sealed"`
	Rows        int64                `json:"rows"`
	Accepted    int64                `json:"accepted"`
	Quarantined int64                `json:"quarantined"`
	Duplicates  int64                `json:"duplicates"`
	Extra       int64                `json:"extra,omitempty"` // values of undeclared properties, which are not stored
	Totals      Totals               `json:"totals"`
	Definitions map[string]string    `json:"definitions,omitempty"` // of each total, as declared at the time
	Digest      string               `json:"digest"`                // independent of order, of the accepted rows' typed columns
	Columns     []Definition         `json:"columns"`
	Files       []File               `json:"files"`
	Objects     []object.Description `json:"objects"`
	Quarantine  *object.Description  `json:"quarantine,omitempty"`
	Oversize    Oversize             `json:"oversize,omitempty"` // objects of rows longer than the line limit
	DedupeTable *dedupe.TableInfo    `json:"memory,omitempty"`

	// What the catalog stores with the batch, so that the manifest alone suffices to adopt it.
	Declared *declaration `json:"declared,omitempty"` // what makes its events unique, and how its files were read
	Spool    uint64       `json:"spool,omitempty"`    // number of the spool that contained its requests
	Retried  []uint64     `json:"retried,omitempty"`  // batches whose quarantine it retried

	// Retractions is the number of the last retraction when the batch was sealed. It shows that a retraction was made if an older catalog lacks it.
	Retractions uint64   `json:"retractions,omitempty"`
	GivenUp     *GivenUp `json:"given_up,omitempty"` // set on an empty batch that replaces a missing one

	excluded exclusion
}

// Oversize describes the objects of rows that are longer than the line limit. Batches of earlier versions contain only their names.
type Oversize []object.Description

// UnmarshalJSON reads descriptions, or names alone.
func (o *Oversize) UnmarshalJSON(text []byte) error {
	var names []string
	if json.Unmarshal(text, &names) != nil {
		return json.Unmarshal(text, (*[]object.Description)(o))
	}
	*o = nil
	for _, name := range names {
		*o = append(*o, object.Description{Name: name})
	}
	return nil
}

// File is one file that a stream ingested.
type File struct {
	Number uint64     `json:"file"` // from 1 within the stream
	Name   string     `json:"name"`
	Digest string     `json:"digest"` // SHA-256 of the file; empty if it was received in requests
	Bytes  int64      `json:"bytes"`
	Batch  uint64     `json:"batch"`
	Rows   int64      `json:"rows"`
	Header string     `json:"header,omitempty"` // of a CSV file; a retry reads its rows with it
	Format string     `json:"format,omitempty"` // if it is not the stream's: requests are JSON lines in every stream
	Parts  []FilePart `json:"parts,omitempty"`  // the files it was assembled from, if there are several
	Broken bool       `json:"broken,omitempty"` // it could not be read to its end; ingested again, it is read again

	// Again marks a file that was ingested before and read again because of a retraction. The catalog knows the first one by its digest.
	Again bool `json:"again,omitempty"`
}

// FilePart says which file the following rows are from, up to the next part.
type FilePart struct {
	Row  int64  `json:"row"` // the first row of the part
	Name string `json:"name"`
}

// At returns the name of the part that a row is from, and the row within that part.
func (f *File) At(row int64) (string, int64) {
	next, _ := slices.BinarySearchFunc(f.Parts, row, func(p FilePart, row int64) int { return cmp.Compare(p.Row, row+1) })
	if next == 0 {
		return f.Name, row
	}
	part := f.Parts[next-1]
	return part.Name, row - part.Row + 1
}

// streamState is the catalog's document of a stream.
type streamState struct {
	Batches uint64 `json:"batches"`
	Files   uint64 `json:"files"`
	Merges  uint64 `json:"merges"`           // compactions of the dedupe index so far; they number its objects
	Spools  uint64 `json:"spools,omitempty"` // the last spool of live intake that was sealed
	Opened  uint64 `json:"opened,omitempty"` // the last spool that was begun; if it is greater than Spools, its file must exist
	Listed  uint64 `json:"listed,omitempty"` // the first batch for which rows in quarantine are listed in the catalog

	Retractions uint64 `json:"retractions,omitempty"` // number of the last one
	Unindexed   int64  `json:"unindexed,omitempty"`   // retracted events that the last rebuild of the dedupe index left out

	CountedTwice []countedTwice `json:"doubles,omitempty"` // pairs of events with one id that both counted at the last rebuild of the dedupe index
	Window       time.Duration  `json:"window,omitempty"`  // the shortest dedupe window that batches were sealed with; 0 is forever

	Columns      []Definition       `json:"columns"`
	DedupeTables []dedupe.TableInfo `json:"memory"`

	// Identity is the check value of the key of the dedupe index; empty for an index of an older project, which has no key. Dropped names objects of
	// the index that were replaced and may still exist.
	Identity string       `json:"identity,omitempty"`
	Dropped  []string     `json:"dropped,omitempty"`
	Declared *declaration `json:"declared,omitempty"` // nil until a batch is sealed by a version that stores it
	Versions bool         `json:"versions,omitempty"` // the index knows events by id and content, because the stream keeps versions
}

// rejectedKey lists a batch whose quarantine was not retried yet.
func rejectedKey(stream string, batch uint64) string {
	return fmt.Sprintf("rejected/%s/%08d", stream, batch)
}

func streamKey(stream string) string              { return "stream/" + stream }
func batchKey(stream string, batch uint64) string { return fmt.Sprintf("batch/%s/%08d", stream, batch) }
func fileKey(stream, digest string) string        { return "file/" + stream + "/" + digest }
func fileSizeKey(stream string, size int64) string {
	return fmt.Sprintf("filesize/%s/%d", stream, size)
}

func fileNumberPrefix(stream string) string { return "filenumber/" + stream + "/" }
func fileNumberKey(stream string, n uint64) string {
	return fmt.Sprintf("%s%08d", fileNumberPrefix(stream), n)
}

func batchesPrefix(stream string) string { return "streams/" + stream + "/batches/" }

func prefix(stream string, batch uint64) string {
	return fmt.Sprintf("%s%08d/", batchesPrefix(stream), batch)
}

// idsObject is the name of a batch's table of the dedupe index, below its prefix.
const idsObject = "ids"

// Batches returns a stream's batches numbered above after, in order.
func Batches(ctx context.Context, c catalog.Catalog, stream string, after uint64) ([]Batch, error) {
	var batches []Batch
	err := c.View(ctx, func(tx catalog.Tx) error {
		batches = nil
		return tx.ListAfter("batch/"+stream+"/", batchKey(stream, after), func(_ string, value json.RawMessage) error {
			var b Batch
			if err := json.Unmarshal(value, &b); err != nil {
				return err
			}
			batches = append(batches, b)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list batches of %s: %w", stream, err)
	}
	return batches, nil
}

// GetBatch reads one batch within a transaction.
func GetBatch(tx catalog.Tx, stream string, batch uint64) (Batch, error) {
	var b Batch
	ok, err := tx.Get(batchKey(stream, batch), &b)
	if err == nil && !ok {
		err = fmt.Errorf("batch %d of %s is not in the catalog", batch, stream)
	}
	return b, err
}

// FindFile returns a file by its number within the stream.
func FindFile(ctx context.Context, c catalog.Catalog, stream string, number uint64) (file File, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		ok, err := tx.Get(fileNumberKey(stream, number), &file)
		if err == nil && !ok {
			err = fmt.Errorf("file %d of stream %s is not in the catalog", number, stream)
		}
		return err
	})
	return file, err
}

// Sealed returns how many batches a stream has. They are numbered from 1 without gaps.
func Sealed(tx catalog.Tx, stream string) (uint64, error) {
	var state streamState
	_, err := tx.Get(streamKey(stream), &state)
	return state.Batches, err
}

// LastFile returns the number of the last file that a stream ingested; 0 if there is none.
func LastFile(tx catalog.Tx, stream string) (uint64, error) {
	var state streamState
	_, err := tx.Get(streamKey(stream), &state)
	return state.Files, err
}

// HasAccepted reports whether any batch of files or requests contains events. Batches that retried a quarantine do not count.
func HasAccepted(tx catalog.Tx, stream string) (bool, error) {
	err := tx.List("batch/"+stream+"/", func(_ string, value json.RawMessage) error {
		var b Batch
		if err := json.Unmarshal(value, &b); err != nil {
			return err
		}
		if b.Accepted > 0 && len(b.Retried) == 0 {
			return failure.ErrStop
		}
		return nil
	})
	if errors.Is(err, failure.ErrStop) {
		return true, nil
	}
	return false, err
}

// SealedSpools returns the number of the last spool of a stream that was sealed. Spools above it contain acknowledged events that are in no
// batch yet.
func SealedSpools(ctx context.Context, c catalog.Catalog, stream string) (uint64, error) {
	var state streamState
	err := c.View(ctx, func(tx catalog.Tx) error {
		_, err := tx.Get(streamKey(stream), &state)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read state of stream %s: %w", stream, err)
	}
	return state.Spools, nil
}
