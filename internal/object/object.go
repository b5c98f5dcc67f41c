// Package object keeps immutable objects by name, read whole or by byte range: local folder today, S3 later.
// It guarantees that an object is either absent or complete and durable, and never says what is in one.
package object

import (
	"context"
	"io"
)

// Store is the object seam. Every backend passes objecttest.Run.
//
// Names are slash-separated paths of [a-z0-9._-] elements. All calls may be retried. Create is idempotent:
// a retried step writes the same bytes under the same name, and the last complete write wins (rule 5).
// An object is visible only after Writer.Commit returned, and durable then: file, then its folder, fsynced.
type Store interface {
	// Create starts an object. Nothing is visible before Commit; Abort (safe after Commit) leaves nothing.
	Create(ctx context.Context, name string) (Writer, error)
	// Open opens an object for reading whole or by range; fs.ErrNotExist (wrapped) when absent.
	Open(ctx context.Context, name string) (Reader, error)
	// List returns the names under a prefix ending in "/", sorted.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete removes an object; removing what is absent is no error.
	Delete(ctx context.Context, name string) error
}

// Writer writes one object.
type Writer interface {
	io.Writer
	Commit() error
	Abort() error
}

// Reader reads one object. ReadAt may be called from several goroutines at once.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Local is implemented by stores whose objects are files that DuckDB may read in place.
type Local interface {
	Path(name string) string
}
