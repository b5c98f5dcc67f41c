// The archive of a table, while events arrive, are retracted, restored and published again at random.

package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/retract"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/project"
	"bursar/internal/warehouse/archive"
)

const archivedYAML = `
stream: visits
format: jsonl
id: id
time: at
columns:
  id: {type: string}
  at: {type: timestamp, optional: true}
  on: {type: date}
  kind: {type: string}
  amount: {type: "decimal(30,4)"}
  extra: {type: json, optional: true}
  ok: {type: bool, optional: true}
totals: {amount: {sum: amount, by: kind}}
archive: {by: %s, %scold: 2 years}
`

// visit is an event of the model.
type visit struct {
	batch  uint64
	at     string // empty: null
	amount int64  // ten thousandths
}

// archiving is a project whose table is archived at random, and what the table should have.
type archiving struct {
	*App

	t          *testing.T
	kind, yaml string
	random     *rand.Rand
	visits     map[string]visit
	batches    uint64
	retracted  map[uint64]bool
	events     map[string]bool // that are retracted
}

func openArchiving(t *testing.T, kind, by string, random *rand.Rand) *archiving {
	t.Helper()
	warm, config := "warm: 90 days, ", "threads: 1\n"
	if kind == "postgres" {
		warm, config = "", fmt.Sprintf("threads: 1\nwarehouse: {kind: postgres, url: %q}\n", postgrestest.URL(t))
	}
	x := &archiving{t: t, kind: kind, random: random, yaml: fmt.Sprintf(archivedYAML, by, warm), visits: map[string]visit{}, retracted: map[uint64]bool{}, events: map[string]bool{}}
	x.App = openFiles(t, map[string]string{"bursar.yaml": config, "streams/visits.yaml": x.yaml})
	return x
}

// TestArchiveAtRandom compares what is hot, warm and cold with a naive model, and after twice as many steps if SEEDS is set.
func TestArchiveAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano() % 100000)
	if s := os.Getenv("SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("SEED=%d", seed)
	t.Parallel()
	steps := 20
	if os.Getenv("SEEDS") != "" {
		steps = 40
	}
	for i, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			x := openArchiving(t, kind, []string{"day", "month", "year"}[random.IntN(3)], random)
			for range steps {
				x.step()
			}
			x.check()
			restoreAll(t, x.App, "events_visits", archive.Hot)
			wantTiers(t, x.App)
			x.check()
		})
	}
}

func (x *archiving) step() {
	switch n := x.random.IntN(12); n {
	case 0, 1, 2:
		x.ingest()
	case 3:
		x.retract()
	case 4:
		x.retractEvent()
	case 5, 6, 7:
		publishAll(x.t, x.App)
		o := ArchiveOptions{Before: x.day(), ColdBefore: x.day()}
		archiveAll(x.t, x.App, o)
		x.check()
	case 8, 9:
		to := archive.Hot
		if n == 8 && x.kind == "duckdb" {
			to = archive.Warm
		}
		publishAll(x.t, x.App)
		from := x.day()
		moves, err := x.PlanRestore(x.t.Context(), "events_visits", archive.Period{First: from, Until: from.AddDate(1, 0, 0)}, to, project.Age{})
		if err != nil {
			x.t.Fatal(err)
		}
		makeMoves(x.t, x.App, slices.DeleteFunc(moves, func(m archive.Move) bool { return m.From == archive.Hot }))
		x.check()
	case 10:
		x.grow()
	case 11:
		if x.batches > 0 && x.random.IntN(3) == 0 {
			publishAll(x.t, x.App)
			if _, err := publisher(x.t, x.App).Again(x.t.Context(), "events_visits"); err != nil {
				x.t.Fatal(err)
			}
			wantTiers(x.t, x.App)
			x.check()
		}
	}
}

// day returns some day of three years.
func (x *archiving) day() time.Time { return day("2022-01-01").AddDate(0, 0, x.random.IntN(1000)) }

