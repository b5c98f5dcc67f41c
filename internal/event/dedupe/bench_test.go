// Benchmarks at the size of a large batch. They report processor time too: the machine has other work.
package dedupe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func randomEntries(seed uint64, file uint64, n int) []Entry {
	r := rand.New(rand.NewPCG(seed, file))
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = Entry{r.Uint64(), r.Uint64(), r.Uint64(), Place(file<<rowBits | uint64(i))}
	}
	return entries
}

// remember seals tables of n entries each.
func remember(tb testing.TB, store folderStore, tables, n int) (infos []TableInfo) {
	tb.Helper()
	for i := range tables {
		m := must(Open(context.Background(), store, store.dir, nil))
		b := must(m.Begin(Window{}, 1<<30))
		check(tb, b.Check(randomEntries(1, uint64(i), n), make([]Verdict, n)))
		infos = append(infos, must(b.Seal(context.Background(), fmt.Sprintf("run%d", i), time.Unix(int64(i), 0))))
		check(tb, m.Close())
	}
	return infos
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkCheck checks 2,000,000 ids, one in twenty a repeat within the batch, in segments.
func BenchmarkCheck(b *testing.B) {
	for _, shape := range []struct{ tables, each int }{{0, 0}, {1, 10_000_000}, {5, 2_000_000}} {
		b.Run(fmt.Sprintf("%dx%d", shape.tables, shape.each), func(b *testing.B) {
			store := newFolder(b)
			m := must(Open(context.Background(), store, store.dir, remember(b, store, shape.tables, shape.each)))
			entries := randomEntries(2, 99, 2_000_000)
			for i := 19; i < len(entries); i += 20 {
				place := entries[i].Place
				entries[i] = entries[i*7919%i]
				entries[i].Place = place
			}
			verdicts := make([]Verdict, len(entries))
			start := cpu()
			for b.Loop() {
				batch := must(m.Begin(Window{}, 64<<20))
				for at := 0; at < len(entries); at += segmentLimit {
					end := min(at+segmentLimit, len(entries))
					check(b, batch.Check(entries[at:end], verdicts[at:end]))
				}
				check(b, batch.Close())
			}
			b.ReportMetric(float64((cpu()-start).Milliseconds())/float64(b.N), "cpu-ms/op")
			check(b, m.Close())
		})
	}
}

// BenchmarkSeal seals 2,000,000 new ids.
func BenchmarkSeal(b *testing.B) {
	store := newFolder(b)
	m := must(Open(context.Background(), store, store.dir, nil))
	entries := randomEntries(3, 1, 2_000_000)
	batch := must(m.Begin(Window{}, 64<<20))
	check(b, batch.Check(entries, make([]Verdict, len(entries))))
	for b.Loop() {
		must(batch.Seal(context.Background(), "sealed", time.Unix(1, 0)))
	}
	check(b, m.Close())
}

// BenchmarkCompact merges eight tables of 1,000,000.
func BenchmarkCompact(b *testing.B) {
	store := newFolder(b)
	tables := remember(b, store, 8, 1_000_000)
	for b.Loop() {
		must(Compact(context.Background(), store, tables, "merged", nil))
	}
}
