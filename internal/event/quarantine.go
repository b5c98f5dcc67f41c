// Quarantine: rejected rows of batches, as they are stored and read.

package event

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/object"

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
	batches, _, left, err := OpenQuarantines(ctx, c, stream)
	if err != nil {
		return err
	}
	dismissed, err := Dismissals(ctx, c, stream)
	if err != nil {
		return err
	}
	return EachRejected(ctx, store, batches, func(row Rejected) error {
		if out, err := left.Has(ctx, row.Number); out || err != nil {
			return err
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
