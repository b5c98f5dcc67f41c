// Reading the files of one import into spools.

package aggregate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"

	"golang.org/x/sync/errgroup"
)

// reading is the first half of an import: every file is read, and nothing is taken in yet.
type reading struct {
	*Importer
	options Options
	dir     string // of the spools
	rules   rules
	given   map[digest]given // by the declarations, to what files state
	spools  []*spool         // the last one is written to
	names   *names
	here    map[string]*File // by digest: the import's own files
	keeping *errgroup.Group  // originals
	left    limits           // of what is held

	beside    func(digest)    // as resolver.beside
	rejected  map[string]bool // objects that have rows in quarantine; nil until that is asked
	stale     []string        // objects that are read again: what they say in other words are other entries
	otherwise *bool           // the declarations give something else to what was imported; nil until that is asked

	retractions uint64 // how many files were retracted before it
	givenUp     int    // how much of the built-in streams was lost and given up before it

	changed  map[string]given  // that, by the key of what they gave before
	unique   bool              // it has entries that a reference names for ever
	corrects bool              // it has entries that take the place of others
	awaiting map[string]bool   // ids of statements of which there is another version: the next one decides
	recount  []span            // days of balances that were taken back, and that it has
	decided  map[string]string // days of the statements that did, by the same ids
}

// keepers is how many originals are made durable at a time: a disk takes more of them in when it need not wait for each.
const keepers = 8

// all reads the files while their originals are kept. When it returns each is durable, so that nothing is taken in that
// names what is not there (rule 1).
func (r *reading) all(ctx context.Context, paths []string) (files []*File, err error) {
	r.keeping, ctx = errgroup.WithContext(ctx)
	r.keeping.SetLimit(keepers)
	for _, path := range paths {
		var f *File
		if f, err = r.file(ctx, path); err != nil {
			break
		}
		files = append(files, f)
	}
	if len(r.spools) > 0 {
		err = errors.Join(err, r.spools[len(r.spools)-1].close())
	}
	if unkept := r.keeping.Wait(); unkept != nil { // it is what ended the reading, too
		err = unkept
	}
	return files, err
}

// spool is what rows are written to.
func (r *reading) spool() (*spool, error) {
	n := len(r.spools)
	if n > 0 {
		last := r.spools[n-1]
		if last.fileCount < spoolParts {
			return last, nil
		}
		if err := last.close(); err != nil {
			return nil, err
		}
	}
	s, err := newSpool(r.dir, n+1, r.names)
	if err == nil {
		r.spools = append(r.spools, s)
	}
	return s, err
}

// file spools the rows of one file, unless it was taken in before.
func (r *reading) file(ctx context.Context, path string) (*File, error) {
	info, err := scan.Stat(path)
	if err != nil {
		return nil, err
	}
	digest, err := r.digest(ctx, path)
	if err != nil {
		return nil, err
	}
	f := &File{File: path, Digest: digest, Object: objectName(digest), Bytes: info.Size()}
	was, err := r.known(ctx, digest)
	if err != nil {
		return nil, err
	}
	known := was.Parts
	f.readings = was.Readings
	if earlier := r.here[digest]; earlier != nil {
		known = earlier.Parts
	} else if was.Retracted != nil && (r.options.restore == nil || r.options.restore.Digest != digest) {
		f.Known, f.Parts, f.Retracted = true, known, was.Retracted
		return f, nil
	} else if known != nil {
		if f.again, err = r.open(ctx, f, &was); err != nil {
			return nil, err
		}
	}
	if f.again {
		f.readings++
		known, f.before = nil, known
	}
	// What was not read, or all of it rejected, another declaration may read.
	if known != nil && (was.Partial && r.here[digest] == nil || slices.ContainsFunc(known, func(p Part) bool { return p.Untaken != "" })) {
		known, f.before = nil, known
	}
	if known != nil {
		f.Known, f.Parts = true, known
		return f, nil
	}
	r.here[digest] = f
	r.keeping.Go(func() error { return r.keep(ctx, f) })
	return f, r.parts(ctx, f, info)
}

// parts spools what the file holds, which is to stay as it was when its digest was taken.
func (r *reading) parts(ctx context.Context, f *File, was os.FileInfo) error {
	err := r.each(f.File, func(name string, head []byte, in io.Reader) error {
		part, err := r.part(ctx, f, name, head, in)
		f.Parts = append(f.Parts, part)
		return err
	})
	if err != nil {
		return err
	}
	if is, err := os.Stat(f.File); err != nil || !os.SameFile(is, was) || is.Size() != was.Size() || !is.ModTime().Equal(was.ModTime()) {
		return changed(f.File)
	}
	return nil
}

// changed refuses a file that is still being written: another moment may help.
func changed(path string) error {
	return failure.Wrap(failure.Transient, fmt.Errorf("read %s: it changed while it was read: import it when it is whole", path))
}

// part spools the rows of a file or of an archive's member. What the file is to blame for is its refusal; any other
// error stops the import.
func (r *reading) part(ctx context.Context, f *File, name string, head []byte, in io.Reader) (Part, error) {
	p := Part{File: filepath.Join(filepath.Dir(f.File), name)}
	as, refused := r.recognise(head, in)
	if refused != "" {
		p.Refused = refused
		return p, nil
	}
	named, err := filepath.Abs(p.File)
	if err != nil {
		return p, fmt.Errorf("name file %s: %w", p.File, err)
	}
	rows, err := r.spool()
	if err != nil {
		return p, err
	}
	rows.begin()
	t := newRowBuilder(origin{file: name, object: f.Object, readings: f.readings}, rows, r.rules, &r.left, r.given)
	defer t.release()
	err = as.read(&counted{in: &interruptible{ctx, in}, progress: r.options.Progress}, t.handler())
	p.Format = t.format
	p.Notices, p.Faults = t.reports.all()
	switch {
	case err != nil && (ctx.Err() != nil || failure.Of(err) != failure.Data):
		return p, fmt.Errorf("read %s: %w", p.File, err)
	case err != nil:
		p.Refused = brief(err.Error(), longestText)
		return p, rows.undo()
	}
	p.Statements, p.Entries = rows.rows(project.StatementStream), rows.rows(project.EntryStream)
	p.given = slices.Collect(maps.Keys(t.given))
	r.unique, r.corrects = r.unique || t.unique, r.corrects || t.corrects
	p.Details, p.Balances = rows.rows(project.DetailStream), rows.rows(project.BalanceStream)
	rows.end(named)
	return p, nil
}

// recognise tells a format, or why there is none to read.
func (r *reading) recognise(head []byte, in io.Reader) (as format, refused string) {
	if unread, is := in.(broken); is {
		return as, brief(unread.err.Error(), longestText)
	}
	as, err := formatOf(head, r.Project.Institutions, r.options.Institution, r.dir)
	if err != nil {
		return as, brief(err.Error(), longestText)
	}
	return as, ""
}

// counted tells of the bytes that are read.
type counted struct {
	in       io.Reader
	progress func(bytes int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if c.progress != nil {
		c.progress(int64(n))
	}
	return n, err
}
