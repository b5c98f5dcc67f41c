// bursar job logs: what the tasks of a slot have written.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

// logFlags are those of `bursar job logs`.
type logFlags struct {
	grep           string
	follow, failed bool
	limit          int
}

func (c *cli) jobLogsCommand() *cobra.Command {
	var f logFlags
	cmd := &cobra.Command{
		Use:   "logs JOB SLOT [TASK]",
		Short: "Show what the tasks of a slot have written",
		Long: `Shows the output of each attempt of a slot's tasks, or of the task with this partition key or idempotency key. Of each attempt the
first and the last bytes are kept, as many as the job's key output says. Of ones that are executed at the moment the latest are shown;
--follow goes on until the slot has ended. Characters that are not printable are shown as escape sequences. ` + "`latest`" + ` is the newest
slot that has begun.`,
		Example: `  bursar job logs reminders latest
  bursar job logs reminders latest --failed --grep timeout
  bursar job logs reminders 2026-11-25T08:00 acme --follow`,
		RunE: onSlot(c.openToRead, true, func(ctx context.Context, a *app.App, j *project.Job, s *record.Slot, args []string) error {
			if f.follow && (c.json || f.failed) {
				return usagef("--follow excludes --json and --failed")
			}
			return c.logs(ctx, a, j, s, args, &f)
		}),
	}
	cmd.Flags().StringVar(&f.grep, "grep", "", "only lines that contain this `text`")
	cmd.Flags().BoolVar(&f.follow, "follow", false, "print what is written from now on, too, until the slot has ended")
	cmd.Flags().BoolVar(&f.failed, "failed", false, "only tasks that have failed")
	countVar(cmd.Flags(), &f.limit, "limit", 200, "maximum number of attempts; 0 is all")
	return cmd
}

// loggedOutput is what an attempt has written, in the output of --json.
type loggedOutput struct {
	chunk.Output
	Text string `json:"text"`
}

func (c *cli) logs(ctx context.Context, a *app.App, j *project.Job, s *record.Slot, args []string, f *logFlags) error {
	key, err := findTask(ctx, a, zoneOf(j), s, args)
	if err != nil {
		return err
	}
	if f.follow {
		return c.followLogs(ctx, a, s, key, f.grep, c.out)
	}
	failed, err := failedTasks(ctx, a, s, f.failed)
	if err != nil {
		return err
	}
	list, truncated := []loggedOutput{}, false
	err = a.JobOutput(ctx, s.Ref, key, func(o chunk.Output) error {
		if failed != nil && !failed[o.Key] {
			return nil
		}
		text, found := grepLines(o.Text, f.grep)
		if !found {
			return nil
		}
		if truncated = f.limit > 0 && len(list) == f.limit; truncated {
			return failure.ErrStop
		}
		list = append(list, loggedOutput{o, text})
		return nil
	})
	if err != nil && !errors.As(err, new(*chunk.LostOutputError)) {
		return err
	}
	return errors.Join(c.result(map[string]any{"slot": s, "outputs": list, "truncated": truncated}, func(w io.Writer) {
		for i := range list {
			printOutput(w, &list[i].Output, list[i].Text)
		}
		switch {
		case len(list) == 0 && err == nil:
			fmt.Fprintf(w, "No such output of %s %s.\n", j.Name, formatSlot(s, zoneOf(j)))
		case truncated:
			fmt.Fprintf(w, "There is more than the output of %s: name a task, or use --limit.\n", plural(len(list), "attempt", "attempts"))
		}
	}), lostOutput(err))
}

// lostOutput adds what to do about output that is lost.
func lostOutput(err error) error {
	if errors.As(err, new(*chunk.LostOutputError)) {
		return withHint(err, "`bursar repair --from BACKUP` restores it from a copy of the project")
	}
	return err
}

