// The stored data at the end of a case, compared with the model: batches, quarantine, runs and objects.

package auditor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/object"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
)

// compareBatches holds the sealed batches against the model's.
func (s *stage) compareBatches(stream string) {
	s.t.Helper()
	batches := s.batches(stream)
	sealed := slices.DeleteFunc(slices.Clone(s.model.Sealed), func(b Batch) bool { return b.Stream != stream })
	if len(batches) != len(sealed) {
		s.fatalf("%d batches of %s are sealed; want %d", len(batches), stream, len(sealed))
	}
	for i, b := range batches {
		want := sealed[i]
		if b.Rows != want.Rows || b.Accepted != want.Accepted || b.Quarantined != want.Quarantined || b.Duplicates != want.Duplicates {
			s.fatalf("batch %d has %d rows = %d accepted + %d quarantined + %d duplicates; want %+v", b.Batch, b.Rows, b.Accepted, b.Quarantined, b.Duplicates, want)
		}
		if a, b := totalsText(want.Totals), totalsText(rationals(b.Totals)); a != b {
			s.fatalf("batch %d has the totals %s\nwant %s", i+1, b, a)
		}
	}
}

// batches are those of a stream that are sealed.
func (s *stage) batches(stream string) (batches []event.Batch) {
	s.t.Helper()
	s.carry(func(ctx context.Context) (err error) {
		batches, err = event.Batches(ctx, s.intake.Catalog, stream, 0)
		return err
	})
	return batches
}

// compareQuarantine expects each row whole and in its place, and a conflict to name the event before it.
func (s *stage) compareQuarantine(stream string) {
	s.t.Helper()
	got, want := s.quarantined(stream), s.model.Quarantined(stream)
	if len(got) != len(want) {
		s.fatalf("%d rows are in quarantine, want %d\n%s", len(got), len(want), s.disputed(stream))
	}
	for i, r := range got {
		if place(r) != want[i].place() {
			s.fatalf("in quarantine is %s: %s\nwant %s", place(r), r.Reason, want[i].place())
		}
		if text := r.Raw + string(r.Bytes); text != want[i].Text {
			s.fatalf("in quarantine is %s as %q\nwant %q", place(r), text, want[i].Text)
		}
		s.compareReason(r, want[i].First)
	}
}

func (s *stage) compareReason(r event.Rejected, first *Place) {
	s.t.Helper()
	if conflict := strings.HasPrefix(r.Reason, "conflict: "); conflict != (first != nil) {
		s.fatalf("%s is in conflict with %+v; its reason is %s", place(r), first, r.Reason)
	}
	if first == nil {
		return
	}
	want := fmt.Sprintf("file %s, row %d", filepath.Join(s.dir, first.File), first.Row)
	if first.Batch > 0 {
		want = fmt.Sprintf("in batch %d, %s", first.Batch, want)
	}
	if !strings.HasSuffix(r.Reason, want) {
		s.fatalf("%s is in conflict with the event %s; its reason is %s", place(r), want, r.Reason)
	}
}

func (h QuarantinedRow) place() string { return fmt.Sprintf("%s:%d", h.File, h.Row) }

func place(r event.Rejected) string { return fmt.Sprintf("%s:%d", filepath.Base(r.File), r.Row) }

// quarantined lists what is in a stream's quarantine.
func (s *stage) quarantined(stream string) (rows []event.Rejected) {
	s.t.Helper()
	s.carry(func(ctx context.Context) error {
		rows = nil
		return event.Quarantine(ctx, s.intake.Catalog, s.intake.Objects, stream, func(r event.Rejected) error {
			rows = append(rows, r)
			return nil
		})
	})
	return rows
}

