// Damage on purpose, between steps and while runs are in flight: an operation that meets it names the remedy, or its result
// is right all the same. Then the remedy is applied, and the case goes on.

package auditor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/event/ids"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
	"bursar/internal/reconcile/index"
)

// remedy is what an error about damage names.
type remedy string

// The remedies, as they stand in errors; the next attempt is named by the class of the error.
const (
	putBack      remedy = "bursar repair --from"
	repairDedupe remedy = "dedupe index of stream"
	repairIndex  remedy = "run `bursar repair`"
	rebuildAgain remedy = "bursar rebuild"
	nextAttempt  remedy = "the next attempt"
)

// harmed is a kind of files, how they are damaged, and which remedies help: the first ends the damage, the others may be
// named on the way.
type harmed struct {
	files    string // a pattern below the state folder
	harm     func(s *stage, path string) bool
	older    bool // an older copy is put back
	stopped  bool // nothing is open meanwhile
	between  bool // no run is in flight
	remedies []remedy
}

// table is every kind of damage that the product must notice.
var table = []harmed{
	{"objects/streams/*/batches/*/events-*.parquet", (*stage).bend, false, false, false, []remedy{putBack}},
	{"objects/streams/*/batches/*/manifest.json", (*stage).bend, false, false, false, []remedy{putBack}},
	{"objects/streams/*/batches/*/ids", (*stage).bend, false, false, false, []remedy{repairDedupe}},
	{"identity.key", (*stage).bend, false, true, false, []remedy{repairDedupe}},
	{"objects/pipelines/*/*/parts/*", (*stage).bend, false, false, false, []remedy{rebuildAgain, nextAttempt}},
	{"objects/pipelines/*/*/runs/*/*", (*stage).bend, false, false, false, []remedy{nextAttempt}},
	{"index/*", (*stage).bend, false, true, false, []remedy{repairIndex}},
	{"index", (*stage).age, true, true, false, []remedy{repairIndex}},
	{"catalog.db", (*stage).roll, true, true, true, []remedy{rebuildAgain, repairIndex}},
}

// damage is what was done and is not mended yet.
type damage struct {
	*harmed
	path  string
	whole []byte // of a file
	mends int
}

// copied is the stores as they were at a step.
type copied struct {
	log       int // operations on the model
	published int
	versions  []version
}

// remedyIn finds the remedy that an error names, or "".
func remedyIn(err error) remedy {
	for _, r := range []remedy{putBack, rebuildAgain, repairDedupe, repairIndex} {
		if strings.Contains(err.Error(), string(r)) {
			return r
		}
	}
	if failure.Of(err) == failure.Transient {
		return nextAttempt
	}
	return ""
}

// harm damages something, in cases that have it, at a moment that the seed decides. The schedule is that of runs in flight.
func (s *stage) harm(r *schedule) bool {
	s.t.Helper()
	if s.harms == 0 || s.damage != nil || s.random.IntN(3) > 0 && s.c.Seed%2 == 1 {
		return false
	}
	for _, i := range s.random.Perm(len(table)) {
		kind := &table[i]
		if kind.older != (s.c.Seed%2 == 0) { // a copy needs a run since, so that cases of its own have it
			continue
		}
		if r != nil && (kind.between || r.waiting && (kind.stopped || kind.remedies[0] != nextAttempt)) {
			continue
		}
		paths, err := filepath.Glob(filepath.Join(s.state(), kind.files))
		if err != nil {
			s.fatalf("%v", err)
		}
		if len(paths) > 0 && s.harmed(kind, paths[s.random.IntN(len(paths))]) {
			return true
		}
	}
	return false
}

// harmed damages a file or folder, if it is of those that can be.
func (s *stage) harmed(kind *harmed, path string) (done bool) {
	s.t.Helper()
	if kind.stopped {
		s.shut()
	}
	s.damage = &damage{harmed: kind, path: path}
	if done = kind.harm(s, path); done {
		s.harms--
		count("%s is damaged", kind.files)
	} else {
		s.damage = nil
	}
	if kind.stopped {
		s.open()
	}
	return done
}

// bend deletes a file, cuts it, flips one bit of it, or flips bits all over its first half, where entries stand and not their
// checksums.
func (s *stage) bend(path string) bool {
	s.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil || len(content) == 0 {
		return false
	}
	s.damage.whole = slices.Clone(content)
	flip := func(at int) { content[at] ^= 1 << s.random.IntN(8) }
	switch s.random.IntN(4) {
	case 0:
		err = os.Remove(path)
	case 1:
		err = os.Truncate(path, s.random.Int64N(int64(len(content))))
	case 2:
		flip(s.random.IntN(len(content)))
		err = os.WriteFile(path, content, 0o600)
	default:
		for at := 0; at <= len(content)/2; at += 1 + s.random.IntN(20) {
			flip(at)
		}
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		s.fatalf("damage %s: %v", path, err)
	}
	return true
}

// keep copies index and catalog, to be put back later.
func (s *stage) keep() {
	s.t.Helper()
	s.shut()
	for _, name := range []string{"index", "catalog.db"} {
		s.replace(filepath.Join(s.dir, "copy", name), filepath.Join(s.state(), name))
	}
	s.copied = &copied{len(s.log), s.model.published, slices.Clone(s.versions)}
	s.open()
}

// age puts the copied index back.
func (s *stage) age(path string) bool {
	s.t.Helper()
	if s.copied == nil || s.copied.published == s.model.published {
		return false
	}
	s.replace(path, filepath.Join(s.dir, "copy", "index"))
	return true
}

