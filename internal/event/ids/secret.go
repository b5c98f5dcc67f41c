// The dedupe index of a stream as used by intake, verification and repair: its key and its errors.

package ids

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/identity"
)

// OpenSecret opens the file with the project's secret. If the file is missing it is created, unless a stream's dedupe index depends on the secret,
// or may because its state cannot be read. Intake is then refused until the indexes are rebuilt.
func OpenSecret(ctx context.Context, c catalog.Catalog, path string) (*identity.File, error) {
	return identity.Open(path, secretDepended(ctx, c))
}

// ReadSecret is OpenSecret for read-only callers: it returns nil if the secret is missing and nothing depends on it.
func ReadSecret(ctx context.Context, c catalog.Catalog, path string) (*identity.File, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !secretDepended(ctx, c) {
		return nil, nil
	}
	return identity.Open(path, true)
}

// secretDepended reports whether a stream's dedupe index depends on the secret, or may.
func secretDepended(ctx context.Context, c catalog.Catalog) bool {
	depended := false
	err := c.View(ctx, func(tx catalog.Tx) error {
		return event.EachState(tx, func(state *event.StreamState) { depended = depended || state.Identity != "" })
	})
	return depended || err != nil
}
