// Tests that updates are atomic, durable and serial, and that views are consistent.

package catalogtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"bursar/internal/catalog"
)

func failedUpdate(t *testing.T, open Opener) {
	c := start(t, open)
	Put(t, c, "a", "kept", "b", "kept")
	fault := errors.New("fault")
	err := c.Update(context.Background(), func(tx catalog.Tx) error {
		return errors.Join(tx.Put("a", "changed"), tx.Delete("b"), tx.Put("c", "new"), fault)
	})
	if !errors.Is(err, fault) {
		t.Errorf("update: %v, want fn's error", err)
	}
	wantKeys(t, c, "", "a", "b")
	wantText(t, c, "a", "kept")
}

func panickingUpdate(t *testing.T, open Opener) {
	c := start(t, open)
	func() {
		defer func() { _ = recover() }()
		_ = c.Update(context.Background(), func(tx catalog.Tx) error {
			if err := tx.Put("a", 1); err != nil {
				return err
			}
			panic("fn panics")
		})
	}()
	wantKeys(t, c, "")
	Put(t, c, "b", "not blocked")
	wantKeys(t, c, "", "b")
}

func ownWrites(t *testing.T, open Opener) {
	c := start(t, open)
	Put(t, c, "a", 1, "b", 1)
	err := c.Update(context.Background(), func(tx catalog.Tx) error {
		if err := errors.Join(tx.Put("a", 2), tx.Delete("b"), tx.Put("c", 3)); err != nil {
			return err
		}
		var a int
		if _, err := tx.Get("a", &a); err != nil || a != 2 {
			t.Errorf("a is %d, %v", a, err)
		}
		if found, err := tx.Get("b", new(int)); err != nil || found {
			t.Errorf("b is found: %v, %v", found, err)
		}
		keys := ""
		err := tx.List("", func(key string, _ json.RawMessage) error { keys += key; return nil })
		if keys != "ac" {
			t.Errorf("listed %q", keys)
		}
		return err
	})
	must(t, err)
}

func lasts(t *testing.T, open Opener) {
	dir := t.TempDir()
	for i := range 3 {
		c := open(t, dir)
		if got := Keys(t, c, ""); len(got) != i {
			t.Errorf("opened %d times: %q", i+1, got)
		}
		Put(t, c, fmt.Sprintf("k/%d", i), i)
		must(t, c.Close())
	}
}

func viewWritesNothing(t *testing.T, open Opener) {
	c := start(t, open)
	Put(t, c, "a", "kept")
	view(t, c, func(tx catalog.Tx) error {
		if tx.Put("a", "changed") == nil || tx.Put("b", 1) == nil || tx.Delete("a") == nil {
			t.Error("writing inside View: no error")
		}
		return nil
	})
	wantText(t, c, "a", "kept")
	wantKeys(t, c, "", "a")
	fault := errors.New("fault")
	if err := c.View(context.Background(), func(catalog.Tx) error { return fault }); !errors.Is(err, fault) {
		t.Errorf("view: %v, want fn's error", err)
	}
}

func viewIsOneState(t *testing.T, open Opener) {
	c := start(t, open)
	view(t, c, func(tx catalog.Tx) error {
		Put(t, c, "a", "old", "b", "old") // before the first read
		var a, b string
		if _, err := tx.Get("a", &a); err != nil {
			return err
		}
		// A writer gets through while the view is open, and the view does not see it.
		Put(t, c, "a", "new", "b", "new")
		if _, err := tx.Get("b", &b); err != nil {
			return err
		}
		if a != "old" || b != "old" {
			t.Errorf("one view sees %q and %q", a, b)
		}
		return nil
	})
	wantText(t, c, "b", "new")
}

func updatesAreSerial(t *testing.T, open Opener) {
	c := start(t, open)
	const workers, each = 8, 10
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			for range each {
				if err := c.Update(context.Background(), increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	view(t, c, func(tx catalog.Tx) error {
		var n int
		_, err := tx.Get("n", &n)
		if n != workers*each {
			t.Errorf("counted %d, want %d: an update was lost", n, workers*each)
		}
		return err
	})
}

func increment(tx catalog.Tx) error {
	var n int
	if _, err := tx.Get("n", &n); err != nil {
		return err
	}
	return tx.Put("n", n+1)
}

func allOrNothing(t *testing.T, open Opener) {
	c := start(t, open)
	Put(t, c, "a", 0, "b", 0)
	var done sync.WaitGroup
	done.Go(func() {
		for i := range 30 {
			Put(t, c, "a", i, "b", i)
		}
	})
	for range 3 {
		done.Go(func() {
			for range 60 {
				if err := c.View(context.Background(), func(tx catalog.Tx) error { return sameNumbers(t, tx, 0) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
}

func cancelled(t *testing.T, open Opener) {
	c := start(t, open)
	ctx, cancel := context.WithCancel(context.Background())
	err := c.Update(ctx, func(tx catalog.Tx) error {
		cancel()
		return tx.Put("a", 1)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("update cancelled midway: %v", err)
	}
	if err := c.View(ctx, func(catalog.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("view after cancel: %v", err)
	}
	wantKeys(t, c, "")
	Put(t, c, "a", "1")
	wantText(t, c, "a", "1")
}

// cancelledAnywhere cancels transactions while they run: later views see the last update, and later updates succeed. An update
// that returns an error wrote nothing or everything.
func cancelledAnywhere(t *testing.T, open Opener) {
	c := start(t, open)
	const rounds, senders = 1000, 4
	for round := range rounds {
		Put(t, c, "a", round, "b", round)
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		for range senders {
			running.Go(func() {
				for ctx.Err() == nil {
					_ = c.View(ctx, func(tx catalog.Tx) error { return sameNumbers(t, tx, 0) })
				}
			})
		}
		running.Go(func() {
			for ctx.Err() == nil {
				_ = c.Update(ctx, func(tx catalog.Tx) error {
					return errors.Join(tx.Put("a", rounds+round), tx.Put("b", rounds+round))
				})
			}
		})
		running.Go(cancel)
		running.Wait()
		Put(t, c, "a", 2*rounds+round, "b", 2*rounds+round)
		for range senders {
			running.Go(func() {
				view := func(tx catalog.Tx) error { return sameNumbers(t, tx, 2*rounds+round) }
				if err := c.View(context.Background(), view); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
	}
}

// sameNumbers expects the same number at a and b, equal to want unless want is 0.
func sameNumbers(t *testing.T, tx catalog.Tx, want int) error {
	var a, b int
	if _, err := tx.Get("a", &a); err != nil {
		return err
	}
	if _, err := tx.Get("b", &b); err != nil {
		return err
	}
	if a != b || want != 0 && a != want {
		t.Errorf("a is %d and b %d, want %d", a, b, want)
	}
	return nil
}
