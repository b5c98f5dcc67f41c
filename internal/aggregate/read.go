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
	options   Options
	dir       string // of the spools
	rules     rules
	bindings  map[digest]binding // by the declarations, to what files state
	spools    []*spool           // the last one is written to
	names     *nameSpool
	byDigest  map[string]*File // by digest: the import's own files
	keepGroup *errgroup.Group  // originals
	budget    limits           // of what is held

	onSibling           func(digest)    // as resolver.beside
	rejected            map[string]bool // objects that have rows in quarantine; nil until that is asked
	staleObjects        []string        // objects that are read again: what they say in other words are other entries
	declarationsChanged *bool           // the declarations give something else to what was imported; nil until that is asked

	retractions uint64 // how many files were retracted before it
	givenUp     int    // how much of the built-in streams was lost and given up before it

	changedBindings map[string]binding // that, by the key of what they gave before
	hasUnique       bool               // it has entries that a reference names for ever
	hasCorrects     bool               // it has entries that take the place of others
	awaiting        map[string]bool    // ids of statements of which there is another version: the next one decides
	restoredSpans   []span             // days of balances that were taken back, and that it has
	decided         map[string]string  // days of the statements that did, by the same ids
}

// maxKeeping is how many originals are made durable at a time: a disk takes more of them in when it need not wait for each.
const maxKeeping = 8

// readAll reads the files while their originals are kept. When it returns each is durable, so that nothing is taken in that
// names what is not there (rule 1).
func (r *reading) readAll(ctx context.Context, paths []string) (files []*File, err error) {
	r.keepGroup, ctx = errgroup.WithContext(ctx)
	r.keepGroup.SetLimit(maxKeeping)
	for _, path := range paths {
		var f *File
		if f, err = r.readFile(ctx, path); err != nil {
			break
		}
		files = append(files, f)
	}
	if len(r.spools) > 0 {
		err = errors.Join(err, r.spools[len(r.spools)-1].close())
	}
	if unkept := r.keepGroup.Wait(); unkept != nil { // it is what ended the reading, too
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

// readFile spools the rows of one file, unless it was taken in before.
func (r *reading) readFile(ctx context.Context, path string) (*File, error) {
	info, err := scan.Stat(path)
	if err != nil {
		return nil, err
	}
	digest, err := r.digest(ctx, path)
	if err != nil {
		return nil, err
	}
	f := &File{File: path, Digest: digest, Object: objectName(digest), Bytes: info.Size()}
	was, err := r.importedByDigest(ctx, digest)
	if err != nil {
		return nil, err
	}
	known := was.Parts
	f.readings = was.Readings
	if earlier := r.byDigest[digest]; earlier != nil {
		known = earlier.Parts
	} else if was.Retracted != nil && r.options.restore != digest {
		f.Known, f.Parts, f.Retracted = true, known, was.Retracted
		return f, nil
	} else if known != nil {
		if f.reread, err = r.needsReread(ctx, f, &was); err != nil {
			return nil, err
		}
	}
	if f.reread {
		f.readings++
		known, f.previousParts = nil, known
	}
	// What was not read, or all of it rejected, another declaration may read.
	if known != nil && (was.Partial && r.byDigest[digest] == nil || slices.ContainsFunc(known, func(p Part) bool { return p.Quarantined != "" })) {
		known, f.previousParts = nil, known
	}
	if known != nil {
		f.Known, f.Parts = true, known
		return f, nil
	}
	r.byDigest[digest] = f
	r.keepGroup.Go(func() error { return r.storeOriginal(ctx, f) })
	return f, r.readParts(ctx, f, info)
}

// readParts spools what the file holds, which is to stay as it was when its digest was taken.
func (r *reading) readParts(ctx context.Context, f *File, was os.FileInfo) error {
	err := r.eachPart(f.File, func(name string, head []byte, in io.Reader) error {
		part, err := r.readPart(ctx, f, name, head, in)
		f.Parts = append(f.Parts, part)
		return err
	})
	if err != nil {
		return err
	}
	if is, err := os.Stat(f.File); err != nil || !os.SameFile(is, was) || is.Size() != was.Size() || !is.ModTime().Equal(was.ModTime()) {
		return changedError(f.File)
	}
	return nil
}

// changedError refuses a file that is still being written: another moment may help.
func changedError(path string) error {
	return failure.Wrap(failure.Transient, fmt.Errorf("read %s: it changed while it was read: import it when it is whole", path))
}

// readPart spools the rows of a file or of an archive's member. What the file is to blame for is its refusal; any other
// error stops the import.
func (r *reading) readPart(ctx context.Context, f *File, name string, head []byte, in io.Reader) (Part, error) {
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
	t := newRowBuilder(origin{file: name, object: f.Object, readings: f.readings}, rows, r.rules, &r.budget, r.bindings)
	defer t.release()
	err = as.read(&progressReader{in: &contextReader{ctx, in}, progress: r.options.Progress}, t.handler())
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
	p.bindings = slices.Collect(maps.Keys(t.fileBindings))
	r.hasUnique, r.hasCorrects = r.hasUnique || t.hasUnique, r.hasCorrects || t.hasCorrects
	p.Details, p.Balances = rows.rows(project.DetailStream), rows.rows(project.BalanceStream)
	rows.end(named)
	return p, nil
}

// recognise tells a format, or why there is none to read.
func (r *reading) recognise(head []byte, in io.Reader) (as format, refused string) {
	if unread, is := in.(unreadableFile); is {
		return as, brief(unread.err.Error(), longestText)
	}
	as, err := formatOf(head, r.Project.Institutions, r.options.Institution, r.dir)
	if err != nil {
		return as, brief(err.Error(), longestText)
	}
	return as, ""
}

// progressReader tells of the bytes that are read.
type progressReader struct {
	in       io.Reader
	progress func(bytes int64)
}

func (c *progressReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if c.progress != nil {
		c.progress(int64(n))
	}
	return n, err
}
