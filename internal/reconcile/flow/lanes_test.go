// The lanes in virtual time: how many runs are in flight, and which runs a blocked run blocks.

package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
	"bursar/internal/temporal"
	"bursar/internal/temporal/backlog"
)

// meeting blocks its members until all have come.
func meeting(members ...string) map[string]func(context.Context) error {
	var all sync.WaitGroup
	all.Add(len(members))
	blocked := map[string]func(context.Context) error{}
	for _, name := range members {
		blocked[name] = func(context.Context) error {
			all.Done()
			all.Wait()
			return nil
		}
	}
	return blocked
}

func TestThreeLanesAreInFlight(t *testing.T) {
	t.Parallel()
	for _, together := range [][]string{
		{"1 reduce", "2 reduce", "3 reduce"},
		{"1 prefetch", "2 reduce", "3 reduce"},
		{"1 index", "2 merge", "3 prefetch"},
		{"2 publish", "3 index", "4 merge"},
		{"5 index", "6 merge", "7 prefetch"},
	} {
		env, _ := virtualRun(t, &scriptedSteps{backlog: 7, blocked: meeting(together...)})
		if err := env.GetWorkflowError(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLaneBlocksLaterRuns blocks each lane in turn: the other runs reach that lane, and no later one.
func TestLaneBlocksLaterRuns(t *testing.T) {
	t.Parallel()
	for i, blocked := range runs.StepNames {
		if !blocked.Ordered() {
			continue
		}
		t.Run(string(blocked), func(t *testing.T) {
			t.Parallel()
			steps := &scriptedSteps{backlog: 9}
			before := runs.StepNames[i-1]
			steps.blocked = map[string]func(context.Context) error{
				"1 " + string(blocked): func(context.Context) error {
					steps.await(before, runs.MaxInFlight)
					if got := steps.called(blocked); len(got) != 1 {
						return fmt.Errorf("%s is called for runs %v while run 1 is in it", blocked, got)
					}
					if got := steps.called("reduce"); len(got) > runs.MaxInFlight {
						return fmt.Errorf("runs %v are in flight", got)
					}
					return nil
				},
			}
			env, _ := virtualRun(t, steps)
			if err := env.GetWorkflowError(); err != nil {
				t.Fatal(err)
			}
			if got := steps.called("publish"); !slices.IsSorted(got) || len(got) != 9 {
				t.Errorf("published %v", got)
			}
		})
	}
}

// TestPartitionsRunConcurrently: all partitions of a step, except publish, run at the same time, and then Step completes it.
func TestPartitionsRunConcurrently(t *testing.T) {
	t.Parallel()
	for _, split := range []int{1, 3} {
		var want, together []string
		for _, step := range runs.StepNames {
			for p := range split {
				if step.Partitioned() && (split > 1 || step == "index") {
					want = append(want, fmt.Sprintf("1 %s %d", step, p))
				}
				if step == "index" {
					together = append(together, fmt.Sprintf("1 %s %d", step, p))
				}
			}
			want = append(want, "1 "+string(step))
		}
		steps := &scriptedSteps{backlog: 1, split: split, blocked: meeting(together...)}
		env, _ := virtualRun(t, steps)
		if err := env.GetWorkflowError(); err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(steps.calls, func(call string) bool { return call == "next" })
		if sorted(got) != sorted(want) {
			t.Errorf("%d partitions: calls %q, want %q", split, got, want)
		}
		for i, call := range got { // Step is called after the partitions
			if strings.Count(call, " ") == 1 && slices.Contains(got[i+1:], call+" 0") {
				t.Errorf("%s came before its partitions: %q", call, got)
			}
		}
	}
}

func sorted(calls []string) string { return strings.Join(slices.Sorted(slices.Values(calls)), ",") }

// TestEarlierRunsFinishAfterAFailure: runs before the one that fails are published, later ones are not merged.
func TestEarlierRunsFinishAfterAFailure(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 6, fail: map[string][]error{"3 merge": {&step.Breach{Step: "merge"}}}}
	env, _ := virtualRun(t, steps)
	if err := temporal.FromTemporal(env.GetWorkflowError()); failure.ExitCode(err) != 4 {
		t.Errorf("got %v, want a breach", err)
	}
	if got := steps.called("publish"); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("published %v, want runs 1 and 2", got)
	}
	if got := steps.called("merge"); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("merged %v, want runs 1 to 3", got)
	}
}

