// Measures loads of objects into the warehouse, and the fastest way in which each database takes the same rows by itself: one CREATE TABLE AS
// SELECT from the same objects in DuckDB, and \copy of the same rows as CSV in PostgreSQL.

package bench

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/tools/shop"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/load"
)

// The kinds of child processes of the benchmark.
const (
	kindLoad     = "load"
	kindLoadPeer = "load peer"
)

const (
	loadName = "events"
	loadKeys = 1000 // that the events of an object draw from
)

// loadYAML declares the load of objects in a folder.
const loadYAML = `load: events
from: %q
format: jsonl
columns:
  event_id: {type: string}
  order_id: {type: string}
  type:     {type: string}
  amount:   {type: "decimal(18,2)"}
  currency: {type: string}
  ts:       {type: timestamp}
  channel:  {type: string}
  note:     {type: string}
strategy: manifest
`

// loadPeerSQL makes the same table in DuckDB.
const loadPeerSQL = `CREATE TABLE events AS SELECT event_id, order_id, type, amount, currency, ts, channel, note
FROM read_json(%s, format = 'newline_delimited', columns = {
       event_id: 'VARCHAR', order_id: 'VARCHAR', type: 'VARCHAR', amount: 'DECIMAL(18,2)',
       currency: 'VARCHAR', ts: 'TIMESTAMPTZ', channel: 'VARCHAR', note: 'VARCHAR'})`

// loadSumSQL adds up the loaded rows.
const loadSumSQL = `SELECT count(*), CAST(coalesce(sum(CASE type WHEN 'shipment' THEN amount END), 0) AS DECIMAL(38,2)),
CAST(coalesce(sum(CASE type WHEN 'payment' THEN amount END), 0) AS DECIMAL(38,2)),
CAST(coalesce(sum(CASE type WHEN 'refund' THEN amount END), 0) AS DECIMAL(38,2)) FROM `

// LoadFigures are those of one database in a round.
type LoadFigures struct {
	Seconds     float64 `json:"seconds"`
	PeerSeconds float64 `json:"peer_seconds"`
	Ratio       float64 `json:"ratio"`
	Again       float64 `json:"again_seconds"` // of a second call, when nothing is new
	PeakMemory  int64   `json:"peak_memory_bytes"`
}

// LoadDatabase is the result for one database: medians over the rounds.
type LoadDatabase struct {
	Database string `json:"database"`
	Peer     string `json:"peer"`
	LoadFigures
	KnownSeconds float64       `json:"known_seconds"` // of a call that finds all of the small objects in the journal
	Rounds       []LoadFigures `json:"rounds"`
}

// LoadReport is the result of the benchmark. Ratio is that of the first database.
type LoadReport struct {
	Benchmark string         `json:"benchmark"`
	Ratio     float64        `json:"ratio"`
	Events    int64          `json:"events"`
	Bytes     int64          `json:"bytes"`
	Objects   int            `json:"objects"`
	Known     int            `json:"known_objects"` // in the journal for known_seconds
	Databases []LoadDatabase `json:"databases"`
}

// Load measures loads of new objects, and of objects that are all known.
func Load(ctx context.Context, o Options) (report LoadReport, err error) {
	err = o.inFolder("", func(b *bench) error {
		totals := map[string]shop.Totals{}
		if totals["objects"], err = b.writeObjects("objects", o.Objects, o.Events/o.Objects); err != nil {
			return err
		}
		if totals["known"], err = b.writeObjects("known", o.Known, 1); err != nil {
			return err
		}
		all := totals["objects"]
		report = LoadReport{Benchmark: "load", Events: all.Events, Bytes: all.Bytes, Objects: o.Objects, Known: o.Known}
		b.logf("generated %d events, %d bytes in %d objects, and %d objects of one event", all.Events, all.Bytes, o.Objects, o.Known)
		databases := []loadSide{{b: b, totals: totals, name: "duckdb", peer: "CREATE TABLE AS SELECT … FROM read_json"}}
		if o.Postgres != "" {
			databases = append(databases, loadSide{b: b, totals: totals, name: "postgres", peer: "psql \\copy of the same rows as CSV", url: o.Postgres})
		}
		for _, d := range databases {
			result, err := d.measure(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			report.Databases = append(report.Databases, result)
		}
		report.Ratio = report.Databases[0].Ratio
		return nil
	})
	return report, err
}

// writeObjects writes objects of as many events into a folder.
func (b *bench) writeObjects(folder string, objects, events int) (sum shop.Totals, err error) {
	dir := filepath.Join(b.dir, folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return sum, err
	}
	for n := range objects {
		err := shop.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.jsonl", n)), func(w *bufio.Writer) error {
			totals, err := shop.WriteBench(w, shop.Bench{Seed: seed, Events: events, Keys: loadKeys, Batch: n + 1})
			sum = addTotals(sum, totals)
			return err
		})
		if err != nil {
			return sum, fmt.Errorf("generate object %d: %w", n+1, err)
		}
	}
	return sum, nil
}

