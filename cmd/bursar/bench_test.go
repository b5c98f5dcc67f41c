// The benchmark with a few events: what it prints, not how fast it is.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/postgres/postgrestest"
)

func TestBenchReconcile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"bench", "reconcile", "--events", "3000", "--keys", "500", "--state", "1000", "--rounds", "2", "--dir", dir}
	v := value(t, must(t, 0, append(args, "--json")...))
	wantFields(t, v, "ratio", "ours_seconds", "yardstick_seconds", "events_per_second", "peak_memory_bytes", "written_bytes",
		"steps", "orchestration_seconds", "server_start_seconds", "rounds", "peers")
	wantFields(t, v["steps"], "intake", "reduce", "prefetch", "merge", "index", "publish")
	for _, at := range []map[string]any{v, item(t, v, "rounds", 1)} {
		peers, ok := at["peers"].(map[string]any)
		if !ok {
			t.Fatalf("no peers in %v", at)
		}
		wantFields(t, peers, "duckdb", "duckdb-keys")
		wantFields(t, peers["duckdb-keys"], "ratio", "seconds", "peak_memory_bytes", "written_bytes")
	}
	if rounds, ok := v["rounds"].([]any); !ok || len(rounds) != 2 || v["events"] != 3000.0 {
		t.Errorf("bench says %v", v)
	}
	// More keys than there is state, and several batches.
	printed := must(t, 0, "bench", "reconcile", "--events", "900", "--keys", "500", "--state", "100", "--batches", "3", "--rounds", "1", "--dir", dir)
	if !strings.Contains(printed.out, "ours takes") || strings.Count(printed.out, "gives the same guarantees") != 2 {
		t.Errorf("bench prints %q", printed.out)
	}
	// One peer, and none.
	few := []string{"bench", "reconcile", "--events", "900", "--keys", "50", "--state", "0", "--rounds", "1", "--dir", dir, "--peers"}
	if printed := must(t, 0, append(few, "duckdb-keys")...); strings.Count(printed.out, "gives the same guarantees") != 1 {
		t.Errorf("bench prints %q", printed.out)
	}
	if v := value(t, must(t, 0, append(few, "none", "--json")...)); v["peers"] != nil {
		t.Errorf("bench says %v", v)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("bench leaves %v (%v)", left, err)
	}
}

// TestBenchGet runs the benchmark of point reads on a few.
func TestBenchGet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := value(t, must(t, 0, "bench", "get", "--artifacts", "2000", "--reads", "500", "--dir", dir, "--json"))
	wantFields(t, v, "first_us", "cold", "warm", "http", "yardstick", "ratio")
	for _, kind := range []string{"cold", "warm", "http", "yardstick"} {
		wantFields(t, v[kind], "reads", "p50_us", "p99_us", "per_second")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("bench leaves %v (%v)", left, err)
	}
	must(t, 2, "bench", "get", "--reads", "0")
}

// TestBenchLoad runs the benchmark of loads on a few objects.
func TestBenchLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := value(t, must(t, 0, "bench", "load", "--events", "2000", "--objects", "20", "--known", "30", "--rounds", "2", "--dir", dir, "--postgres", postgrestest.URL(t), "--json"))
	if v["events"] != 2000.0 || v["objects"] != 20.0 || length(t, v, "databases") != 2 {
		t.Errorf("bench says %v", v)
	}
	for i := range 2 {
		d := item(t, v, "databases", i)
		wantFields(t, d, "database", "peer", "seconds", "peer_seconds", "ratio", "again_seconds", "known_seconds", "peak_memory_bytes")
		if length(t, d, "rounds") != 2 {
			t.Errorf("bench says %v", d)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("bench leaves %v (%v)", left, err)
	}
	must(t, 2, "bench", "load", "--objects", "0")
}

// TestBenchJobs runs the benchmark of jobs on a few tasks.
func TestBenchJobs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"bench", "jobs", "--tasks", "1300", "--rounds", "2", "--dir", dir}
	v := value(t, must(t, 0, append(args, "--json")...))
	if v["benchmark"] != "jobs" || v["tasks"] != 1300.0 || v["chunks"] != 62.0 || length(t, v, "rounds") != 2 {
		t.Errorf("bench says %v", v)
	}
	for _, at := range []map[string]any{v, item(t, v, "rounds", 1)} {
		wantFields(t, at, "ratio", "ours_seconds", "yardstick_seconds", "cpu_seconds", "yardstick_cpu_seconds", "tasks_per_second", "history_events", "history_bytes",
			"yardstick_history_events", "peak_memory_bytes", "yardstick_memory_bytes")
	}
	if printed := must(t, 0, append(args, "--rounds", "1")...); !strings.Contains(printed.out, "1,300 tasks in 62 chunks") {
		t.Errorf("bench prints %q", printed.out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("bench leaves %v (%v)", left, err)
	}
	must(t, 2, "bench", "jobs", "--tasks", "0")
	must(t, 2, "bench", "jobs", "--tasks", "1000001")
}