// followed runs a following workflow, with actions at given moments of virtual time. It is cancelled after an hour.
func followed(t *testing.T, steps Steps, moments map[time.Duration]func(*testsuite.TestWorkflowEnvironment)) {
	t.Helper()
	env := virtualEnvironment(steps)
	for at, what := range moments {
		env.RegisterDelayedCallback(func() { what(env) }, at)
	}
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Hour)
	env.ExecuteWorkflow(Reconcile, Input{Pipeline: "orders", Follow: true})
	if !env.IsWorkflowCompleted() {
		t.Fatal("the workflow has not completed")
	}
	if err := temporal.FromTemporal(env.GetWorkflowError()); !errors.Is(err, context.Canceled) {
		t.Errorf("the workflow ended with %v, not by being cancelled", err)
	}
}

func TestFollowingGoesOnWhenABatchIsSealed(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 2}
	grow := func(to uint64) { steps.mu.Lock(); steps.backlog = to; steps.mu.Unlock() }
	followed(t, steps, map[time.Duration]func(*testsuite.TestWorkflowEnvironment){
		10 * time.Second: func(env *testsuite.TestWorkflowEnvironment) { grow(3); env.SignalWorkflow(SealedSignal, nil) },
		11 * time.Second: func(*testsuite.TestWorkflowEnvironment) {
			if got := steps.called("publish"); !slices.Equal(got, []uint64{1, 2, 3}) {
				t.Errorf("published %v a second after the signal", got)
			}
			grow(4) // and the signal is lost
		},
		11*time.Second + backlog.IdleTimeout: func(*testsuite.TestWorkflowEnvironment) {
			if got := steps.called("publish"); !slices.Equal(got, []uint64{1, 2, 3, 4}) {
				t.Errorf("published %v without a signal", got)
			}
		},
	})
}

func TestFollowingBacksOffByClass(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for _, tt := range []struct {
		name     string
		err      error
		least    int // attempts within the hour
		most     int
		retries  int // and after one more request
		exitCode int
	}{
		{"transient is tried again and again", failure.Wrap(failure.Transient, cause), 100, 300, 0, 1},
		{"declined by all waits for a request", &declinedError{cause}, 145, 145, 290, 1},
		{"data waits for a request", failure.Wrap(failure.Data, cause), 1, 1, 2, 1},
		{"a breach waits for a request", &step.Breach{Step: "merge"}, 1, 1, 2, 4},
		{"a bug waits for a request", cause, 1, 1, 2, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			steps := &scriptedSteps{backlog: 1, fail: map[string][]error{"1 merge": slices.Repeat([]error{tt.err}, 10000)}}
			answer := &updateAnswer{}
			followed(t, steps, map[time.Duration]func(*testsuite.TestWorkflowEnvironment){
				20 * time.Minute: func(env *testsuite.TestWorkflowEnvironment) { env.SignalWorkflow(SealedSignal, nil) },
				55 * time.Minute: func(env *testsuite.TestWorkflowEnvironment) {
					if n := steps.attempts("1 merge"); n < tt.least || n > tt.most {
						t.Errorf("%d attempts within the hour, want %d to %d", n, tt.least, tt.most)
					}
					env.UpdateWorkflow(drainUpdate, "", answer)
				},
			})
			if tt.retries > 0 && steps.attempts("1 merge") != tt.retries {
				t.Errorf("%d attempts after a request, want %d", steps.attempts("1 merge"), tt.retries)
			}
			if err := temporal.FromTemporal(answer.err); !answer.done || failure.ExitCode(err) != tt.exitCode || err.Error() != tt.err.Error() {
				t.Errorf("the request was answered with %v", answer.err)
			}
		})
	}
}

func TestFollowingAnswersRequests(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{}
	answer := &updateAnswer{}
	followed(t, steps, map[time.Duration]func(*testsuite.TestWorkflowEnvironment){
		time.Minute / 2: func(env *testsuite.TestWorkflowEnvironment) {
			steps.mu.Lock()
			steps.backlog = 3
			steps.mu.Unlock()
			env.UpdateWorkflow(drainUpdate, "", answer)
		},
	})
	if result, ok := answer.result.(Result); !ok || result.Runs != 3 || answer.err != nil {
		t.Errorf("the request was answered with %+v, %v", answer.result, answer.err)
	}
}

// updateAnswer is the result of an update.
type updateAnswer struct {
	done   bool
	result any
	err    error
}

func (a *updateAnswer) Accept()          {}
func (a *updateAnswer) Reject(err error) { a.err = err }
func (a *updateAnswer) Complete(result any, err error) {
	a.done, a.result, a.err = true, result, err
}
