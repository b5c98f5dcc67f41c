// Tests of what is shown of slots: counters, alerts, and which process executes what.

package app

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/job/record"
	"bursar/internal/job/slot"
)

// TestJobCounters counts the slots and tasks of jobs for Prometheus.
func TestJobCounters(t *testing.T) {
	t.Parallel()
	a := openJobs(t, map[string]string{
		"calls":  "task: {exec: [\"true\"]}\npartition: {count: 3}\n",
		"breaks": "task: {exec: [sh, -c, exit 70]}\n",
	}, nil)
	runJob(t, a, "calls")
	runJob(t, a, "breaks")
	got := map[string]int64{}
	for _, s := range a.jobSums()[0].Read() {
		got[s.Family+" "+strings.Join(s.Labels, " ")] = s.Value
	}
	want := map[string]int64{
		"bursar_job_slots_total calls fired": 1, "bursar_job_slots_total calls done": 1, "bursar_job_tasks_total calls": 3,
		"bursar_job_slots_total breaks fired": 1, "bursar_job_slots_total breaks failed": 1, "bursar_job_tasks_total breaks": 1,
		"bursar_job_slots_total breaks done": 0, "bursar_job_slots_total breaks late": 0, "bursar_job_slots_total breaks skipped": 0, "bursar_job_slots_total breaks blocked": 0,
	}
	for name, n := range want {
		if v, found := got[name]; !found || v != n {
			t.Errorf("%s is %d (%v), want %d", name, v, found, n)
		}
	}
	if len(got) != 14 {
		t.Errorf("counters %v", got)
	}
}

// TestSlotAlerts: a line reports what failed, is blocked or late, once for each slot.
func TestSlotAlerts(t *testing.T) {
	t.Parallel()
	overdue := time.Now()
	for _, c := range []struct {
		slot record.Slot
		want bool
	}{
		{record.Slot{State: slot.Failed}, true},
		{record.Slot{State: slot.Failed, Overdue: &overdue}, true},
		{record.Slot{State: slot.Blocked}, true},
		{record.Slot{State: slot.Late}, true},
		{record.Slot{State: slot.Late, Overdue: &overdue}, false}, // it was reported when that was noticed
		{record.Slot{State: slot.Running, Overdue: &overdue}, true},
		{record.Slot{State: slot.Waiting, Overdue: &overdue}, true},
		{record.Slot{State: slot.Running}, false},
		{record.Slot{State: slot.Waiting}, false},
		{record.Slot{State: slot.Done}, false},
		{record.Slot{State: slot.Skipped}, false},
	} {
		called := false
		a := &App{hooks: Hooks{OnSlot: func(record.Slot) { called = true }}}
		if a.alert(&c.slot); called != c.want {
			t.Errorf("alert for %s (overdue %v): %v", c.slot.State, c.slot.Overdue, called)
		}
	}
	(&App{}).alert(&record.Slot{State: slot.Failed})
}

// TestWorkersOfSlots lists which process executes how many chunks of a slot.
func TestWorkersOfSlots(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "go")
	a := openJobs(t, map[string]string{"calls": "task: {exec: [sh, -c, 'until test -e \"$0\"; do sleep 0.02; done', '" + file + "']}\npartition: {count: 2}\n"}, nil)
	j := a.Project.Job("calls")
	ref, err := a.slots().RunNow(t.Context(), a.Project.Jobs, j, time.Time{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.beginSlot(t.Context(), j, ref); err != nil {
		t.Fatal(err)
	}
	want, tick := ref.String()+": 2 chunks", time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		does := map[string][]string{}
		if err := a.addSlots(t.Context(), a.temporal, does); err != nil {
			t.Fatal(err)
		}
		listed := slices.Concat(slices.Collect(maps.Values(does))...)
		if slices.Equal(listed, []string{want}) {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("listed %v, want %s", does, want)
		}
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	awaitSlots(t, a, "calls")
	does := map[string][]string{}
	if err := a.addSlots(t.Context(), a.temporal, does); err != nil || len(does) > 0 {
		t.Errorf("after the end: %v, %v", does, err)
	}
}
