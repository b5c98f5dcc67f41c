// Package demo runs the complete workflow on generated data: the events of a shop become reconciled order records through
// the ordinary commands. Each command is a separate process, and two of them are killed half-way. The package owns the
// demonstration's folder and texts. It guarantees that the result equals the generator's ledger to the cent, or an error
// that names the order and the column. It must not share code with what it proves: it only runs commands and reads the
// stored result.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"bursar/internal/app"
	"bursar/internal/failure"
	"bursar/internal/tools/shop"
)

const (
	stream   = "payments"
	pipeline = "orders"
)

// Options of one demonstration.
type Options struct {
	Dir     string // the project folder, as it is shown in commands
	Keep    bool   // refuse the folder of an earlier demonstration instead of replacing it
	Events  int    // rows to generate; 0 is the shop's default
	Seed    uint64 // the generated data depend on it and on Events only
	Program string // path of the bursar binary
	Name    string // name of the binary, as it is shown in commands

	Line  func(line string)                      // prints one line, while the demonstration runs
	Table func(header []string, rows [][]string) // draws rows under a header
}

// Report is the result of the demonstration.
type Report struct {
	Project         string      `json:"project"` // absolute path
	Seed            uint64      `json:"seed"`
	Events          int64       `json:"events"` // generated
	Rows            int64       `json:"rows"`   // ingested: accepted, quarantined or duplicates
	Accepted        int64       `json:"accepted"`
	Quarantined     int64       `json:"quarantined"`
	Duplicates      int64       `json:"duplicates"`
	Seconds         float64     `json:"seconds"`           // of the whole demonstration
	BusySeconds     float64     `json:"busy_seconds"`      // of all commands, including killed ones
	EventsPerSecond int64       `json:"events_per_second"` // Rows / BusySeconds
	Kills           int         `json:"kills"`
	Killed          []string    `json:"killed"` // the commands that were killed
	Runs            []Run       `json:"runs"`
	Totals          Amounts     `json:"totals"`
	Artifacts       int64       `json:"artifacts"`
	Exceptions      int64       `json:"exceptions"`
	Largest         []Exception `json:"largest_exceptions"`
	Equal           bool        `json:"equal_to_ledger"`
}

// Amounts is a control total by name, then by group.
type Amounts map[string]map[string]string

// Run is one run as `bursar run --json` prints it.
type Run struct {
	Pipeline string             `json:"pipeline"`
	Run      uint64             `json:"run"`
	Batches  int                `json:"batches"`
	Events   int64              `json:"events"`
	Created  int64              `json:"created"`
	Updated  int64              `json:"updated"`
	Seconds  float64            `json:"seconds"`
	Steps    map[string]float64 `json:"steps"` // seconds
	Balanced bool               `json:"balanced"`
}

// Exception is an order that does not reconcile.
type Exception struct {
	OrderID  string `json:"order_id"`
	Currency string `json:"currency"`
	Balance  string `json:"balance"`
}

type demonstration struct {
	Options
	ledger *shop.Ledger
	report Report
	busy   time.Duration
	key    string // of the order shown in detail
}

// Execute runs the demonstration. An error with exit code 4 means that control totals do not balance; any other error means
// that something failed or differs from the ledger.
func Execute(ctx context.Context, o Options) (Report, error) {
	began := time.Now()
	s := &demonstration{Options: o, report: Report{Seed: o.Seed, Killed: []string{}, Runs: []Run{}, Totals: Amounts{}}}
	for _, step := range []func(context.Context) error{s.generate, s.processBatches, s.prove} {
		if err := step(ctx); err != nil {
			return s.report, err
		}
	}
	s.report.Seconds = time.Since(began).Seconds()
	s.report.BusySeconds = s.busy.Seconds()
	s.report.EventsPerSecond = int64(float64(s.report.Rows) / s.report.BusySeconds)
	s.summary()
	return s.report, nil
}

