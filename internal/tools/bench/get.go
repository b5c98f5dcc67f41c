// Measures point reads in process and over HTTP, and in a Pebble store that contains the records.

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"time"

	"bursar/internal/app"
	"bursar/internal/tools/shop"

	"github.com/cockroachdb/pebble/v2"
)

// GetOptions of the benchmark get.
type GetOptions struct {
	Artifacts   int // in the prepared state
	Reads       int // of each kind
	Connections int // concurrent HTTP connections
	Dir         string
	Program     string   // the program to start for making the state
	Command     []string // its arguments, with which it calls RunChild
	Watch       func(line string)
}

// coldReads is the number of reads after opening that count as cold.
const coldReads = 1000

// Reads are the times of reads of one kind.
type Reads struct {
	Count     int     `json:"reads"`
	P50       float64 `json:"p50_us"` // microseconds
	P99       float64 `json:"p99_us"`
	PerSecond int64   `json:"per_second"`
}

// GetReport is the result of the benchmark.
type GetReport struct {
	Benchmark   string  `json:"benchmark"`
	Artifacts   int     `json:"artifacts"`
	Connections int     `json:"connections"`
	First       float64 `json:"first_us"`  // the first read after opening, microseconds
	Cold        Reads   `json:"cold"`      // the reads after it
	Warm        Reads   `json:"warm"`      // one after another in process
	HTTP        Reads   `json:"http"`      // over several connections on loopback, including the client's time
	Yardstick   Reads   `json:"yardstick"` // Pebble, the record under its key, one after another in process
	Ratio       float64 `json:"ratio"`     // median of warm / median of yardstick
}

// Get measures reads of single artifacts by random keys.
func Get(ctx context.Context, o GetOptions) (report GetReport, err error) {
	report = GetReport{Benchmark: "get", Artifacts: o.Artifacts, Connections: o.Connections}
	options := Options{State: o.Artifacts, Dir: o.Dir, Program: o.Program, Command: o.Command, Watch: o.Watch}
	err = options.inFolder(shop.BenchPipeline, func(b *bench) error { return report.measure(ctx, b, o.Reads) })
	return report, err
}

func (r *GetReport) measure(ctx context.Context, b *bench, reads int) (err error) {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	peer, keys, err := makePebbleStore(ctx, b.preparedDir(), filepath.Join(b.dir, "peer"), reads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peer.Close()) }()
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	if err := r.readInProcess(ctx, b.preparedDir(), keys); err != nil {
		return err
	}
	r.Yardstick, err = timeReads(ctx, 1, keys, peer.read)
	if err != nil {
		return err
	}
	r.Ratio = r.Warm.P50 / r.Yardstick.P50
	r.HTTP, err = readOverHTTP(ctx, b.preparedDir(), keys, r.Connections)
	return err
}

func (r *GetReport) readInProcess(ctx context.Context, dir string, keys []string) (err error) {
	a, err := app.Open(ctx, dir, "bench", discardLog)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	read := func(ctx context.Context, key string) error {
		_, err := a.Queries.Get(ctx, pipeline, key, 0, false)
		return err
	}
	began := time.Now()
	if err := read(ctx, keys[0]); err != nil {
		return err
	}
	r.First = microseconds(time.Since(began))
	if r.Cold, err = timeReads(ctx, 1, keys[:min(coldReads, len(keys))], read); err != nil {
		return err
	}
	if _, err := timeReads(ctx, 1, keys, read); err != nil { // warm-up
		return err
	}
	r.Warm, err = timeReads(ctx, 1, keys, read)
	return err
}

// readOverHTTP starts the project and reads the keys over several connections, twice. The second pass is measured.
// Client and server share the machine.
func readOverHTTP(ctx context.Context, dir string, keys []string, connections int) (r Reads, err error) {
	err = withRunningProject(ctx, dir, connections, func(c *apiClient) (err error) {
		for range 2 {
			if r, err = timeReads(ctx, connections, keys, c.read); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

// timeReads reads the keys over several connections, each of which reads one key after another.
func timeReads(ctx context.Context, connections int, keys []string, read func(ctx context.Context, key string) error) (Reads, error) {
	took, all, err := inParallel(ctx, connections, keys, read)
	n := len(took)
	return Reads{
		Count: n, P50: microseconds(took[(n-1)/2]), P99: microseconds(took[(n-1)*99/100]),
		PerSecond: int64(float64(n) / all.Seconds()),
	}, err
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// pebbleStore contains every artifact under its key.
type pebbleStore struct{ db *pebble.DB }

// pebbleCache equals the cache of the product's index.
const pebbleCache = 64 << 20

// makePebbleStore fills a store with the project's artifacts. It returns keep of the keys, spread evenly.
func makePebbleStore(ctx context.Context, project, dir string, keep int) (_ *pebbleStore, keys []string, err error) {
	a, err := app.Open(ctx, project, "bench", discardLog)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	db, err := pebble.Open(dir, &pebble.Options{CacheSize: pebbleCache, DisableWAL: true, Logger: quietLogger{}})
	if err != nil {
		return nil, nil, fmt.Errorf("open yardstick: %w", err)
	}
	p := &pebbleStore{db}
	var all []string
	_, err = exportTo(ctx, a, func(lines io.Reader) (err error) {
		all, err = p.fill(lines)
		return err
	})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	for i := range min(keep, len(all)) {
		keys = append(keys, all[i*len(all)/min(keep, len(all))])
	}
	return p, keys, nil
}

func (p *pebbleStore) fill(lines io.Reader) (keys []string, err error) {
	in := json.NewDecoder(lines)
	for {
		var line struct {
			Key      string          `json:"key"`
			Artifact json.RawMessage `json:"artifact"`
		}
		err := in.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.db.Set([]byte(line.Key), line.Artifact, pebble.NoSync)
		}
		if err != nil {
			return nil, fmt.Errorf("fill yardstick: %w", err)
		}
		keys = append(keys, line.Key)
	}
	if len(keys) == 0 {
		return nil, errors.New("fill yardstick: there are no artifacts")
	}
	return keys, p.db.Flush()
}

func (p *pebbleStore) read(_ context.Context, key string) error {
	_, closer, err := p.db.Get([]byte(key))
	if err != nil {
		return fmt.Errorf("read %s of yardstick: %w", key, err)
	}
	return closer.Close()
}

// Close closes the store.
func (p *pebbleStore) Close() error { return p.db.Close() }

type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf must not return.
func (quietLogger) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
