// Verifies and repairs retractions: the catalog's documents and the objects agree, none is missing, and each excludes what its control totals
// state.

package event

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/project"
)

// RetractionNames returns the objects of a stream's retractions in the catalog.
func (st *Store) RetractionNames(ctx context.Context, stream string) (names []string, err error) {
	list, err := st.allRetractions(ctx, stream)
	for i := range list {
		names = append(names, retractionName(stream, list[i].Number))
	}
	return names, err
}

// allRetractions returns all retractions of a stream in the catalog, in order.
func (st *Store) allRetractions(ctx context.Context, stream string) (list []Retraction, err error) {
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		list, err = listRetractions(tx, retractionPrefix(stream), noLimit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list retractions of %s: %w", stream, err)
	}
	return list, nil
}

// verifyRetractions compares the retractions of the catalog with their objects.
func verifyRetractions(ctx context.Context, st *Store, stream string, state *streamState) error {
	list, err := st.allRetractions(ctx, stream)
	if err != nil {
		return err
	}
	faults := []error{checkRetractions(ctx, st, stream, state)}
	for i := range list {
		faults = append(faults, verifyRetraction(ctx, st, &list[i]))
	}
	if n := uint64(len(list)); n > state.Retractions {
		faults = append(faults, fmt.Errorf("%d retractions of %s are in the catalog, its state counts %d", n, stream, state.Retractions))
	}
	return errors.Join(faults...)
}

// verifyRetraction compares a retraction of the catalog with its object.
func verifyRetraction(ctx context.Context, st *Store, r *Retraction) error {
	stored, err := readRetraction(ctx, st.Objects, r.Stream, r.Number)
	if err == nil && !reflect.DeepEqual(&stored, r) {
		err = fmt.Errorf("%s differs from the catalog", retractionName(r.Stream, r.Number))
	}
	return err
}

// VerifyRetractionTotals checks the control totals of what is excluded against its events, and returns their number. An event that is excluded together
// with its batch counts once.
func VerifyRetractionTotals(ctx context.Context, st *Store, s *project.Stream, batches []Batch) (events int64, faults error) {
	list, err := Retractions(ctx, st.Catalog, s.Name)
	if err != nil {
		return 0, err
	}
	whole := map[uint64]bool{}
	for i := range list {
		whole[list[i].Batch] = whole[list[i].Batch] || list[i].Event == ""
	}
	for i := range list {
		r := &list[i]
		if r.Batch > uint64(len(batches)) {
			return events, fmt.Errorf("%s is retracted but not sealed", r.What())
		}
		if r.Event == "" || !whole[r.Batch] {
			events += r.Events
		}
		if err := recountRetraction(ctx, st, s, &batches[r.Batch-1], r); err != nil {
			faults = errors.Join(faults, fmt.Errorf("retraction of %s: %w", r.What(), err))
		}
	}
	return events, errors.Join(faults, ctx.Err())
}

// recountRetraction compares a retraction with the batch or the event that it excludes.
func recountRetraction(ctx context.Context, st *Store, s *project.Stream, b *Batch, r *Retraction) error {
	if b.GivenUp != nil { // its former content is unknown
		return nil
	}
	if r.Event == "" {
		same := r.Events == b.Accepted && r.Digest == b.Digest
		for name := range b.Totals { // definitions differ for totals that were computed after the seal
			same = same && (r.Definitions[name] != b.Definitions[name] || maps.Equal(r.Totals[name], b.Totals[name]))
		}
		if !same {
			return errors.New("its control totals differ from those of the batch")
		}
		return nil
	}
	session, err := duck.Open(st.Duck)
	if err != nil {
		return err
	}
	defer session.Close()
	now := *r
	if err := st.sumEvent(ctx, session, s, &now); err != nil {
		return err
	}
	if now.Events != r.Events || now.Digest != r.Digest {
		return errors.New("its digest differs from that of the event")
	}
	old, recounted := r.Totals.Now(s), now.Totals.Now(s)
	for name := range recounted {
		if r.Definitions[name] == now.Definitions[name] && !maps.Equal(old[name], recounted[name]) {
			return fmt.Errorf("total %s is %v, not %v", name, recounted[name], old[name])
		}
	}
	return nil
}

