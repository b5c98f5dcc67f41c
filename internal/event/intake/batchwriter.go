// The state of a batch that is being written: how it is begun, its time of receipt, and what is left of an interrupted one.

package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/event/ids"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

type batchWriter struct {
	store        *event.Store
	stream       *project.Stream
	plan         *scan.Plan
	options      Options
	state        event.StreamState
	received     time.Time
	batch        event.Batch
	attempt      event.Attempt
	brokenFiles  map[*event.File]bool      // files that could not be read to their end: recorded as broken
	retries      []uint64                  // batches whose quarantine this one retries
	repeatedRows int64                     // rows of files that were ingested before
	sealing      context.Context           // lasts until the seal, unlike that of the flow
	spool        uint64                    // the spool of the batch's rows; 0 for a batch of files
	extra        func(tx catalog.Tx) error // what else the seal writes; may be nil
	conflictFile event.File                // the file that the last conflict was with
	onReject     func(*reject)             // called for each rejected row; may be nil
	undeclared   []Undeclared              // columns of the files
	rejections   rejections                // of a dry run
	linePlan     *scan.Plan                // reads JSON lines, whatever format the stream's files have; nil until needed

	mu        sync.Mutex // guards files, their fields, and unchanged: rows are checked while later ones are read
	files     []*event.File
	unchanged map[event.Place]event.Rejected // retried rows that go back into quarantine as they were, without their text

	retracted *ids.Retracted // what is retracted of earlier batches
	receipts  *ids.Receipts

	index       *dedupe.Index
	dedupeBatch *dedupe.Batch
	bounds      bounds
	key         *identity.Key
	identifier  *identifier
	computer    *computer
	quarantine  *quarantineWriter
	writers     [writerCount]objectWriter
	segments    chan *segment

	preparing sync.WaitGroup // running preparations of segments
}

func (w *batchWriter) close() {
	_ = w.index.Close() // read-only
	if w.quarantine != nil {
		w.quarantine.abort()
	}
	for i := range w.writers {
		w.writers[i].abort()
	}
}

// receivedAt returns when the event at a place was accepted: dedupe windows are based on it.
func (w *batchWriter) receivedAt(p dedupe.Place) (time.Time, error) {
	if p.File() > w.state.Files {
		return w.received, nil
	}
	return w.receipts.AcceptedAt(context.Background(), p)
}

// begin reads the stream's state and opens the dedupe index, for a batch whose receipt starts at now. If a table of the index is gone
// because another process has compacted the index and removed it, it begins again with the new state.
func begin(ctx context.Context, st *event.Store, s *project.Stream, o Options, now time.Time, computer *computer) (w *batchWriter, err error) {
	err = st.Reread(func() (err error) {
		w, err = beginOnce(ctx, st, s, o, now, computer)
		return err
	})
	return w, err
}

func beginOnce(ctx context.Context, st *event.Store, s *project.Stream, o Options, now time.Time, computer *computer) (*batchWriter, error) {
	state, key, err := ids.Open(ctx, st, s)
	if err != nil {
		return nil, err
	}
	plan, err := scan.NewPlan(s, o.KeyColumns)
	if err != nil {
		return nil, err
	}
	received, err := nextReceipt(ctx, st, s, &state, now)
	if err != nil {
		return nil, err
	}
	w := &batchWriter{
		store: st, stream: s, plan: plan, options: o, state: state, received: received, receipts: ids.NewReceipts(st, s), computer: computer,
		brokenFiles: map[*event.File]bool{}, unchanged: map[event.Place]event.Rejected{},
	}
	w.batch = event.NextBatch(s, &state, received)
	if err := w.beginAttempt(ctx); err != nil {
		return nil, err
	}
	if w.retracted, err = ids.LoadRetracted(ctx, st, s, &state, o.places); err != nil {
		return nil, err
	}
	if o.excluding != nil {
		if w.retracted, err = w.retracted.Add(*o.excluding); err != nil {
			return nil, err
		}
	}
	w.index, err = dedupe.Open(ctx, st.Objects, st.Scratch, state.DedupeTables)
	if err != nil {
		return nil, ids.IndexError(s.Name, err)
	}
	w.dedupeBatch, err = w.index.Begin(w.dedupeWindow(), ids.MaxBytes)
	if err != nil {
		return nil, errors.Join(err, w.index.Close())
	}
	w.key, w.bounds = key, newBounds(s)
	w.identifier = &identifier{stream: s, digester: ids.NewDigester(s, state.Columns, key)}
	return w, nil
}

// beginAttempt chooses the names of the batch's objects. A batch with a manifest is sealed, so it is refused (rule 3). A dry run writes no objects.
func (w *batchWriter) beginAttempt(ctx context.Context) error {
	if err := w.store.CheckUnsealed(ctx, w.stream.Name, w.batch.Batch); err != nil {
		return err
	}
	if err := w.store.EnsureManifest(ctx, w.stream.Name, w.state.Batches); err != nil {
		return fmt.Errorf("write manifest of batch %d of %s: %w", w.state.Batches, w.stream.Name, err)
	}
	if err := w.store.EnsureRetraction(ctx, w.stream.Name, w.state.Retractions); err != nil {
		return fmt.Errorf("write retraction %d of %s: %w", w.state.Retractions, w.stream.Name, err)
	}
	if w.options.DryRun {
		return nil
	}
	attempt, err := w.store.BeginBatch(ctx, w.stream.Name, w.batch.Batch)
	w.attempt = attempt
	return err
}

// dedupeWindow returns how far back ids count, by receipt, and which of them do not count.
func (w *batchWriter) dedupeWindow() dedupe.Window {
	window := dedupe.Window{Excluded: w.retracted.Has}
	if w.stream.Dedupe != 0 {
		window.Since, window.ReceivedAt = w.received.Add(-w.stream.Dedupe), w.receivedAt
	}
	return window
}

// clockSlack is how far a clock may be set back without a warning.
const clockSlack = time.Second

// nextReceipt returns the receipt time of the next batch: the clock's time, but never before the stream's last batch. So a later batch never
// falls below a watermark, and ids leave the dedupe window in the order in which they were received.
func nextReceipt(ctx context.Context, st *event.Store, s *project.Stream, state *event.StreamState, now time.Time) (time.Time, error) {
	now = now.UTC().Truncate(time.Microsecond)
	if state.Batches == 0 {
		return now, nil
	}
	last, err := st.Batch(ctx, s.Name, state.Batches)
	if err != nil {
		return now, err
	}
	if behind := last.Sealed.Sub(now); behind > 0 {
		if behind >= clockSlack {
			st.Log.Warn("the clock is behind the stream's last batch: new events get that batch's receipt time until the clock has passed it",
				"stream", s.Name, "behind", behind, "last", last.Sealed)
		}
		return last.Sealed, nil
	}
	if s.Dedupe > 0 && now.Sub(last.Sealed) > s.Dedupe {
		st.Log.Warn("no batch was sealed for longer than the dedupe window: earlier ids are forgotten, and events that are sent again count again",
			"stream", s.Name, "last", last.Sealed, "before", now.Add(-s.Dedupe))
	}
	return now, nil
}
