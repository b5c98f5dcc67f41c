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
func Get(ctx context.Context, o Options) (report GetReport, err error) {
	report = GetReport{Benchmark: "get", Artifacts: o.State, Connections: o.Connections}
	err = o.inFolder(shop.BenchPipeline, func(b *bench) error { return report.measure(ctx, b) })
	return report, err
}

func (r *GetReport) measure(ctx context.Context, b *bench) (err error) {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	peer, keys, err := makePebbleStore(ctx, b.preparedDir(), filepath.Join(b.dir, "peer"), b.Reads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peer.Close()) }()
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	if err := r.readInProcess(ctx, b.preparedDir(), keys); err != nil {
		return err
	}
	r.Yardstick, err = timeReads(ctx, 1, keys, func(_ context.Context, key string) error {
		_, closer, err := peer.Get([]byte(key))
		if err != nil {
			return fmt.Errorf("read %s of yardstick: %w", key, err)
		}
		return closer.Close()
	})
	if err != nil {
		return err
	}
	r.Ratio = r.Warm.P50 / r.Yardstick.P50
	r.HTTP, err = readOverHTTP(ctx, b.preparedDir(), keys, r.Connections)
	return err
}

func (r *GetReport) readInProcess(ctx context.Context, dir string, keys []string) error {
	return withProject(ctx, dir, func(a *app.App) (err error) {
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
	})
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

// pebbleCache equals the cache of the product's index.
const pebbleCache = 64 << 20

// makePebbleStore makes a store with the project's artifacts under their keys. It returns keep of the keys, spread evenly.
func makePebbleStore(ctx context.Context, project, dir string, keep int) (db *pebble.DB, keys []string, err error) {
	db, err = pebble.Open(dir, &pebble.Options{CacheSize: pebbleCache, DisableWAL: true, Logger: quietLogger{}})
	if err != nil {
		return nil, nil, fmt.Errorf("open yardstick: %w", err)
	}
	var all []string
	err = withProject(ctx, project, func(a *app.App) error {
		_, err := exportTo(ctx, a, func(lines io.Reader) error {
			return shop.EachArtifact(lines, func(key string, artifact json.RawMessage) error {
				all = append(all, key)
				return db.Set([]byte(key), artifact, pebble.NoSync)
			})
		})
		return err
	})
	if err == nil && len(all) == 0 {
		err = errors.New("there are no artifacts")
	}
	if err == nil {
		err = db.Flush()
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("fill yardstick: %w", err), db.Close())
	}
	for i := range min(keep, len(all)) {
		keys = append(keys, all[i*len(all)/min(keep, len(all))])
	}
	return db, keys, nil
}

type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf must not return.
func (quietLogger) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
