// Playing a case: each step is carried out on the stage and on the model, and compared.

package auditor

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/reconcile/rebuild"
	"bursar/internal/reconcile/runs"
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
		s.between()
		s.do(&s.c.Steps[i])
	}
	s.step = len(s.c.Steps)
	s.between()
}

// between is what happens from outside before a step.
func (s *stage) between() {
	s.t.Helper()
	switch {
	case s.harms == 0:
	case s.c.Seed%2 == 0 && s.step < len(s.c.Steps) && s.c.Steps[s.step].Action == Run && s.random.IntN(4) < min(1+2*s.model.published, 3):
		s.keep() // before a run, as a catalog that lacks sealed batches is refused
	case s.harm(nil) && s.random.IntN(2) == 0:
		s.compareExport()
		s.compareTrace()
	}
}

// apply does something to the model, which is remembered.
func (s *stage) apply(do func(m *Model)) {
	do(s.model)
	s.log = append(s.log, do)
}

// compare looks at all that is stored at the end, and closes the stage.
func (s *stage) compare() {
	s.t.Helper()
	s.endDamage()
	s.sweep()
	for _, stream := range s.streams {
		s.compareBatches(stream.Name)
		s.compareQuarantine(stream.Name)
	}
	s.compareRuns()
	s.compareVersions()
	s.compareTrace()
	if s.model.published > 0 { // else it is refused, as an export is
		s.compareUnkeyed()
	}
	s.countVersions()
	s.compareObjects()
	s.compareRecords()
	s.compareCounted()
	if s.c.Seed%16 == 0 { // it takes as long as a run, and what it proves is compared above
		s.verify()
	}
	s.checkScratch()
	s.shut()
}

// countVersions counts the streams that keep versions and have some.
func (s *stage) countVersions() {
	for i, stream := range s.streams {
		if n := s.model.Versions(stream.Name); stream.Versions {
			count("streams with versions: %v, kept from the start %v, of several streams %v", n > 0, s.c.Streams[i].Versions, len(s.streams) > 1)
		}
	}
}

func (s *stage) do(step *Step) {
	s.t.Helper()
	switch step.Action {
	case Ingest:
		s.ingest(step.StreamName, step.Files)
	case DryRun:
		s.dryRun(step.StreamName, step.Files)
	case Run:
		s.run()
	case Grow:
		at := slices.IndexFunc(s.streams, func(o *Stream) bool { return o.Name == step.Stream.Name })
		s.streams[at] = step.Stream
		s.apply(func(m *Model) { m.Grow(step.Stream) })
		s.declare()
		s.reopen()
	case Retry:
		s.retry(step.StreamName)
	case Rebuild:
		s.rebuild()
	case Retract:
		s.retract(step)
	case Undo:
		s.undo(step)
	case Accept:
		s.accept(step)
	case Reopen:
		s.reopen()
	case Wait:
		s.clock.Add(int64(step.Days) * 86400)
		s.apply(func(m *Model) { m.Wait(step.Days) })
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

func (s *stage) options(stream string, dryRun bool) intake.Options {
	return intake.Options{DryRun: dryRun, KeyColumns: s.c.Pipeline.KeyOf(stream)}
}

func (s *stage) ingest(stream string, files []File) {
	s.t.Helper()
	paths := s.files(files)
	var got intake.Result
	disturbed := s.carry(func(ctx context.Context) (err error) {
		got, err = intake.Ingest(ctx, s.intake, s.project.Stream(stream), paths, s.options(stream, false))
		return err
	})
	var want Counts
	s.apply(func(m *Model) { want = m.Ingest(stream, files) })
	// An ingest whose answer was lost after its seal is answered the second time with duplicates only.
	again := disturbed && got.Rows == want.Rows && got.Duplicates == want.Rows
	if !again {
		s.compareCounts(stream, got, want)
	}
}

func (s *stage) dryRun(stream string, files []File) {
	s.t.Helper()
	paths := s.files(files)
	s.carry(func(ctx context.Context) error {
		_, err := intake.Ingest(ctx, s.intake, s.project.Stream(stream), paths, s.options(stream, true))
		return err
	})
}

func (s *stage) retry(stream string) {
	s.t.Helper()
	var got intake.Result
	disturbed := s.carry(func(ctx context.Context) (err error) {
		got, err = intake.Retry(ctx, s.intake, s.project.Stream(stream), s.options(stream, false))
		return err
	})
	var want Counts
	if s.apply(func(m *Model) { want = m.Retry(stream) }); !disturbed {
		s.compareCounts(stream, got, want)
	}
}

func (s *stage) compareCounts(name string, got intake.Result, want Counts) {
	s.t.Helper()
	stream := s.stream(name)
	if got.Rows != want.Rows || got.Accepted != want.Accepted || got.Quarantined != want.Quarantined || got.Duplicates != want.Duplicates {
		s.fatalf("%d rows = %d accepted + %d quarantined + %d duplicates; want %d = %d + %d + %d\n%s",
			got.Rows, got.Accepted, got.Quarantined, got.Duplicates, want.Rows, want.Accepted, want.Quarantined, want.Duplicates, s.disputed(name))
	}
	if (got.Batch != 0) != want.Sealed {
		s.fatalf("sealed batch %d; want one: %v", got.Batch, want.Sealed)
	}
	if a, b := totalsText(want.Totals), totalsText(rationals(got.Totals)); a != b {
		s.fatalf("totals are %s\nwant %s", b, a)
	}
	for _, t := range stream.Totals {
		scale := stream.Column(t.Sum).Type.Scale
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

// workOffRebuild carries out the runs of the generation in the making.
func (s *stage) workOffRebuild(ctx context.Context) error {
	for {
		next, err := s.executor.Next(ctx, s.c.Pipeline.Name, 0, true)
		if err != nil || !next.Backlog {
			return err
		}
		for _, step := range runs.StepNames {
			if _, err := s.executor.Step(ctx, next.Ref, step); err != nil {
				return err
			}
		}
	}
}

// rebuild makes a new generation, which holds all that is sealed.
func (s *stage) rebuild() {
	s.t.Helper()
	s.rebuildFrom(digestOf(s.model.Export()))
}

// rebuildFrom is rebuild where the export before has a digest.
func (s *stage) rebuildFrom(before string) {
	s.t.Helper()
	var got rebuild.Result
	disturbed := s.carry(func(ctx context.Context) (err error) {
		got, err = rebuild.New(s.reader).Rebuild(ctx, s.c.Pipeline.Name, s.workOffRebuild)
		return err
	})
	s.apply(func(m *Model) { m.Publish(len(m.Sealed)) })
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
