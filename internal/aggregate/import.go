// Package aggregate turns what institutions send into events: statement files of every format become rows of the built-in
// streams, and each statement's own totals decide how far an account's record can be trusted. It owns the identity of
// statements, entries, details and balances, the files as they were received, and the completeness of accounts. It guarantees
// that a file counts once however often, in whatever order and in whatever company it is sent, and that a file that cannot
// be read to its end leaves nothing. It must not know of pipelines; formats below it know nothing of streams.
//
// What files do not say cannot be known. Entries without a reference that move the same money on the same day, in two lists that
// nothing tells apart, are one entry in other words unless a list has both. Where that is wrong it shows in the completeness of the account: what its
// stored entries sum up to is held against what its statements prove, and these days are BROKEN. Reports and notifications prove
// nothing, so that nothing shows there.
package aggregate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"bursar/internal/aggregate/statement"
	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Importer takes statement files in.
type Importer struct {
	Objects interface {
		object.Store
		object.Local
	}
	Catalog catalog.Catalog
	Project *project.Project
	Duck    duck.Options
	Scratch string // folder for rows before they are taken in
	// Take seals the rows of JSON lines files as one batch of a built-in stream; parts are the statement files whose rows
	// such a file has. Rows that the stream has are duplicates.
	Ingest func(ctx context.Context, stream string, files []string, parts func(path string) []event.Part) (event.Result, error)
	// Known finds those of some ids that a stream has events of, with the batch of each.
	FindIDs func(ctx context.Context, s *project.Stream, ids []string) (map[string]uint64, error)
	Now     func() time.Time

	open   func(path string) (sourceFile, error) // nil opens files of the disk
	limits limits                                // zero is the usual ones
}

// Options of one Import.
type Options struct {
	Institution string            // whose CSV mapping is used; empty tells by the header line
	Progress    func(bytes int64) // called as bytes of the files are read; may be nil

	restore string // digest of a retracted file that is to count again
}

// Part is what one file, or one member of an archive, held.
type Part struct {
	File        string             `json:"file"`
	Format      string             `json:"format,omitempty"`
	Statements  int64              `json:"statements"`
	Entries     int64              `json:"entries"`
	Details     int64              `json:"details"`
	Balances    int64              `json:"balances"`
	Faults      []string           `json:"faults,omitempty"`  // statements whose totals do not hold
	Notices     []statement.Notice `json:"notices,omitempty"` // what it says that is no bank statement
	Refused     string             `json:"refused,omitempty"` // why nothing of it was read
	Quarantined string             `json:"untaken,omitempty"` // why nothing of what was read was taken in: all of it is in quarantine

	bindings []digest // names what the declarations gave to it
}

// File is what became of one file.
type File struct {
	File   string `json:"file"` // as it was named
	Digest string `json:"digest"`
	Object string `json:"object"` // that keeps it
	Bytes  int64  `json:"bytes"`
	Known  bool   `json:"known"` // it was taken in before: nothing was to do
	Parts  []Part `json:"parts"`

	Retracted *Retraction `json:"retracted,omitempty"` // it is not taken in, as it is retracted

	previousParts []Part   // of a file that is read again: what it held the last time
	reread        bool     // it is read again as other declarations may mend it
	readings      int      // how often it was read again so
	removed       []string // statements of its earlier readings that this one does not have

	retracted bool     // it is retracted by this call: what is gone is known, and it lists nothing that counts
	accounts  []string // of a retracted file
}

// whole reports whether every part was read.
func (f *File) whole() bool {
	for _, p := range f.Parts {
		if p.Refused != "" {
			return false
		}
	}
	return len(f.Parts) > 0
}

// someRead reports whether a part was read.
func (f *File) someRead() bool {
	return slices.ContainsFunc(f.Parts, func(p Part) bool { return p.Refused == "" })
}

// readsAll reports whether no part of a file that is read again was refused but for those that were before.
func (f *File) readsAll() bool {
	for i, p := range f.Parts {
		if p.Refused != "" && (i >= len(f.previousParts) || f.previousParts[i].Refused == "") {
			return false
		}
	}
	return len(f.Parts) > 0
}

// refused says of each part whether it was refused.
func (f *File) refused() []bool {
	list := make([]bool, len(f.Parts))
	for i, p := range f.Parts {
		list[i] = p.Refused != ""
	}
	return list
}

// Result is what became of one Import.
type Result struct {
	Files   []*File                 `json:"files"`
	Streams map[string]event.Result `json:"streams"` // one batch of each, where it got rows
	// TakenBack counts the stored entries that no statement which counts lists any more.
	Cancelled int64 `json:"taken_back,omitempty"`
	// NotTakenBack says why such entries may be left: the import of the same files, once it can, takes them back.
	NotCancelled string `json:"not_taken_back,omitempty"`
	// Corrected counts the stored entries that entries of the bank's replace or delete.
	Corrected int64 `json:"corrected,omitempty"`
	// Older says that the project's entries were taken in by an earlier version, and are told apart by its rules.
	Older bool `json:"older_rules,omitempty"`
}

