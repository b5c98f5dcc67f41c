// Reads jobs/*.yaml.

package project

import (
	"cmp"
	"regexp"
	"strconv"
	"time"

	"bursar/internal/project/doc"
)

// JobsFolder is the folder of declared jobs.
const JobsFolder = "jobs"

// The defaults of a job.
const (
	defaultConcurrency = 16
	defaultTaskTime    = time.Hour
	defaultHeartbeat   = 8 * time.Second
	defaultOutput      = 64_000
)

// The limits of a job.
const (
	maxConcurrency = 500 // activities of a slot that are pending
	maxTaskTime    = 7 * 24 * time.Hour
	minHeartbeat   = 2 * time.Second
	maxHeartbeat   = 10 * time.Minute
	maxDeadline    = 30 * 24 * time.Hour
	minOutput      = 1_000
	maxOutput      = 1_000_000
	maxStarts      = 1_000_000 // per window
)

var outputUnits = map[string]int64{"KB": 1_000, "MB": 1_000_000}

// parseJob reads a job file. The job is never nil, and has its file's name even if everything else is invalid.
func parseJob(file string, data []byte) (*Job, []doc.Error) {
	src := doc.NewFile(file)
	root := src.Root(data)
	o := src.Section(root, "", "job", "schedule", "zone", "except", "after", "partition", "task", "only_if", "once", "concurrency", "rate",
		"timeout", "heartbeat", "retry", "overlap", "catch_up", "deadline", "fairness", "output")
	j := &Job{Name: nameFromFile(o, "job"), File: file, source: source{lines: src.Lines, variables: environmentVariables(root)}}
	if root != nil || len(src.Errs) == 0 {
		o.Require("job", "task")
	}
	j.Line = src.Lines.At("job")
	j.Zone = cmp.Or(readZone(o), time.UTC)
	j.Schedule = readSchedule(o, "schedule", j.Zone)
	j.Except, j.After = readExcept(o), o.Text("after")
	j.Partition = readPartition(o)
	j.readTask(o)
	j.readOnlyIf(o)
	j.readFairness(o)
	j.readLimits(o)
	j.Retry = readRetry(o)
	j.readOverlap(o)
	j.CatchUp = readCatchUp(o)
	j.broken = len(src.Errs) > 0
	return j, src.Errs
}

func (j *Job) readLimits(o doc.Section) {
	j.Concurrency = int(o.Number("concurrency", defaultConcurrency, 1, maxConcurrency))
	j.Rate = readRate(o, "rate")
	j.Timeout = readTime(o, "timeout", defaultTaskTime, time.Second, maxTaskTime, "a time from 1s to 168h such as 30s, 10m or 1h")
	j.Heartbeat = readTime(o, "heartbeat", defaultHeartbeat, minHeartbeat, maxHeartbeat, "a time from 2s to 10m such as 8s or 1m")
	j.Deadline = readTime(o, "deadline", 0, time.Second, maxDeadline, "a time from 1s to 720h such as 90s, 30m or 2h")
	j.Output = int(readAmount(o, "output", defaultOutput, outputUnits, minOutput, maxOutput, "a size from 1KB to 1MB such as 64KB"))
	j.Once = o.Flag("once", false)
	if j.Once && j.Task.SQL != "" {
		o.Fail("once", "has no effect on `sql`: a statement and the record that it was executed are one transaction")
	}
}

func (j *Job) readOverlap(o doc.Section) {
	j.Overlap = Overlap(cmp.Or(o.OneOf("overlap", string(OverlapSkip), string(OverlapQueue), string(OverlapCancel), string(OverlapAllow)), string(OverlapSkip)))
	for _, key := range []string{"except", "catch_up"} {
		if o.Has(key) && !o.Has("schedule") && !o.Has("after") && !o.Misspelt["schedule"] && !o.Misspelt["after"] {
			o.Fail(key, "has no effect without `schedule`: the job is executed by hand only")
		}
	}
}

func (j *Job) readOnlyIf(o doc.Section) {
	j.OnlyIf = o.Expression("only_if")
	j.variablesOf(o).checkSQL(o, "only_if", j.OnlyIf)
}

func (j *Job) readFairness(o doc.Section) {
	j.Fairness = o.Text("fairness")
	if o.Has("fairness") && j.Partition.SQL == "" {
		o.Fail("fairness", "names a column of `partition.sql`, which this job does not have: its tasks have no columns to take turns by")
	}
}

// readTime reads a time within bounds.
func readTime(o doc.Section, key string, byDefault, least, most time.Duration, advice string) time.Duration {
	return time.Duration(readAmount(o, key, int64(byDefault), timeUnits, int64(least), int64(most), advice))
}

var ratePattern = regexp.MustCompile(`^([1-9][0-9]{0,6})/([0-9a-z]+)$`)

// readRate reads a number of starts per window.
func readRate(o doc.Section, key string) Rate {
	text := o.Expression(key) // a number alone is reported as it is written
	if text == "" {
		return Rate{}
	}
	if m := ratePattern.FindStringSubmatch(text); m != nil {
		count, _ := strconv.Atoi(m[1]) // seven digits at most
		per := time.Duration(parseAmount(m[2], timeUnits))
		if count <= maxStarts && per >= time.Second && per <= 24*time.Hour {
			return Rate{Count: count, Per: per}
		}
	}
	o.Fail(key, "is %s: use a number of starts from 1 to %d, and a window from 1s to 24h, such as 100/1m", doc.Brief(text), maxStarts)
	return Rate{}
}