// roll puts the copied catalog back: what was done since is not known any more.
func (s *stage) roll(path string) bool {
	s.t.Helper()
	if s.copied == nil || s.copied.published == s.model.published {
		return false
	}
	m, day := NewModel(s.c.Streams, s.c.Pipeline), s.model.day
	for _, do := range s.log[:s.copied.log] {
		do(m)
	}
	if len(m.Sealed) != len(s.model.Sealed) {
		return false // intake refuses a catalog that lacks sealed batches; adopting them is tested where it is done
	}
	s.replace(path, filepath.Join(s.dir, "copy", "catalog.db"))
	s.log, s.versions = s.log[:s.copied.log], slices.Clone(s.copied.versions)
	s.model, s.rolled = m, true
	for _, stream := range s.streams {
		s.apply(func(m *Model) { m.Grow(stream) })
	}
	s.apply(func(m *Model) { m.Wait(day - m.day) })
	return true
}

// replace puts a copy of a file or folder in the place of another.
func (s *stage) replace(path, from string) {
	s.t.Helper()
	info, err := os.Stat(from)
	if err == nil {
		err = os.RemoveAll(path)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o750)
	}
	switch {
	case err != nil:
	case info.IsDir():
		err = os.CopyFS(path, os.DirFS(from))
	default:
		var content []byte
		if content, err = os.ReadFile(from); err == nil {
			err = os.WriteFile(path, content, 0o600)
		}
	}
	if err != nil {
		s.fatalf("copy %s to %s: %v", from, path, err)
	}
}

// mend checks that an error about the damage is one that helps, and applies the remedy that it names.
func (s *stage) mend(err error) {
	s.t.Helper()
	d := s.damage
	named := remedyIn(err)
	switch d.mends++; {
	case failure.Of(err) == failure.Bug:
		s.fatalf("after damage to %s, an error of class bug: %v", d.path, err)
	case !slices.Contains(d.remedies, named):
		s.fatalf("after damage to %s, an error without the remedy %q: %v", d.path, d.remedies, err)
	case d.mends > 40:
		s.fatalf("after damage to %s, the remedy does not help: %v", d.path, err)
	}
	s.remedy(named)
}

// remedy applies a remedy to the damage.
func (s *stage) remedy(named remedy) {
	s.t.Helper()
	d := s.damage
	s.mends++
	if named == d.remedies[0] {
		s.damage = nil
	}
	count("%s is mended by %s", d.files, named)
	switch named {
	case putBack:
		if err := os.WriteFile(d.path, d.whole, 0o600); err != nil {
			s.fatalf("put %s back: %v", d.path, err)
		}
	case repairDedupe:
		s.repairDedupe()
	case repairIndex:
		s.repairIndex()
	case rebuildAgain:
		s.rebuild()
	}
}

// repairDedupe makes the dedupe indexes anew, as `bursar repair` does.
func (s *stage) repairDedupe() {
	s.t.Helper()
	for _, stream := range s.project.Streams {
		if err := ids.Rebuild(s.t.Context(), s.intake, stream); err != nil {
			s.fatalf("repair the dedupe index: %v", err)
		}
	}
}

// repairIndex makes the index anew, as `bursar repair` does.
func (s *stage) repairIndex() {
	s.t.Helper()
	_ = s.close() // a damaged index may not close in order
	if err := os.RemoveAll(filepath.Join(s.state(), "index")); err != nil {
		s.fatalf("remove index: %v", err)
	}
	s.open()
	s.reload()
}

// reload fills an index that is empty.
func (s *stage) reload() {
	s.t.Helper()
	_, err := index.Repair(s.t.Context(), s.engine, s.c.Pipeline.Name)
	switch {
	case err == nil:
	case s.damage != nil && remedyIn(err) == rebuildAgain && slices.Contains(s.damage.remedies, rebuildAgain):
		s.remedy(rebuildAgain)
	default:
		s.fatalf("repair the index: %v", err)
	}
}

// wantCatalogAsNew checks that the index holds no run that the catalog does not know: asking should have noticed.
func (s *stage) wantCatalogAsNew() {
	s.t.Helper()
	g, err := s.reader.Current(s.t.Context(), s.c.Pipeline.Name)
	if err == nil && g.Generation > 0 {
		space := artifact.Space{Pipeline: g.Pipeline, Generation: g.Generation}
		err = s.engine.Index.Loads(s.t.Context(), space, func(run uint64, _ int64) error {
			if run > g.Runs {
				return fmt.Errorf("the index holds run %d of %d, and nobody minds", run, g.Runs)
			}
			return nil
		})
	}
	if err != nil && s.damage.files == "catalog.db" {
		s.fatalf("after damage to %s: %v", s.damage.path, err)
	}
}

// wantReported checks that verification finds damage that nothing else has met. The manifest of a last batch may have been written again.
func (s *stage) wantReported() {
	s.t.Helper()
	if now, err := os.ReadFile(s.damage.path); err == nil && bytes.Equal(now, s.damage.whole) {
		return
	}
	found := error(nil)
	for _, stream := range s.project.Streams {
		batches, err := eventverify.Manifests(s.t.Context(), s.intake, stream.Name)
		_, damaged := eventverify.Objects(s.t.Context(), s.intake, batches, func(int64) {})
		found = errors.Join(found, err, damaged, ids.Verify(s.t.Context(), s.intake, stream))
	}
	if strings.HasPrefix(s.damage.files, "objects/streams/") && found == nil {
		s.fatalf("after damage to %s, verification finds nothing", s.damage.path)
	}
}

// endDamage asks once more, then applies the remedy to what nobody has noticed.
func (s *stage) endDamage() {
	s.t.Helper()
	if s.damage != nil {
		s.compareExport()
	}
	if s.damage != nil {
		s.wantCatalogAsNew()
		s.wantReported()
		count("%s is damaged and nobody minds", s.damage.files)
		s.remedy(s.damage.remedies[0])
	}
}
