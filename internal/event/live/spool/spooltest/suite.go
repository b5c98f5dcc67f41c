// Package spooltest is the conformance suite of spool.Store: what every backend must do, and what live intake relies on. It owns no backend and must
// not know how one works.
package spooltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"
	"time"

	"bursar/internal/event/live/spool"
)

// Opener opens the spools in dir, which is empty at first. The suite opens the same dir again to check what is durable.
type Opener func(t *testing.T, dir string) spool.Spools

// Run runs the suite. Every test gets a separate folder.
func Run(t *testing.T, open Opener) {
	tests := map[string]func(t *testing.T, open Opener){
		"what was synced is read":        synced,
		"many groups":                    manyGroups,
		"large requests":                 large,
		"list":                           list,
		"remove":                         remove,
		"one number opened twice":        openedTwice,
		"cut":                            cut,
		"cut to nothing":                 cutToNothing,
		"nothing is appended after cut":  appendAfterCut,
		"a reader beside the writer":     beside,
		"removed while it is read":       removedWhileRead,
		"long keys":                      longKeys,
		"losses":                         losses,
		"the loss of a missing spool":    missingLoss,
		"streams":                        streams,
		"a context that ends before use": ended,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// opened is when the spools of the suite were opened.
var opened = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

// Write makes a spool with groups of requests, of which each was synced.
func Write(t testing.TB, store spool.Store, number uint64, groups ...[]spool.Request) spool.ID {
	t.Helper()
	w := Begin(t, store, number, groups...)
	must(t, w.Close())
	return w.ID()
}

// Begin is Write for a spool that is still written.
func Begin(t testing.TB, store spool.Store, number uint64, groups ...[]spool.Request) spool.Writer {
	t.Helper()
	w, err := store.Create(context.Background(), spool.Header{Stream: "sales", Number: number, Opened: opened})
	must(t, err)
	for _, group := range groups {
		add(t, w, group...)
		must(t, w.Sync(context.Background()))
	}
	return w
}

func add(t testing.TB, w spool.Writer, requests ...spool.Request) {
	t.Helper()
	for _, r := range requests {
		must(t, w.Append(r.Key, r.Body))
	}
}

// Read returns the requests of a spool, and its damage.
func Read(t testing.TB, store spool.Store, id spool.ID) (requests []spool.Request, damage string) {
	t.Helper()
	r, err := store.Open(context.Background(), id)
	must(t, err)
	defer func() { must(t, r.Close()) }()
	for {
		request, err := r.Next()
		if errors.Is(err, io.EOF) {
			return requests, r.Damage()
		}
		must(t, err)
		requests = append(requests, request)
	}
}

func expect(t *testing.T, store spool.Store, id spool.ID, want ...spool.Request) {
	t.Helper()
	got, damage := Read(t, store, id)
	same := slices.EqualFunc(got, want, func(a, b spool.Request) bool { return a.Key == b.Key && bytes.Equal(a.Body, b.Body) })
	if !same || damage != "" {
		t.Errorf("spool %v has %d requests, want %d; damage %q", id, len(got), len(want), damage)
	}
}

func expectList(t *testing.T, store spool.Store, want ...spool.ID) {
	t.Helper()
	if got, err := store.List(context.Background()); err != nil || !slices.Equal(got, want) {
		t.Errorf("list: %v, %v, want %v", got, err, want)
	}
}

// request is a request that no other number gives.
func request(n int) spool.Request {
	return spool.Request{Key: fmt.Sprint("key ", n), Body: fmt.Appendf(nil, "{\"n\":%d}\n", n)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func synced(t *testing.T, open Opener) {
	dir := t.TempDir()
	store := open(t, dir).Of("sales")
	first := []spool.Request{{}, {Key: string(bytes.Repeat([]byte("k"), spool.MaxKey)), Body: []byte{}}, {Key: "\x00/é", Body: []byte("{}\n")}}
	w := Begin(t, store, 7, first, []spool.Request{request(1)})
	add(t, w, request(2)) // not synced
	id := w.ID()
	if id.Number != 7 {
		t.Errorf("the spool is %v", id)
	}
	r, err := open(t, dir).Of("sales").Open(context.Background(), id)
	must(t, err)
	if want := (spool.Header{Stream: "sales", Number: 7, Opened: opened}); r.Header != want {
		t.Errorf("header %+v, want %+v", r.Header, want)
	}
	must(t, r.Close())
	must(t, w.Sync(context.Background()))
	must(t, w.Sync(context.Background())) // nothing is left to do
	must(t, w.Close())
	expect(t, open(t, dir).Of("sales"), id, append(first, request(1), request(2))...)
}

func manyGroups(t *testing.T, open Opener) {
	store := open(t, t.TempDir()).Of("sales")
	var groups [][]spool.Request
	var all []spool.Request
	for n := range 50 {
		groups = append(groups, []spool.Request{request(2 * n), request(2*n + 1)})
		all = append(all, groups[n]...)
	}
	expect(t, store, Write(t, store, 1, groups...), all...)
}

func large(t *testing.T, open Opener) {
	store := open(t, t.TempDir()).Of("sales")
	big := spool.Request{Key: "big", Body: bytes.Repeat([]byte("0123456789"), 2_000_000)}
	expect(t, store, Write(t, store, 1, []spool.Request{big, request(1)}, []spool.Request{big}), big, request(1), big)
}

func list(t *testing.T, open Opener) {
	dir := t.TempDir()
	store := open(t, dir).Of("sales")
	expectList(t, store)
	var want []spool.ID
	for _, number := range []uint64{9, 10, 123_456_789} {
		want = append(want, Write(t, store, number, []spool.Request{request(1)}))
	}
	Write(t, open(t, dir).Of("returns"), 5, []spool.Request{request(1)})
	expectList(t, open(t, dir).Of("sales"), want...)
}

func remove(t *testing.T, open Opener) {
	store := open(t, t.TempDir()).Of("sales")
	var groups [][]spool.Request
	for n := range 20 {
		groups = append(groups, []spool.Request{request(n)})
	}
	gone, stays := Write(t, store, 1, groups...), Write(t, store, 2, groups[:1]...)
	for range 2 {
		must(t, store.Remove(context.Background(), gone))
	}
	expectList(t, store, stays)
	if _, err := store.Open(context.Background(), gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open what was removed: %v, want fs.ErrNotExist", err)
	}
	expect(t, store, stays, request(0))
}

// openedTwice has two processes open a spool of one number: they do not share it, if both can.
func openedTwice(t *testing.T, open Opener) {
	dir := t.TempDir()
	first, second := open(t, dir).Of("sales"), open(t, dir).Of("sales")
	one := Begin(t, first, 3, []spool.Request{request(1)})
	other, err := second.Create(context.Background(), spool.Header{Stream: "sales", Number: 3, Opened: opened})
	if err == nil {
		add(t, other, request(2))
		must(t, other.Sync(context.Background()))
		if other.ID() == one.ID() {
			t.Errorf("both are %v", other.ID())
		}
		expect(t, first, other.ID(), request(2))
		must(t, other.Close())
	}
	add(t, one, request(3))
	must(t, one.Sync(context.Background()))
	must(t, one.Close())
	expect(t, second, one.ID(), request(1), request(3))
}

func cut(t *testing.T, open Opener) {
	store := open(t, t.TempDir()).Of("sales")
	for synced := range 3 {
		w := Begin(t, store, uint64(1+synced), []spool.Request{request(0), request(1)})
		size := w.Size()
		for n := range 3 {
			add(t, w, request(2+n))
			if n < synced {
				must(t, w.Sync(context.Background()))
			}
		}
		must(t, w.Cut(context.Background(), size))
		must(t, w.Close())
		expect(t, store, w.ID(), request(0), request(1))
	}
}

// cutToNothing cuts all requests: the spool, which the catalog may expect, stays.
func cutToNothing(t *testing.T, open Opener) {
	store := open(t, t.TempDir()).Of("sales")
	for synced := range 3 {
		w := Begin(t, store, uint64(1+synced))
		size := w.Size()
		for n := range 3 {
			add(t, w, request(n))
			if n < synced {
				must(t, w.Sync(context.Background()))
			}
		}
		must(t, w.Cut(context.Background(), size))
		must(t, w.Close())
		if synced > 0 {
			expect(t, store, w.ID())
		}
	}
}

func appendAfterCut(t *testing.T, open Opener) {
	store := open(t, t.TempDir()).Of("sales")
	w := Begin(t, store, 1, []spool.Request{request(1)})
	must(t, w.Cut(context.Background(), w.Size()))
	if errors.Join(w.Append("", nil), w.Sync(context.Background())) == nil {
		t.Error("a spool that was cut is written on")
	}
	must(t, w.Close())
	expect(t, store, w.ID(), request(1))
}

// beside reads a spool while it is written.
func beside(t *testing.T, open Opener) {
	store := open(t, t.TempDir()).Of("sales")
	w := Begin(t, store, 1, []spool.Request{request(0)})
	for n := 1; n < 10; n++ {
		add(t, w, request(n))
		must(t, w.Sync(context.Background()))
		got, damage := Read(t, store, w.ID())
		if len(got) != n+1 || damage != "" {
			t.Fatalf("after %d requests %d are read; damage %q", n+1, len(got), damage)
		}
	}
	must(t, w.Close())
}

// removedWhileRead removes a spool while a reader is in it: it reads what was written, or less of it, or fails. It invents nothing.
func removedWhileRead(t *testing.T, open Opener) {
	store := open(t, t.TempDir()).Of("sales")
	var groups [][]spool.Request
	for n := range 40 {
		groups = append(groups, []spool.Request{request(n)})
	}
	id := Write(t, store, 1, groups...)
	r, err := store.Open(context.Background(), id)
	must(t, err)
	defer func() { must(t, r.Close()) }()
	for n := 0; ; n++ {
		if n == 5 {
			must(t, store.Remove(context.Background(), id))
		}
		got, err := r.Next()
		if err != nil {
			break
		}
		if want := request(n); got.Key != want.Key || !bytes.Equal(got.Body, want.Body) {
			t.Fatalf("request %d is %q", n, got.Key)
		}
	}
	if damage := r.Damage(); damage != "" {
		t.Errorf("damage %q", damage)
	}
}

func longKeys(t *testing.T, open Opener) {
	w := Begin(t, open(t, t.TempDir()).Of("sales"), 1)
	if err := w.Append(string(make([]byte, spool.MaxKey+1)), nil); err == nil {
		t.Error("a key beyond the limit was taken")
	}
	must(t, w.Close())
}

func streams(t *testing.T, open Opener) {
	dir := t.TempDir()
	spools := open(t, dir)
	expectStreams := func(want ...string) {
		t.Helper()
		if got, err := spools.Streams(context.Background()); err != nil || !slices.Equal(got, want) {
			t.Errorf("streams are %q, %v, want %q", got, err, want)
		}
	}
	expectStreams()
	Write(t, spools.Of("sales"), 1, []spool.Request{request(1)})
	_, err := spools.Of("lost").Report(context.Background(), spool.Loss{Stream: "lost", Spool: 3, Reason: "missing"})
	must(t, err)
	expectStreams("lost", "sales")
}

func ended(t *testing.T, open Opener) {
	store := open(t, t.TempDir()).Of("sales")
	w := Begin(t, store, 1, []spool.Request{request(0)})
	add(t, w, request(1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := w.Sync(ctx)
	must(t, w.Close())
	got, damage := Read(t, store, w.ID())
	if len(got) < 1 || damage != "" || err == nil && len(got) != 2 {
		t.Errorf("a sync with an ended context: %v; %d requests are read; damage %q", err, len(got), damage)
	}
}
