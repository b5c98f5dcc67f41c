// Tests of the benchmark's events: line length, totals, keys that meet the state, and the declarations beside them.
package shop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"
)

// benchRead is what a naive reading of benchmark lines finds.
type benchRead struct {
	events int64
	ids    map[string]bool
	keys   map[string]bool
	sums   map[string]*big.Rat
}

func readBench(t *testing.T, text []byte) benchRead {
	t.Helper()
	r := benchRead{ids: map[string]bool{}, keys: map[string]bool{}, sums: map[string]*big.Rat{}}
	for _, kind := range typeNames {
		r.sums[kind] = new(big.Rat)
	}
	for line := range bytes.Lines(text) {
		var row map[string]string // fails on anything but strings
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, err := time.Parse(time.RFC3339, row["ts"]); err != nil || len(row) != 8 || row["note"] == "" {
			t.Fatalf("unexpected line %s (%v)", line, err)
		}
		if len(row["event_id"]) != 32 || len(row["order_id"]) != 32 || !naiveAmount.MatchString(row["amount"]) {
			t.Fatalf("unexpected line %s", line)
		}
		r.events++
		r.ids[row["event_id"]] = true
		r.keys[row["order_id"]] = true
		r.sums[row["type"]].Add(r.sums[row["type"]], rat(row["amount"]))
	}
	return r
}

func (r benchRead) check(t *testing.T, totals Totals, size int) {
	t.Helper()
	got := Totals{Events: r.events, Bytes: int64(size), Keys: int64(len(r.keys))}
	want := totals
	want.Shipped, want.Paid, want.Refunded = 0, 0, 0
	if got != want {
		t.Errorf("read %+v, totals are %+v", got, totals)
	}
	for kind, cents := range map[string]int64{"shipment": totals.Shipped, "payment": totals.Paid, "refund": totals.Refunded} {
		if sum := r.sums[kind].FloatString(2); sum != Cents(cents) || cents == 0 {
			t.Errorf("%s comes to %s, totals have %s", kind, sum, Cents(cents))
		}
	}
	if mean := float64(size) / float64(r.events); mean < LineBytes-1 || mean > LineBytes+1 {
		t.Errorf("mean line is %.2f bytes, want %d within 1", mean, LineBytes)
	}
}

func TestBenchAgreesWithNaiveReading(t *testing.T) {
	t.Parallel()
	const state = 30_000
	b := Bench{Seed: 5, Events: 40_000, Keys: 10_000, State: state, Batch: 1}
	var text bytes.Buffer
	for first := 0; first < state; first += state / 2 { // the state in two files
		if _, err := WriteState(&text, b, first, state/2); err != nil {
			t.Fatal(err)
		}
	}
	earlier := readBench(t, text.Bytes())
	if len(earlier.keys) != state || len(earlier.ids) != state {
		t.Errorf("the state has %d keys and %d ids, want %d", len(earlier.keys), len(earlier.ids), state)
	}
	seen := len(earlier.ids)
	for b.Batch = 1; b.Batch <= 2; b.Batch++ {
		text.Reset()
		totals, err := WriteBench(&text, b)
		if err != nil {
			t.Fatal(err)
		}
		batch := readBench(t, text.Bytes())
		batch.check(t, totals, text.Len())
		for key := range batch.keys {
			if !earlier.keys[key] {
				t.Fatalf("key %s is not in the state", key)
			}
		}
		for id := range batch.ids {
			earlier.ids[id] = true
		}
		if seen += b.Events; len(earlier.ids) != seen {
			t.Errorf("%d ids after batch %d, want %d: they repeat", len(earlier.ids), b.Batch, seen)
		}
	}
}

func TestBenchWithoutOrWithLittleState(t *testing.T) {
	t.Parallel()
	for _, state := range []int{0, 1, 999, 1000, 1001} {
		var text bytes.Buffer
		totals, err := WriteBench(&text, Bench{Seed: 6, Events: 20_000, Keys: 1000, State: state, Batch: 1})
		if err != nil {
			t.Fatal(err)
		}
		read := readBench(t, text.Bytes())
		read.check(t, totals, text.Len())
		if len(read.keys) != 1000 {
			t.Errorf("state %d: %d keys, want 1000", state, len(read.keys))
		}
	}
}

func TestBenchIsDeterminedByItsOptions(t *testing.T) {
	t.Parallel()
	write := func(b Bench) string {
		var text bytes.Buffer
		if _, err := WriteBench(&text, b); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	b := Bench{Seed: 1, Events: 10_000, Keys: 100, Batch: 1}
	first := write(b)
	if first != write(b) {
		t.Error("equal options gave different lines")
	}
	for _, other := range []Bench{
		{Seed: 2, Events: 10_000, Keys: 100, Batch: 1}, {Seed: 1, Events: 10_000, Keys: 100, Batch: 2},
	} {
		if first == write(other) {
			t.Errorf("%+v gave the lines of %+v", other, b)
		}
	}
}

func TestBenchRefuses(t *testing.T) {
	t.Parallel()
	good := Bench{Events: 1, Keys: 1, Batch: 1}
	for _, b := range []Bench{
		{Keys: 1, Batch: 1},
		{Events: 1, Batch: 1},
		{Events: 1, Keys: 1},
		{Events: 1, Keys: 1, Batch: 1, State: -1},
		{Events: 1, Keys: 2_000_000_000, Batch: 1},
	} {
		if _, err := WriteBench(io.Discard, b); err == nil {
			t.Errorf("%+v is accepted", b)
		}
	}
	if _, err := WriteState(io.Discard, good, -1, 1); err == nil {
		t.Error("a negative key is accepted")
	}
	if _, err := WriteBench(fullDisk{}, good); !errors.Is(err, errFull) {
		t.Errorf("error is %v, want %v", err, errFull)
	}
}

var errFull = errors.New("disk is full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestYardstickQuotesItsPath(t *testing.T) {
	t.Parallel()
	if sql := YardstickSQL("it's/100%.jsonl"); !strings.Contains(sql, `read_json('it''s/100%.jsonl', format`) {
		t.Error(sql)
	}
}

func BenchmarkWriteBench(b *testing.B) {
	for b.Loop() {
		if _, err := WriteBench(io.Discard, Bench{Events: 2_000_000, Keys: 500_000, State: 10_000_000, Batch: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleCents() {
	fmt.Println(Cents(1230), Cents(-5), Cents(0))
	// Output: 12.30 -0.05 0.00
}