// disputed returns the rows on which the product and the model differ.
func (s *stage) disputed(stream string) string {
	s.t.Helper()
	var b strings.Builder
	only := map[string]bool{}
	for _, h := range s.model.Quarantined(stream) {
		only[h.place()] = true
	}
	for _, r := range s.quarantined(stream) {
		if !only[place(r)] {
			fmt.Fprintf(&b, "only in quarantine: %s: %s: %s\n", place(r), r.Reason, r.Raw)
		}
		delete(only, place(r))
	}
	for _, place := range slices.Sorted(maps.Keys(only)) {
		fmt.Fprintf(&b, "only in the model's quarantine: %s\n", place)
	}
	return b.String()
}

// runs are those of a generation.
func (s *stage) runs(generation uint64) (found []runs.Run) {
	s.t.Helper()
	s.carry(func(ctx context.Context) (err error) {
		found, err = runs.List(ctx, s.engine.Catalog, s.c.Pipeline.Name, generation, 0)
		return err
	})
	return found
}

// status is how the pipeline stands.
func (s *stage) status() query.Status {
	s.t.Helper()
	var all []query.Status
	s.carry(func(ctx context.Context) (err error) {
		all, err = s.reader.Status(ctx)
		return err
	})
	return all[0]
}

// compareRuns expects each batch in one run, within the declared limits, and counts what the runs have made.
func (s *stage) compareRuns() {
	s.t.Helper()
	status := s.status()
	runs, sealed := s.runs(status.Generation), len(s.model.Sealed)
	keys, taken := map[string]bool{}, 0
	for _, run := range runs {
		created, updated := s.keysOf(&run, keys, &taken)
		if run.Created != created || run.Updated != updated {
			s.fatalf("run %d says %d artifacts are created, %d updated; want %d, %d", run.Run, run.Created, run.Updated, created, updated)
		}
	}
	if taken != sealed || status.Backlog != 0 || status.BacklogEvents != 0 || len(status.Lanes) != 0 || status.Runs != uint64(len(runs)) || status.Artifacts != int64(len(keys)) {
		s.fatalf("%d of %d batches are in %d runs, %d artifacts; the status is %+v", taken, sealed, len(runs), len(keys), status)
	}
	s.compareWatermark(status.Watermark)
}

// compareWatermark expects that of the stream that is furthest behind.
func (s *stage) compareWatermark(got *time.Time) {
	s.t.Helper()
	var furthest time.Time
	for i, stream := range s.streams {
		batches := s.batches(stream.Name)
		if len(batches) == 0 {
			if got != nil {
				s.fatalf("the watermark is %s, and %s has sent nothing", got, stream.Name)
			}
			return
		}
		if last := batches[len(batches)-1].Sealed; i == 0 || last.Before(furthest) {
			furthest = last
		}
	}
	if got == nil || !furthest.Equal(*got) {
		s.fatalf("the watermark is %s; want %s", got, furthest)
	}
}

// keysOf adds a run's keys to those before it, and counts the new and the others.
func (s *stage) keysOf(run *runs.Run, keys map[string]bool, taken *int) (created, updated int64) {
	s.t.Helper()
	touched, events := map[string]bool{}, int64(0)
	for _, batch := range run.Batches {
		if *taken++; s.place(batch) != *taken {
			s.fatalf("run %d takes batch %+v where %+v is due", run.Run, batch, s.model.Sealed[*taken-1])
		}
		maps.Copy(touched, s.model.Keys(*taken))
		events += s.model.Counted(*taken)
	}
	p := s.c.Pipeline
	if n := len(run.Batches); n == 0 || p.MaxBatches > 0 && n > p.MaxBatches || p.MaxEvents > 0 && n > 1 && events > int64(p.MaxEvents) {
		s.fatalf("run %d takes %d batches of %d events", run.Run, n, events)
	}
	for key := range touched {
		if keys[key] {
			updated++
		} else {
			created++
		}
		keys[key] = true
	}
	return created, updated
}