// repairRetractions makes the retractions in the catalog and their objects consistent. The batches must be repaired before.
func repairRetractions(ctx context.Context, st *Store, stream string, backup Backup, r *Repaired) error {
	list, err := st.allRetractions(ctx, stream)
	if err != nil {
		return err
	}
	known := map[uint64]*Retraction{}
	last := uint64(0)
	for i := range list {
		known[list[i].Number] = &list[i]
		last = max(last, list[i].Number)
	}
	state, _, err := st.readState(ctx, stream)
	if err != nil {
		return err
	}
	objects, err := st.lastRetractionObject(ctx, stream)
	if err != nil {
		return err
	}
	for number := uint64(1); ; number++ {
		if number > max(last, state.Retractions, objects) {
			// If both the last object and its catalog document are missing, only a copy of the project has it.
			if more, err := restoreRetraction(ctx, stream, number, backup); err != nil || !more {
				return errors.Join(err, restoreCounter(ctx, st, stream, &state, last))
			}
		}
		if err := repairRetraction(ctx, st, stream, number, known[number], backup, r); err != nil {
			return err
		}
	}
}

// restoreCounter restores the number of the last retraction if the stream's state lacks it and the documents do not.
func restoreCounter(ctx context.Context, st *Store, stream string, state *streamState, last uint64) error {
	if state.Retractions >= last {
		return nil
	}
	return st.changeState(ctx, stream, func(s *streamState) { s.Retractions = max(s.Retractions, last) })
}

// restoreRetraction restores the object of a retraction from a copy of the project.
func restoreRetraction(ctx context.Context, stream string, number uint64, backup Backup) (found bool, err error) {
	return backup.File(ctx, retractionName(stream, number), func(text []byte) bool {
		_, err := decodeRetraction(text, stream, number)
		return err == nil
	})
}

// lastRetractionObject returns the highest number among the objects.
func (st *Store) lastRetractionObject(ctx context.Context, stream string) (last uint64, err error) {
	names, err := st.Objects.List(ctx, retractionObjects(stream))
	for _, name := range names {
		number := strings.TrimSuffix(strings.TrimPrefix(name, retractionObjects(stream)), ".json")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			last = max(last, n)
		}
	}
	return last, err
}

// repairRetraction writes the object of a retraction in the catalog, or enters one that the catalog lacks.
func repairRetraction(ctx context.Context, st *Store, stream string, number uint64, known *Retraction, backup Backup, r *Repaired) error {
	if known != nil {
		if verifyRetraction(ctx, st, known) == nil {
			return nil
		}
		if err := st.writeRetraction(ctx, known); err != nil {
			return err
		}
		r.note("wrote retraction %d of %s again", number, stream)
		return nil
	}
	stored, fault := readRetraction(ctx, st.Objects, stream, number)
	if fault != nil {
		found, err := restoreRetraction(ctx, stream, number, backup)
		if err == nil && found {
			stored, err = readRetraction(ctx, st.Objects, stream, number)
		}
		if err != nil {
			return err
		}
		if missing, _ := isMissing(fault); !found && !missing {
			r.Broken = append(r.Broken, fmt.Errorf("read retraction %d of %s: %w", number, stream, fault))
			return ctx.Err()
		}
		if !found {
			r.Broken = append(r.Broken, fmt.Errorf("%w (%w)", &NotInCatalogError{Stream: stream, Retraction: number, Missing: true}, fault))
			return ctx.Err()
		}
	}
	if err := reenterRetraction(ctx, st, &stored); err != nil {
		r.Broken = append(r.Broken, fmt.Errorf("enter retraction %d of %s: %w", number, stream, err))
		return ctx.Err()
	}
	r.note("entered retraction %d of %s in the catalog again", number, stream)
	return nil
}
