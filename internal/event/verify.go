// Verifies a stream: its batches in the catalog, their manifests and every object, byte by byte.

package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/object"
	"bursar/internal/project"
)

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

const (
	// manifestDelay is how long a batch's manifest may follow its catalog document.
	manifestDelay = 200 * time.Millisecond
	// verifyAttempts bounds the repeated checks of a fault that is found while batches are sealed.
	verifyAttempts = 5
)

// VerifyManifests checks that each sealed batch is in the catalog, that its manifest agrees, and that every sealed batch is known to the catalog; and the
// same for retractions. It returns the batches. The stream may be ingested meanwhile.
func VerifyManifests(ctx context.Context, st *Store, stream string) (batches []Batch, faults error) {
	sealed := uint64(0)
	for attempt := 1; ; attempt++ {
		state, _, err := st.readState(ctx, stream)
		if err != nil {
			return nil, err
		}
		batches, faults = verifyManifests(ctx, st, stream, &state)
		if faults == nil || attempt == verifyAttempts || attempt > 1 && state.Batches+state.Retractions == sealed {
			return batches, faults
		}
		sealed = state.Batches + state.Retractions
		select {
		case <-time.After(manifestDelay):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func verifyManifests(ctx context.Context, st *Store, stream string, state *streamState) ([]Batch, error) {
	batches, err := Batches(ctx, st.Catalog, stream, 0)
	if err != nil {
		return nil, err
	}
	var faults []error
	for i := range batches {
		if due := uint64(i) + 1; batches[i].Batch != due || batches[i].Stream != stream {
			return batches, fmt.Errorf("batch %d of %s is not in the catalog", due, stream)
		}
		if err := verifyManifest(ctx, st, &batches[i]); err != nil {
			faults = append(faults, err)
		}
	}
	if n := uint64(len(batches)); n != state.Batches {
		faults = append(faults, fmt.Errorf("%d batches of %s are in the catalog, %d were sealed", n, stream, state.Batches))
	}
	faults = append(faults, st.checkUnsealed(ctx, stream, state.Batches+1), verifyRetractions(ctx, st, stream, state))
	return batches, errors.Join(faults...)
}

// verifyManifest compares a batch of the catalog with its manifest.
func verifyManifest(ctx context.Context, st *Store, b *Batch) error {
	stored, err := readManifest(ctx, st.Objects, b.Stream, b.Batch)
	if err != nil && !errors.Is(err, errNoChecksum) {
		return err
	}
	same, err := sameBatch(b, &stored)
	if err == nil && !same {
		err = fmt.Errorf("%s differs from the catalog", manifestName(b.Stream, b.Batch))
	}
	return err
}

func sameBatch(a, b *Batch) (bool, error) {
	first, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	second, err := json.Marshal(b)
	return bytes.Equal(first, second), err
}

// VerifyObjects checks every object of batches against its digest. It calls progress with the bytes of each.
func VerifyObjects(ctx context.Context, st *Store, batches []Batch, progress func(bytes int64)) (objects int, err error) {
	var faults []error
	for i := range batches {
		for _, o := range batches[i].Stored() {
			objects++
			faults = append(faults, o.Check(ctx, st.Objects))
			if ctx.Err() != nil {
				return objects, ctx.Err()
			}
			progress(o.Bytes)
		}
		for _, o := range batches[i].Oversize {
			if there, err := hasObject(ctx, st.Objects, o.Name); err == nil && !there {
				faults = append(faults, fmt.Errorf("open object %s: %w", o.Name, fs.ErrNotExist))
			}
		}
	}
	return objects, errors.Join(faults...)
}

// VerifyTotals checks the rows, control totals and digests of batches against their events.
func VerifyTotals(ctx context.Context, st *Store, s *project.Stream, batches []Batch) (events int64, err error) {
	var faults []error
	for _, b := range batches {
		if err := RecountBatch(ctx, st, s, b); err != nil {
			faults = append(faults, fmt.Errorf("batch %d of %s: %w", b.Batch, s.Name, err))
		}
		if ctx.Err() != nil {
			return events, ctx.Err()
		}
		events += b.Accepted
	}
	return events, errors.Join(faults...)
}

// ObjectNames returns the objects of a batch, including the manifest.
func (b *Batch) ObjectNames() []string {
	names := []string{manifestName(b.Stream, b.Batch)}
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
	number, err := strconv.ParseUint(parts[3], 10, 64)
	if err != nil {
		return false, nil // no batch has such a folder
	}
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		known, err = tx.Get(batchKey(parts[1], number), &Batch{})
		return err
	})
	return known, err
}

// UnfinishedPrefix returns the prefix of the objects of a batch that was begun and not sealed.
func (st *Store) UnfinishedPrefix(ctx context.Context, stream string) (string, error) {
	state, _, err := st.readState(ctx, stream)
	return prefix(stream, state.Batches+1), err
}
