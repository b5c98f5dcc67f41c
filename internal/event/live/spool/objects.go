// Spools as objects, for processes on several machines.

package spool

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"bursar/internal/object"
)

// The names of objects: a spool's groups, the copy of a damaged spool, and the report of a loss.
//
//	spool/STREAM/00000012-ID/00000001
//	spool/STREAM/00000012-ID/00000000    exists if all groups were cut
//	spool/STREAM/damaged/00000012-ID/00000001
//	spool/STREAM/losses/00000012-ID.json
const (
	objectsFolder = "spool/"
	damagedFolder = "damaged/"
	lossesFolder  = "losses/"
	lossSuffix    = ".json"
)

// atOnce is how many objects of a spool are read, or deleted, at a time.
const atOnce = 8

// InObjects returns the spools in an object store. No name is ever used twice (docs/decisions/073).
func InObjects(store object.Store) Spools { return inObjects{store} }

type inObjects struct{ store object.Store }

func (o inObjects) Streams(ctx context.Context) (streams []string, err error) {
	names, err := o.store.List(ctx, objectsFolder)
	if err != nil {
		return nil, fmt.Errorf("list spools: %w", err)
	}
	for _, name := range names {
		if stream, ok := StreamOf(name); ok && !slices.Contains(streams, stream) {
			streams = append(streams, stream)
		}
	}
	return streams, nil
}

func (o inObjects) Of(stream string) Store {
	return &objects{o.store, stream, objectsFolder + stream + "/"}
}

// StreamOf returns the stream of an object, if it has the name of one that belongs to a spool or a loss.
func StreamOf(name string) (stream string, ok bool) {
	text, ok := strings.CutPrefix(name, objectsFolder)
	stream, text, found := strings.Cut(text, "/")
	if !ok || !found {
		return "", false
	}
	if report, isReport := strings.CutPrefix(text, lossesFolder); isReport {
		_, ok = parseID(strings.TrimSuffix(report, lossSuffix))
		return stream, ok && strings.HasSuffix(report, lossSuffix)
	}
	_, ok = parseSpool(strings.TrimPrefix(text, damagedFolder))
	return stream, ok
}

// objects is the Store of one stream's spools as objects.
type objects struct {
	store  object.Store
	stream string
	prefix string // of all names
}

// String is the element of a name.
func (id ID) String() string {
	if id.Opening == "" {
		return fmt.Sprintf("%08d", id.Number)
	}
	return fmt.Sprintf("%08d-%s", id.Number, id.Opening)
}

func parseID(text string) (id ID, ok bool) {
	number, opening, _ := strings.Cut(text, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	id = ID{n, opening}
	return id, err == nil && id.String() == text && !strings.Contains(text, "/")
}

func compareIDs(a, b ID) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Opening, b.Opening))
}

func groupName(group uint64) string { return fmt.Sprintf("%08d", group) }

func parseGroup(text string) (group uint64, ok bool) {
	group, err := strconv.ParseUint(text, 10, 64)
	return group, err == nil && groupName(group) == text
}

// parseSpool parses the last two elements of a group's name.
func parseSpool(text string) (id ID, ok bool) {
	folder, last, _ := strings.Cut(text, "/")
	if _, ok := parseGroup(last); !ok {
		return id, false
	}
	return parseID(folder)
}

// Place is the prefix of a spool's objects, or of all.
func (o *objects) Place(id ID) string {
	if id == (ID{}) {
		return o.prefix
	}
	return o.prefix + id.String() + "/"
}

func (o *objects) List(ctx context.Context) ([]ID, error) {
	names, err := o.store.List(ctx, o.prefix)
	if err != nil {
		return nil, fmt.Errorf("list spools: %w", err)
	}
	var ids []ID
	for _, name := range names {
		if id, ok := parseSpool(strings.TrimPrefix(name, o.prefix)); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, compareIDs)
	return ids, nil
}

// Create starts a spool, of which nothing exists before the first Sync.
func (o *objects) Create(_ context.Context, h Header) (Writer, error) {
	id := ID{h.Number, strings.ToLower(rand.Text())}
	w := &objectWriter{numbering: numbering{spool: h.Number}, store: o.store, id: id, prefix: o.Place(id)}
	pieces, err := w.header(h)
	if err != nil {
		return nil, fmt.Errorf("write spool header: %w", err)
	}
	w.first = slices.Concat(pieces...)
	w.buffer, w.next = slices.Clone(w.first), w.size
	return w, nil
}

// Open lists the groups of a spool, and reads the first ones.
func (o *objects) Open(ctx context.Context, id ID) (*Reader, error) {
	r := &Reader{number: id.Number, format: current, free: func() error { return nil }, parts: &parts{ctx: ctx, store: o.store, prefix: o.Place(id)}}
	if err := r.parts.list(); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	err := r.nextPart()
	if errors.Is(err, io.EOF) {
		err = fs.ErrNotExist
	}
	if err == nil {
		err = r.readHeader()
	}
	if err != nil {
		return nil, fmt.Errorf("open spool %s: %w", o.Place(id), err)
	}
	return r, nil
}

func (o *objects) Remove(ctx context.Context, id ID) error {
	if err := o.deleteAll(ctx, o.Place(id)); err != nil {
		return fmt.Errorf("remove spool: %w", err)
	}
	return nil
}

func (o *objects) deleteAll(ctx context.Context, prefix string) error {
	names, err := o.store.List(ctx, prefix)
	if err != nil {
		return err
	}
	deleting, ctx := errgroup.WithContext(ctx)
	deleting.SetLimit(atOnce)
	for _, name := range names {
		deleting.Go(func() error { return o.store.Delete(ctx, name) })
	}
	return deleting.Wait()
}

// read returns the whole of an object.
func read(ctx context.Context, store object.Store, name string) ([]byte, error) {
	in, err := store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.NewSectionReader(in, 0, in.Size()))
}

// write makes an object by Create or CreateNew.
func write(ctx context.Context, create func(context.Context, string) (object.Writer, error), name string, text []byte) error {
	out, err := create(ctx, name)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, bytes.NewReader(text)); err == nil {
		err = out.Commit()
	}
	if err != nil {
		err = errors.Join(err, out.Abort())
	}
	return err
}
