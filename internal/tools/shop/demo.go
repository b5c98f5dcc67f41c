// The demonstration: its options, its project folder, and its batch files in order of receipt.

package shop

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed project
var projectFiles embed.FS

// Demo writes a project folder to dir, with the batches as data/batch-01.jsonl and so on, to be ingested in that order. It
// returns the ledger with the expected results. dir must not contain a project.
// Memory is bounded by the ledger, about 80 bytes per order.
func Demo(ctx context.Context, dir string, options Options) (*Ledger, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("generate shop: %w", err)
	}
	if err := writeProject(dir); err != nil {
		return nil, fmt.Errorf("write project: %w", err)
	}
	g := newGenerator(options)
	for batch := range options.Batches {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("generate shop: %w", err)
		}
		path := filepath.Join(dir, filepath.FromSlash(options.fileName(batch)))
		if err := WriteFile(path, func(w *bufio.Writer) error { return g.batch(w, batch) }); err != nil {
			return nil, fmt.Errorf("write batch %d: %w", batch+1, err)
		}
	}
	return g.ledger, nil
}

// writeProject copies the declared stream and pipeline, and creates the folder of the batches.
func writeProject(dir string) error {
	tree, err := fs.Sub(projectFiles, "project/demo")
	if err != nil {
		return err
	}
	return errors.Join(os.CopyFS(dir, tree), os.MkdirAll(filepath.Join(dir, "data"), 0o755))
}

// WriteFile creates a file with what write writes.
func WriteFile(path string, write func(w *bufio.Writer) error) error {
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

// Options are the options of Demo. Zero fields take the defaults.
type Options struct {
	Seed    uint64 // the generated data depend on it and on the other options only
	Events  int    // rows of all batches, including rejected and repeated ones; 2,000,000 by default, 100 to 10^9
	Orders  int    // a quarter of Events by default; an order has at least three events
	Batches int    // number of files, in order of receipt, one per day; 10 by default
}

// How often things go wrong. Shares are of 10,000.
const (
	duplicateShare  = 200 // rows that repeat an accepted event
	malformedShare  = 40  // rows that fail the schema check
	lateShare       = 100 // events received a day or more after they happened
	unbalancedShare = 100 // orders that never reconcile
	correctedShare  = 500 // orders that are overpaid and refunded
	conflictEvery   = 100_000
	minOrderEvents  = 3 // events: what was ordered, shipped and paid
)

type rowCounts struct {
	duplicates, conflicts, malformed, accepted int
}

func (o Options) withDefaults() (Options, error) {
	if o.Events == 0 {
		o.Events = 2_000_000
	}
	if o.Orders == 0 {
		o.Orders = o.Events / 4
	}
	if o.Batches == 0 {
		o.Batches = 10
	}
	if o.Events < 100 || o.Events > 1_000_000_000 {
		return o, fmt.Errorf("events: %d is not within 100 to 1,000,000,000", o.Events)
	}
	if most := min(o.Events/10, 10_000); o.Batches < 1 || o.Batches > most {
		return o, fmt.Errorf("batches: %d is not within 1 to %d, for %d events", o.Batches, most, o.Events)
	}
	if most := o.mixture().accepted / minOrderEvents; o.Orders < 1 || o.Orders > most {
		return o, fmt.Errorf("orders: %d is not within 1 to %d, a third of the accepted events", o.Orders, most)
	}
	return o, nil
}

// mixture returns the number of rows of each kind: at least one of each, and each kind of damage at least once.
func (o Options) mixture() rowCounts {
	m := rowCounts{
		duplicates: o.Events*duplicateShare/10_000 + 1,
		conflicts:  o.Events/conflictEvery + 1,
		malformed:  o.Events*malformedShare/10_000 + len(damageKinds),
	}
	m.accepted = o.Events - m.duplicates - m.conflicts - m.malformed
	return m
}

// firstRow returns the number of rows before a batch; batches are counted from 0.
func (o Options) firstRow(batch int) int { return o.Events * batch / o.Batches }

// fileName returns a batch's path inside the project folder. Names sort in order of receipt.
func (o Options) fileName(batch int) string {
	width := max(2, len(fmt.Sprint(o.Batches)))
	return fmt.Sprintf("data/batch-%0*d.jsonl", width, batch+1)
}
