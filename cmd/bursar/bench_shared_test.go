// The benchmark of shared backends: it needs servers, which only tests start.

package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/reconcile/runs"
	"bursar/internal/tools/bench"
)

var (
	sharedEvents  = flag.Int("shared.events", 2_000_000, "number of events of BenchmarkSharedBackends; keys and state are in proportion")
	sharedRounds  = flag.Int("shared.rounds", 3, "rounds of BenchmarkSharedBackends")
	sharedProfile = flag.String("shared.profile", "", "a `file` for the CPU profile of the last round of BenchmarkSharedBackends on shared backends")
)

// countedReads is the number of reads whose round trips are counted.
const countedReads = 200

// sharedServers are the servers of the benchmark.
type sharedServers struct {
	tb       testing.TB
	objects  *s3test.Server
	database *postgrestest.Server
	projects int

	requests *s3test.Counter
	trips    *postgrestest.Proxy
	location string // of the database that was assigned last
}

// newSharedServers starts servers whose data survives a power failure, as far as their defaults go.
func newSharedServers(tb testing.TB) *sharedServers {
	tb.Helper()
	s := &sharedServers{tb: tb, objects: s3test.Versitygw(tb), database: postgrestest.Start(tb, postgrestest.Options{})}
	s.objects.NewBucket(tb, "books")
	return s
}

func (s *sharedServers) Assign(_ context.Context, dir string, counted bool) error {
	s.projects++
	s.location = s.database.Database(s.tb)
	location, endpoint := s.location, s.objects.Endpoint
	if counted {
		s.trips, location = postgrestest.NewProxy(s.tb, location)
		s.requests = s.objects.NewCounter(s.tb)
		endpoint = s.requests.Endpoint
	}
	must(s.tb, 0, "vault", "init", "--project", dir)
	config := fmt.Sprintf("storage: {kind: s3, bucket: books, prefix: p%d/, region: "+s3test.Region+", endpoint: %q, path_style: true}\n"+
		"catalog: {kind: postgres, url: %q}\nindex: {kind: postgres, url: %[3]q}\n", s.projects, endpoint, location)
	return os.WriteFile(filepath.Join(dir, "bursar.yaml"), []byte(config), 0o600)
}

func (s *sharedServers) Settle(context.Context) error {
	postgrestest.ExecIn(s.tb, s.location, "VACUUM (ANALYZE)", "CHECKPOINT")
	return nil
}

func (s *sharedServers) Requests() bench.Requests {
	r := s.requests.Requests()
	return bench.Requests{Put: r.Put, Get: r.Get, Head: r.Head, List: r.List, Delete: r.Delete, RoundTrips: int64(s.trips.RoundTrips())}
}

func benchShared(tb testing.TB, o bench.Options) bench.SharedReport {
	tb.Helper()
	var err error
	if o.Program, err = os.Executable(); err != nil {
		tb.Fatal(err)
	}
	o.Dir, o.Command, o.Watch = tb.TempDir(), partCommand, func(line string) { tb.Log(line) }
	report, err := bench.Shared(tb.Context(), o, newSharedServers(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

// TestBenchSharedBackends checks the benchmark on a few events.
func TestBenchSharedBackends(t *testing.T) {
	t.Parallel()
	r := benchShared(t, bench.Options{Events: 3000, Keys: 500, State: 1000, Batches: 1, Rounds: 1, Reads: 3})
	if r.Ratio <= 0 || r.Requests.Put == 0 || r.Requests.RoundTrips == 0 || r.ColdGet.Get == 0 || len(r.Gets) != 3 || r.Gets[0] < 1 {
		t.Errorf("report %+v", r)
	}
}

// BenchmarkSharedBackends does the work of `bursar bench reconcile` on embedded and on shared backends in turn, both on this machine.
func BenchmarkSharedBackends(b *testing.B) {
	for b.Loop() {
		n := *sharedEvents
		r := benchShared(b, bench.Options{
			Events: n, Keys: n / 4, State: n / 2, Batches: 1, Rounds: *sharedRounds, Reads: countedReads, Profile: *sharedProfile,
		})
		million := float64(r.Events) / 1e6
		for unit, value := range map[string]float64{
			"ns/op": 0, "embedded-s": r.Embedded.OursSeconds, "shared-s": r.Shared.OursSeconds, "ratio": r.Ratio,
			"PUT/Mevents": float64(r.Requests.Put) / million, "GET/Mevents": float64(r.Requests.Get) / million,
			"HEAD/Mevents": float64(r.Requests.Head) / million, "LIST/Mevents": float64(r.Requests.List) / million,
			"DELETE/Mevents": float64(r.Requests.Delete) / million, "roundtrips/Mevents": float64(r.Requests.RoundTrips) / million,
			"requests/get": mean(r.Gets), "requests/cold-get": float64(r.ColdGet.Sum()),
		} {
			b.ReportMetric(value, unit)
		}
		b.Logf("one get in an open process: %d to %d requests, median %d; in a new process: %+v", r.Gets[0], r.Gets[len(r.Gets)-1], r.Gets[len(r.Gets)/2], r.ColdGet)
		logSteps(b, &r)
	}
}

func mean(counts []int64) float64 {
	sum := int64(0)
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / float64(cmp.Or(len(counts), 1))
}

func logSteps(b *testing.B, r *bench.SharedReport) {
	b.Helper()
	steps := []string{"intake"}
	for _, step := range runs.StepNames {
		steps = append(steps, string(step))
	}
	rows := [][]string{append(slices.Clone(steps), "between")}
	for _, f := range []*bench.Figures{&r.Embedded, &r.Shared} {
		var row []string
		for _, step := range steps {
			row = append(row, formatSeconds(f.Steps[step]))
		}
		rows = append(rows, append(row, formatSeconds(f.Orchestration)))
	}
	for i, title := range []string{"seconds", "embedded", "shared"} {
		line := fmt.Sprintf("%-9s", title)
		for _, cell := range rows[i] {
			line += fmt.Sprintf("%10s", cell)
		}
		b.Log(strings.TrimRight(line, " "))
	}
}
