// Measures a slot with many small tasks, and the least that a workflow with durable outcomes costs: an activity and a write per chunk.

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	kindJobs      = "jobs"
	kindJobsYards = "jobs yardstick"

	// jobName is the job that is measured.
	jobName = "bench"
)

// JobsFigures are the figures of one round, or of all rounds.
type JobsFigures struct {
	Ratio            float64 `json:"ratio"` // yardstick / ours: higher is better
	Seconds          float64 `json:"ours_seconds"`
	YardstickSeconds float64 `json:"yardstick_seconds"`
	CPU              float64 `json:"cpu_seconds"` // of all threads of the process, with the server, while the clock runs
	YardstickCPU     float64 `json:"yardstick_cpu_seconds"`
	TasksPerSecond   int64   `json:"tasks_per_second"`
	Events           int64   `json:"history_events"` // of the slot's workflow
	HistoryBytes     int64   `json:"history_bytes"`
	YardstickEvents  int64   `json:"yardstick_history_events"`
	PeakMemory       int64   `json:"peak_memory_bytes"` // resident, from the process's start
	YardstickMemory  int64   `json:"yardstick_memory_bytes"`
}

// JobsReport is the result of the benchmark: medians over the rounds, and the highest peaks of memory.
type JobsReport struct {
	Benchmark string `json:"benchmark"`
	Tasks     int    `json:"tasks"`
	Chunks    int    `json:"chunks"`
	JobsFigures
	Rounds []JobsFigures `json:"rounds"`
}

// jobsResult is what a process has measured.
type jobsResult struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"`
	Chunks  int     `json:"chunks"`
	Events  int64   `json:"events"`
	Bytes   int64   `json:"bytes"`
	Peak    int64   `json:"peak"`
}

// measure sets the seconds and the CPU time that do takes.
func (r *jobsResult) measure(do func() error) (err error) {
	before := cpuSeconds()
	r.Seconds, _, err = measure(do)
	r.CPU = cpuSeconds() - before
	return err
}

// Jobs measures one slot. Which side is first alternates by round; the first round finds out how many chunks there are.
func Jobs(ctx context.Context, o Options) (r JobsReport, err error) {
	r = JobsReport{Benchmark: "jobs", Tasks: o.Tasks}
	err = o.inFolder("", func(b *bench) error {
		r.Rounds, err = rounds(&o, func(n int) (JobsFigures, error) { return b.jobsRound(ctx, n, &r.Chunks) }, func(f *JobsFigures) string {
			return fmt.Sprintf("yardstick %.3f s, ours %.3f s", f.YardstickSeconds, f.Seconds)
		})
		return err
	})
	if err != nil {
		return r, err
	}
	r.JobsFigures = JobsFigures{
		Seconds: median(r.Rounds, func(f *JobsFigures) float64 { return f.Seconds }), YardstickSeconds: median(r.Rounds, func(f *JobsFigures) float64 { return f.YardstickSeconds }),
		Events: median(r.Rounds, func(f *JobsFigures) int64 { return f.Events }), YardstickEvents: median(r.Rounds, func(f *JobsFigures) int64 { return f.YardstickEvents }),
		CPU: median(r.Rounds, func(f *JobsFigures) float64 { return f.CPU }), YardstickCPU: median(r.Rounds, func(f *JobsFigures) float64 { return f.YardstickCPU }),
		HistoryBytes: median(r.Rounds, func(f *JobsFigures) int64 { return f.HistoryBytes }),
		PeakMemory:   highest(r.Rounds, func(f *JobsFigures) int64 { return f.PeakMemory }), YardstickMemory: highest(r.Rounds, func(f *JobsFigures) int64 { return f.YardstickMemory }),
	}
	r.rate(o.Tasks)
	return r, nil
}

// rate sets the figures that follow from the times.
func (f *JobsFigures) rate(tasks int) {
	f.Ratio, f.TasksPerSecond = f.YardstickSeconds/f.Seconds, int64(float64(tasks)/f.Seconds)
}

func (b *bench) jobsRound(ctx context.Context, n int, chunks *int) (f JobsFigures, err error) {
	var ours, yardstick jobsResult
	measureOurs := func() (err error) {
		spec := childSpec{Kind: kindJobs, Tasks: b.Tasks}
		if n == b.Rounds-1 {
			spec.Profile = b.Profile
		}
		err = b.jobsSide(ctx, spec, &ours)
		*chunks = ours.Chunks
		return err
	}
	measureYardstick := func() error {
		return b.jobsSide(ctx, childSpec{Kind: kindJobsYards, Tasks: b.Tasks, Chunks: *chunks}, &yardstick)
	}
	sides := []func() error{measureOurs, measureYardstick}
	if n%2 == 1 {
		sides[0], sides[1] = sides[1], sides[0]
	}
	for _, side := range sides {
		if err := side(); err != nil {
			return f, err
		}
	}
	f = JobsFigures{
		Seconds: ours.Seconds, CPU: ours.CPU, Events: ours.Events, HistoryBytes: ours.Bytes, PeakMemory: ours.Peak,
		YardstickSeconds: yardstick.Seconds, YardstickCPU: yardstick.CPU, YardstickEvents: yardstick.Events, YardstickMemory: yardstick.Peak,
	}
	f.rate(b.Tasks)
	return f, nil
}

// jobsSide runs a side in a process, in a new project.
func (b *bench) jobsSide(ctx context.Context, spec childSpec, into *jobsResult) (err error) {
	spec.Dir = filepath.Join(b.dir, "project")
	defer func() { err = errors.Join(err, os.RemoveAll(spec.Dir)) }()
	if err := writeFiles(spec.Dir, map[string]string{
		"bursar.yaml": "", "jobs/" + jobName + ".yaml": fmt.Sprintf("job: %s\npartition: {count: %d}\ntask: {exec: [nothing]}\n", jobName, b.Tasks),
	}); err != nil {
		return err
	}
	return b.runChild(ctx, spec, into)
}