// loadSide is one database with its peer.
type loadSide struct {
	b      *bench
	totals map[string]shop.Totals // by folder of objects
	name   string
	peer   string
	url    string // of a PostgreSQL database; empty: DuckDB
}

func (s *loadSide) measure(ctx context.Context) (d LoadDatabase, err error) {
	d = LoadDatabase{Database: s.name, Peer: s.peer}
	for n := range s.b.Rounds {
		f, err := s.round(ctx, n)
		if err != nil {
			return d, fmt.Errorf("round %d: %w", n+1, err)
		}
		s.b.logf("%s, round %d of %d: peer %.3f s, ours %.3f s, nothing new %.3f s", s.name, n+1, s.b.Rounds, f.PeerSeconds, f.Seconds, f.Again)
		d.Rounds = append(d.Rounds, f)
	}
	d.LoadFigures = LoadFigures{
		Seconds: middle(d.Rounds, func(f LoadFigures) float64 { return f.Seconds }), PeerSeconds: middle(d.Rounds, func(f LoadFigures) float64 { return f.PeerSeconds }),
		Again: middle(d.Rounds, func(f LoadFigures) float64 { return f.Again }), Ratio: middle(d.Rounds, func(f LoadFigures) float64 { return f.Ratio }),
		PeakMemory: slices.MaxFunc(d.Rounds, func(a, b LoadFigures) int { return cmp.Compare(a.PeakMemory, b.PeakMemory) }).PeakMemory,
	}
	if s.b.Known == 0 {
		return d, nil
	}
	known, err := s.ours(ctx, "known", "")
	d.KnownSeconds = known.Again
	return d, err
}

// middle is the median of a figure.
func middle(rounds []LoadFigures, of func(LoadFigures) float64) float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = of(r)
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func (s *loadSide) round(ctx context.Context, n int) (f LoadFigures, err error) {
	profile := ""
	if n == s.b.Rounds-1 && s.url == "" {
		profile = s.b.Profile
	}
	ours, err := s.ours(ctx, "objects", profile)
	if err != nil {
		return f, err
	}
	f = LoadFigures{Seconds: ours.Seconds, Again: ours.Again, PeakMemory: ours.Peak}
	if s.url != "" {
		f.PeerSeconds, err = s.copyCSV(ctx)
	} else {
		f.PeerSeconds, err = s.createTable(ctx)
	}
	f.Ratio = f.Seconds / f.PeerSeconds
	return f, err
}

// ours loads a folder in a process, as `bursar load` does, into an empty warehouse.
func (s *loadSide) ours(ctx context.Context, folder, profile string) (r loadResult, err error) {
	dir := filepath.Join(s.b.dir, "project")
	if err := os.RemoveAll(dir); err != nil {
		return r, err
	}
	config := ""
	if s.url != "" {
		config = fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", s.url)
		if err := s.psql(ctx, "DROP SCHEMA IF EXISTS warehouse CASCADE"); err != nil {
			return r, err
		}
	}
	for name, text := range map[string]string{"bursar.yaml": config, "warehouse/events.yaml": fmt.Sprintf(loadYAML, filepath.Join(s.b.dir, folder)+"/")} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return r, err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return r, err
		}
	}
	if err := s.b.runChild(ctx, childSpec{Kind: kindLoad, Dir: dir, Profile: profile}, &r); err != nil {
		return r, err
	}
	return r, compareSums("the loaded rows", r.Sums, sumTexts(s.totals[folder]))
}

