// Retractions as they are stored: what of a stream's sealed batches is left out of every view, since when and why.

package event

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// Retraction leaves a sealed batch, or one event of it, out of every view, or takes an earlier retraction back. It is a catalog
// document, and an object beside the stream's batches. Like these it is never changed (rule 3).
type Retraction struct {
	Stream string `json:"stream"`
	Number uint64 `json:"retraction"`       // from 1 within the stream
	Undoes uint64 `json:"undoes,omitempty"` // the retraction that this one takes back; 0 is none

	// GivenUp is a retraction that was lost, and whose place this one takes: it is of no batch and changes nothing.
	GivenUp *GivenUp `json:"given_up,omitempty"`

	Batch  uint64    `json:"batch"`
	Event  string    `json:"event,omitempty"` // the id of the only event that is left out, as JSON; empty is the whole batch
	File   uint64    `json:"file,omitempty"`  // where that event was read, as its hidden columns say
	Row    int64     `json:"row,omitempty"`
	For    *Place    `json:"for,omitempty"` // the row out of quarantine that was accepted in the event's place
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`

	// Control totals of what is left out, as for a batch.
	Events      int64             `json:"events"`
	Totals      Totals            `json:"totals"`
	Definitions map[string]string `json:"definitions,omitempty"`
	Digest      string            `json:"digest"`

	// Files is how many files the stream had taken in by then. What these had of the same ids was set aside as known.
	Files uint64 `json:"files"`
}

// What names what a retraction leaves out.
func (r *Retraction) What() string {
	if r.Event != "" {
		return fmt.Sprintf("event %s of batch %d of %s", r.Event, r.Batch, r.Stream)
	}
	return fmt.Sprintf("batch %d of %s", r.Batch, r.Stream)
}

// sameTarget reports whether two retractions are of the same batch or event.
func (r *Retraction) sameTarget(o *Retraction) bool {
	return r.Batch == o.Batch && (r.Event == "") == (o.Event == "") && r.File == o.File && r.Row == o.Row
}

func retractionPrefix(stream string) string { return "retraction/" + stream + "/" }

func retractionBatchPrefix(stream string, batch uint64) string {
	return fmt.Sprintf("%s%08d/", retractionPrefix(stream), batch)
}

func retractionKey(r *Retraction) string {
	return fmt.Sprintf("%s%08d", retractionBatchPrefix(r.Stream, r.Batch), r.Number)
}

func retractionObjects(stream string) string { return "streams/" + stream + "/retractions/" }

func retractionName(stream string, number uint64) string {
	return fmt.Sprintf("%s%08d.json", retractionObjects(stream), number)
}

// listRetractions reads those below a prefix with numbers up to one, in the order of their numbers.
func listRetractions(tx catalog.Tx, prefix string, until uint64) (list []Retraction, err error) {
	err = tx.List(prefix, func(_ string, value json.RawMessage) error {
		var r Retraction
		if err := json.Unmarshal(value, &r); err != nil {
			return err
		}
		if r.Number <= until {
			list = append(list, r)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Retraction) int { return cmp.Compare(a.Number, b.Number) })
	return list, err
}

// active are those of a list that none of it takes back.
func active(list []Retraction) (left []Retraction) {
	undone := map[uint64]bool{}
	for i := range list {
		undone[list[i].Undoes] = true
	}
	for _, r := range list {
		if r.Undoes == 0 && r.GivenUp == nil && !undone[r.Number] {
			left = append(left, r)
		}
	}
	return left
}

const noLimit = ^uint64(0)

// Retractions lists what is left out of a stream's views.
func Retractions(ctx context.Context, c catalog.Catalog, stream string) (list []Retraction, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		list, err = activeOf(tx, stream)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list retractions of %s: %w", stream, err)
	}
	return list, nil
}

// activeOf is Retractions within a transaction.
func activeOf(tx catalog.Tx, stream string) ([]Retraction, error) {
	if last, err := LastRetraction(tx, stream); err != nil || last == 0 {
		return nil, err
	}
	list, err := listRetractions(tx, retractionPrefix(stream), noLimit)
	return active(list), err
}

// LastRetraction is the number of a stream's last retraction; 0 is none. They are numbered from 1 without gaps.
func LastRetraction(tx catalog.Tx, stream string) (uint64, error) {
	var state streamState
	_, err := tx.Get(streamKey(stream), &state)
	return state.Retractions, err
}

// RetractedSince names what retractions numbered above since have changed of the batches up to one: of which they leave out something
// else than those up to since do.
func RetractedSince(tx catalog.Tx, stream string, since, batch uint64) (changed []string, err error) {
	list, err := listRetractions(tx, retractionPrefix(stream), noLimit)
	if err != nil {
		return nil, err
	}
	now := active(list)
	before := active(slices.DeleteFunc(slices.Clone(list), func(r Retraction) bool { return r.Number > since }))
	for _, lists := range [][2][]Retraction{{now, before}, {before, now}} {
		for i := range lists[0] {
			r := &lists[0][i]
			if r.Batch > batch || slices.ContainsFunc(lists[1], func(o Retraction) bool { return o.sameTarget(r) }) {
				continue
			}
			state := " is retracted"
			if r.Number <= since {
				state = " is not retracted any more"
			}
			changed = append(changed, r.What()+state)
		}
	}
	return changed, nil
}

func encodeRetraction(r *Retraction) ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	return appendChecksum(bytes.TrimSuffix(text, []byte("\n}"))), nil
}

// decodeRetraction reads the text of a stream's object.
func decodeRetraction(text []byte, stream string, number uint64) (r Retraction, err error) {
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("it is not a retraction: %w", err)
	}
	at := bytes.LastIndex(text, []byte(checksumMember))
	switch {
	case at < 0 || !bytes.Equal(text, appendChecksum(text[:at])):
		err = errors.New("its checksum is not that of its content")
	case r.Stream != stream || r.Number != number:
		err = fmt.Errorf("it is retraction %d of %s", r.Number, r.Stream)
	}
	return r, err
}

func readRetraction(ctx context.Context, store object.Store, stream string, number uint64) (r Retraction, err error) {
	name := retractionName(stream, number)
	text, err := readObject(ctx, store, name)
	if err != nil {
		return r, err
	}
	if r, err = decodeRetraction(text, stream, number); err != nil {
		err = failure.Wrap(failure.Data, fmt.Errorf("read %s: %w", name, err))
	}
	return r, err
}

// writeRetraction writes the object of a retraction that the catalog holds.
func (in *Intake) writeRetraction(ctx context.Context, r *Retraction) error {
	text, err := encodeRetraction(r)
	if err != nil {
		return err
	}
	out, err := in.Objects.Create(ctx, retractionName(r.Stream, r.Number))
	if err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return errors.Join(err, out.Abort())
	}
	return out.Commit()
}

// ensureRetraction writes the object of a stream's last retraction if a process died between the catalog's transaction and it.
func (in *Intake) ensureRetraction(ctx context.Context, stream string, last uint64) error {
	if last == 0 {
		return nil
	}
	there, err := hasObject(ctx, in.Objects, retractionName(stream, last))
	if err != nil || there {
		return err
	}
	var list []Retraction
	err = in.Catalog.View(ctx, func(tx catalog.Tx) error {
		list, err = listRetractions(tx, retractionPrefix(stream), last)
		return err
	})
	if err != nil || len(list) == 0 {
		return err
	}
	return in.writeRetraction(ctx, &list[len(list)-1])
}
