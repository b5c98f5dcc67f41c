// Quarantine: rejected rows of batches, and those of them that a person marked as resolved, as they are stored and read.

package event

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"

	"github.com/klauspost/compress/zstd"
)

// Rejected is a row in quarantine, complete, with the reason.
type Rejected struct {
	Batch  uint64 `json:"batch"`
	File   string `json:"file"`
	Number uint64 `json:"number"` // of the file within the stream
	Row    int64  `json:"row"`
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
	Raw    string `json:"raw"`              // the row as it was in the file
	Bytes  []byte `json:"bytes,omitempty"`  // instead of Raw if the row is not UTF-8
	Object string `json:"object,omitempty"` // instead of Raw if the row is longer than the line limit: the object that contains it

	Request string `json:"request,omitempty"` // digest of the request that brought the row, if that identifies it
	Line    int64  `json:"line,omitempty"`    // of the row in its request; 0 for rows of files

	Occurrence uint32 `json:"occurrence,omitempty"` // of the row's content in its file or request, if that identifies the row

	Accepted *Place `json:"accepted,omitempty"` // of a conflict: where the event was read that has the row's id

	Dismissed *Dismissal `json:"-"` // nil until the row is dismissed
}

// Place returns the file and row within the stream, which do not change in a retry.
func (r *Rejected) Place() Place { return Place{r.Number, r.Row} }

// Conflict reports whether the row's id was accepted before with other values.
func (r *Rejected) Conflict() bool { return strings.HasPrefix(r.Reason, ConflictReason) }

// ListedRow is a row in quarantine as the command and the API list it.
type ListedRow struct {
	Ref    string `json:"ref"`   // names the row within the stream
	Batch  uint64 `json:"batch"` // the batch whose quarantine contains the row: that of its file, or of the last retry
	File   string `json:"file"`
	Row    int64  `json:"row"`
	Place  string `json:"place,omitempty"` // for a row of a statement: line:column in the file
	Column string `json:"column"`
	Reason string `json:"reason"`
	Raw    string `json:"raw"`
	Bytes  []byte `json:"bytes,omitempty"`  // instead of raw if the row is not UTF-8, as base64
	Object string `json:"object,omitempty"` // instead of raw if the row is longer than the limit for lines
}

// ListedDismissal says since when and why a row counts as resolved.
type ListedDismissal struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Listed returns the row without a place in a statement, and its dismissal, or nil.
func (r *Rejected) Listed() (ListedRow, *ListedDismissal) {
	row := ListedRow{
		Ref: r.Place().String(), Batch: r.Batch, File: r.File, Row: r.Row, Column: r.Column, Reason: r.Reason,
		Raw: r.Raw, Bytes: r.Bytes, Object: r.Object,
	}
	if d := r.Dismissed; d != nil {
		return row, &ListedDismissal{d.Reason, d.At}
	}
	return row, nil
}

// RefusedProperty is the property in which the reader of a built-in stream's file reports why a row cannot be ingested: an object with column and
// reason. Such a row is unreadable for intake as well, which does not know the file.
const RefusedProperty = "refused"

// ApplyRefusal takes over the reason reported by the reader of the file, if there is one.
func (r *Rejected) ApplyRefusal(raw []byte) {
	var content struct {
		Refused struct{ Column, Reason string }
	}
	if err := json.Unmarshal(raw, &content); err == nil && content.Refused.Reason != "" {
		r.Column, r.Reason = content.Refused.Column, content.Refused.Reason
	}
}

// Quarantine calls each for every row of the stream in quarantine, batch by batch, including dismissed rows.
func Quarantine(ctx context.Context, c catalog.Catalog, store object.Store, stream string, each func(Rejected) error) error {
	batches, _, out, err := OpenQuarantines(ctx, c, stream)
	if err != nil {
		return err
	}
	dismissed, err := Dismissals(ctx, c, stream)
	if err != nil {
		return err
	}
	return EachRejected(ctx, store, batches, func(row Rejected) error {
		if out[row.Number] {
			return nil
		}
		if d, is := dismissed[row.Place()]; is {
			row.Dismissed = &d
		}
		return each(row)
	})
}

// EachRejected calls each for every row in the quarantines of batches.
func EachRejected(ctx context.Context, store object.Store, batches []Batch, each func(Rejected) error) error {
	for _, b := range batches {
		if err := ReadQuarantine(ctx, store, b.Quarantine.Name, each); err != nil {
			return fmt.Errorf("read quarantine of batch %d of %s: %w", b.Batch, b.Stream, err)
		}
	}
	return nil
}

