// A transaction: reads go to the server, writes are kept until the commit.

package pgcatalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/postgres"
)

const (
	beginUpdate   = `BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE`
	beginView     = `BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY`
	beginSnapshot = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`

	selectDocument  = `SELECT value, sum FROM documents WHERE key = $1`
	deleteDocuments = `DELETE FROM documents WHERE key = ANY ($1::text[])`
	// putDocuments gets the keys in order, so that two transactions do not wait for each other.
	putDocuments = `INSERT INTO documents (key, value, sum) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, sum = excluded.sum`
	notify = `SELECT pg_notify($1, $2)`
)

const (
	// maxPending bounds the writes that are kept in memory, in bytes. Beyond that they are sent before the commit.
	maxPending = 8 << 20
	// maxKey bounds a key, in bytes: an entry of an index must fit into a third of a page.
	maxKey = 2000
)

// tx is one attempt of a transaction. It is serializable only once it is committed, also if it only reads: run says when that can
// be left out.
type tx struct {
	ctx      context.Context
	conn     *pgx.Conn
	begin    string // sent with the first statement, and "" then
	readOnly bool
	channel  string // of the change feed
	claimed  int64  // the claim that must still be the last one at the commit; or unclaimed

	pending map[string]json.RawMessage // writes that are not sent; nil: deleted
	bytes   int                        // of pending
	written catalog.Written
	sent    bool // some writes were sent

	reads   int   // statements that read
	oneRead bool  // the only one of them read a single document
	failed  error // the first error of a statement; the transaction cannot continue
}

// run calls fn, and commits. The error of fn is returned as it is, once the reads that led to it are known to be serializable.
func (t *tx) run(fn func(catalog.Tx) error) error {
	err := fn(t)
	if t.failed != nil && (err == nil || !errors.Is(err, t.failed)) {
		err = t.failed // fn ignored it
	}
	if t.failed != nil {
		return err
	}
	if ctxErr := t.ctx.Err(); err == nil && ctxErr != nil {
		return ctxErr // known: nothing is written
	}
	switch {
	case err != nil && t.sent:
		return err // rolled back
	case err != nil:
		t.pending, t.written = nil, catalog.Written{}
	case len(t.pending) > 0 || t.sent:
		return t.commit()
	}
	// A transaction that read one document is serializable whatever the others do: between the write of that document and the next.
	if t.reads == 0 || t.oneRead || err != nil && t.ctx.Err() != nil {
		return err
	}
	if readErr := t.endReads(); readErr != nil {
		return readErr
	}
	return err
}

// endReads commits a transaction that wrote nothing.
func (t *tx) endReads() error {
	if _, err := t.conn.Exec(t.ctx, "COMMIT"); err != nil {
		return fmt.Errorf("end catalog transaction: %w", err)
	}
	return nil
}

// commit sends the pending writes with the notification and the commit.
func (t *tx) commit() error {
	batch := t.newBatch()
	t.queueWrites(batch)
	lost := t.queueClaim(batch)
	batch.Queue(notify, t.channel, payload(&t.written))
	committed := false
	batch.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		committed = tag.String() == "COMMIT"
		return nil
	})
	ctx, cancel := postgres.CommitContext(t.ctx)
	defer cancel()
	err := t.conn.SendBatch(ctx, batch).Close()
	if committed {
		return nil // whatever happened to the connection after the answer
	}
	if *lost {
		return ErrClaimLost
	}
	if err == nil {
		err = pgx.ErrTxCommitRollback
	}
	return fmt.Errorf("commit catalog transaction: %w", postgres.CommitError(err))
}

// send sends statements, after BEGIN if they are the first ones, and waits for the answers.
func (t *tx) send(batch *pgx.Batch) error {
	if t.failed != nil {
		return t.failed
	}
	err := t.conn.SendBatch(t.ctx, batch).Close()
	t.failed = err
	return err
}

// newBatch returns a batch that begins the transaction if nothing has yet.
func (t *tx) newBatch() *pgx.Batch {
	batch := &pgx.Batch{}
	if t.begin != "" {
		batch.Queue(t.begin)
		t.begin = ""
	}
	return batch
}

func (t *tx) Get(key string, value any) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	text, isPending := t.pending[key]
	found := text != nil
	var err error
	if !isPending {
		text, found, err = t.read(key)
	}
	if err == nil && found {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		return false, t.fail("get document %s: %w", key, err)
	}
	return found, nil
}

// read reads a document from the server.
func (t *tx) read(key string) (text json.RawMessage, found bool, err error) {
	batch := t.newBatch()
	var d document
	batch.Queue(selectDocument, key).QueryRow(func(row pgx.Row) error {
		err := row.Scan((*[]byte)(&d.value), &d.sum)
		if found = err == nil; errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	t.oneRead = t.reads == 0
	t.reads++
	if err = t.send(batch); err == nil && found {
		d.key = key
		err = d.check()
	}
	return d.value, found, err
}

func (t *tx) Put(key string, value any) error {
	text, err := json.Marshal(value)
	if err == nil && !utf8.Valid(text) {
		err = failure.Wrap(failure.Data, errors.New("it is not UTF-8"))
	}
	if err == nil && len(key) > maxKey {
		err = failure.Wrap(failure.Data, fmt.Errorf("the key has %d bytes, at most %d are possible", len(key), maxKey))
	}
	if err == nil {
		err = t.write(key, text)
	}
	if err != nil {
		return t.fail("put document %s: %w", key, err)
	}
	return nil
}

func (t *tx) Delete(key string) error {
	if err := t.write(key, nil); err != nil {
		return t.fail("delete document %s: %w", key, err)
	}
	return nil
}

// write keeps a write, and sends all of them when they take too much memory.
func (t *tx) write(key string, text json.RawMessage) error {
	if t.readOnly {
		return catalog.ErrWriteInView
	}
	if err := checkKey(key); err != nil {
		return err
	}
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if t.pending == nil {
		t.pending = map[string]json.RawMessage{}
	}
	t.bytes += len(key) + len(text) - len(t.pending[key])
	t.pending[key] = text
	t.written.Add(key)
	if t.bytes < maxPending {
		return nil
	}
	batch := t.newBatch()
	t.queueWrites(batch)
	t.sent = true
	return t.send(batch)
}

// queueWrites moves the pending writes into a batch.
func (t *tx) queueWrites(batch *pgx.Batch) {
	var deleted, keys, texts []string
	var sums []int64
	for _, key := range slices.Sorted(maps.Keys(t.pending)) {
		if text := t.pending[key]; text == nil {
			deleted = append(deleted, key)
		} else {
			keys, texts, sums = append(keys, key), append(texts, string(text)), append(sums, catalog.Checksum(key, text))
		}
	}
	if len(deleted) > 0 {
		batch.Queue(deleteDocuments, deleted)
	}
	if len(keys) > 0 {
		batch.Queue(putDocuments, keys, texts, sums)
	}
	t.pending, t.bytes = nil, 0
}

// fail wraps the error of a call. If it is the one that ended the transaction, run recognises it by the wrapped one.
func (t *tx) fail(format, key string, err error) error {
	return fmt.Errorf(format, key, postgres.Classify(err))
}

// countTable counts the rows of the table without its index.
func (t *tx) countTable() (rows int, err error) {
	batch := t.newBatch()
	for _, setting := range []string{"enable_seqscan = on", "enable_indexscan = off", "enable_indexonlyscan = off"} {
		batch.Queue("SET LOCAL " + setting)
	}
	batch.Queue(`SELECT count(*) FROM documents`).QueryRow(func(row pgx.Row) error { return row.Scan(&rows) })
	t.oneRead = false
	t.reads++
	return rows, t.send(batch)
}

// document is a stored document.
type document struct {
	key   string
	value json.RawMessage
	sum   int64
}

// check compares a document with its checksum.
func (d *document) check() error {
	if d.sum != catalog.Checksum(d.key, d.value) {
		return damaged(d.key, catalog.ErrChecksum)
	}
	return nil
}

func checkKey(key string) error {
	if err := catalog.CheckKey(key); err != nil {
		return err
	}
	return nil
}

// payloadBytes bounds the text of a notification: PostgreSQL refuses 8000 bytes.
const payloadBytes = 7000

// payload returns the text of the notification for a transaction: a JSON list of keys, or "" for everything.
func payload(written *catalog.Written) string {
	keys, all := written.Keys()
	if all {
		return ""
	}
	text, err := json.Marshal(keys)
	if err != nil || len(text) > payloadBytes {
		return ""
	}
	return strings.ToValidUTF8(string(text), "")
}
