// Package aggregate imports the statement files of institutions as events, and retracts them. It owns the order of an
// import: files become rows (format, rows), entries get the ids of stored ones (match), rows are ingested, what does not
// count is cancelled (cancel). It keeps the files as they were received. It guarantees that a file counts once however
// often, in whatever order and together with whichever files it is imported, and that a file that cannot be read to its
// end leaves nothing behind. It must not know of pipelines.
//
// Some things files do not state. Entries without a reference that move the same money on the same day, in two lists
// that nothing distinguishes, are taken for one entry in different words, unless one list has both. If that is wrong,
// the completeness of the account shows it: the sum of its stored entries is compared with what its statements prove,
// and days that differ are BROKEN. Reports and notifications prove nothing, so that nothing shows there.
//
// Terms: a statement counts unless a version of it supersedes it, its file was retracted, or a later reading of its
// file lacks it. Nothing stored is changed: an event is cancelled by another event with the opposite amount that names
// it in the column takes_back ("taken back" in messages), and restored by a third one with a new id.
package aggregate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"bursar/internal/aggregate/cancel"
	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/aggregate/rules"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/project"
)

// Importer imports statement files.
type Importer struct {
	imported.Streams

	Scratch string // folder for rows before they are ingested
	Ingest  rows.IngestFunc
	// FindIDs returns those of the ids that a stream has events of, each with its batch.
	FindIDs func(ctx context.Context, s *project.Stream, ids []string) (map[string]uint64, error)
	Now     func() time.Time

	files  format.Opener
	limits rows.Limits // zero means rows.DefaultLimits
}

// Options of one Import.
type Options struct {
	Institution string            // restricts CSV mappings to this institution; empty: the header line decides
	Progress    func(bytes int64) // called as bytes of the files are read; may be nil

	restore *imported.File // the retracted file that is to count again; nil imports files as they are given
}

// Import reads the files, keeps each as an object, and seals their rows as one batch of each built-in stream,
// statements last. A file or archive member that cannot be read to its end is refused as a whole, with the reason in
// the result; the others are imported. After a crash the same call imports what is missing (rule 1).
func (im *Importer) Import(ctx context.Context, paths []string, o Options) (r Result, err error) {
	reading, err := im.newReading(ctx, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, reading.close()) }()
	r.Older = reading.rules.Former
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
	slots, err := reading.storedNames().Resolve(ctx, reading.spools, reading.names)
	if err != nil {
		return r, err
	}
	again := rereadFiles(r.Files)
	accounts, err := reading.affectedAccounts(ctx, slots)
	if err != nil {
		return r, err
	}
	if o.restore != nil {
		if err := reading.beginRestoring(ctx, r.Files); err != nil {
			return r, err
		}
	}
	if err := reading.beginRereads(ctx, again); err != nil {
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
	adjusted, err := reading.adjust(ctx, adjustedFiles(again), accounts)
	r.Cancelled, r.NotCancelled, r.Corrected = adjusted.Cancelled, adjusted.Left, adjusted.Corrected
	if err != nil || r.NotCancelled != "" {
		return r, err
	}
	return r, reading.recordFiles(ctx, r.Files)
}

// newReading makes the scratch folder of an import and chooses the rules that identify the project's entries: the former
// ones if an earlier version imported entries, without slots to match them by. Entries that are all in quarantine do not
// decide this, as they may have no day.
func (im *Importer) newReading(ctx context.Context, o Options) (*reading, error) {
	former, err := catalog.Read(ctx, im.Catalog, func(tx catalog.Tx) (bool, error) {
		if names, err := event.Sealed(tx, project.NameStream); err != nil || names > 0 {
			return false, err
		}
		return event.HasAccepted(tx, project.EntryStream)
	})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(im.Scratch, "import-")
	if err != nil {
		return nil, fmt.Errorf("make scratch folder: %w", err)
	}
	r := &reading{
		Importer: im, budget: cmp.Or(im.limits, rows.DefaultLimits), bindings: map[identity.Digest]rules.Binding{}, options: o, dir: dir, byDigest: map[string]*File{}, rules: rules.Of(im.Project, former),
		changedBindings: map[string]rules.Binding{}, awaiting: map[string]bool{}, decided: map[string]string{},
	}
	if r.names, err = rows.NewNameSpool(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return r, nil
}

func (r *reading) close() error {
	err := r.names.Close()
	_ = os.RemoveAll(r.dir) // scratch is emptied at the next start
	return err
}

// adjust cancels what no counting statement lists any more and what other entries correct, and records which versions
// were decided.
func (r *reading) adjust(ctx context.Context, files map[string]*cancel.File, accounts map[string]bool) (adjusted cancel.Adjusted, err error) {
	if adjusted, err = r.adjustment().Adjust(ctx, files, accounts); err != nil || adjusted.Left != "" {
		return adjusted, err
	}
	return adjusted, r.recordDecided(ctx)
}

// adjustment cancels and restores what is stored, for the files of this import.
func (r *reading) adjustment() *cancel.Adjustment {
	return &cancel.Adjustment{
		Names: *r.storedNames(), Files: r.files, Limits: cmp.Or(r.limits, rows.DefaultLimits), Scratch: r.Scratch,
		Rules: r.rules, Institution: r.options.Institution, Spools: r.spools,
		HasUnique: r.hasUnique, Awaiting: r.awaiting, Restated: r.restated, Decided: r.decide,
	}
}

// ingestAll seals the rows of all files. Statements come last, so that a statement exists only with all its parts. Slots come
// first: if the import ends after them, the next import completes it, while an entry without a slot would count twice.
func (im *Importer) ingestAll(ctx context.Context, spools []*rows.Spool, slots *rows.File) (map[string]intake.Result, error) {
	results := map[string]intake.Result{}
	if _, err := slots.Ingest(ctx, project.NameStream, im.Ingest); err != nil {
		return results, err
	}
	for _, stream := range project.BuiltinStreams {
		var paths []string
		parts := map[string][]event.FilePart{}
		for _, s := range spools {
			if f := s.Files[stream]; f.Rows > 0 {
				paths, parts[f.Path] = append(paths, f.Path), f.Parts
			}
		}
		if len(paths) == 0 {
			continue
		}
		result, err := im.Ingest(ctx, stream, paths, func(path string) []event.FilePart { return parts[path] })
		if err != nil {
			return results, fmt.Errorf("ingest %s: %w", stream, err)
		}
		results[stream] = result
	}
	return results, nil
}
