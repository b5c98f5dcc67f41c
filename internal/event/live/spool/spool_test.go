// Tests of spools: frames, damage, and what is recovered.

package spool_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/event/live/spool"
)

var header = spool.Header{Stream: "sales", Number: 7, Opened: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)}

var requests = []spool.Request{
	{Key: "", Body: []byte("{}\n")},
	{Key: strings.Repeat("k", spool.MaxKey), Body: []byte{}},
	{Key: "\x00/é", Body: bytes.Repeat([]byte("0123456789"), 12_000)},
	{Key: "last", Body: []byte("x")},
}

// seventh is the spool of the header.
var seventh = spool.ID{Number: header.Number}

func pathOf(dir string, number uint64) string {
	return spool.NewFolder(dir).Place(spool.ID{Number: number})
}

func create(t testing.TB, folder *spool.Folder) spool.Writer {
	t.Helper()
	w, err := folder.Create(t.Context(), header)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// write makes a spool and gives where each of its frames ends.
func write(t *testing.T, dir string) (ends []int64) {
	t.Helper()
	w := create(t, spool.NewFolder(dir))
	ends = append(ends, w.Size())
	for _, r := range requests {
		if err := w.Append(r.Key, r.Body); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, w.Size())
	}
	if err := errors.Join(w.Sync(t.Context()), w.Close()); err != nil {
		t.Fatal(err)
	}
	return ends
}

// read returns the content of a spool, and its damage.
func read(t *testing.T, text []byte) (h spool.Header, got []spool.Request, damage string) {
	t.Helper()
	r, err := spool.NewReader(text, header.Number)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		request, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header, got, r.Damage()
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
	r, err := spool.NewFolder(dir).Open(t.Context(), seventh)
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

// What a writer leaves that died at any byte, zeros behind it, gives the requests that are whole, and nothing else. A file
// that was truncated there gives the same, and is damaged.
func TestTorn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ends := write(t, dir)
	whole, err := os.ReadFile(pathOf(dir, 7))
	end := int(ends[len(ends)-1])
	if err != nil || len(whole) < end {
		t.Fatalf("%d bytes, %v, want more than %d", len(whole), err, end)
	}
	for cut := range end {
		if cut > 400 && cut < end-100 && cut%9_973 != 0 {
			continue
		}
		want := 0
		for _, end := range ends[1:] {
			if int64(cut) >= end {
				want++
			}
		}
		died := append(bytes.Clone(whole[:cut]), make([]byte, len(whole)-cut)...)
		h, got, damage := read(t, died)
		if len(got) != want || int64(cut) >= ends[0] && h != header || damage != "" {
			t.Fatalf("died at %d: header %+v and %d requests, want %d; damage %q", cut, h, len(got), want, damage)
		}
		if _, got, damage = read(t, whole[:cut]); len(got) != want || damage == "" && cut > 0 {
			t.Fatalf("truncated to %d: %d requests, want %d; damage %q", cut, len(got), want, damage)
		}
	}
}

// One changed bit costs one request at most, and is never taken for an end.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ends := write(t, dir)
	whole, err := os.ReadFile(pathOf(dir, 7))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at++ {
		if at > 400 && int64(at) < ends[3]-40 && at%9_973 != 0 || int64(at) > ends[4]+40 && at < len(whole)-40 && at%4_999 != 0 {
			continue
		}
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << (at % 8)
		want := slices.Clone(requests)
		for n, end := range ends[1:] {
			if int64(at) < end && int64(at) >= ends[n] {
				want = slices.Delete(want, n, n+1)
			}
		}
		h, got, damage := read(t, flipped)
		if len(got) != len(want) || damage == "" || (h == header) != (int64(at) >= ends[0]) {
			t.Fatalf("bit of byte %d: header %+v, %d requests, want %d; damage %q", at, h, len(got), len(want), damage)
		}
		for i := range got {
			if got[i].Key != want[i].Key || !bytes.Equal(got[i].Body, want[i].Body) {
				t.Fatalf("bit of byte %d: request %d is another", at, i)
			}
		}
	}
}

// legacySpool is a spool as earlier versions wrote it.
func legacySpool(t testing.TB) (text []byte, ends []int) {
	t.Helper()
	frame := func(payload []byte) {
		p := make([]byte, 8)
		binary.LittleEndian.PutUint32(p, uint32(len(payload)))
		castagnoli := crc32.MakeTable(crc32.Castagnoli)
		binary.LittleEndian.PutUint32(p[4:], crc32.Update(crc32.Checksum(p[:4], castagnoli), castagnoli, payload))
		text = append(append(text, p...), payload...)
		ends = append(ends, len(text))
	}
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	frame(h)
	for _, r := range requests {
		frame(append(append([]byte{byte(len(r.Key))}, r.Key...), r.Body...))
	}
	return text, ends
}

