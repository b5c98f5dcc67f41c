// What a power cut leaves of a spool, and spools of the version before.

package spool_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"testing"

	"bursar/internal/event/live/spool"
)

const page = 4096

// grouped is a spool whose requests were synced in groups, and where each group ends.
func grouped(t *testing.T, groups ...[]spool.Request) (text []byte, ends []int) {
	t.Helper()
	dir := t.TempDir()
	w := create(t, spool.NewFolder(dir))
	ends = append(ends, 0)
	for _, group := range groups {
		for _, r := range group {
			if err := w.Append(r.Key, r.Body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(w.Size()))
	}
	text, err := os.ReadFile(pathOf(dir, header.Number))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return text, ends
}

// some are n requests of up to some pages each.
func some(random *rand.Rand, n int) (list []spool.Request) {
	for range n {
		list = append(list, spool.Request{Body: bytes.Repeat([]byte("x"), 1+random.IntN(3*page))})
	}
	return list
}

// A power cut keeps any pages of the last group from being written: nothing of it was acknowledged, so nothing is reported, and what was
// synced before is read.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		before := some(random, 1+random.IntN(5))
		text, ends := grouped(t, before, some(random, 1+random.IntN(6)))
		for start := ends[1]; start < ends[2]; {
			end := min(start+page-start%page, ends[2])
			if random.IntN(2) == 0 {
				clear(text[start:end])
			}
			start = end
		}
		if _, got, damage := read(t, text); len(got) < len(before) || damage != "" {
			t.Fatalf("seed %d: %d requests, want %d at least; damage %q", seed, len(got), len(before), damage)
		}
	}
}

// A page that is missing of a group is damage once another group follows, as that is written only after an acknowledgement.
func TestMissingPageOfEarlierGroup(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		text, ends := grouped(t, some(random, 3), some(random, 4), some(random, 2))
		start := ends[1] + random.IntN(ends[2]-ends[1])
		end := min(start+page-start%page, ends[2])
		if bytes.Equal(text[start:end], make([]byte, end-start)) {
			continue // zeros of a prologue
		}
		clear(text[start:end])
		if _, got, damage := read(t, text); len(got) >= 9 || damage == "" {
			t.Fatalf("seed %d: bytes %d to %d: %d requests; damage %q", seed, start, end, len(got), damage)
		}
	}
}

// A frame of the last group that is zeros alone was not written; one whose bit has changed was.
func TestMissingFrame(t *testing.T) {
	t.Parallel()
	small := []spool.Request{{Body: []byte("one")}, {Body: []byte("two")}, {Body: []byte("three")}}
	text, ends := grouped(t, small, small)
	clear(text[ends[1] : ends[1]+36])
	if _, got, damage := read(t, text); len(got) != 5 || damage != "" {
		t.Errorf("missing frame: %d requests, want 5; damage %q", len(got), damage)
	}
	text, ends = grouped(t, small, small)
	text[ends[1]+34] ^= 4
	if _, got, damage := read(t, text); len(got) != 5 || damage == "" {
		t.Errorf("changed: %d requests, want 5; damage %q", len(got), damage)
	}
}

// ungrouped makes the frames of a spool those of the version before.
func ungrouped(text []byte) (old []byte) {
	table := crc32.MakeTable(crc32.Castagnoli)
	for bytes.HasPrefix(text, []byte("BSP2")) {
		size := int(binary.LittleEndian.Uint32(text[16:]))
		p := append([]byte("BSPL"), text[4:24]...)
		p = binary.LittleEndian.AppendUint32(p, crc32.Checksum(p, table))
		old = append(append(old, p...), text[32:32+size]...)
		text = text[32+size:]
	}
	return append(old, make([]byte, (len(old)+1<<16-1)>>16<<16+1-len(old))...)
}

// A spool of the version before is read, and each of its damages is reported.
func TestUngrouped(t *testing.T) {
	t.Parallel()
	text, _ := grouped(t, requests)
	old := ungrouped(text)
	h, got, damage := read(t, old)
	if h != header || len(got) != len(requests) || damage != "" {
		t.Fatalf("header %+v, %d requests; damage %q", h, len(got), damage)
	}
	for i := range got {
		if got[i].Key != requests[i].Key || !bytes.Equal(got[i].Body, requests[i].Body) {
			t.Errorf("request %d is another", i)
		}
	}
	clear(old[3*page : 4*page])
	if _, got, damage := read(t, old); len(got) != len(requests)-1 || damage == "" {
		t.Errorf("a page is missing: %d requests; damage %q", len(got), damage)
	}
	end := len(bytes.TrimRight(old, "\x00"))
	if _, _, damage := read(t, append(bytes.Clone(old[:end-1]), make([]byte, len(old)-end+1)...)); damage == "" {
		t.Error("the missing page of an earlier group is not reported if the end is torn")
	}
	if _, _, damage := read(t, append([]byte("x"), old[1:]...)); damage == "" {
		t.Error("a changed mark is not reported")
	}
}
