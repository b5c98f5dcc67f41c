// Reads the files of one import into spools, and one file into rows.

package aggregate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/match"
	"bursar/internal/aggregate/rows"
	"bursar/internal/aggregate/rules"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// reading is the first half of an import: every file is read, and nothing is ingested yet.
type reading struct {
	*Importer
	options   Options
	dir       string // of the spools
	rules     rules.Set
	bindings  map[identity.Digest]rules.Binding // by subject
	spools    []*rows.Spool                     // only the last one is open
	names     *rows.NameSpool
	byDigest  map[string]*File // files of the import, by digest
	keepGroup *errgroup.Group  // stores the originals
	budget    rows.Limits      // remaining memory

	rejected            map[string]bool // objects that have rows in quarantine; nil until needed
	staleObjects        []string        // objects that are read again: their stored entries are not matched in other words
	declarationsChanged *bool           // the declarations bind something differently from what was imported; nil until needed

	retractions uint64 // how many files were retracted before this import
	givenUp     int    // how many parts of the built-in streams were given up before this import

	changedBindings map[string]rules.Binding // by the catalog key of the binding that they replace
	hasUnique       bool                     // it has entries whose reference identifies them permanently
	hasCorrects     bool                     // it has entries that replace or delete others
	awaiting        map[string]bool          // ids of statements with another version, between which the next statement decides
	restated        []completeness.Days      // days of cancelled balances that the import states again
	decided         map[string]string        // by id of the decided statement: the day of the statement that decides
}

// storedNames is the stream of names, for the files of this import.
func (r *reading) storedNames() *match.Names {
	return &match.Names{Streams: &r.Streams, Ingest: r.Ingest, FindIDs: r.FindIDs, Dir: r.dir, Stale: r.staleObjects}
}

// maxKeeping is how many originals are written at a time. Syncing several at once is faster than one after the other.
const maxKeeping = 8

// readAll reads the files while their originals are stored. When it returns, every original is durable, so that no
// ingested row names a missing object (rule 1).
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
		err = errors.Join(err, r.spools[len(r.spools)-1].Close())
	}
	if unkept := r.keepGroup.Wait(); unkept != nil { // its failure also ended the reading
		err = unkept
	}
	return files, err
}

func (r *reading) spool() (*rows.Spool, error) {
	n := len(r.spools)
	if n > 0 {
		last := r.spools[n-1]
		if !last.IsFull() {
			return last, nil
		}
		if err := last.Close(); err != nil {
			return nil, err
		}
	}
	s, err := rows.NewSpool(r.dir, n+1, r.names)
	if err == nil {
		r.spools = append(r.spools, s)
	}
	return s, err
}

// readFile spools the rows of one file, unless it was imported before.
func (r *reading) readFile(ctx context.Context, path string) (*File, error) {
	info, err := scan.Stat(path)
	if err != nil {
		return nil, err
	}
	digest, err := r.fileDigest(ctx, path)
	if err != nil {
		return nil, err
	}
	f := &File{File: path, Digest: digest, Object: imported.ObjectName(digest), Bytes: info.Size()}
	was, err := imported.ByDigest(ctx, r.Catalog, digest)
	if err != nil {
		return nil, err
	}
	known := was.Parts
	f.readings = was.Readings
	if earlier := r.byDigest[digest]; earlier != nil {
		known = earlier.Parts
	} else if was.Retracted != nil && (r.options.restore == nil || r.options.restore.Digest != digest) {
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
	// Another declaration may read what was refused or rejected as a whole.
	if known != nil && (was.Partial && r.byDigest[digest] == nil || slices.ContainsFunc(known, func(p imported.Part) bool { return p.Quarantined != "" })) {
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

// readParts spools the parts of the file. It fails if the file changes after its digest was computed.
func (r *reading) readParts(ctx context.Context, f *File, was os.FileInfo) error {
	err := r.files.EachPart(f.File, filepath.Base(f.File), func(in format.Part) error {
		part, err := r.readPart(ctx, f, in)
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

// changedError refuses a file that is still being written. It is Transient: a later attempt may succeed.
func changedError(path string) error {
	return failure.Wrap(failure.Transient, fmt.Errorf("read %s: it changed while it was read; import it once it is complete", path))
}

// readPart spools the rows of a file or of an archive member. An error in the file makes it refused; any other error stops the import.
func (r *reading) readPart(ctx context.Context, f *File, in format.Part) (imported.Part, error) {
	p := imported.Part{File: filepath.Join(filepath.Dir(f.File), in.Name)}
	named, err := filepath.Abs(p.File)
	if err != nil {
		return p, fmt.Errorf("name file %s: %w", p.File, err)
	}
	to, err := r.spool()
	if err != nil {
		return p, err
	}
	to.Begin()
	t := rows.NewBuilder(rows.Origin{File: in.Name, Object: f.Object, Readings: f.readings}, to.Write, r.names, r.rules, &r.budget, r.bindings)
	defer t.Release()
	in.In = format.WithContext(ctx, in.In, r.options.Progress)
	err = in.Read(r.Project.Institutions, r.options.Institution, r.dir, t)
	file := t.Summary()
	p.Format, p.Notices, p.Faults = file.Format, file.Notices, file.Faults
	switch {
	case err != nil && (ctx.Err() != nil || failure.Of(err) != failure.Data):
		return p, fmt.Errorf("read %s: %w", p.File, err)
	case err != nil:
		p.Refused = statement.Brief(err.Error(), statement.MaxTextLength)
		return p, to.Undo()
	}
	p.Statements, p.Entries = to.Rows(project.StatementStream), to.Rows(project.EntryStream)
	p.Bindings = file.Bindings
	r.hasUnique, r.hasCorrects = r.hasUnique || file.Unique, r.hasCorrects || file.Corrects
	p.Details, p.Balances = to.Rows(project.DetailStream), to.Rows(project.BalanceStream)
	to.End(named)
	return p, nil
}

// ConvertFile does to one file what Import does before it ingests: it detects the format, reads the file and makes
// rows, each one JSON line that is valid until to returns. The rows name name and object as their origin. An error of
// class Data means that Import would refuse the file.
func ConvertFile(p *project.Project, name, object string, in io.Reader, to func(stream string, line []byte) error) error {
	left := rows.DefaultLimits
	write := func(stream string, r rows.Row) error { return to(stream, r) }
	t := rows.NewBuilder(rows.Origin{File: name, Object: object}, write, nil, rules.Of(p, false), &left, map[identity.Digest]rules.Binding{})
	defer t.Release()
	return format.Read(p, name, in, t)
}
