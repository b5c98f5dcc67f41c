// Reads many records from parts, with neighbouring records in one call.

package artifact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"bursar/internal/object"

	"golang.org/x/sync/errgroup"
)

// Byte ranges closer than maxGap are read together, up to maxSpan bytes: a few unwanted records cost less than a call.
const (
	maxGap  = 32 << 10
	maxSpan = 4 << 20
)

type partID struct {
	run  uint64
	part uint32
}

// recordRef is the location of a record to read, and the position of its entry.
type recordRef struct {
	Location
	entry int
}

// Fetch reads the records at the entries' locations, from up to `workers` parts at a time, and calls each with the worker's number,
// the entry's position and the record. Records come part by part, in order of offset.
func Fetch(ctx context.Context, store object.Store, space Space, entries []Entry, workers int, each func(worker, i int, record []byte) error) error {
	byPart := map[partID][]recordRef{}
	for i, e := range entries {
		id := partID{e.Run, e.Location.Part}
		byPart[id] = append(byPart[id], recordRef{e.Location, i})
	}
	ids := make([]partID, 0, len(byPart))
	for id := range byPart {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b partID) int { return cmp.Or(cmp.Compare(a.run, b.run), cmp.Compare(a.part, b.part)) })

	queue := make(chan partID, len(ids))
	for _, id := range ids {
		queue <- id
	}
	close(queue)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range workers {
		group.Go(func() error {
			for id := range queue {
				name := PartName(space, id.run, id.part)
				if err := fetchPart(ctx, store, name, byPart[id], func(i int, record []byte) error { return each(worker, i, record) }); err != nil {
					return fmt.Errorf("fetch from %s: %w", name, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func fetchPart(ctx context.Context, store object.Store, name string, records []recordRef, each func(i int, record []byte) error) error {
	in, err := store.Open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	slices.SortFunc(records, func(a, b recordRef) int { return cmp.Compare(a.Offset, b.Offset) })
	if err := readSpans(in, records, each); err != nil {
		return err
	}
	return ctx.Err()
}

// readSpans reads records, ascending by offset.
func readSpans(in object.Reader, records []recordRef, each func(i int, record []byte) error) error {
	var buffer []byte
	for len(records) > 0 {
		n, end := span(records)
		first := records[0].Offset
		if end > uint64(in.Size()) {
			return fmt.Errorf("record ends at %d of %d bytes: %w", end, in.Size(), ErrCorrupt)
		}
		buffer = slices.Grow(buffer[:0], int(end-first))[:end-first]
		if _, err := in.ReadAt(buffer, int64(first)); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for _, at := range records[:n] {
			if err := each(at.entry, buffer[at.Offset-first:at.Offset-first+uint64(at.Length)]); err != nil {
				return fmt.Errorf("at %d: %w", at.Offset, err)
			}
		}
		records = records[n:]
	}
	return nil
}

// span returns how many of the records, ascending by offset, are read as one range, and the end of the range.
func span(records []recordRef) (n int, end uint64) {
	first := records[0].Offset
	for n < len(records) {
		at := records[n]
		next := at.Offset + uint64(at.Length)
		if n > 0 && (at.Offset > end+maxGap || next > first+maxSpan) {
			break
		}
		n, end = n+1, max(end, next)
	}
	return n, end
}
