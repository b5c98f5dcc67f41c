// Spools as files in a folder.

package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"bursar/internal/durable"
	"bursar/internal/object"
)

// Folders is a folder with a folder of spools for each stream. It need not exist.
type Folders string

// Streams returns the names of the folders.
func (f Folders) Streams(context.Context) (names []string, err error) {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list spools: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Of returns the folder of a stream.
func (f Folders) Of(stream string) Store { return NewFolder(filepath.Join(string(f), stream)) }

// Folder is the Store of one stream's spools as files. The folder, which has the stream's name, is created when needed.
type Folder struct {
	dir  string
	made atomic.Bool
	wrap func(File) File
}

// NewFolder returns the spools in a folder.
func NewFolder(dir string) *Folder { return &Folder{dir: dir, wrap: func(f File) File { return f }} }

// Wrap passes every file that is created through wrap. It is for tests with failing disks.
func (f *Folder) Wrap(wrap func(File) File) *Folder {
	f.wrap = wrap
	return f
}

func (f *Folder) path(number uint64, kind string) string {
	return filepath.Join(f.dir, fmt.Sprintf("%08d.%s", number, kind))
}

// Place returns the path of a spool's file, or of the folder.
func (f *Folder) Place(id ID) string {
	if id == (ID{}) {
		return f.dir
	}
	return f.path(id.Number, "spool")
}

// List lists the files.
func (f *Folder) List(context.Context) ([]ID, error) {
	entries, err := f.entries()
	if err != nil {
		return nil, fmt.Errorf("list spools: %w", err)
	}
	var ids []ID
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), ".spool")
		n, err := strconv.ParseUint(text, 10, 64)
		if id := (ID{Number: n}); ok && err == nil && filepath.Base(f.Place(id)) == e.Name() {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, compareIDs)
	return ids, nil
}

// entries are those of the folder; none if it does not exist.
func (f *Folder) entries() ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

// Create creates a spool's file, empty and durable in its folder.
func (f *Folder) Create(_ context.Context, h Header) (Writer, error) {
	if !f.made.Load() {
		if err := durable.MakeFolder(f.dir); err != nil {
			return nil, fmt.Errorf("make spool folder: %w", err)
		}
		f.made.Store(true)
	}
	file, err := os.OpenFile(f.path(h.Number, "spool"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	if err := durable.SyncFolder(f.dir); err != nil {
		return nil, errors.Join(fmt.Errorf("create spool: %w", err), file.Close())
	}
	w, err := newFileWriter(f.wrap(file), h)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Open opens a spool. If its header was never written completely, nothing in it was acknowledged: it is empty and its header is zero.
func (f *Folder) Open(_ context.Context, id ID) (*Reader, error) {
	file, err := os.Open(f.Place(id))
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	text, free, err := object.MapFile(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("open spool %s: %w", file.Name(), err)
	}
	r, err := NewReader(text, id.Number)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open spool %s: %w", file.Name(), err), free())
	}
	r.free = free
	return r, nil
}

// Remove deletes a spool's file.
func (f *Folder) Remove(_ context.Context, id ID) error {
	if err := os.Remove(f.Place(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove spool: %w", err)
	}
	return nil
}

// The kinds of files of a loss.
const (
	lossKind = "loss.json"
	keptKind = "damaged"
)

// Report keeps a spool's file under another name.
func (f *Folder) Report(_ context.Context, l Loss) (Loss, error) {
	if _, err := os.Stat(f.Place(l.id())); err == nil {
		l.KeptAs = f.path(l.Spool, keptKind)
		if err := os.Link(f.Place(l.id()), l.KeptAs); err != nil && !errors.Is(err, fs.ErrExist) {
			return l, fmt.Errorf("keep damaged spool: %w", err)
		}
	}
	text, err := json.Marshal(l)
	if err != nil {
		return l, err
	}
	if err := durable.MakeFolder(f.dir); err != nil {
		return l, fmt.Errorf("make spool folder: %w", err)
	}
	if err := durable.WriteFile(f.path(l.Spool, lossKind), text); err != nil {
		return l, fmt.Errorf("report damaged spool: %w", err)
	}
	return l, nil
}

// Losses reads the reports.
func (f *Folder) Losses(context.Context) ([]Loss, error) {
	entries, err := f.entries()
	if err != nil {
		return nil, fmt.Errorf("list losses: %w", err)
	}
	seen := map[string]bool{}
	var losses []Loss
	for _, e := range entries {
		number, kind, _ := strings.Cut(e.Name(), ".")
		if kind != lossKind && kind != keptKind || seen[number] {
			continue
		}
		seen[number] = true
		text, err := os.ReadFile(filepath.Join(f.dir, number+"."+lossKind))
		n, _ := strconv.ParseUint(number, 10, 64)
		losses = append(losses, decodeLoss(text, err, filepath.Base(f.dir), ID{Number: n}))
	}
	return losses, nil
}

// Dismiss removes the report and the damaged file.
func (f *Folder) Dismiss(_ context.Context, l Loss) error {
	for _, path := range []string{f.path(l.Spool, keptKind), f.path(l.Spool, lossKind)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("dismiss damaged spool: %w", err)
		}
	}
	return nil
}