// findTask returns the partition key of the task that the argument names; nil without an argument.
func findTask(ctx context.Context, a *app.App, zone *time.Location, s *record.Slot, args []string) (*string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	var key *string
	err := a.JobTasks(ctx, s.Ref, func(t *chunk.Task) error {
		if t.Key != args[0] && t.ID != args[0] {
			return nil
		}
		key = &t.Key
		return failure.ErrStop
	})
	if err == nil && key == nil {
		err = &record.NotFoundError{What: fmt.Sprintf("task %s of slot %s", args[0], s.In(zone))}
		err = withHint(err, "`bursar job tasks %s %s` lists its tasks", s.Job, slotArgument(s, zone))
	}
	return key, err
}

// failedTasks returns the keys of the tasks that have failed; nil if they do not matter.
func failedTasks(ctx context.Context, a *app.App, s *record.Slot, matter bool) (map[string]bool, error) {
	if !matter {
		return nil, nil
	}
	keys := map[string]bool{}
	err := a.JobTasks(ctx, s.Ref, func(t *chunk.Task) error {
		if t.State == chunk.Failed {
			keys[t.Key] = true
		}
		return nil
	})
	return keys, err
}

// grepLines returns the lines that contain a text, and whether there are some. An empty text is in all.
func grepLines(text []byte, wanted string) (found string, some bool) {
	valid := strings.ToValidUTF8(string(text), "\uFFFD")
	if wanted == "" {
		return valid, true
	}
	var b strings.Builder
	for line := range strings.Lines(valid) {
		if strings.Contains(line, wanted) {
			b.WriteString(line)
		}
	}
	return b.String(), b.Len() > 0
}

// printOutput prints what an attempt has written below a line that names it.
func printOutput(w io.Writer, o *chunk.Output, text string) {
	fmt.Fprintln(w, outputTitle(o))
	printLines(w, text)
}

func outputTitle(o *chunk.Output) string {
	title := fmt.Sprintf("== attempt %d", o.Attempt)
	if o.Key != "" {
		title = fmt.Sprintf("== %s, attempt %d", shorten(o.Key), o.Attempt)
	}
	if o.Live {
		title += ", not ended"
	}
	if o.Cut > 0 {
		title += fmt.Sprintf(", %s were not kept", plural(o.Cut, "byte", "bytes"))
	}
	return title + " =="
}

func printLines(w io.Writer, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintln(w, printable(strings.TrimRight(line, "\r\n")))
	}
}

// followPoll is the least time between two looks at the output of tasks that are executed.
const followPoll = time.Second

// follower prints the output of tasks as it grows.
type follower struct {
	out  io.Writer
	grep string
	seen map[followed]int64 // how many bytes were printed
	last followed           // printed last
}

type followed struct {
	key     string
	attempt int
}

// followLogs prints the output of tasks until the slot has ended.
func (c *cli) followLogs(ctx context.Context, a *app.App, s *record.Slot, key *string, grep string, out io.Writer) error {
	f := &follower{out: out, grep: grep, seen: map[followed]int64{}}
	for {
		began := time.Now()
		now, err := a.JobSlot(ctx, s.Ref)
		if err != nil {
			return err
		}
		err = lostOutput(a.JobOutput(ctx, s.Ref, key, f.print))
		if !now.State.IsOpen() || err != nil && !errors.As(err, new(*chunk.LostOutputError)) {
			return err
		}
		wait := time.NewTimer(max(followPoll, 4*time.Since(began))) // of many tasks the output takes a while to read
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}

// print prints what is new in an output. Of one that has not ended whole lines are printed, so that none is split.
func (f *follower) print(o chunk.Output) error {
	id := followed{o.Key, o.Attempt}
	text, written := o.Text, o.Bytes
	if !o.Live {
		written = int64(len(o.Text)) + o.Cut
	}
	fresh := min(written-f.seen[id], int64(len(text)))
	if fresh <= 0 {
		return nil
	}
	text = text[int64(len(text))-fresh:]
	if o.Live {
		end := bytes.LastIndexByte(text, '\n') + 1
		written -= int64(len(text) - end)
		text = text[:end]
	}
	f.seen[id] = max(f.seen[id], written)
	lines, some := grepLines(text, f.grep)
	if !some || lines == "" {
		return nil
	}
	if f.last != id || o.Attempt == 0 {
		f.last = id
		fmt.Fprintln(f.out, outputTitle(&o))
	}
	printLines(f.out, lines)
	return nil
}
