package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"bursar/internal/event/spool"
)

var header = spool.Header{Stream: "sales", Number: 7, Opened: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)}

var requests = []spool.Request{
	{Key: "", Body: []byte("{}\n")},
	{Key: strings.Repeat("k", spool.MaxKey), Body: []byte{}},
	{Key: "\x00/é", Body: bytes.Repeat([]byte("0123456789"), 300_000)},
	{Key: "last", Body: []byte("x")},
}

func create(t testing.TB, dir string) *spool.Writer {
	t.Helper()
	file, err := spool.Create(dir, header.Number)
	if err != nil {
		t.Fatal(err)
	}
	w, err := spool.NewWriter(file, header)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// write makes a spool and gives where each of its frames ends.
func write(t *testing.T, dir string) (ends []int64) {
	t.Helper()
	if err := spool.MakeFolder(dir); err != nil {
		t.Fatal(err)
	}
	w := create(t, dir)
	ends = append(ends, w.Size())
	for _, r := range requests {
		if err := w.Append(r.Key, r.Body); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, w.Size())
	}
	if err := errors.Join(w.Sync(), w.Close()); err != nil {
		t.Fatal(err)
	}
	return ends
}

func read(t *testing.T, in io.ReadCloser) (h spool.Header, got []spool.Request) {
	t.Helper()
	r, err := spool.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		request, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header, got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, request)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	write(t, dir)
	r, err := spool.Open(dir, 7)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Header != header {
		t.Errorf("header %+v, want %+v", r.Header, header)
	}
	for i, want := range requests {
		got, err := r.Next()
		if err != nil || got.Key != want.Key || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("request %d: %q, %d bytes, %v", i, got.Key, len(got.Body), err)
		}
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v", err)
		}
	}
}

// A file cut at any byte gives the requests that are whole, and nothing else.
func TestTorn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ends := write(t, dir)
	whole, err := os.ReadFile(spool.Path(dir, 7))
	if err != nil || int64(len(whole)) != ends[len(ends)-1] {
		t.Fatalf("%d bytes, %v, want %d", len(whole), err, ends[len(ends)-1])
	}
	for cut := range len(whole) {
		if cut > 1000 && cut < len(whole)-100 && cut%99_991 != 0 {
			continue
		}
		want := 0
		for _, end := range ends[1:] {
			if int64(cut) >= end {
				want++
			}
		}
		h, got := read(t, io.NopCloser(bytes.NewReader(whole[:cut])))
		if len(got) != want || int64(cut) >= ends[0] && h != header {
			t.Fatalf("cut at %d: header %+v and %d requests, want %d", cut, h, len(got), want)
		}
		// What stands behind the cut may be anything that was never synced.
		_, got = read(t, io.NopCloser(bytes.NewReader(append(bytes.Clone(whole[:cut]), make([]byte, 64)...))))
		if len(got) != want {
			t.Fatalf("zeros from %d: %d requests, want %d", cut, len(got), want)
		}
	}
}

func TestListAndRemove(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	if numbers, err := spool.List(dir); err != nil || numbers != nil {
		t.Errorf("no folder: %v, %v", numbers, err)
	}
	write(t, dir)
	for _, name := range []string{"00000100.spool", "123456789.spool", "x.spool", "1.spool", "00000009.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if numbers, err := spool.List(dir); err != nil || !reflect.DeepEqual(numbers, []uint64{7, 100, 123456789}) {
		t.Errorf("list: %v, %v", numbers, err)
	}
	if _, err := spool.Create(dir, 7); err == nil {
		t.Error("a spool that is there was created again")
	}
	for range 2 {
		if err := spool.Remove(dir, 7); err != nil {
			t.Error(err)
		}
	}
	if _, err := spool.Open(dir, 7); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open what was removed: %v", err)
	}
	if err := os.Rename(spool.Path(dir, 100), spool.Path(dir, 101)); err != nil {
		t.Fatal(err)
	}
	r, err := spool.Open(dir, 101) // died before the header was written
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("without header: %v", err)
	}
}

func TestForeignNumber(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir)
	if err := os.Rename(spool.Path(dir, 7), spool.Path(dir, 8)); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.Open(dir, 8); err == nil {
		t.Error("a spool under another's name was opened")
	}
}

// brokenFile fails once it has taken so many bytes, or at the first sync.
type brokenFile struct {
	room    int
	written int
}

var errBroken = errors.New("broken disk")

func (f *brokenFile) Write(b []byte) (int, error) {
	n := min(len(b), f.room)
	f.room -= n
	f.written += n
	if n < len(b) {
		return n, errBroken
	}
	return n, nil
}

func (f *brokenFile) Sync() error          { return errBroken }
func (f *brokenFile) Close() error         { return nil }
func (f *brokenFile) Truncate(int64) error { return errBroken }

// After an error nothing is written any more, as nobody knows what the disk has.
func TestErrorsLast(t *testing.T) {
	t.Parallel()
	for _, room := range []int{10, 1 << 30} {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			t.Parallel()
			f := &brokenFile{room: room}
			w, err := spool.NewWriter(f, header)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Append("a", []byte("b")), w.Sync()); !errors.Is(err, errBroken) {
				t.Fatalf("the first error is %v", err)
			}
			before := f.written
			f.room = 1 << 30
			if err := w.Append("c", make([]byte, 4<<20)); !errors.Is(err, errBroken) {
				t.Errorf("append: %v", err)
			}
			if err := w.Sync(); !errors.Is(err, errBroken) || f.written != before {
				t.Errorf("sync: %v, %d bytes written, want %d", err, f.written, before)
			}
		})
	}
}

// What is cut off is gone, whether it was synced or not; what was synced before stays.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, synced := range []int{0, 1, 2} {
		t.Run(fmt.Sprint(synced), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := create(t, dir)
			var size int64
			for n := range 2 {
				if n < synced {
					size = w.Size()
				}
				if err := w.Append("", []byte{'a' + byte(n)}); err != nil {
					t.Fatal(err)
				}
				if n < synced {
					if err := w.Sync(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := errors.Join(w.Cut(size), w.Close()); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Append("", nil), w.Sync()); err == nil {
				t.Error("a spool that was cut is written on")
			}
			file, err := os.Open(spool.Path(dir, 7))
			if err != nil {
				t.Fatal(err)
			}
			if _, got := read(t, file); len(got) != max(synced-1, 0) {
				t.Errorf("%d requests are left, want %d", len(got), max(synced-1, 0))
			}
		})
	}
}

func TestLongKey(t *testing.T) {
	t.Parallel()
	w, err := spool.NewWriter(&brokenFile{room: 1 << 30}, header)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(strings.Repeat("k", spool.MaxKey+1), nil); err == nil {
		t.Error("a key beyond the limit was taken")
	}
}

// FuzzRead reads anything: no input may crash the reader or make it take memory that is not there.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	w := create(f, dir)
	if err := errors.Join(w.Append("k", []byte("{}")), w.Append("", []byte("{}")), w.Sync(), w.Close()); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(spool.Path(dir, header.Number))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte("\xff\xff\xff\x7f0000x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := spool.NewReader(io.NopCloser(bytes.NewReader(data)))
		if err != nil {
			return
		}
		size := 0
		for {
			request, err := r.Next()
			if err != nil {
				break
			}
			size += len(request.Key) + len(request.Body)
		}
		if size > len(data) {
			t.Fatalf("%d bytes of requests in %d", size, len(data))
		}
	})
}
