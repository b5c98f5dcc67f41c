// Tests of lists of slots, and of their removal.

package record

import (
	"slices"
	"testing"
	"time"

	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// newListed returns a world with slots and ranges from 08:00 to 17:00.
func newListed(t *testing.T) *world {
	t.Helper()
	j := newJob(t, "a", "0 * * * *")
	j.CatchUp.Policy = project.CatchUpSkip
	w := newWorld(t, "2026-03-02T07:30:00Z", j, newJob(t, "ab", "0 * * * *"))
	w.end(w.to("2026-03-02T08:00:00Z").Start[0])
	w.to("2026-03-02T12:30:00Z")
	w.endWith(w.to("2026-03-02T13:00:00Z").Start[0], Summary{Tasks: 1, Failed: 1})
	w.to("2026-03-02T16:30:00Z")
	w.to("2026-03-02T17:00:00Z")
	w.expect("a", "08:00 done", "09:00-12:00 4 skipped: catch_up", "13:00 failed", "14:00-16:00 3 skipped: catch_up", "17:00 running")
	return w
}

func TestList(t *testing.T) {
	t.Parallel()
	w := newListed(t)
	for name, c := range map[string]struct {
		from, to  string
		states    []slot.State
		limit     int
		want      []string
		truncated bool
	}{
		"newest":       {limit: 2, want: []string{"17:00 running", "14:00-16:00 3 skipped: catch_up"}, truncated: true},
		"all of five":  {limit: 5, want: []string{"17:00 running", "14:00-16:00 3 skipped: catch_up", "13:00 failed", "09:00-12:00 4 skipped: catch_up", "08:00 done"}},
		"by state":     {states: []slot.State{slot.Done, slot.Failed}, want: []string{"13:00 failed", "08:00 done"}},
		"from, to":     {from: "13", to: "17", want: []string{"14:00-16:00 3 skipped: catch_up", "13:00 failed"}},
		"in a range":   {from: "10", to: "11", want: []string{"09:00-12:00 4 skipped: catch_up"}},
		"into one":     {from: "13", to: "15", want: []string{"14:00-16:00 3 skipped: catch_up", "13:00 failed"}},
		"before one":   {from: "13", to: "14", want: []string{"13:00 failed"}},
		"limit, range": {from: "08", to: "15", limit: 1, want: []string{"14:00-16:00 3 skipped: catch_up"}, truncated: true},
	} {
		q := Query{Job: "a", States: c.states, Limit: c.limit}
		if c.from != "" {
			q.From, q.To = at(t, "2026-03-02T"+c.from+":00:00Z"), at(t, "2026-03-02T"+c.to+":00:00Z")
		}
		list, truncated, err := w.List(t.Context(), q)
		var got []string
		for i := range list {
			got = append(got, brief(&list[i]))
		}
		if err != nil || truncated != c.truncated || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %t, %v; want %q", name, got, truncated, err, c.want)
		}
	}
}

// prune removes up to most slots that ended before a time.
func (w *world) prune(job string, before time.Time, most int) ([]Ref, error) {
	old, err := w.Old(w.t.Context(), job, before, most)
	if err != nil {
		return nil, err
	}
	return old, w.Remove(w.t.Context(), job, old)
}

// TestPrune: slots that ended long ago are removed but for the newest, and counters stay.
func TestPrune(t *testing.T) {
	t.Parallel()
	w := newListed(t)
	before := w.state("a").Counters
	removed, err := w.prune("a", at(t, "2026-03-02T12:45:00Z"), 1)
	if err != nil || len(removed) != 1 {
		t.Fatal(removed, err)
	}
	w.expect("a", "08:00 done", "13:00 failed", "14:00-16:00 3 skipped: catch_up", "17:00 running")
	if _, err = w.prune("a", at(t, "2026-03-03T00:00:00Z"), 100); err != nil {
		t.Fatal(err)
	}
	w.expect("a", "17:00 running")
	w.end(Ref{Job: "a", Due: at(t, "2026-03-02T17:00:00Z")})
	if removed, err = w.prune("a", at(t, "2026-03-03T00:00:00Z"), 100); err != nil || len(removed) != 0 {
		t.Fatal(removed, err)
	}
	w.expect("a", "17:00 done")
	before.Done++
	before.Tasks++
	if after := w.state("a").Counters; after != before {
		t.Errorf("counters are %+v; want %+v", after, before)
	}
}
