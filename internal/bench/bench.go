// Package bench measures the product against a yardstick that does the least: each side in a process of its own, one
// after the other on the same files, so that only the machine's drift between two neighbours is left. It owns the
// generated events, the prepared state and the figures, and guarantees that a side whose sums are not the generated
// ones fails the benchmark instead of being measured. It must not tune what it measures: the product runs as its
// commands run it.
package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"bursar/internal/shop"
)

// seed of everything generated: figures of two calls are of the same events.
const seed = 1

// Options of the benchmark reconcile.
type Options struct {
	Events  int      // of all batches together
	Keys    int      // that each batch draws from
	State   int      // artifacts there are before
	Batches int      // each is taken in and reconciled before the next
	Rounds  int      // a yardstick, a product and the peers in each
	Peers   []string // some of PeerNames
	Dir     string   // a folder for all files; empty is the system's for temporary ones
	Profile string   // file for a CPU profile of the product in the last round; empty is none
	Program string   // the program to start for each side
	Command []string // its arguments that make it call Part
	Watch   func(line string)
}

// Reconcile measures how long files take to become artifacts that can be asked for, against one DuckDB query that reads
// and groups the same files in memory, and against DuckDB scripts that keep the same promises in a database file.
func Reconcile(ctx context.Context, o Options) (Report, error) {
	dir, err := os.MkdirTemp(o.Dir, "bursar-bench-*")
	if err != nil {
		return Report{}, fmt.Errorf("make bench folder: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return Report{}, fmt.Errorf("find bench folder: %w", err)
	}
	b := &bench{Options: o, dir: dir, pipeline: shop.BenchPipeline(), fingerprints: map[string]string{}}
	report, err := b.measure(ctx)
	if removed := os.RemoveAll(dir); err == nil && removed != nil {
		err = fmt.Errorf("remove bench folder: %w", removed)
	}
	return report, err
}

// bench is a benchmark under way.
type bench struct {
	Options
	dir         string
	pipeline    string // the pipeline file
	files       []string
	totals      []shop.Totals // of each file
	stateTotals shop.Totals   // of the state
	firstParts  []string      // digests of the parts that the first round made

	fingerprints map[string]string // of the artifacts that each peer made in the first round
}

func (b *bench) preparedDir() string { return filepath.Join(b.dir, "prepared") }
func (b *bench) roundDir() string    { return filepath.Join(b.dir, "round") }

// batchPattern matches the files of all batches and nothing else.
func (b *bench) batchPattern() string { return filepath.Join(b.dir, "batch-*.jsonl") }

func (b *bench) logf(format string, args ...any) { b.Watch(fmt.Sprintf(format, args...)) }

func (b *bench) measure(ctx context.Context) (Report, error) {
	if err := b.generate(); err != nil {
		return Report{}, err
	}
	if err := b.prepare(ctx); err != nil {
		return Report{}, err
	}
	if err := b.preparePeers(ctx); err != nil {
		return Report{}, err
	}
	var rounds []Round
	for n := range b.Rounds {
		round, err := b.round(ctx, n)
		if err != nil {
			return Report{}, fmt.Errorf("round %d: %w", n+1, err)
		}
		line := fmt.Sprintf("round %d of %d: yardstick %.3f s, ours %.3f s", n+1, b.Rounds, round.YardstickSeconds, round.OursSeconds)
		for _, name := range b.Peers {
			line += fmt.Sprintf(", %s %.3f s", name, round.Peers[name].Seconds)
		}
		b.Watch(line)
		rounds = append(rounds, round)
	}
	return b.report(rounds), nil
}

// generate writes the batches that both sides read.
func (b *bench) generate() error {
	for n := range b.Batches {
		path := filepath.Join(b.dir, fmt.Sprintf("batch-%04d.jsonl", n+1))
		events := b.Events*(n+1)/b.Batches - b.Events*n/b.Batches
		var totals shop.Totals
		err := writeFile(path, func(w *bufio.Writer) (err error) {
			totals, err = shop.WriteBench(w, shop.Bench{Seed: seed, Events: events, Keys: b.Keys, State: b.State, Batch: n + 1})
			return err
		})
		if err != nil {
			return fmt.Errorf("generate batch %d: %w", n+1, err)
		}
		b.files, b.totals = append(b.files, path), append(b.totals, totals)
	}
	sum := addTotals(b.totals...)
	b.logf("generated %d events, %d bytes in %d files", sum.Events, sum.Bytes, len(b.files))
	return nil
}

func writeFile(path string, write func(w *bufio.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 1<<20)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	return errors.Join(err, file.Close())
}

// addTotals adds totals up. Keys are those of each: the same key counts in every one.
func addTotals(totals ...shop.Totals) (sum shop.Totals) {
	for _, t := range totals {
		sum.Events += t.Events
		sum.Bytes += t.Bytes
		sum.Keys += t.Keys
		sum.Shipped += t.Shipped
		sum.Paid += t.Paid
		sum.Refunded += t.Refunded
	}
	return sum
}