func (s *demonstration) generate(ctx context.Context) error {
	if err := s.makeFolder(ctx); err != nil {
		return err
	}
	root, err := filepath.Abs(s.Dir)
	if err != nil {
		return fmt.Errorf("find folder %s: %w", s.Dir, err)
	}
	s.report.Project = root
	began := time.Now()
	s.ledger, err = shop.Demo(ctx, s.Dir, shop.Options{Seed: s.Seed, Events: s.Events})
	if err != nil {
		return err
	}
	total := s.ledger.Total()
	s.report.Events = total.Rows
	s.heading("A shop sends its events")
	s.printf("Generated %s events of %s orders from seed %d in %s s, into %s files of %s.",
		number(total.Rows), number(int64(len(s.ledger.Orders))), s.Seed, seconds(time.Since(began)),
		number(int64(len(s.ledger.Batches))), filepath.Join(s.Dir, "data"))
	s.printf("Among them are %s late events, %s duplicates, %s malformed rows and %s conflicts;"+
		" %s orders do not balance.", number(total.Late), number(total.Duplicates), number(total.Malformed),
		number(total.Conflicts), number(int64(s.ledger.Open())))
	s.Line("The generator keeps its own ledger in whole cents. At the end everything is compared with it.")
	return nil
}

// processBatches ingests and reconciles the batches in three phases: without disturbance, with a killed intake and a killed
// run, and the rest.
func (s *demonstration) processBatches(ctx context.Context) error {
	n := len(s.ledger.Batches)
	phases := []struct {
		title        string
		first, after int // batches
		disturbed    bool
	}{
		{"The first days", 0, n * 2 / 5, false},
		{"Days with killed processes", n * 2 / 5, n * 7 / 10, true},
		{"The last days", n * 7 / 10, n, false},
	}
	for _, g := range phases {
		s.heading(g.title)
		// If a command ended before it could be killed, the next phase kills one.
		disturbIntake := g.disturbed || g.first > 0 && !s.hasKilled("ingest")
		if err := s.ingest(ctx, g.first, g.after, disturbIntake); err != nil {
			return err
		}
		disturbRun := g.disturbed || g.first > 0 && !s.hasKilled("run")
		if err := s.reconcile(ctx, disturbRun); err != nil {
			return err
		}
	}
	return nil
}

// prove reads everything back in this process and compares it with the ledger.
func (s *demonstration) prove(ctx context.Context) (err error) {
	a, err := app.Open(ctx, s.Dir, "demo", discardLog)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	for _, step := range []func(context.Context, *app.App) error{
		s.showTotals, s.showQuarantine, s.showExceptions, s.showOrder,
	} {
		if err := step(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// markName is the file that marks a folder as made by the demonstration, which may therefore be replaced.
const markName = ".bursar-demo"

const markText = "This folder was made by `bursar demo`, which replaces it when it is run again.\n"

// makeFolder creates the folder, or empties it if a demonstration made it. Any other folder that is not empty is refused.
func (s *demonstration) makeFolder(ctx context.Context) error {
	entries, err := os.ReadDir(s.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(s.Dir, 0o755)
	case err == nil && len(entries) > 0:
		err = s.replace(ctx, entries)
	}
	if err != nil {
		return fmt.Errorf("make demo folder: %w", err)
	}
	// The mark is written first, so that a demonstration interrupted here can be replaced too.
	for _, file := range [][2]string{{markName, markText}, {".gitignore", "*\n"}} {
		if err := os.WriteFile(filepath.Join(s.Dir, file[0]), []byte(file[1]), 0o644); err != nil {
			return fmt.Errorf("make demo folder: %w", err)
		}
	}
	return nil
}

// replace empties a folder that a demonstration made, unless a process works in it.
func (s *demonstration) replace(ctx context.Context, entries []os.DirEntry) (err error) {
	text, err := os.ReadFile(filepath.Join(s.Dir, markName))
	if err != nil || string(text) != markText {
		return failure.Wrap(failure.Data, fmt.Errorf("%s is not empty and was not made by demo: name another folder", s.Dir))
	}
	if s.Keep {
		return failure.Wrap(failure.Data, fmt.Errorf("%s holds an earlier demo, which is kept: name another folder", s.Dir))
	}
	release, err := app.Lock(ctx, s.Dir, "demo", lockWait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	// The mark is not removed, so that an interrupted replacement can be repeated.
	for _, entry := range entries {
		if entry.Name() == markName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.Dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// lockWait is the maximum wait for a process that uses the folder of an earlier demonstration.
const lockWait = 10 * time.Second
