// Package object keeps immutable objects by name, read whole or by byte range: local folder today, S3 later.
// It guarantees that an object is either absent or complete and durable, and never says what is in one.
package object

import (
	"context"
	"io"
)

// Store is the object seam. Every backend passes objecttest.Run.
//
// Names are slash-separated paths of [a-z0-9._-] elements (see CheckName); no name is a folder of another.
// All calls may be retried and made from several goroutines. Create is idempotent: a retried step writes the
// same bytes under the same name, and the last complete write wins (rule 5).
// An object is visible only after Writer.Commit returned, and durable then: file, then its folder, fsynced.
// Who opened an object before it was overwritten or deleted still reads the old bytes.
type Store interface {
	// Create starts an object. Nothing is visible before Commit; Abort (safe after Commit) leaves nothing.
	Create(ctx context.Context, name string) (Writer, error)
	// Open opens an object for reading whole or by range; fs.ErrNotExist (wrapped) when absent.
	Open(ctx context.Context, name string) (Reader, error)
	// List returns the names under a prefix ending in "/", at any depth, sorted by bytes; "" lists everything.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete removes an object; removing what is absent is no error.
	Delete(ctx context.Context, name string) error
}

// Writer writes one object, for one goroutine. After a failed Write, Commit fails. A second Commit, a Write
// after either end, and a Commit after Abort are errors.
type Writer interface {
	io.Writer
	// Commit makes the object durable and visible. After an error it is either absent (or still what it was)
	// or complete; retry from Create.
	Commit() error
	// Abort gives up what was written; no error when the object is already committed or aborted.
	Abort() error
}

// Reader reads one object. ReadAt may be called from several goroutines at once.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Local is implemented by stores whose objects are files that DuckDB may read in place. Path may be asked for
// an object that is not there; name must be valid.
type Local interface {
	Path(name string) string
}