func (x *archiving) ingest() {
	x.batches++
	var text strings.Builder
	for range 1 + x.random.IntN(12) {
		id := fmt.Sprintf("v%04d", len(x.visits))
		v := visit{batch: x.batches, amount: x.random.Int64N(1e15) - 5e14}
		fields := map[string]any{"id": id, "on": x.day().Format(time.DateOnly), "kind": string(rune('a' + x.random.IntN(3))), "amount": tenThousandths(v.amount)}
		if x.random.IntN(10) > 0 {
			v.at = x.day().Add(time.Duration(x.random.Int64N(int64(24 * time.Hour)))).Truncate(time.Microsecond).Format(time.RFC3339Nano)
			fields["at"] = v.at
		}
		if x.random.IntN(3) > 0 {
			fields["extra"] = map[string]any{"a": []any{1, "é\"'\\"}, "b": nil}
		}
		if strings.Contains(x.yaml, "note:") {
			fields["note"] = "it's a \\ note\n"
		}
		line, err := json.Marshal(fields)
		if err != nil {
			x.t.Fatal(err)
		}
		text.Write(append(line, '\n'))
		x.visits[id] = v
	}
	r, err := x.Ingest(x.t.Context(), "visits", []string{putFile(x.t, x.t.TempDir(), "in.jsonl", text.String())}, intake.Options{})
	if err != nil || r.Quarantined > 0 {
		x.t.Fatalf("%+v, %v", r, err)
	}
}

// tenThousandths writes an amount as a decimal.
func tenThousandths(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%04d", sign, n/10000, n%10000)
}

// retract retracts a batch, or restores one.
func (x *archiving) retract() {
	if x.batches == 0 {
		return
	}
	batch := 1 + x.random.Uint64N(x.batches)
	x.retracted[batch] = !x.retracted[batch]
	x.doRetract(retract.Options{Batch: batch, Undo: !x.retracted[batch], Reason: "a test"})
}

// retractEvent retracts one event of a batch that is not retracted.
func (x *archiving) retractEvent() {
	for id, v := range x.visits {
		if !x.retracted[v.batch] {
			x.events[id] = !x.events[id]
			x.doRetract(retract.Options{Batch: v.batch, Event: id, Undo: !x.events[id], Reason: "a test"})
			return
		}
	}
}

func (x *archiving) doRetract(o retract.Options) {
	s := x.Project.Stream("visits")
	_, err := exclusively(x.t.Context(), x.App, s, func(ctx context.Context, st *event.Store) (retract.Retracted, error) {
		return retract.Retract(ctx, st, s, o)
	})
	if err != nil {
		x.t.Fatal(err)
	}
}

// grow adds a column, once, and makes another one wider.
func (x *archiving) grow() {
	before := x.yaml
	switch {
	case !strings.Contains(x.yaml, "note:"):
		x.yaml = strings.Replace(x.yaml, "totals:", "  note: {type: string, optional: true}\ntotals:", 1)
	case x.random.IntN(3) == 0:
		x.yaml = strings.Replace(x.yaml, "decimal(30,4)", "decimal(38,4)", 1)
	}
	if x.yaml != before {
		x.App = reopenWith(x.t, x.App, "streams/visits.yaml", x.yaml)
	}
}

