// What a store of spools is, and the types that all of them share.

// Package spool stores the requests of an open batch; an acknowledgement of live intake relies on it until the batch is sealed. It owns the format
// of spools, in files and in objects. It guarantees that what was appended before a successful Sync is read back after a crash, complete and in
// order; that a torn end is never taken for a request; and that damage is not taken for an end: complete requests after it are read, and the reader
// reports it. Only if pages of the last appended group of a file are missing, it cannot know whether Sync returned, and treats them as a torn end: a
// power cut keeps some pages from being written and others not. The package does not know what the requests contain, nor which of them are sealed.
//
// A spool is a sequence of frames. A frame is a prologue and a payload: the first payload is a header (JSON), each other a request (the length of its
// key as one byte, the key, the body). The prologue contains, in little-endian order: "BSP2", the number of the frame in the spool (uint32, from 0),
// the number of the spool (uint64), the length of the payload and its CRC-32C (uint32 each), the number of the first frame that is synced with this
// one (uint32), and the CRC-32C of the prologue so far (uint32).
//
// In a folder a spool is one file. Before a frame is written, zeros fill the file up to a multiple of 64 KiB plus one byte, so a file of another size
// was truncated. Among objects it is one object for each group of requests that is synced, with the frames of the group and one byte of zero, so an
// object that ends otherwise was truncated.
//
// Files of earlier versions are read, too. Those that begin with "BSPL" lack the number of a first frame; otherwise their prologue is the same, and
// missing pages are always damage. In still older ones the prologue is the length of the payload and a CRC-32C of length and payload (uint32 each),
// and nothing is filled up.
package spool

import (
	"context"
	"time"
)

// MaxKey is the longest idempotency key that a spool can contain, in bytes.
const MaxKey = 255

// Request is one request as it was received.
type Request struct {
	Key  string // idempotency key of the sender; may be empty
	Body []byte
}

// ID names a spool of a stream.
type ID struct {
	Number  uint64
	Opening string // of two spools with one number, opened by two processes; empty in a folder, whose lock keeps other processes away
}

// Header is the first frame of a spool.
type Header struct {
	Stream string    `json:"stream"`
	Number uint64    `json:"spool"`
	Opened time.Time `json:"opened"` // when its first request was received
}

// Spools are the spools of all streams.
type Spools interface {
	// Streams returns the streams with spools or losses, sorted.
	Streams(ctx context.Context) ([]string, error)
	// Of returns the spools of one stream.
	Of(stream string) Store
}

// Store keeps the spools of one stream. Every backend passes spooltest.Run.
//
// All calls but Create may be repeated, also after an error, and made from several goroutines. Create makes another spool when it is repeated. One
// process writes a spool, others may read it or remove it meanwhile: a reader finds every request whose Sync had returned before Open was called,
// unless it was cut or removed since.
type Store interface {
	// List returns the spools that contain anything, sorted by number and opening.
	List(ctx context.Context) ([]ID, error)
	// Create starts a spool. Until the first Sync it may be missing or empty after a crash.
	Create(ctx context.Context, h Header) (Writer, error)
	// Open opens a spool for reading; fs.ErrNotExist (wrapped) if it does not exist. Reads fail once ctx has ended.
	Open(ctx context.Context, id ID) (*Reader, error)
	// Remove deletes a spool, which may be missing. After a crash or a power cut all or some of it may be there again.
	Remove(ctx context.Context, id ID) error

	// Report keeps a copy of a spool, which may be missing, beside a report of the loss, durably. The result says where.
	Report(ctx context.Context, l Loss) (Loss, error)
	// Losses returns the losses that were not dismissed. A report that cannot be read, or a copy without one, is a loss as well.
	Losses(ctx context.Context) ([]Loss, error)
	// Dismiss deletes the report and the copy of a loss, which may be missing.
	Dismiss(ctx context.Context, l Loss) error

	// Place is where a spool is, for people; with the zero ID, where all of the stream are.
	Place(id ID) string
}

// Writer appends requests to a spool, in order. It is for one goroutine. After an error nothing more is appended, since what is stored is only known by
// reading it.
type Writer interface {
	ID() ID
	// Append appends a request. It is durable once Sync has returned.
	Append(key string, body []byte) error
	// Sync makes everything appended durable. After an error some of it may be, or become so later.
	Sync(ctx context.Context) error
	// Cut removes what was appended beyond a size, durably, and ends the writing. Size has returned it before the first Append or between a Sync and
	// the next Append. A spool that was synced still exists, if without requests. After an error, of this or an earlier call, what was to be removed
	// may still be there.
	Cut(ctx context.Context, size int64) error
	// Size returns the size of everything appended, in bytes.
	Size() int64
	// Close ends the writing. What was not synced may be lost.
	Close() error
}