// compareObjects expects what the catalog names to be there, and nothing else: what a crash left between a record and a
// removal is no harm, but nothing of a batch or part that was never recorded stays.
func (s *stage) compareObjects() {
	s.t.Helper()
	want := map[string]bool{}
	name := func(objects []object.Description) {
		for _, o := range objects {
			want[o.Name] = true
		}
	}
	for _, stream := range s.streams {
		for _, b := range s.batches(stream.Name) {
			name(b.Objects)
			if b.Quarantine != nil {
				want[b.Quarantine.Name] = true
			}
			want[manifestOf(stream.Name, b.Batch)] = true
		}
		for _, run := range s.dedupeTables(stream.Name) {
			want[run] = true
		}
		for n := uint64(1); n <= s.retractions(stream.Name); n++ {
			want[retractionOf(stream.Name, n)] = true
		}
	}
	for _, run := range s.runs(s.status().Generation) {
		name(run.Parts())
	}
	for _, object := range s.objects() {
		step := strings.Contains(object, "/runs/")
		crashed := step || strings.Contains(object, "/memory/") || strings.HasSuffix(object, "/ids")
		left := s.rolled || s.lagged && step || !s.calm && crashed
		if !want[object] && !left {
			s.fatalf("nothing names the object %s", object)
		}
		delete(want, object)
	}
	if !s.calm { // a manifest that could not be written after its batch was sealed is written by the stream's next intake
		for _, stream := range s.streams {
			if all := s.batches(stream.Name); len(all) > 0 {
				delete(want, manifestOf(stream.Name, all[len(all)-1].Batch))
			}
			delete(want, retractionOf(stream.Name, s.retractions(stream.Name)))
		}
	}
	if len(want) > 0 {
		s.fatalf("objects are missing: %v", slices.Sorted(maps.Keys(want)))
	}
}

func manifestOf(stream string, batch uint64) string {
	return fmt.Sprintf("streams/%s/batches/%08d/manifest.json", stream, batch)
}

func retractionOf(stream string, number uint64) string {
	return fmt.Sprintf("streams/%s/retractions/%08d.json", stream, number)
}

// retractions is the number of a stream's last one.
func (s *stage) retractions(stream string) (last uint64) {
	s.t.Helper()
	s.carry(func(ctx context.Context) error {
		return s.intake.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
			last, err = event.LastRetraction(tx, stream)
			return err
		})
	})
	return last
}

// compareCounted expects that rebuilds of the dedupe indexes found no id twice.
func (s *stage) compareCounted() {
	s.t.Helper()
	for _, stream := range s.project.Streams {
		s.carry(func(ctx context.Context) error { return eventverify.CountedOnce(ctx, s.intake, stream) })
	}
}

// compareRecords expects one generation in the catalog, and no partition's share of a step that is done.
func (s *stage) compareRecords() {
	s.t.Helper()
	for prefix, most := range map[string]int{"generation/": 1, "share/": 0} {
		var keys []string
		s.carry(func(ctx context.Context) error {
			keys = nil
			return s.engine.Catalog.View(ctx, func(tx catalog.Tx) error {
				return tx.List(prefix, func(key string, _ json.RawMessage) error {
					keys = append(keys, key)
					return nil
				})
			})
		})
		if len(keys) > most {
			s.fatalf("the catalog still holds %v", keys)
		}
	}
}

// objects are the names of all that is stored.
func (s *stage) objects() (names []string) {
	s.t.Helper()
	s.carry(func(ctx context.Context) (err error) {
		names, err = s.engine.Objects.List(ctx, "")
		return err
	})
	return names
}

// dedupeTables is the names of the tables of a stream's dedupe index.
func (s *stage) dedupeTables(stream string) (names []string) {
	s.t.Helper()
	s.carry(func(ctx context.Context) error {
		var state struct{ Memory []struct{ Name string } }
		err := s.intake.Catalog.View(ctx, func(tx catalog.Tx) error {
			_, err := tx.Get("stream/"+stream, &state)
			return err
		})
		names = nil
		for _, run := range state.Memory {
			names = append(names, run.Name)
		}
		return err
	})
	return names
}
