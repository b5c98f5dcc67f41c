// Tests of the demonstration: equal seeds give equal bytes, and the ledger agrees with a naive reading of the files.
package shop

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// digests is the digest of every file below dir, by path.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[name] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func generate(t *testing.T, options Options) (string, *Ledger) {
	t.Helper()
	dir := t.TempDir()
	ledger, err := Demo(context.Background(), dir, options)
	if err != nil {
		t.Fatal(err)
	}
	return dir, ledger
}

func TestDemoIsDeterminedByItsOptions(t *testing.T) {
	t.Parallel()
	options := Options{Seed: 7, Events: 5000, Batches: 4}
	first, firstLedger := generate(t, options)
	again, againLedger := generate(t, options)
	options.Seed++
	other, _ := generate(t, options)

	if a, b := digests(t, first), digests(t, again); !reflect.DeepEqual(a, b) {
		t.Errorf("equal options gave different files:\n%v\n%v", a, b)
	}
	if !reflect.DeepEqual(firstLedger, againLedger) {
		t.Error("equal options gave different ledgers")
	}
	batch := filepath.Join("data", "batch-01.jsonl")
	if digests(t, first)[batch] == digests(t, other)[batch] {
		t.Error("another seed gave the same batch")
	}
}

func TestLedgerAgreesWithNaiveReading(t *testing.T) {
	t.Parallel()
	tests := []Options{
		{Seed: 0, Events: 100, Batches: 1},
		{Seed: 1, Events: 100, Orders: 1, Batches: 3},
		{Seed: 2, Events: 2000, Orders: 640, Batches: 7},
		{Seed: 3, Events: 20_000, Batches: 10},
		{Seed: 4, Events: 20_001, Orders: 1001, Batches: 3},
		{Seed: 5, Events: 150_000},
		{Seed: 1<<64 - 1, Events: 3000, Orders: 17, Batches: 101},
	}
	for _, options := range tests {
		t.Run(fmt.Sprintf("%+v", options), func(t *testing.T) {
			t.Parallel()
			dir, ledger := generate(t, options)
			shop := readNaively(t, dir, ledger)
			if options.Orders > 0 && len(ledger.Orders) != options.Orders {
				t.Errorf("%d orders, want %d", len(ledger.Orders), options.Orders)
			}
			if total := ledger.Total(); total.Rows != int64(options.Events) {
				t.Errorf("%d rows, want %d", total.Rows, options.Events)
			}
			if err := ledger.CompareExport(shop.export()); err != nil {
				t.Error(err)
			}
			if got := shop.open(); got != ledger.Open() {
				t.Errorf("%d open orders, ledger has %d", got, ledger.Open())
			}
		})
	}
}

// A demonstration that shows nothing going wrong would prove little.
func TestDemoHasEverySortOfTrouble(t *testing.T) {
	t.Parallel()
	_, ledger := generate(t, Options{Seed: 11, Events: 150_000})
	total := ledger.Total()
	if total.Duplicates == 0 || total.Conflicts == 0 || total.Malformed < int64(len(damageKinds)) || total.Late == 0 {
		t.Errorf("a sort of row is missing: %+v", total)
	}
	if total.Accepted+total.Duplicates+total.Quarantined() != total.Rows {
		t.Errorf("rows do not add up: %+v", total)
	}
	for currency, byType := range total.Cents {
		for kind, cents := range byType {
			if cents == 0 {
				t.Errorf("no %s in %s", Type(kind), Currency(currency))
			}
		}
	}
	found := map[Fault]int{}
	for i := range ledger.Orders {
		o := &ledger.Orders[i]
		found[o.Fault]++
		if o.Open() != (o.Fault != NoFault) {
			t.Errorf("order %s with fault %q is %s", ledger.OrderID(i), o.Fault, o.Status())
		}
	}
	if len(found) != int(faults) {
		t.Errorf("faults are %v, want every one", found)
	}
}

func TestLargestExceptions(t *testing.T) {
	t.Parallel()
	_, ledger := generate(t, Options{Seed: 12, Events: 50_000})
	largest := ledger.Largest(5)
	if len(largest) != 5 {
		t.Fatalf("%d exceptions, want 5", len(largest))
	}
	if all := ledger.Largest(1 << 30); len(all) != ledger.Open() {
		t.Errorf("%d exceptions in all, want %d", len(all), ledger.Open())
	}
	for i := range ledger.Orders {
		o := &ledger.Orders[i]
		inside := false
		for _, e := range largest {
			inside = inside || e.OrderID == ledger.OrderID(i)
		}
		if !inside && abs(o.Balance()) > abs(largest[4].Balance) {
			t.Errorf("order %s is left out with a balance of %s", ledger.OrderID(i), Cents(o.Balance()))
		}
	}
}

func TestDemoRefusesOptions(t *testing.T) {
	t.Parallel()
	for _, options := range []Options{
		{Events: 99},
		{Events: 2_000_000_000},
		{Events: 1000, Orders: 400},
		{Events: 1000, Orders: -1},
		{Events: 1000, Batches: 101},
		{Events: 1000, Batches: -1},
	} {
		if _, err := Demo(context.Background(), t.TempDir(), options); err == nil {
			t.Errorf("%+v is accepted", options)
		}
	}
}

func TestDemoStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Demo(ctx, t.TempDir(), Options{Events: 1000}); err == nil {
		t.Error("a cancelled demonstration succeeded")
	}
}

func BenchmarkDemo(b *testing.B) {
	for b.Loop() {
		if _, err := Demo(context.Background(), b.TempDir(), Options{Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