func TestBenchUsage(t *testing.T) {
	t.Parallel()
	if help := must(t, 0, "bench", "--help"); !strings.Contains(help.out, "reconcile") || strings.Contains(help.out, "part ") {
		t.Errorf("help says %s", help.out)
	}
	must(t, 2, "bench", "reconcile", "--events", "0")
	if got := must(t, 2, "bench", "reconcile", "--peers", "duckdb,none"); !strings.Contains(got.err, "choose duckdb, duckdb-keys") {
		t.Errorf("an unknown peer: %s", got.err)
	}
	if got := must(t, 2, "bench", "nothing"); !strings.Contains(got.err, "choose reconcile, intake, freshness, get, publish, load, jobs or statements") {
		t.Errorf("an unknown benchmark: %s", got.err)
	}
}

func TestBenchIntake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"bench", "intake", "--events", "500", "--request", "20", "--connections", "3", "--rounds", "1", "--dir", dir}
	v := value(t, must(t, 0, append(args, "--json")...))
	if v["benchmark"] != "intake" || v["events"] != 500.0 || v["events_per_second"] == 0.0 {
		t.Errorf("bench says %v", v)
	}
	if printed := must(t, 0, args...); !strings.Contains(printed.out, "500 events of") || !strings.Contains(printed.out, "3 clients") {
		t.Errorf("bench prints %q", printed.out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("bench leaves %v (%v)", left, err)
	}
	must(t, 2, "bench", "intake", "--request", "0")
}

// recordedStatements is a folder with a small file of each format, as the recorded ones lie, and one that is cut.
func recordedStatements(t *testing.T) string {
	t.Helper()
	camt := `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>` +
		`<Ntry><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2024-01-02</Dt></BookgDt></Ntry></Stmt></BkToCstmrStmt></Document>`
	dir := t.TempDir()
	for name, text := range map[string]string{
		"settlement/a.xml":              camt,
		"two_sided/camt_054/b.xml":      strings.ReplaceAll(strings.ReplaceAll(camt, "BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn"), "Stmt>", "Ntfctn>"),
		"statements/mt940/x/c.sta":      ":20:1\r\n:25:12345\r\n:28C:1\r\n:60F:C240101EUR0,\r\n:61:240102C5,NTRF1\r\n:62F:C240102EUR5,\r\n-\r\n",
		"statements/mt940/x/LICENSE":    "no statement",
		"statements/ofx/d.ofx":          "OFXHEADER:100\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>1<ACCTID>2</BANKACCTFROM></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>",
		"statements/ofx/wrong/cut.ofx":  "OFXHEADER:100\n\n<OFX><BANKMSGSRSV1><STMTTRNRS>",
		"statements/ofx/wrong/read.txt": "not measured",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBenchStatements(t *testing.T) {
	dir := recordedStatements(t)
	t.Setenv(dataVariable, dir)
	v := value(t, must(t, 0, "bench", "statements", "--rounds", "1", "--each", "0", "--rows", "30", "--json"))
	wantFields(t, v, "ratio", "mb_per_second")
	formats, ok := v["formats"].([]any)
	if !ok || len(formats) != 5 {
		t.Fatalf("bench says %v", v)
	}
	for i, want := range []struct {
		format               string
		files, refused, rows float64
	}{{"camt.053", 1, 0, 2}, {"camt", 2, 0, 4}, {"mt940", 1, 0, 4}, {"ofx", 1, 1, 1}, {"csv", 1, 0, 33}} {
		got, _ := formats[i].(map[string]any)
		wantFields(t, got, "ratio", "reading_ratio", "mb_per_second", "reading_mb_per_second", "peer", "peer_mb_per_second", "bytes", "from", "rounds")
		if got["format"] != want.format || got["files"] != want.files || got["refused"] != want.refused || got["rows"] != want.rows {
			t.Errorf("format %d is %v, want %+v", i, got, want)
		}
	}
	printed := must(t, 0, "bench", "statements", "--data", dir, "--rounds", "1", "--each", "0", "--rows", "30")
	if !strings.Contains(printed.out, "encoding/xml tokenises") || !strings.Contains(printed.out, "ofx: 1 file left out") {
		t.Errorf("bench prints %q", printed.out)
	}
	t.Setenv(dataVariable, "")
	if got := must(t, 2, "bench", "statements"); !strings.Contains(got.err, "--data DIR, or set BURSAR_DATA") {
		t.Errorf("without recorded files: %s", got.err)
	}
	must(t, 2, "bench", "statements", "--data", filepath.Join(dir, "nowhere"))
	must(t, 2, "bench", "statements", "--data", dir, "--rounds", "0")
	if got := must(t, 1, "bench", "statements", "--data", filepath.Join(dir, "settlement")); !strings.Contains(got.err, "find recorded statements") {
		t.Errorf("a folder of other files: %s", got.err)
	}
}