// check publishes, verifies, and compares sums and ids with the model.
func (x *archiving) check() {
	x.t.Helper()
	checkVerified(x.t, x.App)
	parts, err := x.ArchivedParts(x.t.Context(), nil)
	if err != nil {
		x.t.Fatal(err)
	}
	warm, cold := int64(0), int64(0)
	for _, p := range parts {
		if p.Tier == archive.Cold {
			cold += p.Rows
		} else {
			warm += p.Rows
		}
	}
	want := int64(0)
	var ids []string
	for id, v := range x.visits {
		if !x.retracted[v.batch] && !x.events[id] {
			want++
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	wantAnswer(x.t, x.App, "SELECT count(*) FROM events_visits", strconv.FormatInt(want-warm-cold, 10))
	wantAnswer(x.t, x.App, "SELECT count(*), count(DISTINCT id) FROM events_visits_all", fmt.Sprintf("%d|%[1]d", want-cold))
	wantAnswer(x.t, x.App, "SELECT row_count FROM bursar_tables WHERE table_name = 'events_visits'", strconv.FormatInt(want, 10))
	if cold == 0 {
		wantAnswer(x.t, x.App, "SELECT id FROM events_visits_all ORDER BY id", ids...)
	}
	wantAnswer(x.t, x.App, fmt.Sprintf("SELECT count(*) FROM bursar_freshness WHERE table_name LIKE 'events_visits%%' AND tier = 'cold' AND verdict <> 'UNKNOWN'"), "0")
	if x.t.Failed() {
		x.t.FailNow()
	}
}

// TestArchiveDamage archives, and damages an object: it is not restored, and nothing else is lost.
func TestArchiveDamage(t *testing.T) {
	t.Parallel()
	x := openArchiving(t, "duckdb", "month", rand.New(rand.NewPCG(1, 1)))
	for range 3 {
		x.ingest()
	}
	publishAll(t, x.App)
	archiveAll(t, x.App, ArchiveOptions{ColdBefore: day("2024-01-01")})
	parts, err := x.ArchivedParts(t.Context(), nil)
	if err != nil || len(parts) < 2 {
		t.Fatalf("%+v, %v", parts, err)
	}
	path := x.Engine.Objects.Files().Path(parts[0].Object)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, x.App, parts[0].Object.Name)
	failed := 0
	if err := x.VerifyArchive(t.Context(), parts, func(c archive.Checked) {
		if !c.OK {
			failed++
		}
	}); err != nil || failed != 1 {
		t.Errorf("%d parts are damaged, %v", failed, err)
	}
	m := archive.Move{Table: "events_visits", Period: parts[0].Period, From: archive.Cold, To: archive.Hot}
	if _, err := x.MovePeriod(t.Context(), m); !object.IsDamage(err) || failure.Of(err) != failure.Data ||
		!strings.Contains(err.Error(), "put the object back from a copy, or give its rows up: `bursar publish --again events_visits` makes the table from the events") {
		t.Errorf("restore of a damaged object: %v", err)
	}
	wantTiersCount(t, x.App, len(parts))
	for batch := range x.batches {
		x.doRetract(retract.Options{Batch: batch + 1, Reason: "a test"})
	}
	if _, err := publisher(t, x.App).Publish(t.Context(), "events_visits"); !object.IsDamage(err) || !strings.Contains(err.Error(), "`bursar publish --again events_visits`") {
		t.Errorf("a retraction of what is in a damaged object: %v", err)
	}
	wantTiersCount(t, x.App, len(parts))
	for batch := range x.batches {
		x.doRetract(retract.Options{Batch: batch + 1, Undo: true, Reason: "a test"})
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	restoreAll(t, x.App, "events_visits", archive.Hot)
	x.check()
}

// TestArchiveLosesWarmObject loses an object that the view reads: the table is made again from the events.
func TestArchiveLosesWarmObject(t *testing.T) {
	t.Parallel()
	x := openArchiving(t, "duckdb", "month", rand.New(rand.NewPCG(1, 1)))
	for range 3 {
		x.ingest()
	}
	publishAll(t, x.App)
	archiveAll(t, x.App, ArchiveOptions{Before: day("2024-01-01")})
	parts, err := x.ArchivedParts(t.Context(), nil)
	if err != nil || len(parts) < 2 {
		t.Fatalf("%+v, %v", parts, err)
	}
	if err := os.Remove(x.Engine.Objects.Files().Path(parts[0].Object)); err != nil {
		t.Fatal(err)
	}
	x.ingest()
	if _, err := publisher(t, x.App).Publish(t.Context(), "events_visits"); failure.Of(err) != failure.Data || !strings.Contains(fmt.Sprint(err), "`bursar publish --again events_visits`") {
		t.Errorf("a new batch: %v [%s]", err, failure.Of(err))
	}
	if _, err := publisher(t, x.App).Again(t.Context(), "events_visits"); err != nil {
		t.Fatal(err)
	}
	publishAll(t, x.App)
	wantTiersCount(t, x.App, 0)
	x.check()
}

func wantTiersCount(t *testing.T, a *App, want int) {
	t.Helper()
	if parts, err := a.ArchivedParts(t.Context(), nil); err != nil || len(parts) != want {
		t.Errorf("%d parts, want %d, %v", len(parts), want, err)
	}
}

// TestArchiveWithoutWarehouse loses the warehouse: all is published again, and may be archived again.
func TestArchiveWithoutWarehouse(t *testing.T) {
	t.Parallel()
	x := openArchiving(t, "duckdb", "month", rand.New(rand.NewPCG(4, 1)))
	for range 3 {
		x.ingest()
	}
	publishAll(t, x.App)
	archiveAll(t, x.App, ArchiveOptions{ColdBefore: day("2023-06-01")})
	dir := filepath.Dir(x.state)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, ".bursar", "warehouse.duckdb")); err != nil {
		t.Fatal(err)
	}
	x.App = openHere(t, dir)
	x.check()
	wantTiers(t, x.App)
	archiveAll(t, x.App, ArchiveOptions{ColdBefore: day("2023-06-01")})
	x.check()
}

