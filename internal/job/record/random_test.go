// Random lives of projects: policies, outages, pauses, cancels, restarts and jobs after one another, audited at every moment.

package record

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/job/slot"
	"bursar/internal/project"
)

func TestRandomLives(t *testing.T) {
	t.Parallel()
	begin := uint64(time.Now().UnixNano())
	for seed := begin; seed < begin+10; seed++ {
		random := rand.New(rand.NewPCG(seed, 2))
		jobs := randomJobs(t, random)
		w := newWorldIn(t, newMemory(), "2026-03-28T20:00:00Z", jobs...)
		for range 120 {
			w.randomStep(random)
		}
		w.settle()
		for _, j := range jobs {
			w.audit(j.Name, w.duesWith(j))
			if !w.corrected { // a window that comes twice has more starts
				w.auditRate(j)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("seeds from %d", begin)
}

func randomJobs(t *testing.T, random *rand.Rand) (jobs []*project.Job) {
	texts := []string{"every 7m", "*/10 * * * *", "0 * * * *", "30 1-4 * * *", "every 3h"}
	zones := []string{"UTC", "Europe/Berlin", "America/New_York"}
	for i, name := range []string{"a", "b", "c", "d"} {
		j := newJobIn(t, name, texts[random.IntN(len(texts))], zones[random.IntN(len(zones))])
		j.Overlap = []project.Overlap{project.OverlapSkip, project.OverlapQueue, project.OverlapCancel, project.OverlapAllow}[random.IntN(4)]
		j.CatchUp.Policy = []project.CatchUpPolicy{project.CatchUpSkip, project.CatchUpLatest, project.CatchUpAll}[random.IntN(3)]
		if random.IntN(2) == 0 {
			j.CatchUp.Age = time.Duration(1+random.IntN(20)) * time.Hour
		}
		if random.IntN(2) == 0 {
			j.CatchUp.Rate = project.Rate{Count: 1 + random.IntN(3), Per: time.Duration(1+random.IntN(60)) * time.Minute}
		}
		if random.IntN(3) == 0 {
			j.Deadline = time.Duration(1+random.IntN(90)) * time.Minute
		}
		if i > 0 && random.IntN(2) == 0 {
			j.After = jobs[random.IntN(i)].Name
			if random.IntN(3) == 0 {
				j.Schedule = newJob(t, "", "").Schedule
			}
		}
		jobs = append(jobs, j)
	}
	random.Shuffle(len(jobs), func(i, k int) { jobs[i], jobs[k] = jobs[k], jobs[i] })
	return jobs
}

// duesWith returns when a job was due, by its schedule or that of the job that it comes after.
func (w *world) duesWith(j *project.Job) (list []time.Time) {
	own := j
	for own.Schedule.IsZero() && own.After != "" {
		own = w.job(own.After)
	}
	st := w.state(j.Name)
	for due := own.Due(st.Since); !due.IsZero() && !due.After(st.Cursor); due = own.Due(due) {
		list = append(list, due.UTC())
	}
	return list
}

// randomStep does what people, workers and machines do.
func (w *world) randomStep(random *rand.Rand) {
	w.t.Helper()
	ctx := w.t.Context()
	j := w.jobs[random.IntN(len(w.jobs))]
	var err error
	switch random.IntN(16) {
	case 0:
		_, err = w.Pause(ctx, w.jobs, j, "ann")
	case 1, 2:
		_, err = w.Resume(ctx, w.jobs, j)
	case 3:
		due := time.Time{}
		if random.IntN(2) == 0 { // perhaps it is not decided yet
			due = w.Now().Add(-time.Duration(random.IntN(6)) * 30 * time.Minute).Truncate(30 * time.Minute)
		}
		_, err = w.RunNow(ctx, w.jobs, j, due, "ann")
	case 4:
		from := w.Now().Add(-time.Duration(random.Int64N(int64(12 * time.Hour))))
		_, err = w.Backfill(ctx, w.jobs, j, Interval{From: from, To: from.Add(6 * time.Hour), Again: random.IntN(2) == 0}, "ann")
	case 5: // an outage
		w.set(w.Now().Add(time.Duration(random.Int64N(int64(30 * time.Hour)))))
	case 6: // the clock is corrected, in some lives
		if w.jobs[0].Deadline > 0 {
			return
		}
		w.corrected = true
		w.set(w.Now().Add(-time.Duration(random.Int64N(int64(20 * time.Minute)))))
	case 7:
		w.Slots = &Slots{Catalog: w.Catalog, Now: w.Now}
	case 8:
		_, waiting, openErr := w.Open(ctx, j.Name)
		if err = openErr; len(waiting) > 0 {
			_, err = w.Cancel(ctx, waiting[random.IntN(len(waiting))].Ref, "ann")
		}
	case 9: // a process with a project folder that lacks the job
		w.without(j)
	default:
		w.workers(random, w.later(time.Duration(random.Int64N(int64(15*time.Minute)))))
	}
	if err != nil && !strings.Contains(err.Error(), "it is running") && !strings.Contains(err.Error(), "it is waiting") {
		w.t.Fatal(err)
	}
}

// without decides as if a job were not declared, unless others come after it: a project with those alone is refused.
func (w *world) without(j *project.Job) {
	w.t.Helper()
	all := w.jobs
	defer func() { w.jobs = all }()
	if slices.ContainsFunc(all, func(other *project.Job) bool { return other.After == j.Name }) {
		return
	}
	w.jobs = slices.DeleteFunc(slices.Clone(all), func(other *project.Job) bool { return other == j })
	w.later(time.Minute)
}

// workers end some of the slots that are executed, at times twice, and all that were cancelled.
func (w *world) workers(random *rand.Rand, d Decided) {
	w.t.Helper()
	seen := map[Ref]bool{}
	for _, ref := range d.Start {
		if seen[ref] {
			w.t.Fatalf("%s is listed twice", ref)
		}
		seen[ref] = true
		s := w.get(ref)
		if s.State != slot.Running {
			w.t.Fatalf("%s is to start, and is %s", ref, s.State)
		}
		switch random.IntN(5) {
		case 0:
			w.endWith(ref, Summary{Tasks: 2, Done: 1, Failed: 1})
		case 1, 2:
			w.end(ref)
			w.endWith(ref, Summary{Tasks: 2, Failed: 2})
		case 3:
			if _, err := w.Cancel(w.t.Context(), ref, "ann"); err != nil {
				w.t.Fatal(err)
			}
			w.endWith(ref, Summary{Tasks: 1, Cancelled: 1})
		}
	}
	for _, ref := range d.Cancel {
		if !seen[ref] {
			w.t.Fatalf("%s is to end, and is not executed", ref)
		}
	}
}
