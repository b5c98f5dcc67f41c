// Executions that stay, in virtual time: signals, requests, and what happens after failures.

package flow

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"bursar/internal/failure"
	"bursar/internal/temporal"
)

type environment = testsuite.TestWorkflowEnvironment

// TestFollowsSignals: a signal starts a pass, many of them start one a second, and without any there is one a minute.
func TestFollowsSignals(t *testing.T) {
	t.Parallel()
	tables := newTables("a").add("a", 1)
	events := map[time.Duration]func(*environment){
		5 * time.Minute: func(*environment) {
			if n := tables.count("behind"); n < 5 || n > 6 {
				t.Errorf("%d looks at what is behind in five minutes without a signal", n)
			}
		},
		61 * time.Minute: func(*environment) { tables.add("a", 1) }, // nobody says so
		63 * time.Minute: func(*environment) {
			if n := tables.count("a"); n < 3 {
				t.Errorf("published %d times, want what no signal reported", n)
			}
		},
	}
	for i := range 100 {
		events[time.Hour+time.Duration(i)*100*time.Millisecond] = func(env *environment) {
			if i == 0 {
				tables.add("a", 1)
			}
			env.SignalWorkflow(WakeSignal, nil)
		}
	}
	var before int
	events[time.Hour-time.Millisecond] = func(*environment) { before = tables.count("behind") }
	events[time.Hour+11*time.Second] = func(*environment) {
		if n := tables.count("behind") - before; n < 8 || n > 12 {
			t.Errorf("%d passes during ten seconds of signals, want about one a second", n)
		}
		if n := tables.count("a"); n != 2 {
			t.Errorf("published %d times", n)
		}
	}
	if err := temporal.FromTemporal(follow(t, tables, Input{}, events)); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

// TestFollowingRetriesTables: a table that fails for its data is tried again ever more seldom, and at once on request; one that stops a
// pass does not keep the others waiting.
func TestFollowingRetriesTables(t *testing.T) {
	t.Parallel()
	tables := newTables("bad", "busy", "good").add("bad", 1).add("busy", 1)
	tables.fail["bad"] = slices.Repeat([]error{failure.Wrap(failure.Data, errors.New("bad"))}, 10_000)
	tables.fail["busy"] = slices.Repeat([]error{failure.Wrap(failure.Transient, errors.New("busy"))}, 10_000)
	var before int
	var got *answer
	err := follow(t, tables, Input{}, map[time.Duration]func(*environment){
		20 * time.Minute: func(*environment) { tables.add("good", 1) },
		30 * time.Minute: func(*environment) {
			if tables.count("good") == 0 {
				t.Error("a table waits for another one")
			}
		},
		2 * time.Hour: func(env *environment) {
			if before = tables.count("bad"); before < 10 || before > 20 {
				t.Errorf("%d attempts at a table that fails for its data in two hours", before)
			}
			tables.mu.Lock()
			tables.fail["busy"] = nil
			tables.mu.Unlock()
			got = request(env, "all")
		},
		2*time.Hour + 2*time.Minute: func(*environment) {
			if n := tables.count("bad"); n != before+1 && n != before+2 {
				t.Errorf("%d attempts after a request, %d before", n, before)
			}
		},
	})
	if err := temporal.FromTemporal(err); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if !got.done || got.err != nil || len(got.result.Failed) != 1 || got.result.Failed[0].Table != "bad" || got.result.rows()["busy"] != rowsOfGroup {
		t.Errorf("answer %+v", *got)
	}
}

// TestFollowingWaitsForRebuilds: a table that cannot be published at the moment is left alone, unless it is requested, and is published as
// soon as it can be.
func TestFollowingWaitsForRebuilds(t *testing.T) {
	t.Parallel()
	tables := newTables("a").add("a", 1)
	tables.refuse("a", true)
	var got *answer
	_ = follow(t, tables, Input{}, map[time.Duration]func(*environment){
		time.Hour: func(env *environment) {
			if n := tables.count("a"); n > 0 {
				t.Errorf("%d attempts at a table that cannot be published", n)
			}
			got = request(env, "all")
		},
		time.Hour + time.Minute/2: func(env *environment) {
			tables.refuse("a", false)
			env.SignalWorkflow(WakeSignal, nil)
		},
		time.Hour + time.Minute/2 + 2*time.Second: func(*environment) {
			if n := tables.count("a"); n != 2 {
				t.Errorf("%d attempts soon after the rebuild", n)
			}
		},
	})
	if !got.done || len(got.result.Failed) != 1 || got.result.Failed[0].Message != "rebuild it" {
		t.Errorf("answer %+v", *got)
	}
}

// TestFollowingOutlivesAnAbsentWarehouse has the warehouse away for an hour, and its password wrong for another: the workflow goes on, and
// publishes soon after.
func TestFollowingOutlivesAnAbsentWarehouse(t *testing.T) {
	t.Parallel()
	for _, class := range []failure.Class{failure.Transient, failure.Data} {
		tables := newTables("a").add("a", 2)
		away := true
		tables.block["behind"] = func(context.Context) error {
			if away {
				return failure.Wrap(class, errors.New("away"))
			}
			return nil
		}
		var got *answer
		_ = follow(t, tables, Input{}, map[time.Duration]func(*environment){
			30 * time.Minute: func(env *environment) { got = request(env, "all") },
			time.Hour: func(*environment) {
				if n := tables.count("behind"); n < 25 || n > 400 {
					t.Errorf("%v: %d attempts in an hour", class, n)
				}
				away = false
			},
			time.Hour + 3*time.Minute: func(*environment) {
				if n := tables.count("a"); n != 2 {
					t.Errorf("%v: published %d groups after the warehouse came back", class, n)
				}
			},
		})
		if err := temporal.FromTemporal(got.err); !got.done || err == nil || failure.Of(err) != class {
			t.Errorf("%v: the request was answered with %+v", class, *got)
		}
	}
}

// TestNamedTablesDoNotWait requests one table while a pass publishes another one that takes an hour.
func TestNamedTablesDoNotWait(t *testing.T) {
	t.Parallel()
	tables := newTables("long", "short").add("long", 60).add("short", 2)
	clock := virtualEnvironment(tables)
	tables.fail["long"] = slices.Repeat([]error{failure.Throttle(time.Minute, errors.New("wait")), nil}, 60)
	var named, all *answer
	clock.RegisterDelayedCallback(func() { all = request(clock, "all") }, 9*time.Minute)
	clock.RegisterDelayedCallback(func() { named = request(clock, "named", "short") }, 20*time.Minute)
	clock.RegisterDelayedCallback(func() {
		if named == nil || !named.done || named.err != nil || !maps.Equal(named.result.rows(), map[string]int64{"short": 2 * rowsOfGroup}) {
			t.Errorf("answer %+v", named)
		}
	}, 20*time.Minute+2*time.Second)
	clock.RegisterDelayedCallback(clock.CancelWorkflow, 3*time.Hour)
	clock.ExecuteWorkflow(Publish, Input{Follow: true})
	if all == nil || !all.done || all.err != nil || all.result.rows()["long"] < 50*rowsOfGroup {
		t.Errorf("answer %+v", all)
	}
}

// TestJoinedExecution: an execution that does not follow answers all requests, publishes only what they name, and ends.
func TestJoinedExecution(t *testing.T) {
	t.Parallel()
	tables := newTables("a", "b", "c").add("a", 1).add("b", 1).add("c", 1)
	tables.fail["a"] = []error{failure.Throttle(time.Minute, errors.New("wait"))}
	env := virtualEnvironment(tables)
	var first, second *answer
	env.RegisterDelayedCallback(func() { first = request(env, "first", "a") }, 0)
	env.RegisterDelayedCallback(func() { second = request(env, "second", "b") }, 30*time.Second)
	env.ExecuteWorkflow(Publish, Input{Join: true})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if !first.done || first.err != nil || first.result.rows()["a"] != rowsOfGroup || !second.done || second.err != nil || second.result.rows()["b"] != rowsOfGroup {
		t.Errorf("answers %+v and %+v", *first, *second)
	}
	if tables.count("c") > 0 {
		t.Error("a table was published that nobody asked for")
	}
}

// TestFollowSignalKeepsExecution: an execution that a command started stays once a process follows, and so does its successor.
func TestFollowSignalKeepsExecution(t *testing.T) {
	t.Parallel()
	tables := newTables("a")
	env := virtualEnvironment(tables)
	env.RegisterDelayedCallback(func() { request(env, "first") }, 0)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(FollowSignal, nil) }, 0)
	env.RegisterDelayedCallback(func() { tables.add("a", 1); env.SetContinueAsNewSuggested(true) }, time.Minute/2)
	env.ExecuteWorkflow(Publish, Input{Join: true})
	if next := continued(t, env.GetWorkflowError()); !next.Follow || !next.Join || next.Before != nil {
		t.Errorf("continues with %+v", next)
	}
}
