// Copying a catalog to another backend.

package catalog

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"

	"bursar/internal/failure"
)

// ErrNotEmpty is returned by Copy, wrapped, if the target has documents.
var ErrNotEmpty = failure.Wrap(failure.Data, errors.New("the target catalog is not empty; choose an empty database, file or schema"))

// errChanged is returned by Copy if the source was written meanwhile.
var errChanged = failure.Wrap(failure.Data,
	errors.New("the copy differs from the source, which was written meanwhile; stop all processes of the project and copy again, to an empty target"))

// Copy copies all documents of a catalog into an empty one, in one transaction of each: the target has all of them or none. Then it
// reads both and compares the numbers of documents and digests of their content. It returns the number of documents. Nobody may
// write to either meanwhile. Memory does not depend on the number of documents.
func Copy(ctx context.Context, from, to Catalog) (documents int, err error) {
	if err = to.Update(ctx, func(target Tx) error { return copyInto(ctx, from, target) }); err != nil {
		return 0, fmt.Errorf("copy catalog: %w", err)
	}
	source, err := summarize(ctx, from)
	if err != nil {
		return 0, fmt.Errorf("read copied catalog: %w", err)
	}
	target, err := summarize(ctx, to)
	if err != nil {
		return 0, fmt.Errorf("read copy of catalog: %w", err)
	}
	if source != target {
		return 0, fmt.Errorf("compare copy of catalog: %d documents, %d in the copy: %w", source.documents, target.documents, errChanged)
	}
	return source.documents, nil
}

func copyInto(ctx context.Context, from Catalog, target Tx) error {
	err := target.List("", func(string, json.RawMessage) error { return ErrNotEmpty })
	if err != nil {
		return err
	}
	called := false
	return from.View(ctx, func(source Tx) error {
		if called { // again, on a newer state: some documents of the one before are in the target
			return errChanged
		}
		called = true
		return source.List("", func(key string, value json.RawMessage) error { return target.Put(key, value) })
	})
}

// summary identifies the content of a catalog.
type summary struct {
	documents int
	digest    xxh3.Uint128
}

func summarize(ctx context.Context, c Catalog) (s summary, err error) {
	err = c.View(ctx, func(tx Tx) error {
		s = summary{}
		digest := xxh3.New()
		err := tx.List("", func(key string, value json.RawMessage) error {
			s.documents++
			return writeParts(digest, []byte(key), value)
		})
		s.digest = digest.Sum128()
		return err
	})
	return s, err
}

// writeParts writes parts with their lengths, so that no two lists of parts are written alike.
func writeParts(w io.Writer, parts ...[]byte) error {
	for _, part := range parts {
		if err := binary.Write(w, binary.LittleEndian, uint64(len(part))); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}
