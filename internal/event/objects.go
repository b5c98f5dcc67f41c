// Objects of batches: their names, and checks against their descriptions before they are read.

package event

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/object"
)

// CheckObjects reads the event objects of batches and compares them with what was sealed, so that a changed byte never becomes a wrong figure.
// Events cannot be recreated from anything else; the remedy is a backup.
func CheckObjects(ctx context.Context, store object.Store, batches []Batch, workers int) error {
	var all []object.Description
	for i := range batches {
		all = append(all, batches[i].Objects...)
	}
	err := object.CheckAll(ctx, store, all, workers)
	if object.IsDamage(err) {
		return fmt.Errorf("read sealed events: %w; `bursar repair --from BACKUP` puts it back from a copy of the project", err)
	}
	return err
}

// Stored describes the objects of a batch that contain rows: events and quarantine.
func (b *Batch) Stored() []object.Description {
	all := slices.Clone(b.Objects)
	if b.Quarantine != nil {
		all = append(all, *b.Quarantine)
	}
	for _, o := range b.Oversize {
		if o.Digest != "" {
			all = append(all, o)
		}
	}
	return all
}

// CheckStored checks the objects of a batch that contain rows against their descriptions. It reads what is stored, not local copies of it.
func CheckStored(ctx context.Context, objects object.Store, b *Batch) error {
	for _, o := range b.Stored() {
		if err := o.Check(ctx, object.Uncached(objects)); err != nil {
			return err
		}
	}
	return nil
}

// ObjectNames returns the objects of a batch, including the manifest.
func (b *Batch) ObjectNames() []string {
	names := []string{ManifestName(b.Stream, b.Batch)}
	for _, list := range [][]object.Description{b.Stored(), b.Oversize} {
		for _, o := range list {
			names = append(names, o.Name)
		}
	}
	return names
}

// InKnownBatch reports whether an object is in the folder of a batch in the catalog.
func (st *Store) InKnownBatch(ctx context.Context, object string) (known bool, err error) {
	parts := strings.Split(object, "/")
	if len(parts) < 5 || parts[0] != "streams" || parts[2] != "batches" {
		return false, nil
	}
	if number, invalid := strconv.ParseUint(parts[3], 10, 64); invalid == nil { // a batch's folder has a number
		_, known, err = st.KnownBatch(ctx, parts[1], number)
	}
	return known, err
}

// UnfinishedPrefix returns the prefix of the objects of a batch that was begun and not sealed.
func (st *Store) UnfinishedPrefix(ctx context.Context, stream string) (string, error) {
	state, _, err := st.ReadState(ctx, stream)
	return BatchPrefix(stream, state.Batches+1), err
}

// Streams returns the names of all streams with stored data, including streams that are no longer declared: the catalog contains them, or batches of
// them are among the objects.
func (st *Store) Streams(ctx context.Context) (names []string, err error) {
	found := map[string]bool{}
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		for _, kind := range []string{"stream/", "batch/"} {
			err := tx.List(kind, func(key string, _ json.RawMessage) error {
				name, _, _ := strings.Cut(strings.TrimPrefix(key, kind), "/")
				found[name] = true
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	objects, err := st.Objects.List(ctx, "streams/")
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		if parts := strings.Split(object, "/"); len(parts) == 5 && parts[2] == "batches" && parts[4] == manifestFile {
			found[parts[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
