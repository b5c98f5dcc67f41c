// Tests of single documents, their keys and values, and of the order and the bounds of List and ListAfter.

package catalogtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bursar/internal/catalog"
)

type run struct {
	Number  uint64            `json:"number"`
	Batches []string          `json:"batches"`
	Totals  map[string]string `json:"totals,omitempty"`
	Open    *run              `json:"open,omitempty"`
}

func documents(t *testing.T, open Opener) {
	c := start(t, open)
	want := run{Number: math.MaxUint64, Batches: []string{"a", "b"}, Totals: map[string]string{"amount": "12.30"}, Open: &run{}}
	Put(t, c, "run/orders/g1/42", want)
	view(t, c, func(tx catalog.Tx) error {
		var got run
		found, err := tx.Get("run/orders/g1/42", &got)
		if err != nil || !found || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, %v", got, found, err)
		}
		got = run{Number: 7}
		found, err = tx.Get("run/orders/g1/4", &got)
		if err != nil || found || got.Number != 7 {
			t.Errorf("absent: %+v, %v, %v, want the value left alone", got, found, err)
		}
		var wrong int
		if _, err := tx.Get("run/orders/g1/42", &wrong); err == nil {
			t.Error("get into another type: no error")
		}
		return nil
	})
}

func putReplaces(t *testing.T, open Opener) {
	c := start(t, open)
	Put(t, c, "a", "1")
	Put(t, c, "a", "2", "b", "1", "a", "3")
	wantText(t, c, "a", "3")
	wantKeys(t, c, "", "a", "b")
}

func deletes(t *testing.T, open Opener) {
	c := start(t, open)
	Put(t, c, "a", "1", "b", "2")
	for range 2 {
		err := c.Update(context.Background(), func(tx catalog.Tx) error { return tx.Delete("a") })
		must(t, err)
	}
	wantKeys(t, c, "", "b")
	Put(t, c, "a", "again")
	wantText(t, c, "a", "again")
}

func badKeys(t *testing.T, open Opener) {
	c := start(t, open)
	for _, key := range []string{"", "a\x00b", "\xff", "a/\xc3"} {
		calls := map[string]func(tx catalog.Tx) error{
			"put":    func(tx catalog.Tx) error { return tx.Put(key, 1) },
			"delete": func(tx catalog.Tx) error { return tx.Delete(key) },
			"get":    func(tx catalog.Tx) error { _, err := tx.Get(key, new(int)); return err },
		}
		for name, call := range calls {
			if err := c.Update(context.Background(), call); err == nil {
				t.Errorf("%s %q: no error", name, key)
			}
		}
	}
	wantKeys(t, c, "")
}

func values(t *testing.T, open Opener) {
	c := start(t, open)
	large := strings.Repeat("é\"\\\n<&>\u2028😀", 200_000)
	Put(t, c, "null", nil, "empty", "", "number", json.Number("12345678901234567890.10"),
		"raw", json.RawMessage(`{"a": 1.10}`), "large", large, "quote's", "it's")
	wantText(t, c, "large", large)
	wantText(t, c, "quote's", "it's")
	wantText(t, c, "empty", "")
	view(t, c, func(tx catalog.Tx) error {
		var number json.Number
		if _, err := tx.Get("number", &number); err != nil || number != "12345678901234567890.10" {
			t.Errorf("number %q, %v: want every digit", number, err)
		}
		var raw map[string]json.Number
		if _, err := tx.Get("raw", &raw); err != nil || raw["a"] != "1.10" {
			t.Errorf("raw %v, %v", raw, err)
		}
		if found, err := tx.Get("null", new(any)); !found || err != nil {
			t.Errorf("null: %v, %v, want found", found, err)
		}
		return nil
	})
	unfit := c.Update(context.Background(), func(tx catalog.Tx) error { return tx.Put("bad", math.Inf(1)) })
	if unfit == nil {
		t.Error("put a value that JSON cannot represent: no error")
	}
}

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
