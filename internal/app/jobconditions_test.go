// Conditions that are asked together.

package app

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestConditionsTogether: what waits while a statement is executed is asked in the next one, and each gets its own answer.
func TestConditionsTogether(t *testing.T) {
	t.Parallel()
	const many = 500
	var (
		statements int
		first      = make(chan int)
		begin      = make(chan struct{})
	)
	c := oneAtATime(func(_ context.Context, sql []string) ([]bool, error) {
		if statements++; statements == 1 {
			first <- len(sql)
			<-begin
		}
		answers := make([]bool, len(sql))
		for i, one := range sql {
			answers[i] = strings.HasSuffix(one, "7")
		}
		return answers, nil
	})
	var asking sync.WaitGroup
	for i := range many {
		asking.Go(func() {
			sql := fmt.Sprint("condition ", i)
			if yes, err := c.isTrue(t.Context(), sql); err != nil || yes != strings.HasSuffix(sql, "7") {
				t.Errorf("%s: %v, %v", sql, yes, err)
			}
		})
	}
	c.awaitWaiting(many - <-first)
	close(begin)
	asking.Wait()
	if most := 1 + (many+mostConditions-1)/mostConditions; statements > most {
		t.Errorf("%d statements for %d conditions", statements, many)
	}
}

// oneAtATime are conditions of which one statement is executed at a time.
func oneAtATime(ask func(context.Context, []string) ([]bool, error)) *conditions {
	c := newConditions(ask)
	c.turns = make(chan struct{}, 1)
	return c
}

// TestSlowCondition does not hold up others, and neither does a panic. A condition that was asked by itself is asked once.
func TestSlowCondition(t *testing.T) {
	t.Parallel()
	slow, asked := make(chan struct{}), make(chan struct{}, 9)
	c := newConditions(func(_ context.Context, sql []string) ([]bool, error) {
		asked <- struct{}{}
		switch sql[0] {
		case "slow":
			<-slow
		case "panics":
			panic("impossible")
		case "fails":
			return nil, errors.New("connection refused")
		}
		return []bool{true}, nil
	})
	var asking sync.WaitGroup
	asking.Go(func() {
		if yes, err := c.isTrue(t.Context(), "slow"); !yes || err != nil {
			t.Errorf("slow: %v, %v", yes, err)
		}
	})
	<-asked
	for range 2 * statementsAtOnce {
		func() {
			defer func() { _ = recover() }()
			_, _ = c.isTrue(t.Context(), "panics")
		}()
		<-asked
	}
	if yes, err := c.isTrue(t.Context(), "quick"); !yes || err != nil {
		t.Errorf("quick: %v, %v", yes, err)
	}
	<-asked
	if _, err := c.isTrue(t.Context(), "fails"); err == nil {
		t.Error("no error")
	}
	<-asked
	if len(asked) > 0 {
		t.Error("it was asked twice")
	}
	close(slow)
	asking.Wait()
}

// awaitWaiting returns when some conditions wait.
func (c *conditions) awaitWaiting(n int) {
	for count := 0; count < n; runtime.Gosched() {
		c.mu.Lock()
		count = len(c.waiting)
		c.mu.Unlock()
	}
}

// TestConditionsFault: the fault of one condition is not that of the others, and neither is the end of the context of the one who asks.
func TestConditionsFault(t *testing.T) {
	t.Parallel()
	begin, taken, first := make(chan struct{}), make(chan struct{}), true
	c := oneAtATime(func(ctx context.Context, sql []string) ([]bool, error) {
		if first {
			first = false
			taken <- struct{}{}
			<-begin
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		answers := make([]bool, len(sql))
		for i, one := range sql {
			if one == "bad" {
				return nil, errors.New("syntax error")
			}
			answers[i] = true
		}
		return answers, nil
	})
	stopped, stop := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	asking.Go(func() {
		if _, err := c.isTrue(stopped, "stopped"); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
	})
	<-taken
	for i := range 20 {
		asking.Go(func() {
			sql, want := fmt.Sprint("condition ", i), ""
			if i == 7 {
				sql, want = "bad", "syntax error"
			}
			if yes, err := c.isTrue(t.Context(), sql); yes != (want == "") || want != "" && (err == nil || err.Error() != want) {
				t.Errorf("%s: %v, %v", sql, yes, err)
			}
		})
	}
	c.awaitWaiting(20)
	stop()
	close(begin)
	asking.Wait()
}

// TestFreshTables: what a task asks is never older than ten seconds, and a second where that costs little.
func TestFreshTables(t *testing.T) {
	t.Parallel()
	published := time.Now()
	for _, c := range []struct {
		after, took time.Duration
		fresh       bool
	}{
		{-time.Second, 0, true}, // brought up to date while the question waited for its turn
		{999 * time.Millisecond, 0, true},
		{time.Second, 0, false},
		{3 * time.Second, time.Second, true},
		{4 * time.Second, time.Second, false},
		{9 * time.Second, time.Minute, true},
		{10 * time.Second, time.Minute, false},
	} {
		if got := areFresh(published.Add(c.after), published, c.took); got != c.fresh {
			t.Errorf("%s after tables were brought up to date within %s: %v", c.after, c.took, got)
		}
	}
	if areFresh(published, time.Time{}, 0) {
		t.Error("tables are fresh that were never brought up to date")
	}
}

// TestConditionsBounds: a statement has no more conditions, and no more text, than it may.
func TestConditionsBounds(t *testing.T) {
	t.Parallel()
	c := newConditions(nil)
	add := func(sql string) { c.waiting = append(c.waiting, &condition{sql: sql}) }
	for range mostConditions + 1 {
		add("short")
	}
	add(strings.Repeat("x", mostConditionBytes+1))
	add(strings.Repeat("x", mostConditionBytes))
	for i, want := range []int{mostConditions, 1, 1, 1, 0} {
		if got := len(c.take()); got != want {
			t.Errorf("%d: %d conditions, want %d", i, got, want)
		}
	}
}