// TestArchiveAfterMove moves the project folder: the view reads the objects where they are now.
func TestArchiveAfterMove(t *testing.T) {
	t.Parallel()
	x := openArchiving(t, "duckdb", "month", rand.New(rand.NewPCG(2, 1)))
	for range 3 {
		x.ingest()
	}
	publishAll(t, x.App)
	archiveAll(t, x.App, ArchiveOptions{Before: day("2024-01-01")})
	x.check()
	from := filepath.Dir(x.state)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(from, 0o700); err != nil {
		t.Fatal(err)
	}
	x.App = openHere(t, to)
	x.check()
}

// TestArchiveRefusesOtherColumns does not archive a table to which somebody has added a column.
func TestArchiveRefusesOtherColumns(t *testing.T) {
	t.Parallel()
	x := openArchiving(t, "duckdb", "month", rand.New(rand.NewPCG(3, 1)))
	x.ingest()
	publishAll(t, x.App)
	changeWarehouse(t, x.App, "ALTER TABLE events_visits ADD COLUMN remark INTEGER")
	if _, err := x.PlanArchive(t.Context(), ArchiveOptions{Before: day("2024-01-01")}); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "somebody has added column remark") {
		t.Errorf("a table with a column more: %v", err)
	}
}

// TestPublishAgainBelowArchiveView makes a table again whose columns somebody has changed: the view of it and its archive does not stop that.
func TestPublishAgainBelowArchiveView(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			x := openArchiving(t, kind, "month", rand.New(rand.NewPCG(3, 2)))
			for _, change := range []string{"ADD COLUMN remark INTEGER", "RENAME COLUMN kind TO sort"} {
				x.ingest()
				publishAll(t, x.App)
				changeWarehouse(t, x.App, "ALTER TABLE events_visits "+change)
				x.ingest()
				p := publisher(t, x.App)
				_, _ = p.Publish(t.Context(), "events_visits") // the view may show the new column then
				if _, err := p.Again(t.Context(), "events_visits"); err != nil {
					t.Errorf("%s: %v", change, err)
				}
			}
			x.check()
		})
	}
}

// openHere opens a project folder until the test ends.
func openHere(t *testing.T, dir string) *App {
	t.Helper()
	a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}
