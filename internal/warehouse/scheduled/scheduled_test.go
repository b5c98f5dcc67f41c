// Tests of scheduled tasks on a clock of their own: what is due, what is recorded, and what another process sees.

package scheduled

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/schedule"
)

// bench is tasks whose executions are listed, on a clock that the test moves.
type bench struct {
	*testing.T

	tasks *Tasks
	now   time.Time
	ran   []string
	fail  map[string]error
}

// newBench has tasks such as "load every 15m".
func newBench(t *testing.T, tasks ...string) *bench {
	t.Helper()
	records, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() })
	b := &bench{T: t, now: time.Date(2026, 11, 28, 10, 7, 0, 0, time.UTC), fail: map[string]error{}}
	b.tasks = &Tasks{Catalog: records, Now: func() time.Time { return b.now }}
	for _, text := range tasks {
		name, when, _ := strings.Cut(text, " ")
		s, err := schedule.Parse(when, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		b.tasks.List = append(b.tasks.List, Task{Name: name, Schedule: s, Execute: func(context.Context) (string, error) {
			b.ran = append(b.ran, name)
			return "done " + name, b.fail[name]
		}})
	}
	return b
}

// at moves the clock to a time of the day, and compares what is due, and when to ask again.
func (b *bench) at(clock, want string) {
	b.Helper()
	b.now = b.clock(clock)
	due, again, err := b.tasks.Due(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if got := fmt.Sprint(due, " ", again.Format("15:04:05")); got != want {
		b.Errorf("at %s %s, want %s", clock, got, want)
	}
}

func (b *bench) clock(text string) time.Time {
	b.Helper()
	day := b.now.Format("2006-01-02 ")
	at, err := time.Parse("2006-01-02 15:04:05", day+text)
	if err != nil {
		b.Fatal(err)
	}
	return at
}

func (b *bench) execute(name string) Outcome {
	b.Helper()
	o, err := b.tasks.Execute(b.Context(), name)
	if err != nil {
		b.Fatal(err)
	}
	return o
}

func (b *bench) wantStatus(want string) {
	b.Helper()
	list, err := b.tasks.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var got []string
	for _, s := range list {
		text := fmt.Sprintf("%s %s %s", s.Task, s.State, s.Next.Format("15:04:05"))
		if len(s.WaitsFor) > 0 {
			text += fmt.Sprint(" after ", s.WaitsFor)
		}
		if s.Slot != nil {
			text += " slot " + s.Slot.Format("15:04:05")
		}
		got = append(got, text+" "+s.Done+s.Error)
	}
	if text := strings.Join(got, "; "); text != want {
		b.Errorf("status\n%s, want\n%s", text, want)
	}
}

func TestDueOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, "load every 15m", "models 0 * * * *")
	b.at("10:07:00", "[] 10:15:00")
	b.at("10:14:59", "[] 10:15:00")
	b.at("10:15:00", "[load] 11:00:00")
	if o := b.execute("load"); !o.Executed || o.Done != "done load" || o.Err != nil {
		t.Errorf("%+v", o)
	}
	if o := b.execute("load"); o.Executed { // by a process that has asked before
		t.Errorf("executed again: %+v", o)
	}
	b.at("10:16:00", "[] 10:30:00")
	b.wantStatus("load waiting 10:30:00 slot 10:15:00 done load; models waiting 11:00:00 ")
	b.at("11:00:30", "[load models] 00:00:00")
	b.wantStatus("load due 11:00:30 slot 10:15:00 done load; models due 11:00:30 after [load] ")
	b.execute("load")
	b.execute("models")
	b.at("11:00:31", "[] 11:15:00")
	if got := fmt.Sprint(b.ran); got != "[load load models]" {
		t.Error(got)
	}
}

// TestMissedTimes executes the last of several due times that nobody has executed.
func TestMissedTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t, "load every 15m")
	b.at("10:07:00", "[] 10:15:00")
	b.at("14:20:00", "[load] 00:00:00")
	b.execute("load")
	b.wantStatus("load waiting 14:30:00 slot 14:15:00 done load")
}

func TestFailures(t *testing.T) {
	t.Parallel()
	b := newBench(t, "load every 15m")
	b.at("10:07:00", "[] 10:15:00")
	b.at("10:15:00", "[load] 00:00:00")
	b.fail["load"] = failure.Wrap(failure.Transient, errors.New("away"))
	if o := b.execute("load"); !o.Retry.Equal(b.clock("10:15:05")) || o.Err == nil {
		t.Errorf("%+v", o)
	}
	b.at("10:15:01", "[] 10:15:05")
	b.wantStatus("load retrying 10:15:05 done loadaway")
	b.at("10:15:05", "[load] 00:00:00")
	if o := b.execute("load"); !o.Retry.Equal(b.clock("10:15:15")) {
		t.Errorf("%+v", o)
	}
	b.at("10:15:15", "[load] 00:00:00")
	b.fail["load"] = failure.Wrap(failure.Data, errors.New("wrong"))
	if o := b.execute("load"); !o.Retry.IsZero() || o.Err == nil {
		t.Errorf("%+v", o)
	}
	b.at("10:15:16", "[] 10:30:00") // a person has to correct it
	b.wantStatus("load waiting 10:30:00 slot 10:15:00 done loadwrong")
	b.at("10:30:00", "[load] 00:00:00")
	delete(b.fail, "load")
	b.execute("load")
	b.wantStatus("load waiting 10:45:00 slot 10:30:00 done load")
}

// TestInterrupted executes again what a process was executing when it died.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	b := newBench(t, "load every 15m")
	b.at("10:07:00", "[] 10:15:00")
	b.at("10:15:00", "[load] 00:00:00")
	ctx, cancel := context.WithCancel(t.Context())
	run := b.tasks.List[0].Execute
	b.tasks.List[0].Execute = func(context.Context) (string, error) { cancel(); return "", ctx.Err() }
	if _, err := b.tasks.Execute(ctx, "load"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.wantStatus("load running 10:15:00 ")
	b.at("10:15:10", "[load] 00:00:00")
	b.tasks.List[0].Execute = run
	b.execute("load")
	b.wantStatus("load waiting 10:30:00 slot 10:15:00 done load")
}

// TestOtherFolder: a process whose project has no such task leaves it to others.
func TestOtherFolder(t *testing.T) {
	t.Parallel()
	b := newBench(t, "load every 15m")
	if _, err := b.tasks.Execute(t.Context(), "models"); failure.Of(err) != failure.Transient {
		t.Error(err)
	}
	b.tasks.List = nil
	b.at("10:15:00", "[] 00:00:00")
}
