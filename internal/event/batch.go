// Package event takes files of a stream in and seals them as batches: it parses, checks against the schema, sets
// duplicates aside, keeps bad rows in quarantine, and computes control totals. It owns the batches, their manifests and
// objects, the dedupe index and the quarantine. A batch is sealed by one catalog transaction, so that a crash
// before it leaves nothing and after it everything (rules 1 and 3). It must not know of pipelines.
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
	Extra       int64                `json:"extra,omitempty"` // values of unknown properties, kept out
	Totals      Totals               `json:"totals"`
	Definitions map[string]string    `json:"definitions,omitempty"` // of each total, as it was declared
	Digest      string               `json:"digest"`                // order-free, of the accepted rows' typed columns
	Columns     []Definition         `json:"columns"`
	Files       []File               `json:"files"`
	Objects     []object.Description `json:"objects"`
	Quarantine  *object.Description  `json:"quarantine,omitempty"`
	Oversize    Oversize             `json:"oversize,omitempty"` // objects of rows longer than a line may be
	DedupeTable *dedupe.TableInfo    `json:"memory,omitempty"`

	// What the catalog learns with the batch, so that the manifest alone is enough to adopt it.
	Declared *declaration `json:"declared,omitempty"` // what makes its events unique, and how its files were read
	Spool    uint64       `json:"spool,omitempty"`    // the spool that its requests lay in
	Retried  []uint64     `json:"retried,omitempty"`  // batches whose quarantine it took up

	// Retractions is the last retraction when it was sealed, so that one which is lost with an older catalog is known to have been made.
	Retractions uint64   `json:"retractions,omitempty"`
	GivenUp     *GivenUp `json:"given_up,omitempty"` // a batch that was lost, and whose place this empty one takes

	excluded exclusion
}

// Oversize describes the objects of rows that are longer than a line may be. Batches of earlier versions only name them.
type Oversize []object.Description

// UnmarshalJSON reads descriptions, and names alone.
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

// File is one file that a stream took in.
type File struct {
	Number uint64     `json:"file"` // from 1 within the stream
	Name   string     `json:"name"`
	Digest string     `json:"digest"` // SHA-256 of the file as it was handed in; empty where it was received in requests
	Bytes  int64      `json:"bytes"`
	Batch  uint64     `json:"batch"`
	Rows   int64      `json:"rows"`
	Header string     `json:"header,omitempty"` // of a CSV file: what a retry of its rows is read by
	Format string     `json:"format,omitempty"` // where it is not the stream's: requests are JSON lines in every stream
	Parts  []FilePart `json:"parts,omitempty"`  // that it was put together from, where there are several
	Broken bool       `json:"broken,omitempty"` // it could not be read to its end: handed in again, it is read again

	// Again is a file that was taken in before, and read again as something was retracted since: the first is the one that is known.
	Again bool `json:"again,omitempty"`
}

// FilePart is where a file's rows are from, up to the next part.
type FilePart struct {
	Row  int64  `json:"row"` // the first of them
	Name string `json:"name"`
}

// At is where a row of the file is from: the name of its part, and the row within that.
func (f *File) At(row int64) (string, int64) {
	next, _ := slices.BinarySearchFunc(f.Parts, row, func(p FilePart, row int64) int { return cmp.Compare(p.Row, row+1) })
	if next == 0 {
		return f.Name, row
	}
	part := f.Parts[next-1]
	return part.Name, row - part.Row + 1
}

// streamState is what the catalog keeps of a stream.
type streamState struct {
	Batches uint64 `json:"batches"`
	Files   uint64 `json:"files"`
	Merges  uint64 `json:"merges"`           // compactions of the dedupe index so far: they name its objects
	Spools  uint64 `json:"spools,omitempty"` // the last spool of live intake that was sealed
	Opened  uint64 `json:"opened,omitempty"` // the last spool that was begun: beyond Spools it must be there
	Listed  uint64 `json:"listed,omitempty"` // the first batch that is listed when it has rows in quarantine

	Retractions uint64 `json:"retractions,omitempty"` // the last one
	Unindexed   int64  `json:"unindexed,omitempty"`   // retracted events that the dedupe index was made without

	CountedTwice []countedTwice `json:"doubles,omitempty"` // events of one id that both counted when the dedupe index was made
	Window       time.Duration  `json:"window,omitempty"`  // the shortest dedupe window that batches were sealed with; 0 is none

	Columns      []Definition       `json:"columns"`
	DedupeTables []dedupe.TableInfo `json:"memory"`

	// Identity is the check value of the key that the dedupe index's digests are made with; empty for those of an older
	// project, which have none. Dropped are objects of the index that others have replaced: they may still be there.
	Identity string       `json:"identity,omitempty"`
	Dropped  []string     `json:"dropped,omitempty"`
	Declared *declaration `json:"declared,omitempty"` // nil until a batch is sealed by a version that remembers it
	Versions bool         `json:"versions,omitempty"` // the dedupe index knows events by id and content: it is of a stream that keeps versions
}

// rejectedKey lists a batch among those whose quarantine nobody has taken up.
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

// idsObject is a batch's table of the dedupe index, below its prefix.
const idsObject = "ids"

// Batches lists a stream's batches numbered above after, in order.
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

// GetBatch reads one batch's manifest within a transaction.
func GetBatch(tx catalog.Tx, stream string, batch uint64) (Batch, error) {
	var b Batch
	ok, err := tx.Get(batchKey(stream, batch), &b)
	if err == nil && !ok {
		err = fmt.Errorf("batch %d of %s is not in the catalog", batch, stream)
	}
	return b, err
}

// FindFile reads what is known of a file by its number within the stream.
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

// Sealed is how many batches a stream has: they are numbered from 1 without gaps.
func Sealed(tx catalog.Tx, stream string) (uint64, error) {
	var state streamState
	_, err := tx.Get(streamKey(stream), &state)
	return state.Batches, err
}

// LastFile is the number of the last file that a stream took rows of; 0 where there is none.
func LastFile(tx catalog.Tx, stream string) (uint64, error) {
	var state streamState
	_, err := tx.Get(streamKey(stream), &state)
	return state.Files, err
}

// errFound ends a list once what was looked for is found.
var errFound = errors.New("found")

// HasAccepted reports whether a stream accepted any event when its file was handed in, rather than out of its quarantine.
func HasAccepted(tx catalog.Tx, stream string) (bool, error) {
	err := tx.List("batch/"+stream+"/", func(_ string, value json.RawMessage) error {
		var b Batch
		if err := json.Unmarshal(value, &b); err != nil {
			return err
		}
		if b.Accepted > 0 && len(b.Retried) == 0 {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}

// SealedSpools is the number of the last spool of a stream's requests that was sealed; those above it hold events that were
// acknowledged and are in no batch.
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
