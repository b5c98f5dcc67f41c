// Tests of how work is divided: sizes, turns, bad partitions, and attempts that overlap.

package chunk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/project"
)

func TestChunkSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ tasks, concurrency, size int }{
		{0, 16, 1}, {1, 16, 1}, {64, 16, 1}, {65, 16, 2}, {20_000, 16, 200}, {20_000, 500, 10}, {1_000_000, 1, 200},
	} {
		if size := chunkSize(c.tasks, c.concurrency); size != c.size {
			t.Errorf("%d tasks, %d at a time: chunks of %d, want %d", c.tasks, c.concurrency, size, c.size)
		}
	}
}

func TestDeclaredPartitions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    project.Partition
		want []string
	}{
		{project.Partition{}, []string{""}},
		{project.Partition{Count: 3}, []string{"1", "2", "3"}},
		{project.Partition{List: []string{"b", "a"}}, []string{"b", "a"}},
	} {
		s := newSlot(t, func(j *project.Job) { j.Partition = c.p })
		if d := s.divide(nil); d.Tasks != len(c.want) {
			t.Errorf("%+v: %+v", c.p, d)
		}
		var keys []string
		for _, one := range s.tasks() {
			keys = append(keys, one.Key)
		}
		if !slices.Equal(keys, c.want) {
			t.Errorf("%+v: %q", c.p, keys)
		}
	}
}

// TestTakeTurns: a tenant with many tasks does not delay the others.
func TestTakeTurns(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.SQL, j.Fairness = "SELECT", "tenant" })
	list := append(numbered("huge", 1000), numbered("small", 2)...)
	s.divide(rows(append(list, [2]string{"tiny", "0"})...))
	var first []string
	for _, one := range s.tasks()[:6] {
		first = append(first, one.Key)
	}
	if want := []string{"huge/0", "small/0", "tiny/0", "huge/1", "small/1", "huge/2"}; !slices.Equal(first, want) {
		t.Errorf("the first tasks are %q", first)
	}
}

func TestBadPartitions(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("k", maxKey+1)
	for name, c := range map[string]struct {
		source Source
		fair   string
		want   string
	}{
		"duplicates": {rows([2]string{"a", "1"}, [2]string{"b", "1"}, [2]string{"a", "1"}), "", "partitions 1 and 3 are the same: a/1;"},
		"long key":   {rows([2]string{big, ""}), "", "its key has"},
		"not a text": {rows([2]string{"caf\xe9", "1"}), "", `partition 1: its key is not UTF-8: "caf\xe9/1"`},
		"no text": {func(_ context.Context, columns func([]string) error, add func(Partition) error) error {
			return addBytes(columns, add)
		}, "", `partition 1: its column name is not UTF-8: "caf\xe9"`},
		"no column": {rows(), "region", `no column "region"; it has tenant, id`},
		"its own":   {func(context.Context, func([]string) error, func(Partition) error) error { return errors.New("cut off") }, "", "cut off"},
		"too many":  {many(MaxPartitions + 1), "", "more than 1000000 partitions"},
		"too much": {func(_ context.Context, _ func([]string) error, add func(Partition) error) error {
			return addLarge(maxRow, add)
		}, "", "MB: select fewer columns"},
		"wide": {func(_ context.Context, _ func([]string) error, add func(Partition) error) error {
			return addLarge(maxRow+1, add)
		}, "", "partition 1: its columns have 65537 bytes"},
		"long message": {rows([2]string{strings.Repeat("x", 300), ""}, [2]string{strings.Repeat("x", 300), ""}), "", "x…; a task"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSlot(t, func(j *project.Job) { j.Partition.SQL, j.Fairness = "SELECT", c.fair })
			_, err := s.work.Divide(t.Context(), s.job, s.ref, c.source)
			if err == nil || !strings.Contains(err.Error(), c.want) || name != "its own" && failure.Of(err) != failure.Data {
				t.Errorf("error %v", err)
			}
			if len(s.tasks()) > 0 {
				t.Error("some tasks are recorded")
			}
		})
	}
}

func many(n int) Source {
	return func(_ context.Context, _ func([]string) error, add func(Partition) error) error {
		for i := range n {
			if err := add(Partition{Key: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	}
}

func addBytes(columns func([]string) error, add func(Partition) error) error {
	text := "caf\xe9"
	return errors.Join(columns([]string{"name"}), add(Partition{Key: "1", Values: []*string{&text}}))
}

func addLarge(bytes int, add func(Partition) error) error {
	text := strings.Repeat("x", bytes)
	for i := range maxPartitionBytes/bytes + 1 {
		if err := add(Partition{Key: fmt.Sprint(i), Values: []*string{&text}}); err != nil {
			return err
		}
	}
	return nil
}

// TestDividedOnce: partitions are fixed, whatever the source lists later; and an empty list is a slot without tasks.
func TestDividedOnce(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.SQL = "SELECT" })
	if d := s.divide(rows()); d != (Divided{}) {
		t.Errorf("an empty source: %+v", d)
	}
	if d := s.divide(rows([2]string{"a", "1"})); d != (Divided{}) {
		t.Errorf("divided again: %+v", d)
	}
}

// TestOverlappingDivisions: an attempt that wakes up late writes nothing once another one has begun, and takes over its division.
func TestOverlappingDivisions(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.SQL, j.Concurrency = "SELECT", 50 })
	other := s.worker("w2")
	d := s.divide(func(ctx context.Context, columns func([]string) error, add func(Partition) error) error {
		if _, err := other.Divide(ctx, s.job, s.ref, rows(numbered("second", 300)...)); err != nil {
			return err
		}
		return rows(numbered("first", 10)...)(ctx, columns, add)
	})
	if d.Tasks != 300 {
		t.Errorf("the late attempt: %+v", d)
	}
	list := s.tasks()
	if len(list) != 300 || slices.ContainsFunc(list, func(one Task) bool { return !strings.HasPrefix(one.Key, "second/") }) {
		t.Errorf("%d tasks", len(list))
	}
}

// TestDivisionBegunLast: an attempt that began earlier does not take the division over, even if it is the first that has partitions.
func TestDivisionBegunLast(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.SQL = "SELECT" })
	first, second := make(chan struct{}), make(chan struct{})
	early := make(chan error, 1)
	go func() {
		_, err := s.worker("w2").Divide(t.Context(), s.job, s.ref, func(ctx context.Context, columns func([]string) error, add func(Partition) error) error {
			close(first)
			<-second
			return rows([2]string{"early", "1"})(ctx, columns, add)
		})
		early <- err
	}()
	<-first
	d := s.divide(func(ctx context.Context, columns func([]string) error, add func(Partition) error) error {
		close(second)
		if err := <-early; !errors.Is(err, ErrSuperseded) || !failure.Of(err).Retryable() {
			t.Errorf("the early attempt: %v", err)
		}
		return rows(numbered("late", 2)...)(ctx, columns, add)
	})
	if d.Tasks != 2 || s.tasks()[0].Key != "late/0" {
		t.Errorf("%+v: %+v", d, s.tasks())
	}
}
