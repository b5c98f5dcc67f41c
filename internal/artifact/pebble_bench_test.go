// Benchmarks of the Pebble index.

package artifact_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"bursar/internal/artifact"
)

const (
	benchRuns    = 5
	benchPerRun  = 2_000_000
	benchLookups = 500_000
)

// BenchmarkPebbleFind loads ten million random keys in five runs and looks up half a million of them, sorted, as
// the prefetch of a large run does.
func BenchmarkPebbleFind(b *testing.B) {
	if testing.Short() {
		b.Skip("loads ten million entries")
	}
	index, err := artifact.OpenPebble(b.TempDir(), 0)
	if err != nil {
		b.Fatal(err)
	}
	defer index.Close()
	space := artifact.Space{Pipeline: "orders", Generation: 1}
	wanted := loadRandom(b, index, space)
	for b.Loop() {
		n := 0
		err := index.Find(context.Background(), space, benchRuns, wanted, func(int, artifact.Entry) error { n++; return nil })
		if err != nil || n != len(wanted) {
			b.Fatalf("found %d of %d: %v", n, len(wanted), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(wanted)), "ns/key")
}

// loadRandom loads the runs, reports how long an entry took, and picks sorted keys from all of them.
func loadRandom(b *testing.B, index artifact.Index, space artifact.Space) [][]byte {
	b.Helper()
	source := rand.NewChaCha8([32]byte{1})
	var wanted [][]byte
	var spent time.Duration
	for run := uint64(1); run <= benchRuns; run++ {
		keys := randomKeys(source, benchPerRun)
		start := time.Now()
		if err := index.Load(context.Background(), space, run, entries(keys, run)); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(start)
		for i := 0; i < len(keys); i += benchRuns * benchPerRun / benchLookups {
			wanted = append(wanted, keys[i])
		}
	}
	b.Logf("load: %d ns/entry", spent.Nanoseconds()/(benchRuns*benchPerRun))
	slices.SortFunc(wanted, bytes.Compare)
	return wanted
}

// randomKeys are n sorted keys of 32 bytes, one at random in each n-th of the key space.
func randomKeys(source *rand.ChaCha8, n uint64) [][]byte {
	block := make([]byte, 32*n)
	_, _ = source.Read(block)
	keys := slices.Collect(slices.Chunk(block, 32))
	width := math.MaxUint64 / n
	for i, key := range keys {
		binary.BigEndian.PutUint64(key, uint64(i)*width+source.Uint64()%width)
	}
	return keys
}

// entries are index entries with the locations of the records of one part.
func entries(keys [][]byte, run uint64) func() (artifact.Entry, bool, error) {
	i := -1
	return func() (artifact.Entry, bool, error) {
		if i++; i >= len(keys) {
			return artifact.Entry{}, false, nil
		}
		location := artifact.Location{Part: uint32(i >> 18), Offset: uint64(i&(1<<18-1)) * 150, Length: 150}
		return artifact.Entry{Key: keys[i], Run: run, Location: location}, true, nil
	}
}
