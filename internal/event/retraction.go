// Stored retractions and what was given up: what is excluded from the views of a stream's sealed batches, since when and why.

package event

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/catalog"
)

// Retraction excludes a sealed batch, or one event of it, from every view, or takes an earlier retraction back. It is a catalog document, and an
// object beside the stream's batches. Like these it never changes (rule 3).
type Retraction struct {
	Stream string `json:"stream"`
	Number uint64 `json:"retraction"`       // from 1 within the stream
	Undoes uint64 `json:"undoes,omitempty"` // the retraction that this one takes back; 0 is none

	// GivenUp is set on a retraction without effect that replaces a missing one; it refers to no batch.
	GivenUp *GivenUp `json:"given_up,omitempty"`

	Batch  uint64    `json:"batch"`
	Event  string    `json:"event,omitempty"` // the id of the only event that is excluded, as JSON; empty is the whole batch
	File   uint64    `json:"file,omitempty"`  // where that event was read, as in its hidden columns
	Row    int64     `json:"row,omitempty"`
	For    *Place    `json:"for,omitempty"` // the row out of quarantine that was accepted instead of the event
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`

	// Control totals of what is excluded, as for a batch.
	Events      int64             `json:"events"`
	Totals      Totals            `json:"totals"`
	Definitions map[string]string `json:"definitions,omitempty"`
	Digest      string            `json:"digest"`

	// Files is how many files the stream had ingested. Their rows with the same ids were set aside as duplicates.
	Files uint64 `json:"files"`
}

// What names what a retraction excludes.
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

// PutRetraction writes the catalog document of a retraction.
func PutRetraction(tx catalog.Tx, r *Retraction) error {
	return tx.Put(fmt.Sprintf("%s/%08d", retractionKind.key(r.Stream, r.Batch), r.Number), r)
}

// listRetractions reads the retractions below a prefix with numbers up to until, in order.
func listRetractions(tx catalog.Tx, prefix string, until uint64) ([]Retraction, error) {
	list, err := catalog.All[Retraction](tx, prefix, "")
	list = slices.DeleteFunc(list, func(r Retraction) bool { return r.Number > until })
	slices.SortFunc(list, func(a, b Retraction) int { return cmp.Compare(a.Number, b.Number) })
	return list, err
}

// active returns the retractions that no other one takes back.
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

// Retractions returns what is excluded from a stream's views.
func Retractions(ctx context.Context, c catalog.Catalog, stream string) ([]Retraction, error) {
	return read(ctx, c, "list retractions of "+stream, func(tx catalog.Tx) ([]Retraction, error) { return activeOf(tx, stream) })
}

// activeOf is Retractions within a transaction.
func activeOf(tx catalog.Tx, stream string) ([]Retraction, error) {
	if last, err := LastRetraction(tx, stream); err != nil || last == 0 {
		return nil, err
	}
	list, err := listRetractions(tx, retractionKind.prefix(stream), noLimit)
	return active(list), err
}

// RetractionsOf returns what is excluded from the views of one batch.
func RetractionsOf(tx catalog.Tx, stream string, batch uint64) ([]Retraction, error) {
	list, err := listRetractions(tx, retractionKind.key(stream, batch)+"/", noLimit)
	return active(list), err
}

// LastRetraction returns the number of a stream's last retraction; 0 is none. They are numbered from 1 without gaps.
func LastRetraction(tx catalog.Tx, stream string) (uint64, error) {
	state, err := GetState(tx, stream)
	return state.Retractions, err
}

// RetractedSince describes how the retractions numbered above since change what is excluded from the batches up to one.
func RetractedSince(tx catalog.Tx, stream string, since, batch uint64) (changed []string, err error) {
	list, err := listRetractions(tx, retractionKind.prefix(stream), noLimit)
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
				state = " is no longer retracted"
			}
			changed = append(changed, r.What()+state)
		}
	}
	return changed, nil
}

// LastRetractionOf returns the last retraction of the same batch or event, or nil.
func (st *Store) LastRetractionOf(ctx context.Context, r *Retraction) (last *Retraction, err error) {
	list, err := catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) ([]Retraction, error) {
		return listRetractions(tx, retractionKind.key(r.Stream, r.Batch)+"/", noLimit)
	})
	for i := range list {
		if list[i].sameTarget(r) {
			last = &list[i]
		}
	}
	return last, err
}

// AllRetractions returns all retractions of a stream in the catalog, in order.
func AllRetractions(ctx context.Context, c catalog.Catalog, stream string) ([]Retraction, error) {
	return read(ctx, c, "list retractions of "+stream, func(tx catalog.Tx) ([]Retraction, error) {
		return listRetractions(tx, retractionKind.prefix(stream), noLimit)
	})
}

// KnownRetractions returns the numbers of the retractions in the catalog, sorted. The documents' keys end with them.
func (st *Store) KnownRetractions(ctx context.Context, stream string) ([]uint64, error) {
	return read(ctx, st.Catalog, "list retractions of "+stream, func(tx catalog.Tx) (numbers []uint64, err error) {
		err = tx.List(retractionKind.prefix(stream), func(key string, _ json.RawMessage) error {
			number, err := strconv.ParseUint(key[strings.LastIndexByte(key, '/')+1:], 10, 64)
			numbers = append(numbers, number)
			return err
		})
		slices.Sort(numbers)
		return numbers, err
	})
}

// Undone is a retraction that was taken back: what it excluded counts again.
type Undone struct {
	Stream string    `json:"stream"`
	Batch  uint64    `json:"batch"`
	Event  string    `json:"event,omitempty"` // the id of the only event that it excluded, as JSON; empty is the whole batch
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Undone time.Time `json:"undone"`
}

// What names what was excluded.
func (u *Undone) What() string {
	return (&Retraction{Stream: u.Stream, Batch: u.Batch, Event: u.Event}).What()
}

// UndoneRetractions returns the retractions of a stream that were taken back, oldest first.
func UndoneRetractions(ctx context.Context, c catalog.Catalog, stream string) (undone []Undone, err error) {
	list, err := AllRetractions(ctx, c, stream)
	for i := range list {
		r := &list[i]
		if undo := slices.IndexFunc(list, func(o Retraction) bool { return o.Undoes == r.Number }); undo >= 0 {
			undone = append(undone, Undone{Stream: stream, Batch: r.Batch, Event: r.Event, Reason: r.Reason, At: r.At, Undone: list[undo].At})
		}
	}
	return undone, err
}

// plainArgument matches ids that need no quotes in a shell.
var plainArgument = regexp.MustCompile(`^"?\w[\w.:/-]*"?$`)

// ShellArgument quotes an id for a shell.
func ShellArgument(id string) string {
	if plainArgument.MatchString(id) {
		return strings.Trim(id, `"`)
	}
	return "'" + strings.ReplaceAll(id, "'", `'\''`) + "'"
}

