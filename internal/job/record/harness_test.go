// A project in virtual time, and the audit that compares its slots with the times at which its jobs were due.

package record

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
	"bursar/internal/project"
	"bursar/internal/schedule"
)

// world is a project whose clock the test moves.
type world struct {
	*Slots
	t     testing.TB
	clock atomic.Pointer[time.Time]
	jobs  []*project.Job

	corrected bool // the clock went backwards
}

// newWorld returns a project at a time. Its jobs are seen for the first time then.
func newWorld(t testing.TB, start string, jobs ...*project.Job) *world {
	t.Helper()
	c, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return newWorldIn(t, c, start, jobs...)
}

// newWorldIn returns a project with a catalog.
func newWorldIn(t testing.TB, c catalog.Catalog, start string, jobs ...*project.Job) *world {
	t.Helper()
	w := &world{t: t, jobs: jobs}
	w.set(at(t, start))
	w.Slots = &Slots{Catalog: c, Now: func() time.Time { return *w.clock.Load() }}
	w.decide()
	return w
}

func (w *world) set(now time.Time) { w.clock.Store(&now) }

// to moves the clock, and decides.
func (w *world) to(now string) Decided {
	w.t.Helper()
	w.set(at(w.t, now))
	return w.decide()
}

// later moves the clock, and decides.
func (w *world) later(by time.Duration) Decided {
	w.t.Helper()
	w.set(w.Now().Add(by))
	return w.decide()
}

// decide decides once.
func (w *world) decide() Decided {
	w.t.Helper()
	d, err := w.Decide(w.t.Context(), w.jobs)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// settle decides until everything that was due is decided, and returns the last decision and their number.
func (w *world) settle() (d Decided, calls int) {
	w.t.Helper()
	for calls = 1; ; calls++ {
		if d = w.decide(); d.Again.IsZero() || d.Again.After(w.Now()) {
			return d, calls
		}
		if calls > 1000 {
			w.t.Fatalf("at %s nothing was settled after %d decisions", w.Now(), calls)
		}
	}
}

// end ends a slot with one task, which is done.
func (w *world) end(ref Ref) Slot {
	w.t.Helper()
	return w.endWith(ref, Summary{Tasks: 1, Done: 1})
}

func (w *world) endWith(ref Ref, summary Summary) Slot {
	w.t.Helper()
	ended, err := w.End(w.t.Context(), w.job(ref.Job), ref, summary)
	if err != nil {
		w.t.Fatal(err)
	}
	return ended
}

// job returns a declared job, or nil.
func (w *world) job(name string) *project.Job {
	for _, j := range w.jobs {
		if j.Name == name {
			return j
		}
	}
	return nil
}

// newest returns the newest run of a due time.
func (w *world) newest(job, due string) Slot {
	w.t.Helper()
	s, err := w.Newest(w.t.Context(), job, at(w.t, due))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) get(ref Ref) Slot {
	w.t.Helper()
	s, err := w.Get(w.t.Context(), ref)
	if err != nil {
		w.t.Fatal(ref, err)
	}
	return s
}

// all returns the slots of a job, the oldest first.
func (w *world) all(job string) []Slot {
	w.t.Helper()
	list, truncated, err := w.List(w.t.Context(), Query{Job: job})
	if err != nil || truncated {
		w.t.Fatal(err, truncated)
	}
	slices.Reverse(list)
	return list
}

func (w *world) state(job string) State {
	w.t.Helper()
	states, err := w.States(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return states[job]
}

// expect compares the slots of a job, the oldest first, written as `08:00 done`, or `08:00-10:00 3 skipped: paused` for a range, with /1 after
// the time for run 1.
func (w *world) expect(job string, want ...string) {
	w.t.Helper()
	var got []string
	for _, s := range w.all(job) {
		got = append(got, brief(&s))
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("slots of %s at %s:\n got %q\nwant %q", job, w.Now().Format(time.RFC3339), got, want)
	}
}

// audit checks that each of the times at which a job was due is in exactly one slot or range, that nothing else is, and that the
// counters and lists agree.
func (w *world) audit(job string, dues []time.Time) {
	w.t.Helper()
	covered := make([]int, len(dues))
	var counters Counters
	for _, s := range w.all(job) {
		if s.Began != nil {
			counters.Fired++
		}
		if !s.State.IsOpen() {
			counters.add(&s)
		}
		if s.Run > 0 {
			continue
		}
		n := 0
		first := s.Due
		if s.First != nil {
			first = *s.First
		}
		from, _ := slices.BinarySearchFunc(dues, first, time.Time.Compare)
		for i := from; i < len(dues) && !dues[i].After(s.Due); i++ {
			covered[i]++
			n++
		}
		if n != s.Count || n == 0 {
			w.t.Errorf("%s from %s counts %d due times; there were %d", s.Ref, first, s.Count, n)
		}
	}
	for i, n := range covered {
		if n != 1 {
			w.t.Errorf("%s was due at %s, and that is in %d slots", job, dues[i].Format(time.RFC3339), n)
		}
	}
	if got := w.state(job).Counters; got != counters {
		w.t.Errorf("counters of %s are %+v; its slots give %+v", job, got, counters)
	}
	if faults := w.faults(); faults != "" {
		w.t.Errorf("the records are damaged: %s", faults)
	}
}

// dues returns when a job was due, from its beginning until its cursor, by its schedule.
func (w *world) dues(j *project.Job) (list []time.Time) {
	st := w.state(j.Name)
	for due := j.Due(st.Since); !due.After(st.Cursor); due = j.Due(due) {
		list = append(list, due.UTC())
	}
	return list
}

// refused checks that an error says what is wanted.
func refused(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v; want %s", err, want)
	}
}

func isNotFound(err error) bool { return errors.As(err, new(*NotFoundError)) }

// brief writes a slot as expect does.
func brief(s *Slot) string {
	const clock = "15:04"
	text := s.Due.Format(clock)
	if s.First != nil {
		text = s.First.Format(clock) + "-" + text
	}
	if s.Run > 0 {
		text += "/" + strconv.Itoa(s.Run)
	}
	if s.First != nil {
		text += " " + strconv.Itoa(s.Count)
	}
	text += " " + string(s.State)
	if s.State == slot.Skipped || s.State == slot.Blocked {
		text += ": " + s.Reason
	}
	return text
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.UTC()
}

// newJob returns a job in UTC with the default policies.
func newJob(t testing.TB, name, text string) *project.Job {
	t.Helper()
	return newJobIn(t, name, text, "UTC")
}

func newJobIn(t testing.TB, name, text, zone string) *project.Job {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	j := &project.Job{Name: name, Zone: location, Overlap: project.OverlapSkip, CatchUp: project.CatchUp{Policy: project.CatchUpLatest}}
	if text == "" {
		return j
	}
	if j.Schedule, err = schedule.Parse(text, location); err != nil {
		t.Fatal(err)
	}
	return j
}
