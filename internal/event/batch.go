// Batches, their files and objects, and how they are read from the catalog.

package event

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/dedupe"
	"bursar/internal/object"
	"bursar/internal/project"
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

// NextBatch returns the batch after those of a stream's state, without events.
func NextBatch(s *project.Stream, state *StreamState, received time.Time) Batch {
	return Batch{
		Stream: s.Name, Batch: state.Batches + 1, Sealed: received,
		Columns: definitions(s, state.Columns), Definitions: TotalDefinitions(s), Declared: declarationOf(s),
	}
}

// Batches returns a stream's batches numbered above after, in order.
func Batches(ctx context.Context, c catalog.Catalog, stream string, after uint64) ([]Batch, error) {
	return read(ctx, c, "list batches of "+stream, func(tx catalog.Tx) ([]Batch, error) {
		return catalog.All[Batch](tx, batchKind.prefix(stream), batchKind.key(stream, after))
	})
}

// GetBatch reads one batch within a transaction.
func GetBatch(tx catalog.Tx, stream string, batch uint64) (Batch, error) {
	b, ok, err := FindBatch(tx, stream, batch)
	if err == nil && !ok {
		err = fmt.Errorf("batch %d of %s is not in the catalog", batch, stream)
	}
	return b, err
}

// FindFile returns a file by its number within the stream.
func FindFile(ctx context.Context, c catalog.Catalog, stream string, number uint64) (File, error) {
	return catalog.Read(ctx, c, func(tx catalog.Tx) (File, error) {
		file, found, err := GetFile(tx, stream, number)
		if err == nil && !found {
			err = fmt.Errorf("file %d of stream %s is not in the catalog", number, stream)
		}
		return file, err
	})
}

// Sealed returns how many batches a stream has. They are numbered from 1 without gaps.
func Sealed(tx catalog.Tx, stream string) (uint64, error) {
	state, err := GetState(tx, stream)
	return state.Batches, err
}

// LastFile returns the number of the last file that a stream ingested; 0 if there is none.
func LastFile(tx catalog.Tx, stream string) (uint64, error) {
	state, err := GetState(tx, stream)
	return state.Files, err
}

// HasAccepted reports whether any batch of files or requests contains events. Batches that retried a quarantine do not count.
func HasAccepted(tx catalog.Tx, stream string) (bool, error) {
	for b, err := range catalog.Documents[Batch](tx, batchKind.prefix(stream), "") {
		if err != nil || b.Accepted > 0 && len(b.Retried) == 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// FilterStream returns the batches of one stream.
func FilterStream(batches []Batch, stream string) (own []Batch) {
	for _, b := range batches {
		if b.Stream == stream {
			own = append(own, b)
		}
	}
	return own
}

// CheckObjects reads the event objects of batches and compares them with what was sealed, so that a changed byte never becomes a wrong figure.
// Events cannot be recreated from anything else; the remedy is a backup.
func CheckObjects(ctx context.Context, store object.Store, batches []Batch, workers int) error {
	var all []object.Description
	for i := range batches {
		all = append(all, batches[i].Objects...)
	}
	err := object.CheckAll(ctx, store, all, workers)
	if object.IsDamage(err) {
		return fmt.Errorf("read sealed events: %w; `bursar repair --from BACKUP` puts it back from a copy of the project", err)
	}
	return err
}

// Stored describes the objects of a batch that contain rows: events and quarantine.
func (b *Batch) Stored() []object.Description {
	all := slices.Clone(b.Objects)
	if b.Quarantine != nil {
		all = append(all, *b.Quarantine)
	}
	for _, o := range b.Oversize {
		if o.Digest != "" {
			all = append(all, o)
		}
	}
	return all
}

// ObjectNames returns the objects of a batch, including the manifest.
func (b *Batch) ObjectNames() []string {
	names := []string{ManifestName(b.Stream, b.Batch)}
	for _, list := range [][]object.Description{b.Stored(), b.Oversize} {
		for _, o := range list {
			names = append(names, o.Name)
		}
	}
	return names
}

// InKnownBatch reports whether an object is in the folder of a batch in the catalog.
func (st *Store) InKnownBatch(ctx context.Context, object string) (known bool, err error) {
	parts := strings.Split(object, "/")
	if len(parts) < 5 || parts[0] != "streams" || parts[2] != "batches" {
		return false, nil
	}
	if number, invalid := strconv.ParseUint(parts[3], 10, 64); invalid == nil { // a batch's folder has a number
		_, known, err = st.KnownBatch(ctx, parts[1], number)
	}
	return known, err
}

// Streams returns the names of all streams with stored data, including streams that are no longer declared: the catalog contains them, or batches of
// them are among the objects.
func (st *Store) Streams(ctx context.Context) (names []string, err error) {
	found := map[string]bool{}
	err = st.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		for _, kind := range []string{"stream/", "batch/"} {
			err = cmp.Or(err, tx.List(kind, func(key string, _ json.RawMessage) error {
				found[strings.Split(key, "/")[1]] = true
				return nil
			}))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	objects, err := st.Objects.List(ctx, "streams/")
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		if parts := strings.Split(object, "/"); len(parts) == 5 && parts[2] == "batches" && parts[4] == manifestFile {
			found[parts[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
