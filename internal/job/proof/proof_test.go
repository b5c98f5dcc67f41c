// Tests of the comparison, with a naive one and with a million messages.

package proof_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"bursar/internal/job/proof"
)

func tasks(list ...proof.Expected) iter.Seq2[proof.Expected, error] {
	return func(yield func(proof.Expected, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func inbox(ids ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func task(id string, o proof.Outcome) proof.Expected {
	return proof.Expected{ID: id, Slot: "slot of " + id, Key: "key of " + id, Outcome: o}
}

// finding is a finding of messages that are there found times each.
func finding(found int, ids ...string) proof.Finding {
	f := proof.Finding{Count: len(ids)}
	for _, id := range ids {
		f.Examples = append(f.Examples, proof.Example{ID: id, Slot: "slot of " + id, Key: "key of " + id, Found: found})
	}
	return f
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tasks []proof.Expected
		found []string
		want  proof.Result
		ok    bool
	}{
		"nothing": {ok: true},
		"all well": {
			tasks: []proof.Expected{task("a", proof.Sent), task("b", proof.NotSent), task("c", proof.Sent)},
			found: []string{"c", "a"},
			want:  proof.Result{Expected: 3, Found: 2, Sent: 2, Excluded: 1}, ok: true,
		},
		"missing": {
			tasks: []proof.Expected{task("a", proof.Sent), task("b", proof.Sent)},
			found: []string{"b"},
			want:  proof.Result{Expected: 2, Found: 1, Sent: 1, Missing: finding(0, "a")},
		},
		"twice": {
			tasks: []proof.Expected{task("a", proof.Sent), task("b", proof.NotSent), task("c", proof.Unknown)},
			found: []string{"a", "b", "c", "a", "b", "c"},
			want:  proof.Result{Expected: 3, Found: 6, Twice: finding(2, "a", "b", "c")},
		},
		"unexpected": {
			tasks: []proof.Expected{task("a", proof.NotSent)},
			found: []string{"a"},
			want:  proof.Result{Expected: 1, Found: 1, Unexpected: finding(1, "a")},
		},
		"unknown ends": {
			tasks: []proof.Expected{task("a", proof.Unknown), task("b", proof.Unknown)},
			found: []string{"b"},
			want:  proof.Result{Expected: 2, Found: 1, UnknownSent: finding(1, "b"), UnknownMissing: finding(0, "a")}, ok: true,
		},
		"stray": {
			tasks: []proof.Expected{task("a", proof.Sent)},
			found: []string{"x", "a", "x"},
			want: proof.Result{Expected: 1, Found: 3, Sent: 1, Stray: proof.Finding{
				Count: 2, Examples: []proof.Example{{ID: "x", Found: 1}, {ID: "x", Found: 1}},
			}},
			ok: true,
		},
		"executed again after it failed": {
			tasks: []proof.Expected{task("a", proof.NotSent), task("b", proof.Unknown), task("b", proof.NotSent), task("a", proof.Sent)},
			found: []string{"a"},
			want:  proof.Result{Expected: 2, Found: 1, Sent: 1, UnknownMissing: finding(0, "b")}, ok: true,
		},
		"the first examples": {
			tasks: []proof.Expected{task("d", proof.Sent), task("b", proof.Sent), task("c", proof.Sent), task("a", proof.Sent)},
			want:  proof.Result{Expected: 4, Missing: proof.Finding{Count: 4, Examples: finding(0, "d", "b", "c").Examples}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := proof.Compare(tasks(test.tasks...), inbox(test.found...), 3)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
			if got.OK() != test.ok {
				t.Errorf("OK: %v, want %v", got.OK(), test.ok)
			}
		})
	}
}

func TestCompareReturnsErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	failing := func(yield func(string, error) bool) { yield("", broken) }
	if _, err := proof.Compare(tasks(), failing, 1); !errors.Is(err, broken) {
		t.Errorf("the mailbox fails: %v", err)
	}
	for fails := range 2 {
		walk := 0
		records := func(yield func(proof.Expected, error) bool) {
			if walk++; walk > fails {
				yield(proof.Expected{}, broken)
			}
		}
		if _, err := proof.Compare(records, inbox(), 1); !errors.Is(err, broken) {
			t.Errorf("walk %d over the tasks fails: %v", fails+1, err)
		}
	}
}

// TestCountsAreOfEveryMessage compares the counts with those of a naive comparison, on random tasks and mailboxes.
func TestCountsAreOfEveryMessage(t *testing.T) {
	t.Parallel()
	for range 200 {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		var list []proof.Expected
		var found []string
		for range random.IntN(40) {
			list = append(list, task(fmt.Sprint(random.IntN(20)), proof.Outcome(random.IntN(3))))
		}
		for range random.IntN(40) {
			found = append(found, fmt.Sprint(random.IntN(25)))
		}
		got, err := proof.Compare(tasks(list...), inbox(found...), 0)
		if err != nil {
			t.Fatal(err)
		}
		if want := naive(list, found); !reflect.DeepEqual(*got, want) {
			t.Fatalf("seed %d:\ngot  %+v\nwant %+v", seed, *got, want)
		}
	}
}

func naive(list []proof.Expected, found []string) proof.Result {
	outcome, times := map[string]proof.Outcome{}, map[string]int{}
	for _, e := range list {
		outcome[e.ID] = max(outcome[e.ID], e.Outcome)
	}
	r := proof.Result{Expected: len(outcome), Found: len(found)}
	for _, id := range found {
		if _, known := outcome[id]; !known {
			r.Stray.Count++
		}
		times[id]++
	}
	for id, o := range outcome {
		count := [][]*int{
			proof.NotSent: {&r.Excluded, &r.Unexpected.Count},
			proof.Unknown: {&r.UnknownMissing.Count, &r.UnknownSent.Count},
			proof.Sent:    {&r.Missing.Count, &r.Sent},
		}[o]
		*append(count, &r.Twice.Count)[min(times[id], 2)]++
	}
	return r
}

func TestMillionMessagesNeedLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a million messages take seconds")
	}
	const count = 1_000_000
	records := func(yield func(proof.Expected, error) bool) {
		for i := range count {
			if !yield(proof.Expected{ID: numbered(i), Slot: "slot", Key: "key", Outcome: proof.Sent}, nil) {
				return
			}
		}
	}
	var used uint64
	found := func(yield func(string, error) bool) {
		for i := range count {
			if i%100_000 == 7 {
				continue
			}
			if !yield(numbered(i), nil) {
				return
			}
		}
		used = heap()
	}
	before := heap()
	r, err := proof.Compare(records, found, 5)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != count-10 || r.Missing.Count != 10 || len(r.Missing.Examples) != 5 || r.OK() {
		t.Errorf("%+v, want that 10 are missing", r)
	}
	if !slices.ContainsFunc(r.Missing.Examples, func(e proof.Example) bool { return e.ID == numbered(100_007) }) {
		t.Errorf("missing: %+v", r.Missing.Examples)
	}
	each := (used - min(before, used)) / count
	t.Logf("%d bytes for each message", each)
	if each > 100 {
		t.Errorf("%d bytes for each message, want at most 100", each)
	}
}

// numbered returns a Message-ID as long as those of tasks.
func numbered(i int) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(make([]byte, 8, 16), uint64(i))) + "@bursar"
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
