// Loads of objects into the warehouse, and where their objects are.

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bursar/internal/object"
	"bursar/internal/object/s3"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/warehouse/load"
)

// Load executes a load of the project. Loads of the same name wait for each other.
func (a *App) Load(ctx context.Context, name string, o load.Options) (out load.Result, err error) {
	err = a.withLoader(ctx, name, func(l *load.Loader, declared *project.Load) error {
		out, err = l.Run(ctx, declared, o)
		return err
	})
	return out, err
}

// ValidateLoad reads and checks all objects of a load, and changes nothing.
func (a *App) ValidateLoad(ctx context.Context, name string, o load.Options) (out load.Result, err error) {
	err = a.withLoader(ctx, name, func(l *load.Loader, declared *project.Load) error {
		out, err = l.Validate(ctx, declared, o)
		return err
	})
	return out, err
}

// VerifyLoad compares the table of a load with the journal.
func (a *App) VerifyLoad(ctx context.Context, name string) (out load.Verified, err error) {
	err = a.withLoader(ctx, name, func(l *load.Loader, declared *project.Load) error {
		out, err = l.Verify(ctx, declared)
		return err
	})
	return out, err
}

// withLoader calls do for a load. All loads are refused if one has a fault: what a faulty one loads means something else.
func (a *App) withLoader(ctx context.Context, name string, do func(*load.Loader, *project.Load) error) error {
	declared := a.Project.Load(name)
	if declared == nil {
		return &reconcile.NotFoundError{What: "load " + name}
	}
	if faults := a.warehouseFaults.ofLoads(); faults != nil {
		return faults
	}
	unlock, err := a.loadLocks.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	archiver, err := a.Archiver(ctx)
	if err != nil {
		return err
	}
	db, err := a.awaitWarehouse(ctx)
	if err != nil {
		return err
	}
	scratch, err := a.loadScratch()
	if err != nil {
		return err
	}
	return do(load.New(load.Config{
		Database: db, ProjectID: archiver.ProjectID, Archive: archiver, Source: a.loadSource, Scratch: scratch, Workers: a.Engine.Workers, Now: time.Now,
	}), declared)
}

// InferLoad returns a load file for the objects of a folder or bucket, as the project in dir would read them. Of the project it needs no more
// than bursar.yaml: the file that the result is written to may exist already, and be empty.
func InferLoad(ctx context.Context, dir, from, name string) (yaml string, err error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find project folder: %w", err)
	}
	p, _ := project.Read(dir) // faults of other files do not matter here
	a := &App{Project: p, state: filepath.Join(root, ".bursar")}
	source, err := a.openSource(ctx, from)
	if err != nil {
		return "", err
	}
	return load.Infer(ctx, source, from, name, "")
}

// loadScratch is the folder for temporary files of loads.
func (a *App) loadScratch() (string, error) {
	dir := filepath.Join(a.Engine.Scratch, "loads")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("create scratch folder: %w", err)
	}
	return dir, nil
}

// loadSource opens the place that a load reads from.
func (a *App) loadSource(ctx context.Context, l *project.Load) (load.Source, error) {
	from, err := a.settingOf(l.File, l.Lines().At("from"), "from", l.From)
	if err != nil {
		return nil, err
	}
	return a.openSource(ctx, from)
}

// openSource opens a folder, or the beginning of paths, or s3://bucket/prefix. A relative path begins in the project folder.
func (a *App) openSource(ctx context.Context, from string) (load.Source, error) {
	rest, inBucket := strings.CutPrefix(from, "s3://")
	if !inBucket {
		return load.NewFolder(a.fromFolder(from)), nil
	}
	config := s3.Config{}
	if a.Project.Config.Storage.Kind == project.S3Storage {
		var err error
		if config, err = a.bucketConfig(); err != nil {
			return nil, err
		}
	}
	config.Bucket, config.Prefix, config.Place = "", "", ""
	var prefix string
	config.Bucket, prefix, _ = strings.Cut(rest, "/")
	objects, err := s3.OpenForeign(ctx, config)
	if err != nil {
		return nil, err
	}
	folder, _ := load.SplitPrefix(prefix)
	return &bucketSource{objects, prefix, folder}, nil
}

// fromFolder returns the path of a relative one in the project folder. A slash at the end stays.
func (a *App) fromFolder(from string) string {
	if filepath.IsAbs(from) {
		return from
	}
	return filepath.Dir(a.state) + string(filepath.Separator) + filepath.FromSlash(from)
}

// bucketSource is the objects of a bucket whose keys begin with a prefix.
type bucketSource struct {
	objects *s3.Foreign
	prefix  string
	folder  string // of the prefix: names of objects begin after it
}

// List leaves out the empty objects by which some programs represent folders.
func (s *bucketSource) List(ctx context.Context, each func(load.Object) error) error {
	return s.objects.List(ctx, s.prefix, func(o s3.Listed) error {
		name := strings.TrimPrefix(o.Key, s.folder)
		if strings.HasSuffix(name, "/") || name == "" || load.IsHidden(name) {
			return nil
		}
		return each(load.Object{Name: name, Size: o.Size, Modified: o.Modified.Truncate(time.Microsecond), ETag: o.ETag})
	})
}

// Open makes no request: the first read does.
func (s *bucketSource) Open(ctx context.Context, o load.Object) (load.Reader, error) {
	return &bucketReader{s.objects.Open(ctx, s3.Listed{Key: s.folder + o.Name, Size: o.Size, ETag: o.ETag})}, nil
}

// bucketReader reads one version of an object.
type bucketReader struct{ object.Reader }

// ReadAt says what has happened to the object.
func (r *bucketReader) ReadAt(b []byte, at int64) (int, error) {
	n, err := r.Reader.ReadAt(b, at)
	switch {
	case err == nil:
	case s3.IsReplaced(err):
		err = load.ErrReplaced
	case errors.Is(err, fs.ErrNotExist):
		err = load.ErrGone
	}
	return n, err
}

// Unchanged is nil: reads of another version fail.
func (*bucketReader) Unchanged() error { return nil }
