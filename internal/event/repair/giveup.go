// Giving up missing data: an empty batch replaces one whose events are neither among the objects nor in a backup, and a retraction without effect
// replaces one that is also missing in the catalog. What follows them can then be used.

package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
)

// GiveUp names the missing batches and retractions of a stream to go on without.
type GiveUp struct {
	Batches, Retractions []uint64
	Reason               string
}

// errNotMissing says that something to give up exists, or never existed.
var errNotMissing = failure.Wrap(failure.Data, errors.New("it is not missing; `bursar repair` lists what is"))

// checkGiveUp removes what an earlier, interrupted call has given up, and refuses what is not missing before anything is written. Objects
// in the folder of a missing batch may contain events, so it is refused until they are moved away.
func checkGiveUp(ctx context.Context, st *event.Store, s *project.Stream, last uint64, give GiveUp) (GiveUp, error) {
	done, err := event.ListGivenUp(ctx, st.Catalog, s.Name)
	if err != nil {
		return give, err
	}
	left := GiveUp{Reason: give.Reason}
	for _, number := range give.Batches {
		if slices.ContainsFunc(done, func(g event.GivenUp) bool { return g.Batch == number }) {
			continue
		}
		if err := checkBatchMissing(ctx, st, s, number, last); err != nil {
			return give, fmt.Errorf("give up batch %d of %s: %w", number, s.Name, err)
		}
		left.Batches = append(left.Batches, number)
	}
	for _, number := range give.Retractions {
		if slices.ContainsFunc(done, func(g event.GivenUp) bool { return g.Retraction == number }) {
			continue
		}
		missing, err := retractionMissing(ctx, st, s.Name, number)
		if err == nil && !missing {
			err = errNotMissing
		}
		if err != nil {
			return give, fmt.Errorf("give up retraction %d of %s: %w", number, s.Name, err)
		}
		left.Retractions = append(left.Retractions, number)
	}
	return left, nil
}

// giveUpRetractions writes retractions without effect.
func giveUpRetractions(ctx context.Context, st *event.Store, stream string, give GiveUp, r *Repaired) error {
	for _, number := range give.Retractions {
		note := &event.GivenUp{Stream: stream, Retraction: number, Reason: give.Reason, At: st.Now().UTC().Truncate(time.Microsecond)}
		empty := &event.Retraction{Stream: stream, Number: number, GivenUp: note, At: note.At, Totals: event.Totals{}}
		err := reenterRetraction(ctx, st, empty)
		if err == nil {
			err = st.WriteRetraction(ctx, empty)
		}
		if err != nil {
			return fmt.Errorf("give up %s: %w", note.What(), err)
		}
		r.note("gave up %s (%s): what it excluded counts unless another retraction excludes it, and what it restored stays retracted; "+
			"`bursar status` lists what is retracted, and `bursar retract` corrects it", note.What(), note.Reason)
	}
	return nil
}

func giveUpBatch(ctx context.Context, st *event.Store, s *project.Stream, number, last uint64, give GiveUp, r *Repaired) error {
	note := &event.GivenUp{Stream: s.Name, Batch: number, Reason: give.Reason, At: st.Now().UTC().Truncate(time.Microsecond)}
	b, err := emptyBatch(ctx, st, s, number, last)
	if err == nil {
		b.GivenUp = note
		err = st.Catalog.Update(ctx, func(tx catalog.Tx) error { return enterEmpty(tx, &b) })
	}
	if err != nil {
		return fmt.Errorf("give up %s: %w", note.What(), err)
	}
	r.note("gave up %s (%s): its events do not count, and its files may be ingested again", note.What(), note.Reason)
	return nil
}

// enterEmpty enters a batch in place of a missing one. It deletes the digests of its files, so that they can be ingested again, and reopens the
// quarantines that it retried.
func enterEmpty(tx catalog.Tx, b *event.Batch) error {
	for i := range b.Files {
		known, found, err := event.GetFile(tx, b.Stream, b.Files[i].Number)
		if err == nil && found && known.Digest != "" {
			b.Files[i].Name = known.Name
			err = event.ForgetDigest(tx, b.Stream, &known)
		}
		if err != nil {
			return err
		}
	}
	if err := event.RestoreQuarantines(tx, b.Stream, b.Batch); err != nil {
		return err
	}
	state, err := event.GetState(tx, b.Stream)
	if err != nil {
		return err
	}
	if b.Batch > state.Batches {
		return enterBatch(tx, b)
	}
	state.Identity = event.NeedsRebuild
	return errors.Join(event.ReenterBatch(tx, b), event.UnlistRejected(tx, b.Stream, b.Batch), event.PutState(tx, b.Stream, &state))
}

