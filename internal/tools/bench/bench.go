// Package bench measures the product against a yardstick that does the minimum of work. Each side runs in a separate
// process, one after the other on the same files, so that the machine drifts as little as possible between them. The package
// owns the generated events, the prepared state and the figures. It guarantees that a side with wrong sums fails the
// benchmark. It must not tune what it measures: the product runs as its commands run it.
package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bursar/internal/tools/shop"
)

// seed of all generated data: two calls measure the same events.
const seed = 1

// Options of the benchmarks. Each reads those that its command has flags for.
type Options struct {
	Rounds  int      // each measures all sides
	Dir     string   // folder for all files; empty is the system's temporary folder
	Profile string   // file for a CPU profile of the product; empty is none
	Program string   // the program to start for each side
	Command []string // its arguments, with which it calls RunChild
	Watch   func(line string)

	Events      int      // of all batches together; of intake, of each round
	Keys        int      // number of keys that each batch draws from
	State       int      // number of artifacts in the prepared state
	Batches     int      // each is ingested and reconciled before the next
	Peers       []string // some of PeerNames
	Request     int      // events of one request
	Connections int      // clients that each send one request after another
	Reads       int      // of each kind

	Data string        // folder of recorded files: settlement, two_sided, statements/mt940, statements/ofx
	Each time.Duration // minimum time that a side is measured in a round
	Rows int           // of the generated CSV file

	Tasks int // of a slot

	Accounts   int     // that are refreshed
	Statements int     // of each account
	Rate       float64 // accounts that change a second

	Objects  int    // of all events together
	Known    int    // objects of one event, which are loaded before it is measured that nothing is new
	Postgres string // the URL of a database whose schema warehouse is dropped; empty: PostgreSQL is not measured
}

// Reconcile measures the time from files to published artifacts. It compares it with one DuckDB query that reads and groups
// the same files in memory, and with DuckDB scripts that give the same guarantees in a database file.
func Reconcile(ctx context.Context, o Options) (report Report, err error) {
	err = o.inFolder(shop.BenchPipeline, func(b *bench) error {
		for _, prepare := range []func(context.Context) error{b.generate, b.prepare, b.preparePeers} {
			if err := prepare(ctx); err != nil {
				return err
			}
		}
		rounds, err := rounds(&o, func(n int) (Round, error) { return b.round(ctx, n) }, b.roundLine)
		if err == nil {
			report = b.report(rounds)
		}
		return err
	})
	return report, err
}

// inFolder calls do with a benchmark in a new folder, and removes the folder.
func (o Options) inFolder(pipeline string, do func(b *bench) error) (err error) {
	dir, err := os.MkdirTemp(o.Dir, "bursar-bench-*")
	if err != nil {
		return fmt.Errorf("make bench folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find bench folder: %w", err)
	}
	return do(&bench{Options: o, dir: root, pipeline: pipeline, fingerprints: map[string]string{}})
}

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

func (b *bench) logf(format string, args ...any) { b.Watch(fmt.Sprintf(format, args...)) }

// rounds measures the rounds, and describes each in a line.
func rounds[R any](o *Options, measure func(n int) (R, error), describe func(r *R) string) (all []R, err error) {
	for n := range o.Rounds {
		r, err := measure(n)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", n+1, err)
		}
		o.Watch(fmt.Sprintf("round %d of %d: %s", n+1, o.Rounds, describe(&r)))
		all = append(all, r)
	}
	return all, nil
}

func (b *bench) generate(context.Context) error {
	for n := range b.Batches {
		path := filepath.Join(b.dir, fmt.Sprintf("batch-%04d.jsonl", n+1))
		events := b.Events*(n+1)/b.Batches - b.Events*n/b.Batches
		var totals shop.Totals
		err := shop.WriteFile(path, func(w *bufio.Writer) (err error) {
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

// addTotals adds up totals. A key that occurs in several of them is counted in each.
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
