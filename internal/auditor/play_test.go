// Playing a case: each step is carried out on the stage and on the model, and compared.

package auditor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/event"
	"bursar/internal/reconcile"
)

// play carries the case out and compares all that can be seen.
func (s *stage) play() {
	s.t.Helper()
	s.work()
	s.compare()
}

func (s *stage) work() {
	s.t.Helper()
	for i := range s.c.Steps {
		s.step = i
		s.do(&s.c.Steps[i])
	}
	s.step = len(s.c.Steps)
}

// compare looks at all that is stored at the end, and closes the stage.
func (s *stage) compare() {
	s.t.Helper()
	s.compareBatches()
	s.compareQuarantine()
	s.compareRuns()
	s.compareVersions()
	s.compareTrace()
	s.compareObjects()
	s.compareRecords()
	s.verify()
	s.checkScratch()
	s.shut()
}

func (s *stage) do(step *Step) {
	s.t.Helper()
	switch step.Do {
	case Ingest:
		s.ingest(step.Files)
	case DryRun:
		s.dryRun(step.Files)
	case Run:
		s.run()
	case Grow:
		s.stream = step.Stream
		s.model.Grow(step.Stream)
		s.declare()
		s.reopen()
	case Retry:
		s.retry()
	case Rebuild:
		s.rebuild()
	case Reopen:
		s.reopen()
	case Wait:
		s.clock.Add(int64(step.Days) * 86400)
		s.model.Wait(step.Days)
	}
}