// Err is an error that names what was refused, and what keeps entries from being taken back, or nil. Class Data.
func (r *Result) Err() error {
	if r.NotCancelled == "" {
		return r.Refused()
	}
	return errors.Join(r.Refused(), failure.Wrap(failure.Data, errors.New(r.NotCancelled)))
}

// Refused is an error that names every part of which nothing was taken in, or nil. Class Data.
func (r *Result) Refused() error {
	var all error
	for _, f := range r.Files {
		for _, p := range f.Parts {
			switch {
			case p.Refused != "":
				all = errors.Join(all, fmt.Errorf("%s:%s", p.File, p.Refused))
			case p.Quarantined != "":
				all = errors.Join(all, fmt.Errorf("%s: %s", p.File, p.Quarantined))
			}
		}
	}
	if all == nil {
		return nil
	}
	return failure.Wrap(failure.Data, all)
}

// Import reads the files, keeps each as an object, and seals what they say as one batch of each built-in stream, statements
// last. A file, or a member of an archive, that cannot be read to its end is refused whole, with the reason in the result; the
// others are taken in. After a crash the same call takes in what is missing (rule 1).
func (im *Importer) Import(ctx context.Context, paths []string, o Options) (r Result, err error) {
	reading, err := im.newReading(ctx, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, reading.close()) }()
	r.Older = reading.rules.former
	if err := reading.countChanges(ctx); err != nil {
		return r, err
	}
	if r.Files, err = reading.readAll(ctx, paths); err != nil {
		return r, err
	}
	if err := reading.checkBindings(ctx, r.Files); err != nil {
		return r, err
	}
	reading.staleObjects = slices.Sorted(maps.Keys(rereadFiles(r.Files)))
	slots, err := reading.resolve(ctx)
	if err != nil {
		return r, err
	}
	again := rereadFiles(r.Files)
	accounts, err := reading.affectedAccounts(ctx, slots)
	if err != nil {
		return r, err
	}
	if err := errors.Join(reading.beginRereads(ctx, again), reading.recordCorrections(ctx)); err != nil {
		return r, err
	}
	if r.Streams, err = im.ingestAll(ctx, reading.spools, slots); err != nil {
		return r, err
	}
	if err := reading.reinstateStatements(ctx); err != nil {
		return r, err
	}
	if err := im.markQuarantined(ctx, &r); err != nil {
		return r, err
	}
	if r.Cancelled, r.NotCancelled, r.Corrected, err = reading.adjust(ctx, again, accounts); err != nil || r.NotCancelled != "" {
		return r, err
	}
	return r, reading.recordFiles(ctx, r.Files)
}

// newReading makes the scratch folder of an import, which reads by the rules by which the project's entries were taken in.
func (im *Importer) newReading(ctx context.Context, o Options) (*reading, error) {
	former, err := im.usesFormerRules(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(im.Scratch, "import-")
	if err != nil {
		return nil, fmt.Errorf("make scratch folder: %w", err)
	}
	r := &reading{
		Importer: im, budget: im.bounds(), bindings: map[digest]binding{}, options: o, dir: dir, byDigest: map[string]*File{}, rules: rulesOf(im.Project, former),
		changedBindings: map[string]binding{}, awaiting: map[string]bool{}, decided: map[string]string{},
	}
	if r.names, err = newNameSpool(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return r, nil
}

// close drops the scratch folder.
func (r *reading) close() error {
	err := r.names.close()
	_ = os.RemoveAll(r.dir) // scratch is emptied at the next start
	return err
}

// adjust takes back what no statement that counts lists any more, and what entries correct, and remembers which versions were decided.
func (r *reading) adjust(ctx context.Context, again map[string]*File, accounts map[string]bool) (takenBack int64, left string, corrected int64, err error) {
	if takenBack, left, err = r.cancelUncounted(ctx, again, accounts); err != nil {
		return takenBack, left, 0, err
	}
	if corrected, err = r.correct(ctx, len(again)+len(accounts) > 0); err != nil || left != "" {
		return takenBack, left, corrected, err
	}
	return takenBack, "", corrected, r.recordDecided(ctx)
}

// ingestAll seals the rows of all files, statements last: one is there only with all its parts. What entries are matched by is there before they
// are: an import that ends between them is made good by the next, while an entry that nothing is matched with would count again.
func (im *Importer) ingestAll(ctx context.Context, spools []*spool, slots *slotFile) (map[string]event.Result, error) {
	results := map[string]event.Result{}
	if slots.rows > 0 {
		if _, err := im.Ingest(ctx, project.NameStream, []string{slots.path}, slots.parts); err != nil {
			return results, fmt.Errorf("take %s in: %w", project.NameStream, err)
		}
	}
	for _, stream := range project.BuiltinStreams {
		var paths []string
		parts := map[string][]event.Part{}
		for _, s := range spools {
			if f := s.files[stream]; f.rows > 0 {
				paths, parts[f.path] = append(paths, f.path), f.parts
			}
		}
		if len(paths) == 0 {
			continue
		}
		result, err := im.Ingest(ctx, stream, paths, func(path string) []event.Part { return parts[path] })
		if err != nil {
			return results, fmt.Errorf("take %s in: %w", stream, err)
		}
		results[stream] = result
	}
	return results, nil
}