// ReadQuarantine calls each for every row of an object of a batch's quarantine.
func ReadQuarantine(ctx context.Context, store object.Store, name string, each func(Rejected) error) error {
	in, err := store.Open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	zip, err := zstd.NewReader(bufio.NewReader(io.NewSectionReader(in, 0, in.Size())), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer zip.Close()
	rows := json.NewDecoder(zip)
	for {
		var row Rejected
		if err := rows.Decode(&row); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

// ConflictReason begins the reason of a row whose id was accepted with other values.
const ConflictReason = "conflict: "

// Dismissal says that a row in quarantine counts as resolved. It is a catalog document and stays with the row through retries.
type Dismissal struct {
	Stream string `json:"stream"`
	Place
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func dismissalKey(stream string, row Place) string {
	return fmt.Sprintf("%s/%012d", dismissedKind.key(stream, row.File), row.Row)
}

// DeleteDismissal deletes the dismissal of a row.
func DeleteDismissal(tx catalog.Tx, stream string, row Place) error {
	return tx.Delete(dismissalKey(stream, row))
}

// DismissOptions say which row is dismissed and why.
type DismissOptions struct {
	Row    Place
	Undo   bool // takes a dismissal back
	Reason string
}

// Dismissed is the outcome of one call of Dismiss.
type Dismissed struct {
	Dismissal
	Ref     string `json:"ref"` // of the row, as the quarantine lists it
	Undone  bool   `json:"undone"`
	Already bool   `json:"already"` // it was so before, and nothing was written
}

// Dismiss marks a row in quarantine as resolved, or takes that back. The caller must hold the stream exclusively.
func (st *Store) Dismiss(ctx context.Context, s *project.Stream, o DismissOptions) (Dismissed, error) {
	known, err := st.dismissal(ctx, s.Name, o.Row)
	switch {
	case err != nil:
		return Dismissed{}, err
	case o.Undo:
		return st.undoDismissal(ctx, s.Name, o.Row, known)
	case known != nil:
		return Dismissed{Dismissal: *known, Ref: o.Row.String(), Already: true}, nil
	}
	if _, _, err := st.FindRejected(ctx, s.Name, o.Row); err != nil {
		return Dismissed{}, err
	}
	d := Dismissal{Stream: s.Name, Place: o.Row, Reason: o.Reason, At: st.Now().UTC().Truncate(time.Microsecond)}
	err = st.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(dismissalKey(s.Name, o.Row), d) })
	if err != nil {
		return Dismissed{}, fmt.Errorf("dismiss row %s of %s: %w", o.Row, s.Name, err)
	}
	return Dismissed{Dismissal: d, Ref: o.Row.String()}, nil
}

// undoDismissal takes a dismissal back, also of a row that has left the quarantine.
func (st *Store) undoDismissal(ctx context.Context, stream string, row Place, known *Dismissal) (Dismissed, error) {
	if known == nil {
		if _, _, err := st.FindRejected(ctx, stream, row); err != nil {
			return Dismissed{}, err
		}
		return Dismissed{}, failure.Wrap(failure.Data, fmt.Errorf("row %s of %s is not dismissed; `bursar quarantine %s --dismissed` lists those that are", row, stream, stream))
	}
	err := st.Catalog.Update(ctx, func(tx catalog.Tx) error { return DeleteDismissal(tx, stream, row) })
	if err != nil {
		return Dismissed{}, fmt.Errorf("undo dismissal of row %s of %s: %w", row, stream, err)
	}
	return Dismissed{Dismissal: *known, Ref: row.String(), Undone: true}, nil
}

// dismissal returns the dismissal of a row, or nil.
func (st *Store) dismissal(ctx context.Context, stream string, row Place) (*Dismissal, error) {
	return catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) (*Dismissal, error) {
		var d Dismissal
		if found, err := tx.Get(dismissalKey(stream, row), &d); err != nil || !found {
			return nil, err
		}
		return &d, nil
	})
}

// Dismissals returns all dismissals of a stream, by row.
func Dismissals(ctx context.Context, c catalog.Catalog, stream string) (all map[Place]Dismissal, err error) {
	list, err := read(ctx, c, "list dismissed rows of "+stream, func(tx catalog.Tx) ([]Dismissal, error) {
		return catalog.All[Dismissal](tx, dismissedKind.prefix(stream), "")
	})
	all = map[Place]Dismissal{}
	for _, d := range list {
		all[d.Place] = d
	}
	return all, err
}
