// Damaged spools: no acknowledged request after the damage is dropped, and losses are reported until somebody dismisses them.

package live_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/event/live"
	"bursar/internal/event/live/spool"
)

// newUnsealedSpool returns a stream with a spool of a dead process that had acknowledged four requests of one event each.
func newUnsealedSpool(t *testing.T) *harness {
	t.Helper()
	return leaveUnsealed(t, newHarness(t, plainYAML))
}

func leaveUnsealed(t *testing.T, h *harness) *harness {
	t.Helper()
	l, err := h.OpenLive(live.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for id := range 4 {
		if _, err := l.Accept(t.Context(), live.Request{Body: []byte(sale(fmt.Sprint(id), "sale", "1.00", "EUR"))}); err != nil {
			t.Fatal(err)
		}
	}
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	_ = l.Close(dead)
	return h
}

func TestDamagedSpool(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(newUnsealedSpool(t).SpoolFile())
	if err != nil {
		t.Fatal(err)
	}
	second := strings.Index(string(text), `{"id":"1"`)
	for name, c := range map[string]struct {
		damage func(path string) error
		want   []string
	}{
		"header":         {flipAt(40), []string{"0", "1", "2", "3"}},
		"magic":          {flipAt(1), []string{"0", "1", "2", "3"}},
		"request":        {flipAt(second), []string{"0", "2", "3"}},
		"length":         {flipAt(second - 1 - 28 + 17), []string{"0", "2", "3"}},
		"last":           {flipAt(strings.Index(string(text), `{"id":"3"`)), []string{"0", "1", "2"}},
		"tail":           {flipAt(len(text) - 100), []string{"0", "1", "2", "3"}},
		"truncated":      {func(path string) error { return os.Truncate(path, int64(second)) }, []string{"0"}},
		"truncated tail": {func(path string) error { return os.Truncate(path, int64(len(text)-1)) }, []string{"0", "1", "2", "3"}},
		"emptied":        {func(path string) error { return os.Truncate(path, 0) }, nil},
		"deleted":        {os.Remove, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newUnsealedSpool(t)
			if left, err := live.HasUnsealedSpools(t.Context(), h.Store, "sales", h.Spools); !left || err != nil {
				t.Errorf("before: %v, %v", left, err)
			}
			if err := c.damage(h.SpoolFile()); err != nil {
				t.Fatal(err)
			}
			if left, err := live.HasUnsealedSpools(t.Context(), h.Store, "sales", h.Spools); !left || err != nil {
				t.Errorf("after the damage: %v, %v", left, err)
			}
			lossCount := 0
			l, err := h.OpenLive(live.Options{OnLoss: func(spool.Loss) { lossCount++ }})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, id := range c.want {
				want[id] = true
			}
			h.expectStored("after recovery", want, true)
			losses, err := h.Spools.Losses(t.Context())
			if err != nil || lossCount != 1 || len(losses) != 1 || losses[0].Recovered != int64(len(c.want)) || losses[0].Stream != "sales" {
				t.Fatalf("%d reported, %+v, %v", lossCount, losses, err)
			}
			h.Accept(l, "", sale("more", "sale", "1.00", "EUR"), "1 1 0 0")
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if again, err := h.Spools.Losses(t.Context()); err != nil || len(again) != 1 {
				t.Errorf("later: %v, %v", again, err)
			}
			if err := h.Spools.Dismiss(t.Context(), losses[0]); err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(filepath.Dir(h.SpoolFile()))
			if left, failed := live.HasUnsealedSpools(t.Context(), h.Store, "sales", h.Spools); len(entries) != 0 || err != nil || left || failed != nil {
				t.Errorf("in the end: %v, %v, %v, %v", entries, err, left, failed)
			}
		})
	}
}

func flipAt(at int) func(path string) error {
	return func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text[at] ^= 4
		return os.WriteFile(path, text, 0o600)
	}
}

// A spool of another stream is not ingested.
func TestForeignSpool(t *testing.T) {
	t.Parallel()
	h := newUnsealedSpool(t)
	h.Stream.Name = "other"
	other := filepath.Join(h.Dir, "other")
	if err := os.Rename(filepath.Dir(h.SpoolFile()), other); err != nil {
		t.Fatal(err)
	}
	l, err := live.Open(t.Context(), h.Store, h.Stream, live.Options{Spool: spool.NewFolder(other)})
	if err != nil {
		t.Fatal(err) // the other streams go on
	}
	defer l.Close(t.Context())
	if _, err := l.Accept(t.Context(), live.Request{Body: []byte(sale("1", "sale", "1.00", "EUR"))}); err == nil || !strings.Contains(err.Error(), "stream sales") {
		t.Errorf("accept: %v", err)
	}
}

// A request that fails before it is acknowledged leaves nothing that is missed later.
func TestNothingAcknowledgedNothingMissed(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	for n := 1; n < 6; n++ {
		d := &disk{at: n}
		o := live.Options{Spool: h.onDisk(d)}
		l, err := live.Open(t.Context(), h.Store, h.Stream, o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Accept(t.Context(), live.Request{Body: []byte(sale(fmt.Sprint(n), "sale", "1.00", "EUR"))})
		if err != nil && !errors.Is(err, errDisk) {
			t.Error(err)
		}
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		_ = l.Close(dead)
	}
	h.StartLive(live.Options{})
	if losses, err := h.Spools.Losses(t.Context()); err != nil || len(losses) > 0 {
		t.Errorf("%v, %v", losses, err)
	}
	if ids := h.stored(); !slices.Contains([]int{3, 4, 5}, len(ids)) {
		t.Errorf("stored are %v", ids)
	}
}