// files writes files where they are handed in from.
func (s *stage) files(files []File) []string {
	var paths []string
	for _, f := range files {
		path := filepath.Join(s.dir, f.Name)
		if err := os.WriteFile(path, f.Bytes(), 0o600); err != nil {
			s.t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func (s *stage) options(dryRun bool) event.Options {
	return event.Options{DryRun: dryRun, KeyColumns: s.c.Pipeline.Key}
}

func (s *stage) ingest(files []File) {
	s.t.Helper()
	paths := s.files(files)
	var got event.Result
	disturbed := s.carry(func(ctx context.Context) (err error) {
		got, err = s.intake.Ingest(ctx, s.project.Stream(s.stream.Name), paths, s.options(false))
		return err
	})
	want := s.model.Ingest(files)
	// An ingest whose answer was lost after its seal is answered the second time with duplicates only.
	again := disturbed && got.Rows == want.Rows && got.Duplicates == want.Rows
	if !again {
		s.compareCounts(got, want)
	}
}

func (s *stage) dryRun(files []File) {
	s.t.Helper()
	paths := s.files(files)
	s.carry(func(ctx context.Context) error {
		_, err := s.intake.Ingest(ctx, s.project.Stream(s.stream.Name), paths, s.options(true))
		return err
	})
}

func (s *stage) retry() {
	s.t.Helper()
	var got event.Result
	disturbed := s.carry(func(ctx context.Context) (err error) {
		got, err = s.intake.Retry(ctx, s.project.Stream(s.stream.Name), s.options(false))
		return err
	})
	if want := s.model.Retry(); !disturbed {
		s.compareCounts(got, want)
	}
}

func (s *stage) compareCounts(got event.Result, want Counts) {
	s.t.Helper()
	if got.Rows != want.Rows || got.Accepted != want.Accepted || got.Quarantined != want.Quarantined || got.Duplicates != want.Duplicates {
		s.fatalf("%d rows = %d accepted + %d quarantined + %d duplicates; want %d = %d + %d + %d\n%s",
			got.Rows, got.Accepted, got.Quarantined, got.Duplicates, want.Rows, want.Accepted, want.Quarantined, want.Duplicates, s.disputed())
	}
	if (got.Batch != 0) != want.Sealed {
		s.fatalf("sealed batch %d; want one: %v", got.Batch, want.Sealed)
	}
	if a, b := totalsText(want.Totals), totalsText(rationals(got.Totals)); a != b {
		s.fatalf("totals are %s\nwant %s", b, a)
	}
	for _, t := range s.stream.Totals {
		scale := s.stream.Column(t.Sum).Type.Scale
		for group, sum := range got.Totals[t.Name] {
			if want := want.Totals[t.Name][group].FloatString(scale); sum != want {
				s.fatalf("total %s of %q is printed %s; want %s", t.Name, group, sum, want)
			}
		}
	}
}

func rationals(totals event.Totals) map[string]map[string]*big.Rat {
	all := map[string]map[string]*big.Rat{}
	for name, groups := range totals {
		all[name] = map[string]*big.Rat{}
		for group, text := range groups {
			all[name][group], _ = new(big.Rat).SetString(text)
		}
	}
	return all
}

// totalsText is totals in one order.
func totalsText(totals map[string]map[string]*big.Rat) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(totals)) {
		for _, group := range slices.Sorted(maps.Keys(totals[name])) {
			fmt.Fprintf(&b, "%s %q %s; ", name, group, totals[name][group].RatString())
		}
	}
	return b.String()
}

// run works the backlog off, and compares what is published. Runs overtake each other as far as the lanes allow, and
// whoever reads meanwhile sees the published ones only.
func (s *stage) run() {
	s.t.Helper()
	pipeline := s.c.Pipeline.Name
	done := map[uint64]int{} // steps by run
	var last reconcile.NextResult
	for more := true; more || len(done) > 0; {
		if more && len(done) < reconcile.MaxInFlight && (len(done) == 0 || s.random.IntN(2) == 0) {
			s.carry(func(ctx context.Context) error {
				next, err := s.engine.Next(ctx, pipeline, last.Ref.Run)
				if more = next.Backlog; more && err == nil {
					last, done[next.Ref.Run] = next, 0
				}
				return err
			})
			continue
		}
		ref := last.Ref
		ref.Run = s.movable(done)
		step := reconcile.StepNames[done[ref.Run]]
		if reconcile.Partitioned(step) {
			s.partitions(ref, step, last.Partitions)
			if s.random.IntN(3) == 0 {
				continue // other runs go on meanwhile
			}
		}
		s.carry(func(ctx context.Context) error {
			_, err := s.engine.Step(ctx, ref, step)
			return err
		})
		if done[ref.Run]++; done[ref.Run] == len(reconcile.StepNames) {
			delete(done, ref.Run)
			s.published(ref)
		} else if s.random.IntN(8) == 0 {
			s.compareExport()
			s.outOfTurn(last.Ref, done)
		}
	}
	s.compareExport()
}

// published takes a published run over into the model.
func (s *stage) published(ref reconcile.RunRef) {
	s.t.Helper()
	runs := s.runs(ref.Generation)
	batches := runs[ref.Run-1].Batches
	s.model.Publish(int(batches[len(batches)-1].Batch))
	s.versions = append(s.versions, version{ref.Run, s.model.Export()})
}

// partitions has some of a step's partitions done before the step, in any order, and more than once.
func (s *stage) partitions(ref reconcile.RunRef, step string, of int) {
	s.t.Helper()
	for range s.random.IntN(of + 1) {
		partition := s.random.IntN(of)
		s.carry(func(ctx context.Context) error {
			_, err := s.engine.Partition(ctx, ref, step, partition)
			return err
		})
	}
}

// outOfTurn tries a step that the run before holds back.
func (s *stage) outOfTurn(ref reconcile.RunRef, done map[uint64]int) {
	s.t.Helper()
	for run, steps := range done {
		before, flying := done[run-1]
		if ref.Run = run; s.calm && flying && steps > 0 && before <= steps {
			if _, err := s.engine.Step(s.t.Context(), ref, reconcile.StepNames[steps]); err == nil {
				s.fatalf("%s of run %d is done before that of the run before", reconcile.StepNames[steps], run)
			}
		}
	}
}

// movable picks one of the runs whose next step is not held back by the run before.
func (s *stage) movable(done map[uint64]int) uint64 {
	var can []uint64
	for run, steps := range done {
		before, flying := done[run-1]
		if steps == 0 || !flying || before > steps {
			can = append(can, run)
		}
	}
	slices.Sort(can)
	return can[s.random.IntN(len(can))]
}

func (s *stage) compareExport() {
	s.t.Helper()
	var got bytes.Buffer
	var exported reconcile.Exported
	s.carry(func(ctx context.Context) (err error) {
		got.Reset()
		exported, err = s.engine.Export(ctx, s.c.Pipeline.Name, &got)
		return err
	})
	want := s.model.Export()
	if diff := Difference(got.String(), want); diff != "" {
		s.fatalf("the export differs: %s", diff)
	}
	if exported.Digest != digestOf(want) || exported.Rows != int64(strings.Count(want, "\n")) {
		s.fatalf("the export says of itself %+v", exported)
	}
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// workOffRebuild carries out the runs of the generation in the making.
func (s *stage) workOffRebuild(ctx context.Context) error {
	for {
		next, err := s.engine.NextOfRebuild(ctx, s.c.Pipeline.Name, 0)
		if err != nil || !next.Backlog {
			return err
		}
		for _, step := range reconcile.StepNames {
			if _, err := s.engine.Step(ctx, next.Ref, step); err != nil {
				return err
			}
		}
	}
}

// rebuild makes a new generation, which holds all that is sealed.
func (s *stage) rebuild() {
	s.t.Helper()
	before := digestOf(s.model.Export())
	var got reconcile.Rebuilt
	disturbed := s.carry(func(ctx context.Context) (err error) {
		got, err = s.engine.Rebuild(ctx, s.c.Pipeline.Name, s.workOffRebuild)
		return err
	})
	s.model.Publish(len(s.model.Batches))
	s.versions = nil
	if after := digestOf(s.model.Export()); got.DigestAfter != after {
		s.compareExport()
		s.fatalf("rebuilt to digest %s; want %s", got.DigestAfter, after)
	}
	if got.DigestBefore != "" && got.DigestBefore != before && !disturbed {
		s.fatalf("rebuilt from digest %s; want %s", got.DigestBefore, before)
	}
	s.compareExport()
}

// compareVersions asks for artifacts as of an earlier run.
func (s *stage) compareVersions() {
	s.t.Helper()
	for _, v := range s.versions {
		lines := strings.Split(strings.TrimSuffix(v.text, "\n"), "\n")
		line := lines[s.random.IntN(len(lines))]
		if line == "" || v.run == 0 {
			continue
		}
		key, _, _ := strings.Cut(strings.TrimPrefix(line, `{"key":`), `,"artifact":`)
		var got reconcile.Answer
		s.carry(func(ctx context.Context) (err error) {
			got, err = s.engine.Get(ctx, s.c.Pipeline.Name, key, v.run, false)
			return err
		})
		if text := fmt.Sprintf(`{"key":%s,"artifact":%s}`, got.Key, got.Artifact); text != line {
			s.fatalf("as of run %d there is\n%s\nwant\n%s", v.run, text, line)
		}
	}
}

// compareTrace follows, in some cases, a random artifact back to its events, and expects each where it was read.
func (s *stage) compareTrace() {
	s.t.Helper()
	lines := strings.Split(strings.TrimSuffix(s.model.Export(), "\n"), "\n")
	line := lines[s.random.IntN(len(lines))]
	if line == "" || s.random.IntN(3) > 0 { // a session for each run of it takes its time
		return
	}
	key, artifact, _ := strings.Cut(strings.TrimPrefix(line, `{"key":`), `,"artifact":`)
	var found []Place
	var got reconcile.Traced
	s.carry(func(ctx context.Context) (err error) {
		found = nil
		got, err = s.engine.Trace(ctx, s.c.Pipeline.Name, key, func(e reconcile.TracedEvent) error {
			found = append(found, Place{int(e.Batch), filepath.Base(e.File), int(e.Row)})
			return nil
		})
		return err
	})
	want := s.model.Trace(key)
	slices.SortFunc(found, Place.compare)
	slices.SortFunc(want, Place.compare)
	if !slices.Equal(found, want) || string(got.Runs[len(got.Runs)-1].Artifact)+"}" != artifact {
		s.fatalf("%s is traced to %v: %+v\nwant %v: %s", key, found, got, want, artifact)
	}
}

// compare is by batch, file and row.
func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Batch, q.Batch), cmp.Compare(p.File, q.File), cmp.Compare(p.Row, q.Row))
}

func (s *stage) verify() {
	s.t.Helper()
	var got reconcile.Verified
	s.carry(func(ctx context.Context) (err error) {
		if got, err = s.engine.Verify(ctx, s.c.Pipeline.Name, reconcile.VerifyOptions{Sample: 1000}); err == nil && !got.OK && s.plan.Fired() {
			err = fmt.Errorf("verified with a fault: %+v", got)
		}
		return err
	})
	if !got.OK {
		s.fatalf("verify: %+v", got.Checks)
	}
}

// checkScratch finds temporary files that nobody removed.
func (s *stage) checkScratch() {
	s.t.Helper()
	left, err := os.ReadDir(s.intake.Scratch)
	if err != nil || len(left) > 0 {
		s.fatalf("left in scratch: %v, %v", left, err)
	}
}
