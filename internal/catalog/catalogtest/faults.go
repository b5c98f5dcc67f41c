// Tests of a catalog whose connection fails at every message in turn.

package catalogtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Faulty is a catalog with a fault that is injected at its nth message from now on.
type Faulty struct {
	Catalog catalog.Catalog
	Direct  catalog.Catalog // the same documents, without faults
	Fail    func(n int)     // 0: no fault
	Fired   func() bool
}

// RunFaults runs updates and views with a fault at each of their messages in turn. Afterwards all of an update's writes are there
// or none, and the error says which unless it is catalog.ErrOutcomeUnknown.
func RunFaults(t *testing.T, open func(t *testing.T) Faulty) {
	for name, fn := range map[string]func(t *testing.T, f Faulty, tx catalog.Tx) error{
		"writes only": func(_ *testing.T, _ Faulty, tx catalog.Tx) error {
			return errors.Join(tx.Put("f/new", 1), tx.Put("f/new/2", 2), tx.Delete("f/old"))
		},
		"reads and writes": func(_ *testing.T, _ Faulty, tx catalog.Tx) error {
			var old int
			if _, err := tx.Get("f/old", &old); err != nil {
				return err
			}
			return errors.Join(tx.Put("f/new", old), tx.Put("f/new/2", 2), tx.Delete("f/old"))
		},
		"lists and writes": func(_ *testing.T, _ Faulty, tx catalog.Tx) error {
			return tx.List("f/old", func(key string, value json.RawMessage) error {
				return errors.Join(tx.Put("f/new", value), tx.Put("f/new/2", 2), tx.Delete(key))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			faultyUpdates(t, f, func(tx catalog.Tx) error { return fn(t, f, tx) })
		})
	}
	t.Run("views", func(t *testing.T) {
		t.Parallel()
		f := open(t)
		Put(t, f.Direct, "f/1", 1, "f/2", 2)
		for n, fired := 1, true; fired; n++ {
			f.Fail(n)
			seen := 0
			err := f.Catalog.View(context.Background(), func(tx catalog.Tx) error {
				seen = 0
				return errors.Join(oneGet(tx), tx.List("f/", func(string, json.RawMessage) error { seen++; return nil }))
			})
			fired = f.Fired()
			if err != nil || seen != 2 {
				t.Errorf("view that fails at message %d: saw %d, %v: want it repeated", n, seen, err)
			}
		}
	})
}

func oneGet(tx catalog.Tx) error { _, err := tx.Get("f/1", new(int)); return err }

func faultyUpdates(t *testing.T, f Faulty, fn func(tx catalog.Tx) error) {
	unknown := 0
	for n, fired := 1, true; fired; n++ {
		must(t, f.Direct.Update(context.Background(), func(tx catalog.Tx) error {
			return errors.Join(tx.Put("f/old", 1), tx.Delete("f/new"), tx.Delete("f/new/2"))
		}))
		f.Fail(n)
		err := f.Catalog.Update(context.Background(), fn)
		fired = f.Fired()
		keys := fmt.Sprint(Keys(t, f.Direct, "f/"))
		written, isUnknown := keys == "[f/new f/new/2]", errors.Is(err, catalog.ErrOutcomeUnknown)
		switch {
		case !written && keys != "[f/old]":
			t.Errorf("fault at message %d: a part is written: %s", n, keys)
		case isUnknown && failure.Of(err) == failure.Transient:
			unknown++
		case err != nil || !written:
			t.Errorf("fault at message %d: written %v, %v: want it repeated", n, written, err)
		}
	}
	if unknown == 0 {
		t.Error("no fault hit the commit")
	}
}
