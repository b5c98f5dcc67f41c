// Tests of slots with long histories.

package flow

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// TestLongHistory continues as new, and executes each chunk once.
func TestLongHistory(t *testing.T) {
	t.Parallel()
	s := newScripted(60, 1)
	in, executions := SlotInput{Slot: ref.String()}, 0
	for again := true; again && executions < 99; executions++ {
		env, _ := virtual(s)
		count := 0
		env.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, _ error) {
			if info.ActivityType.Name == executeActivity {
				count++
			}
			env.SetContinueAsNewSuggested(count >= 2)
		})
		env.ExecuteWorkflow(Slot, in)
		var next *workflow.ContinueAsNewError
		if again = errors.As(env.GetWorkflowError(), &next); again {
			in = SlotInput{}
			if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil {
				t.Fatal(err)
			}
		} else if err := env.GetWorkflowError(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 60 {
		if calls := s.count(fmt.Sprint("chunk ", i)); calls != 1 {
			t.Errorf("chunk %d was executed %d times", i, calls)
		}
	}
	if executions < 3 || s.count("divide") != 1 || s.count("finish") != 1 {
		t.Errorf("%d executions, %d divisions, %d ends", executions, s.count("divide"), s.count("finish"))
	}
}

// TestLongTaskInLongHistory: others do not wait for it, unless the history becomes too long.
func TestLongTaskInLongHistory(t *testing.T) {
	t.Parallel()
	for events, begin := range map[int]int{0: 2, mostEvents + 1: 1} {
		s := newScripted(3, 2)
		env, _ := virtual(s)
		env.SetTestTimeout(20 * time.Second) // time is real while an activity is executed
		others := make(chan struct{}, 2)
		s.during = func(ctx context.Context, number int, _ func(context.Context, int)) {
			if number > 0 {
				others <- struct{}{}
				return
			}
			for range begin {
				<-others
			}
		}
		env.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, _ error) {
			if info.ActivityType.Name == executeActivity {
				env.SetContinueAsNewSuggested(true)
				env.SetCurrentHistoryLength(events)
			}
		})
		env.ExecuteWorkflow(Slot, SlotInput{Slot: ref.String()})
		if err := env.GetWorkflowError(); !errors.As(err, new(*workflow.ContinueAsNewError)) {
			t.Errorf("%d events: %v", events, err)
		}
		if s.count("chunk 0") != 1 || events > mostEvents && s.count("chunk 2") > 0 {
			t.Errorf("%d events: called %q", events, s.calls)
		}
	}
}