func TestLegacyFormat(t *testing.T) {
	t.Parallel()
	text, ends := legacySpool(t)
	if h, got, damage := read(t, text); h != header || !reflect.DeepEqual(got, requests) || damage != "" {
		t.Fatalf("header %+v, %d requests, damage %q", h, len(got), damage)
	}
	if _, got, damage := read(t, text[:ends[3]-5]); len(got) != 2 || damage != "" {
		t.Errorf("torn: %d requests, damage %q", len(got), damage)
	}
	for _, at := range []int{3, 12, ends[0] + 1, ends[0] + 9, ends[2] + 3, ends[3] - 1} {
		flipped := bytes.Clone(text)
		flipped[at] ^= 1
		want := len(requests) - 1
		if at < ends[0] {
			want++
		}
		if _, got, damage := read(t, flipped); len(got) != want || damage == "" {
			t.Errorf("bit of byte %d: %d requests, want %d; damage %q", at, len(got), want, damage)
		}
	}
}

func TestFolderList(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	folder := spool.NewFolder(dir)
	write(t, dir)
	for _, name := range []string{"00000100.spool", "123456789.spool", "x.spool", "1.spool", "00000009.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := folder.List(t.Context()); err != nil || !reflect.DeepEqual(ids, []spool.ID{seventh, {Number: 100}, {Number: 123456789}}) {
		t.Errorf("list: %v, %v", ids, err)
	}
	if _, err := folder.Create(t.Context(), header); err == nil {
		t.Error("a spool that is there was created again")
	}
	if err := os.Rename(pathOf(dir, 100), pathOf(dir, 101)); err != nil {
		t.Fatal(err)
	}
	r, err := folder.Open(t.Context(), spool.ID{Number: 101}) // died before the header was written
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
	if err := os.Rename(pathOf(dir, 7), pathOf(dir, 8)); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.NewFolder(dir).Open(t.Context(), spool.ID{Number: 8}); err == nil {
		t.Error("a spool under another's name was opened")
	}
}

// brokenFile fails once it has taken so many bytes, or at the first sync.
type brokenFile struct {
	capacity int
	written  int
}

var errBroken = errors.New("broken disk")

func (f *brokenFile) Write(b []byte) (int, error) {
	n := min(len(b), f.capacity)
	f.capacity -= n
	f.written += n
	if n < len(b) {
		return n, errBroken
	}
	return n, nil
}

func (f *brokenFile) Sync() error          { return errBroken }
func (f *brokenFile) Close() error         { return nil }
func (f *brokenFile) Truncate(int64) error { return nil }

// broken is a folder whose files are a broken one.
func broken(t *testing.T, f *brokenFile) *spool.Folder {
	t.Helper()
	return spool.NewFolder(t.TempDir()).Wrap(func(file spool.File) spool.File {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
		return f
	})
}

// After an error nothing more is written, since the content of the disk is unknown.
func TestErrorsLast(t *testing.T) {
	t.Parallel()
	for _, room := range []int{10, 1 << 30} {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			t.Parallel()
			f := &brokenFile{capacity: room}
			w := create(t, broken(t, f))
			if err := errors.Join(w.Append("a", []byte("b")), w.Sync(t.Context())); !errors.Is(err, errBroken) {
				t.Fatalf("the first error is %v", err)
			}
			before := f.written
			f.capacity = 1 << 30
			if err := w.Append("c", make([]byte, 4<<20)); !errors.Is(err, errBroken) {
				t.Errorf("append: %v", err)
			}
			if err := w.Sync(t.Context()); !errors.Is(err, errBroken) || f.written != before {
				t.Errorf("sync: %v, %d bytes written, want %d", err, f.written, before)
			}
		})
	}
}

// What is cut off disappears, synced or not; what was synced before stays.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, synced := range []int{0, 1, 2} {
		t.Run(fmt.Sprint(synced), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := create(t, spool.NewFolder(dir))
			var size int64
			for n := range 2 {
				if n < synced {
					size = w.Size()
				}
				if err := w.Append("", []byte{'a' + byte(n)}); err != nil {
					t.Fatal(err)
				}
				if n < synced {
					if err := w.Sync(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := errors.Join(w.Cut(t.Context(), size), w.Close()); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Append("", nil), w.Sync(t.Context())); err == nil {
				t.Error("a spool that was cut is written on")
			}
			text, err := os.ReadFile(pathOf(dir, 7))
			if err != nil {
				t.Fatal(err)
			}
			if _, got, damage := read(t, text); len(got) != max(synced-1, 0) || damage != "" {
				t.Errorf("%d requests are left, want %d; damage %q", len(got), max(synced-1, 0), damage)
			}
		})
	}
}

func TestLongKey(t *testing.T) {
	t.Parallel()
	w := create(t, broken(t, &brokenFile{capacity: 1 << 30}))
	if err := w.Append(strings.Repeat("k", spool.MaxKey+1), nil); err == nil {
		t.Error("a key beyond the limit was taken")
	}
}

// FuzzRead reads anything: no input may crash the reader or make it take memory that is not there.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	w := create(f, spool.NewFolder(dir))
	if err := errors.Join(w.Append("k", []byte("{}")), w.Append("", []byte("{}")), w.Sync(f.Context()), w.Close()); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(pathOf(dir, header.Number))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[5:])
	f.Add([]byte("\xff\xff\xff\x7f0000x"))
	earlier, _ := legacySpool(f)
	f.Add(earlier[:200])
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := spool.NewReader(data, 0)
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