// checkBatchMissing refuses a batch that is complete or can be adopted, and one with objects that may contain events.
func checkBatchMissing(ctx context.Context, st *event.Store, s *project.Stream, number, last uint64) error {
	if number == 0 || number > last {
		return errNotMissing
	}
	b, known, err := st.KnownBatch(ctx, s.Name, number)
	if err != nil {
		return err
	}
	if known {
		err = object.CheckAll(ctx, object.Uncached(st.Objects), b.Stored(), 1)
	} else {
		_, err = verifiedManifest(ctx, st, s, number)
	}
	if missing, err := isMissing(err); err != nil || !missing {
		return cmp.Or(err, errNotMissing)
	}
	objects, err := st.Objects.List(ctx, event.BatchPrefix(s.Name, number))
	objects = slices.DeleteFunc(objects, func(name string) bool { // these contain no events
		return strings.HasSuffix(name, "/"+event.IDsObject) || name == event.ManifestName(s.Name, number)
	})
	if err == nil && len(objects) > 0 {
		err = failure.Wrap(failure.Data, fmt.Errorf("%s in its folder may contain its events; move the contents of the folder out of the project first", objects[0]))
	}
	return err
}

// isMissing reports whether an object that could not be read is missing or damaged, as opposed to a disk error.
func isMissing(err error) (bool, error) {
	if err == nil || errors.Is(err, event.ErrNoChecksum) {
		return false, nil
	}
	if errors.Is(err, fs.ErrPermission) || object.IsUnavailable(err) {
		return false, err
	}
	if errors.Is(err, fs.ErrNotExist) || failure.Of(err) == failure.Data {
		return true, nil
	}
	return false, err
}

// emptyBatch returns a batch without events in place of a missing one, with its files and its time as far as they are known.
func emptyBatch(ctx context.Context, st *event.Store, s *project.Stream, number, last uint64) (b event.Batch, err error) {
	state, _, err := st.ReadState(ctx, s.Name)
	if err != nil {
		return b, err
	}
	b = event.Batch{
		Stream: s.Name, Batch: number, Columns: state.Columns, Declared: state.Declared,
		Definitions: event.TotalDefinitions(s), Digest: column.Digest{}.String(),
	}
	if b.Totals, err = event.TotalsOf(event.NewSummers(s)); err != nil {
		return b, err
	}
	if old, err := batchOrManifest(ctx, st, s.Name, number); err == nil {
		b.Sealed, b.Spool = old.Sealed, old.Spool
		for _, f := range old.Files {
			b.Files = append(b.Files, event.File{Number: f.Number, Name: f.Name, Batch: number})
		}
		return b, nil
	}
	err = addMissingFiles(ctx, st, &b, last, state.Files)
	return b, err
}

// addMissingFiles adds to an empty batch the files that only the missing batch can have had, because later batches may contain rows out of its
// quarantine. It sets the time to that of a neighbour.
func addMissingFiles(ctx context.Context, st *event.Store, b *event.Batch, last, files uint64) error {
	var first, end uint64 // the last file before the batch, and the next after it
	for n := b.Batch - 1; n > 0 && first == 0; n-- {
		first = neighbour(ctx, st, b, n, func(files []event.File) uint64 { return files[len(files)-1].Number })
	}
	for n := b.Batch + 1; n <= last && end == 0; n++ {
		end = neighbour(ctx, st, b, n, func(files []event.File) uint64 { return files[0].Number })
	}
	if end == 0 {
		end = files + 1
	}
	for n := first + 1; n < end; n++ {
		b.Files = append(b.Files, event.File{Number: n, Name: "(lost)", Batch: b.Batch})
	}
	return ctx.Err()
}

// neighbour returns a file of another batch, or 0. The first batch that can be read sets b's time.
func neighbour(ctx context.Context, st *event.Store, b *event.Batch, number uint64, file func([]event.File) uint64) uint64 {
	other, err := batchOrManifest(ctx, st, b.Stream, number)
	if err != nil {
		return 0
	}
	if b.Sealed.IsZero() {
		b.Sealed = other.Sealed
	}
	if len(other.Files) == 0 {
		return 0
	}
	return file(other.Files)
}

// batchOrManifest returns a batch from the catalog, or else from its manifest.
func batchOrManifest(ctx context.Context, st *event.Store, stream string, number uint64) (b event.Batch, err error) {
	b, known, err := st.KnownBatch(ctx, stream, number)
	if err != nil || known {
		return b, err
	}
	if b, err = event.ReadManifest(ctx, st.Objects, stream, number); errors.Is(err, event.ErrNoChecksum) {
		err = nil
	}
	return b, err
}
