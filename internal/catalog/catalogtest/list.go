// Tests of the order and the bounds of List and ListAfter.

package catalogtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/catalog"
)

// edges are keys around the borders of prefixes, in byte order.
var edges = []string{
	"\x01", "A", "B/x", "a", "a!", "a%", "a%b", "a*", "a-b", "a/", "a/1", "a/10", "a/2", "a/\x7f", "a/é", "a/ÿ", "a/ÿÿ", "a/\uffff", "a/\U0010ffff",
	"a0", "aB", "a_", "a_b", "ab", "a\U0010ffff", "b", "é", "ê", "\U0010ffff", "\U0010ffff\U0010ffff",
}

// putEdges writes the edges, the last one first.
func putEdges(t *testing.T, c catalog.Catalog) {
	t.Helper()
	var pairs []any
	for _, key := range slices.Backward(edges) {
		pairs = append(pairs, key, key)
	}
	Put(t, c, pairs...)
}

func listOrder(t *testing.T, open Opener) {
	c := start(t, open)
	if !slices.IsSorted(edges) {
		t.Fatal("the suite's own keys are out of order")
	}
	wantKeys(t, c, "")
	putEdges(t, c)
	wantKeys(t, c, "", edges...)
	for _, key := range edges {
		wantText(t, c, key, key)
	}
}

func listPrefix(t *testing.T, open Opener) {
	c := start(t, open)
	putEdges(t, c)
	for _, prefix := range append(slices.Clone(edges), "a/1/", "c", "zzz", "a/\xc3", "\xf4", "\xff") {
		var want []string
		for _, key := range edges {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		wantKeys(t, c, prefix, want...)
	}
}

func listAfter(t *testing.T, open Opener) {
	c := start(t, open)
	putEdges(t, c)
	for _, prefix := range []string{"", "a", "a/", "a/1", "c", "\U0010ffff"} {
		for _, after := range append(slices.Clone(edges), "", "a/0", "a/~", "zzz") {
			var want, got []string
			for _, key := range edges {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			view(t, c, func(tx catalog.Tx) error {
				got = nil
				return tx.ListAfter(prefix, after, func(key string, _ json.RawMessage) error {
					got = append(got, key)
					return nil
				})
			})
			if !slices.Equal(got, want) {
				t.Errorf("list %q after %q: %q, want %q", prefix, after, got, want)
			}
		}
	}
}

func listStops(t *testing.T, open Opener) {
	c := start(t, open)
	Put(t, c, "a", 1, "b", 2, "c", 3)
	stop, seen := errors.New("enough"), ""
	err := c.View(context.Background(), func(tx catalog.Tx) error {
		seen = ""
		return tx.List("", func(key string, value json.RawMessage) error {
			seen += key + string(value)
			if key == "b" {
				return stop
			}
			return nil
		})
	})
	if !errors.Is(err, stop) || seen != "a1b2" {
		t.Errorf("saw %q, %v", seen, err)
	}
}

func listMany(t *testing.T, open Opener) {
	c := start(t, open)
	const n = 1500
	var pairs []any
	for i := range n {
		pairs = append(pairs, fmt.Sprintf("from/%06d", i), i)
	}
	Put(t, c, pairs...)
	// Every document moves elsewhere while it is listed.
	err := c.Update(context.Background(), func(tx catalog.Tx) error {
		return tx.List("from/", func(key string, value json.RawMessage) error {
			return errors.Join(tx.Delete(key), tx.Put("to/"+key[5:], value))
		})
	})
	must(t, err)
	wantKeys(t, c, "from/")
	keys := Keys(t, c, "to/")
	if len(keys) != n || keys[n-1] != fmt.Sprintf("to/%06d", n-1) || !slices.IsSorted(keys) {
		t.Errorf("%d keys, want %d in order", len(keys), n)
	}
}