// loadResult is what a process has measured.
type loadResult struct {
	Seconds float64           `json:"seconds"`
	Again   float64           `json:"again"`
	Peak    int64             `json:"peak"`
	Sums    map[string]string `json:"sums"`
}

// measureLoad loads, and loads again. The warehouse is open before, like that of the peers.
func measureLoad(ctx context.Context, spec childSpec) (r loadResult, err error) {
	err = withProject(ctx, spec.Dir, func(a *app.App) error {
		db, err := a.Warehouse(ctx)
		if err != nil {
			return err
		}
		run := func() error { _, err := a.Load(ctx, loadName, load.Options{}); return err }
		err = profiled(spec.Profile, func() (err error) { r.Seconds, _, err = measure(run); return err })
		if err == nil {
			r.Again, _, err = measure(run)
		}
		if err != nil {
			return err
		}
		if r.Peak, err = peakMemory(); err != nil {
			return err
		}
		return db.Read(ctx, func(ctx context.Context, reader warehouse.Reader) error {
			return reader.Query(ctx, loadSumSQL+loadName, func(_ []warehouse.Column, rows []column.Vector) error {
				r.Sums = sumsOf(rows)
				return nil
			})
		})
	})
	return r, err
}

// sumsOf returns the only row of loadSumSQL.
func sumsOf(rows []column.Vector) map[string]string {
	sums := map[string]string{}
	for i, name := range []string{"events", "shipped", "paid", "refunded"} {
		sums[name] = string(rows[i].AppendPlain(nil, 0))
	}
	return sums
}

// createTable measures DuckDB on the same objects, in a process, with the memory and threads of a project.
func (s *loadSide) createTable(ctx context.Context) (float64, error) {
	database := filepath.Join(s.b.dir, "peer.duckdb")
	defer func() { _ = os.Remove(database) }() // the folder is removed later
	var r loadResult
	err := s.b.runChild(ctx, childSpec{Kind: kindLoadPeer, Dir: s.b.dir, Database: database}, &r)
	return r.Seconds, err
}

func measureLoadPeer(ctx context.Context, spec childSpec) (r loadResult, err error) {
	session, err := openPeer(spec)
	if err != nil {
		return r, err
	}
	defer session.Close()
	sql := fmt.Sprintf(loadPeerSQL, duck.Literal(filepath.Join(spec.Dir, "objects", "*.jsonl")))
	if r.Seconds, _, err = measure(func() error { return session.Exec(ctx, sql) }); err != nil {
		return r, err
	}
	err = session.Query(ctx, loadSumSQL+loadName, func(rows []column.Vector) error {
		r.Sums = sumsOf(rows)
		return nil
	})
	return r, err
}

// copyCSV measures psql on the rows that were loaded, with all columns, in a table of the same definition.
func (s *loadSide) copyCSV(ctx context.Context) (seconds float64, err error) {
	csv := filepath.Join(s.b.dir, "rows.csv")
	defer func() { _ = os.Remove(csv) }() // the folder is removed later
	if err := s.psql(ctx, "SET search_path TO warehouse", "\\copy events to '"+csv+"' csv",
		"DROP TABLE IF EXISTS peer", "CREATE TABLE peer (LIKE events)", "CHECKPOINT"); err != nil {
		return 0, err
	}
	seconds, _, err = measure(func() error { return s.psql(ctx, "SET search_path TO warehouse", "\\copy peer from '"+csv+"' csv") })
	return seconds, err
}

// psql executes commands one after another.
func (s *loadSide) psql(ctx context.Context, commands ...string) error {
	args := []string{"--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", s.url}
	for _, command := range commands {
		args = append(args, "--command", command)
	}
	out, err := exec.CommandContext(ctx, "psql", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
