// Package catalogtest is the conformance suite of catalog.Catalog: what every backend must do, and what the rest
// of the program may rely on. It owns no backend and must not know how one works.
package catalogtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"bursar/internal/catalog"
)

// Opener opens the catalog in dir, which is empty at first. The suite closes the catalogs that it opens, and opens the same dir
// again to check what is durable.
type Opener func(t *testing.T, dir string) catalog.Catalog

// Run runs the suite. Every test gets a separate folder.
func Run(t *testing.T, open Opener) {
	tests := map[string]func(t *testing.T, open Opener){
		"documents":                       documents,
		"put replaces":                    putReplaces,
		"delete":                          deletes,
		"a failed update writes nothing":  failedUpdate,
		"a panicking update too":          panickingUpdate,
		"an update sees its own writes":   ownWrites,
		"lasts":                           lasts,
		"list in byte order":              listOrder,
		"list by prefix":                  listPrefix,
		"list after a key":                listAfter,
		"list stops at an error":          listStops,
		"list of many, used while listed": listMany,
		"bad keys":                        badKeys,
		"values":                          values,
		"view writes nothing":             viewWritesNothing,
		"view is one state":               viewIsOneState,
		"updates are serial":              updatesAreSerial,
		"all or nothing to readers":       allOrNothing,
		"cancelled":                       cancelled,
		"cancelled at any moment":         cancelledAnywhere,
		"watch":                           watches,
		"count changes":                   countsChanges,
	}
	again := func(t *testing.T, dir string) catalog.Catalog { return Twice(open(t, dir)) }
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
		if name == "cancelled at any moment" {
			continue
		}
		t.Run(name+", each function called twice", func(t *testing.T) {
			t.Parallel()
			test(t, again)
		})
	}
}

// Put writes documents, given as key, value, key, value …, in one update.
func Put(t *testing.T, c catalog.Catalog, pairs ...any) {
	t.Helper()
	err := c.Update(context.Background(), func(tx catalog.Tx) error {
		for pair := range slices.Chunk(pairs, 2) {
			if err := tx.Put(fmt.Sprint(pair[0]), pair[1]); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, err)
}

// Keys lists the keys that start with prefix.
func Keys(t *testing.T, c catalog.Catalog, prefix string) (keys []string) {
	t.Helper()
	view(t, c, func(tx catalog.Tx) error {
		keys = nil
		return tx.List(prefix, func(key string, _ json.RawMessage) error {
			keys = append(keys, key)
			return nil
		})
	})
	return keys
}

func view(t *testing.T, c catalog.Catalog, fn func(catalog.Tx) error) {
	t.Helper()
	must(t, c.View(context.Background(), fn))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start opens a new catalog that is closed with the test.
func start(t *testing.T, open Opener) catalog.Catalog {
	t.Helper()
	c := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func wantKeys(t *testing.T, c catalog.Catalog, prefix string, want ...string) {
	t.Helper()
	if got := Keys(t, c, prefix); !slices.Equal(got, want) {
		t.Errorf("list %q: %q, want %q", prefix, got, want)
	}
}

func wantText(t *testing.T, c catalog.Catalog, key, want string) {
	t.Helper()
	view(t, c, func(tx catalog.Tx) error {
		var got string
		found, err := tx.Get(key, &got)
		if err == nil && (!found || got != want) {
			t.Errorf("get %q: %q, %v, want %q", key, got, found, want)
		}
		return err
	})
}
