// The state of a batch that is being written, and the identification of its files.

package intake

import (
	"context"
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

// batchWriter writes one batch.
type batchWriter struct {
	store        *event.Store
	stream       *project.Stream
	plan         *scan.Plan
	options      Options
	state        event.StreamState
	received     time.Time
	batch        event.Batch
	brokenFiles  map[*event.File]bool      // files that could not be read to their end: recorded as broken
	retries      []uint64                  // batches whose quarantine this one retries
	repeatedRows int64                     // rows of files that were ingested before
	spool        uint64                    // the spool of the batch's rows; 0 for a batch of files
	extra        func(tx catalog.Tx) error // what else the seal writes; may be nil
	conflictFile event.File                // the file that the last conflict was with
	onReject     func(*reject)             // called for each rejected row; may be nil
	undeclared   []Undeclared              // columns of the files
	requestPlan  *scan.Plan                // reads JSON lines, whatever format the stream's files have; nil until needed

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
