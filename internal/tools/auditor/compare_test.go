// Queries and proofs at the end of a case, compared with the model: exports, earlier versions, traces, verify.

package auditor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/verify"
)

func (s *stage) compareExport() {
	s.t.Helper()
	var got bytes.Buffer
	var exported query.Exported
	refused := false
	s.carry(func(ctx context.Context) (err error) {
		got.Reset()
		exported, err = s.reader.Export(ctx, s.c.Pipeline.Name, &got)
		if refused = errors.As(err, new(*query.UnpublishedError)); refused {
			return nil
		}
		return err
	})
	want := s.model.Export()
	if refused != (s.model.published == 0) {
		s.fatalf("an export before a run is published is refused: %v; batches up to %d are", refused, s.model.published)
	}
	if refused {
		return
	}
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
		var got query.GetResult
		s.carry(func(ctx context.Context) (err error) {
			got, err = s.reader.Get(ctx, s.c.Pipeline.Name, key, v.run, false)
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
	var got query.Traced
	s.carry(func(ctx context.Context) (err error) {
		found = nil
		got, err = s.reader.Trace(ctx, s.c.Pipeline.Name, key, func(e query.TracedEvent) error {
			found = append(found, Place{e.Stream, int(e.Batch), filepath.Base(e.File), int(e.Row)})
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

// compareUnkeyed expects the events without a key to be listed where they were read, and counted and summed by stream.
func (s *stage) compareUnkeyed() {
	s.t.Helper()
	var found []Place
	var got runs.Unkeyed
	s.carry(func(ctx context.Context) (err error) {
		found = nil
		got, err = s.reader.Unkeyed(ctx, s.c.Pipeline.Name, func(e query.UnkeyedEvent) error {
			found = append(found, Place{e.Stream, int(e.Batch), filepath.Base(e.File), int(e.Row)})
			return nil
		})
		return err
	})
	want, counts := s.model.Unkeyed()
	slices.SortFunc(found, Place.compare)
	slices.SortFunc(want, Place.compare)
	if !slices.Equal(found, want) || got.Events() != int64(len(want)) || s.status().Unkeyed != int64(len(want)) {
		s.fatalf("without a key are %v: %+v\nwant %v", found, got, want)
	}
	for stream, own := range counts {
		a, b := withoutZeros(own.Totals), withoutZeros(rationals(got[stream].Totals))
		if got[stream].Events != own.Accepted || totalsText(a) != totalsText(b) {
			s.fatalf("events of %s without a key come to %d, %s\nwant %d, %s", stream, got[stream].Events, totalsText(b), own.Accepted, totalsText(a))
		}
	}
	if len(want) > 0 {
		count("cases with events that have no key")
	}
}

// withoutZeros leaves out sums that are zero: of no values there may be none.
func withoutZeros(totals map[string]map[string]*big.Rat) map[string]map[string]*big.Rat {
	for _, groups := range totals {
		maps.DeleteFunc(groups, func(_ string, sum *big.Rat) bool { return sum.Sign() == 0 })
	}
	return totals
}

// compare is by stream, batch, file and row.
func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Stream, q.Stream), cmp.Compare(p.Batch, q.Batch), cmp.Compare(p.File, q.File), cmp.Compare(p.Row, q.Row))
}

func (s *stage) verify() {
	s.t.Helper()
	var got verify.Result
	s.carry(func(ctx context.Context) (err error) {
		if got, err = verify.New(s.reader).Verify(ctx, s.c.Pipeline.Name, verify.Options{Sample: 1000}); err == nil && !got.OK && s.plan.Fired() {
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
