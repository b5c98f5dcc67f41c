// Measures point reads in process and over HTTP, and in a Pebble store that contains the records.

package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bursar/internal/app"
	"bursar/internal/tools/shop"
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
	dir, err := os.MkdirTemp(o.Dir, "bursar-bench-*")
	if err != nil {
		return report, fmt.Errorf("make bench folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{Options: Options{State: o.Artifacts, Program: o.Program, Command: o.Command, Watch: o.Watch}, dir: dir, pipeline: shop.BenchPipeline()}
	if err := b.prepare(ctx); err != nil {
		return report, err
	}
	report = GetReport{Benchmark: "get", Artifacts: o.Artifacts, Connections: o.Connections}
	peer, keys, err := makePebbleStore(ctx, b.preparedDir(), filepath.Join(dir, "peer"), o.Reads)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, peer.Close()) }()
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	if err := report.readInProcess(ctx, b.preparedDir(), keys); err != nil {
		return report, err
	}
	report.Yardstick, err = timeReads(ctx, keys, peer.read)
	if err != nil {
		return report, err
	}
	report.Ratio = report.Warm.P50 / report.Yardstick.P50
	report.HTTP, err = readOverHTTP(ctx, b.preparedDir(), keys, o.Connections)
	return report, err
}

// readInProcess opens the project and reads.
func (r *GetReport) readInProcess(ctx context.Context, dir string, keys []string) (err error) {
	a, err := app.Open(ctx, dir, "bench", discardLog)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	read := func(key string) error {
		_, err := a.Queries.Get(ctx, pipeline, key, 0, false)
		return err
	}
	began := time.Now()
	if err := read(keys[0]); err != nil {
		return err
	}
	r.First = microseconds(time.Since(began))
	if r.Cold, err = timeReads(ctx, keys[:min(coldReads, len(keys))], read); err != nil {
		return err
	}
	if _, err := timeReads(ctx, keys, read); err != nil { // warm-up
		return err
	}
	r.Warm, err = timeReads(ctx, keys, read)
	return err
}

// timeReads reads the keys one after another.
func timeReads(ctx context.Context, keys []string, read func(key string) error) (Reads, error) {
	took := make([]time.Duration, len(keys))
	began := time.Now()
	for i, key := range keys {
		if err := ctx.Err(); err != nil {
			return Reads{}, err
		}
		at := time.Now()
		if err := read(key); err != nil {
			return Reads{}, fmt.Errorf("read %s: %w", key, err)
		}
		took[i] = time.Since(at)
	}
	return newReads(took, time.Since(began)), nil
}

func newReads(took []time.Duration, all time.Duration) Reads {
	slices.Sort(took)
	n := len(took)
	return Reads{
		Count: n, P50: microseconds(took[(n-1)/2]), P99: microseconds(took[(n-1)*99/100]),
		PerSecond: int64(float64(n) / all.Seconds()),
	}
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