// GivenUp is a batch or a retraction that was given up: a catalog document.
type GivenUp struct {
	Stream     string    `json:"stream"`
	Batch      uint64    `json:"batch,omitempty"`
	Retraction uint64    `json:"retraction,omitempty"` // instead of a batch
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"`
}

// What names what was given up, in the syntax of `bursar repair --give-up`.
func (g *GivenUp) What() string {
	if g.Retraction > 0 {
		return fmt.Sprintf("retraction %d of %s", g.Retraction, g.Stream)
	}
	return fmt.Sprintf("batch %d of %s", g.Batch, g.Stream)
}

// Put writes the document.
func (g *GivenUp) Put(tx catalog.Tx) error {
	return tx.Put(fmt.Sprintf("%s-%08d", givenUpKind.key(g.Stream, g.Batch), g.Retraction), g)
}

// ListGivenUp returns what was given up of a stream.
func ListGivenUp(ctx context.Context, c catalog.Catalog, stream string) ([]GivenUp, error) {
	return read(ctx, c, fmt.Sprintf("list what of %s was given up", stream), func(tx catalog.Tx) ([]GivenUp, error) {
		return catalog.All[GivenUp](tx, givenUpKind.prefix(stream), "")
	})
}

// GivenUpSince returns what was given up of a stream, without what is named and without batches numbered above batch.
func GivenUpSince(tx catalog.Tx, stream string, named []string, batch uint64) (names []string, err error) {
	list, err := catalog.All[GivenUp](tx, givenUpKind.prefix(stream), "")
	if err != nil {
		return nil, fmt.Errorf("read what of %s was given up: %w", stream, err)
	}
	for _, g := range list {
		if what := g.What(); g.Batch <= batch && !slices.Contains(named, what) {
			names = append(names, what)
		}
	}
	return names, nil
}
