// Removes what is stored under the name of a generation.

package reconcile

import (
	"context"
	"errors"

	"bursar/internal/artifact"
)

// errExists ends a scan at its first entry.
var errExists = errors.New("the generation has entries")

// Clear removes all objects and index entries of a generation, if there are any.
func (e *Engine) Clear(ctx context.Context, space artifact.Space) error {
	exists := false
	err := e.Index.Scan(ctx, space, ^uint64(0), func(artifact.Entry) error { exists = true; return errExists })
	if err != nil && !errors.Is(err, errExists) {
		return err
	}
	if exists {
		if err := e.Index.Drop(ctx, space); err != nil {
			return err
		}
	}
	names, err := e.Objects.List(ctx, artifact.SpacePrefix(space))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := e.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
