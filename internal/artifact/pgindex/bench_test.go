// Benchmarks of the PostgreSQL index beside the Pebble index, in one run.

package pgindex_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bursar/internal/artifact"
	"bursar/internal/artifact/pgindex"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

// benchChanged is how many keys a run changes.
const benchChanged = 200_000

// benchEntries is the number of entries of the first run: a million, or BURSAR_BENCH_ENTRIES.
func benchEntries(b *testing.B) int {
	text := os.Getenv("BURSAR_BENCH_ENTRIES")
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkIndex loads a run of new keys, then runs of 200,000 of them, and looks up 200,000 keys as prefetch does.
func BenchmarkIndex(b *testing.B) {
	if testing.Short() {
		b.Skip("loads a million entries into two indexes")
	}
	for name, open := range map[string]func(b *testing.B) (artifact.Index, func() []int){"pebble": openPebble, "postgres": openPostgres} {
		b.Run(name, func(b *testing.B) {
			x, processes := open(b)
			defer x.Close()
			n := benchEntries(b)
			bench := &indexBench{x: x, processes: processes, keys: benchKeys(n), step: n / benchChanged, last: 1}
			b.Run("load first", bench.first)
			b.Run("load", bench.load)
			b.Run("find", bench.find)
			b.Run("get", bench.get)
			b.Run("scan", bench.scan)
		})
	}
}

func openPebble(b *testing.B) (artifact.Index, func() []int) {
	x, err := artifact.OpenPebble(b.TempDir(), 0)
	if err != nil {
		b.Fatal(err)
	}
	return x, func() []int { return nil }
}

// openPostgres starts a server that writes as one in production does. The function returns its processes.
func openPostgres(b *testing.B) (artifact.Index, func() []int) {
	server := postgrestest.Start(b, postgrestest.Options{Settings: []string{"shared_buffers=512MB", "max_wal_size=4GB"}})
	x, err := pgindex.Open(context.Background(), pgindex.Config{Postgres: postgres.Config{URL: server.URL("postgres")}})
	if err != nil {
		b.Fatal(err)
	}
	processes := func() []int {
		conn, err := pgx.Connect(context.Background(), server.URL("postgres"))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close(context.Background())
		rows, _ := conn.Query(context.Background(), `SELECT pid FROM pg_stat_activity`)
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			b.Fatal(err)
		}
		return pids
	}
	return x, processes
}

// benchKeys are sorted random keys of 32 bytes.
func benchKeys(n int) [][]byte {
	source := rand.NewChaCha8([32]byte{1})
	block := make([]byte, 32*n)
	_, _ = source.Read(block)
	keys := slices.Collect(slices.Chunk(block, 32))
	slices.SortFunc(keys, bytes.Compare)
	return keys
}

// indexBench measures an index whose first run has all keys.
type indexBench struct {
	x         artifact.Index
	processes func() []int // those of the server
	keys      [][]byte
	step      int    // every step-th key is loaded and looked up
	last      uint64 // run
}

// first loads the first run.
func (i *indexBench) first(b *testing.B) {
	defer i.perEntry(b, len(i.keys))()
	for b.Loop() {
		if err := i.x.Drop(context.Background(), orders); err != nil {
			b.Fatal(err)
		}
		if err := i.x.Load(context.Background(), orders, 1, entriesOf(i.keys, 0, 1)); err != nil {
			b.Fatal(err)
		}
	}
}

func (i *indexBench) load(b *testing.B) {
	defer i.perEntry(b, len(i.keys)/i.step)()
	for b.Loop() {
		i.last++
		if err := i.x.Load(context.Background(), orders, i.last, entriesOf(i.keys, int(i.last)%i.step, i.step)); err != nil {
			b.Fatal(err)
		}
	}
}

// perEntry returns a function that reports the time of one of n entries, and that of all processors: on a busy machine only the
// second is comparable.
func (i *indexBench) perEntry(b *testing.B, n int) func() {
	before := i.cpu(b)
	return func() {
		entries := float64(b.N) * float64(n)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/entries, "ns/entry")
		b.ReportMetric(float64((i.cpu(b)-before).Nanoseconds())/entries, "cpu-ns/entry")
	}
}

// cpu is the time that this process and the server have used.
func (i *indexBench) cpu(b *testing.B) time.Duration {
	const tick = 10 * time.Millisecond
	var ticks int64
	for _, pid := range append(i.processes(), os.Getpid()) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+2:]))
		for _, field := range fields[11:13] { // user and system
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

func (i *indexBench) find(b *testing.B) {
	var wanted [][]byte
	for k := 0; k < len(i.keys); k += i.step {
		wanted = append(wanted, i.keys[k])
	}
	defer i.perEntry(b, len(wanted))()
	for b.Loop() {
		n := 0
		err := i.x.Find(context.Background(), orders, i.last, wanted, func(int, artifact.Entry) error { n++; return nil })
		if err != nil || n != len(wanted) {
			b.Fatalf("found %d of %d: %v", n, len(wanted), err)
		}
	}
}

func (i *indexBench) get(b *testing.B) {
	defer i.perEntry(b, 1)()
	stop := errors.New("stop")
	for k := 0; b.Loop(); k += 7919 {
		err := i.x.History(context.Background(), orders, i.last, i.keys[k%len(i.keys)], func(artifact.Entry) error { return stop })
		if !errors.Is(err, stop) {
			b.Fatal(err)
		}
	}
}

func (i *indexBench) scan(b *testing.B) {
	defer i.perEntry(b, len(i.keys))()
	for b.Loop() {
		n := 0
		err := i.x.Scan(context.Background(), orders, i.last, func(artifact.Entry) error { n++; return nil })
		if err != nil || n != len(i.keys) {
			b.Fatal(fmt.Errorf("%d of %d entries: %w", n, len(i.keys), err))
		}
	}
}

// entriesOf are the entries of every step-th key from the first on.
func entriesOf(keys [][]byte, first, step int) func() (artifact.Entry, bool, error) {
	i := first - step
	return func() (artifact.Entry, bool, error) {
		if i += step; i >= len(keys) {
			return artifact.Entry{}, false, nil
		}
		location := artifact.Location{Part: uint32(i >> 18), Offset: uint64(i&(1<<18-1)) * 150, Length: 150}
		return artifact.Entry{Key: keys[i], Location: location}, true, nil
	}
}
