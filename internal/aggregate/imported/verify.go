// Verifies the kept statement files: each object's name is the digest of its content.

package imported

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// Original is a kept statement file that is damaged or missing.
type Original struct {
	Name   string // of the object
	Digest string // SHA-256 of the content that was received
	Err    error
}

// VerifyOriginals compares every kept file, and every file in the catalog, with its digest.
func VerifyOriginals(ctx context.Context, c catalog.Catalog, store object.Store) (files int, damaged []Original, err error) {
	names, err := store.List(ctx, "statements/")
	if err != nil {
		return 0, nil, err
	}
	due := map[string]bool{}
	for _, name := range names {
		due[name] = true
	}
	err = c.View(ctx, func(tx catalog.Tx) error {
		return tx.List(Key(""), func(key string, _ json.RawMessage) error {
			name := ObjectName(strings.TrimPrefix(key, Key("")))
			if !due[name] {
				due[name], names = true, append(names, name)
			}
			return nil
		})
	})
	if err != nil {
		return 0, nil, fmt.Errorf("list statement files: %w", err)
	}
	for _, name := range names {
		digest := path.Base(name)
		if err := checkOriginal(ctx, store, name, digest); err != nil {
			if ctx.Err() != nil {
				return 0, nil, ctx.Err()
			}
			damaged = append(damaged, Original{name, digest, failure.Wrap(failure.Data, err)})
		}
	}
	return len(names), damaged, nil
}

func checkOriginal(ctx context.Context, store object.Store, name, digest string) error {
	in, err := store.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("statement file %s is missing", name)
	}
	if err != nil {
		return err
	}
	defer in.Close()
	got, err := intake.FileDigest(ctx, io.NewSectionReader(in, 0, in.Size()))
	if err == nil && got != digest {
		err = fmt.Errorf("statement file %s is not what was received", name)
	}
	return err
}
