// Tests of a project whose objects are in S3 and whose catalog and index are in PostgreSQL.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
)

// sharedProject makes the example project with its state on real servers, and a vault for the key of identities.
func sharedProject(t *testing.T) (dir, database string) {
	t.Helper()
	store := s3test.Versitygw(t)
	database = postgrestest.URL(t)
	return projectOn(t, database, store.Endpoint, store), database
}

// projectOn makes the same with a database, and the endpoint at which a store is reached.
func projectOn(t *testing.T, database, endpoint string, store *s3test.Server) (dir string) {
	t.Helper()
	store.NewBucket(t, "books")
	dir = shop(t)
	must(t, 0, "vault", "init", "--project", dir)
	config := fmt.Sprintf("storage: {kind: s3, bucket: %s, prefix: books/, region: "+s3test.Region+", endpoint: %q, path_style: true}\n"+
		"catalog: {kind: postgres, url: %q}\nindex: {kind: postgres, url: %[3]q}\n", "books", endpoint, database)
	if err := os.WriteFile(filepath.Join(dir, "bursar.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestSharedBackends does the same on files and on servers, and compares the exports. The second half of the work is done from
// another folder, as on another machine: it has the project's files, but not its state.
func TestSharedBackends(t *testing.T) {
	t.Parallel()
	shared, _ := sharedProject(t)
	embedded := shop(t)
	var digests []any
	for _, dir := range []string{embedded, shared} {
		in := func(args ...string) outcome {
			t.Helper()
			return must(t, 0, append(args, "--project", dir)...)
		}
		payments := filepath.Join(dir, "sample", "payments.jsonl")
		in("check", "--backends")
		in("ingest", "payments", payments)
		in("run")
		if dir == shared {
			dir = elsewhere(t, shared)
		}
		if again := value(t, in("ingest", "payments", payments, "--json")); again["accepted"] != 0.0 {
			t.Errorf("%s: the same file again: %v", dir, again)
		}
		one := good("one")
		rejected := value(t, in("ingest", "payments", file(t, dir, "one.jsonl", one+strings.Replace(one, "1.00", "1.001", 1)+strings.Repeat("x", 64<<20+10)), "--json"))
		if rejected["accepted"] != 1.0 || rejected["quarantined"] != 2.0 {
			t.Errorf("%s: a file with rejected rows: %v", dir, rejected)
		}
		in("run")
		in("rebuild", "orders")
		statement := file(t, t.TempDir(), "january.sta", ":20:S1\n:25:DE89370400440532013000\n:28C:1/1\n:60F:C250101EUR0,00\n"+
			":61:2501010101C10,00NTRFA//REF1\n:86:Invoice 1\n:61:2501010101D4,00NTRFB//REF2\n:86:Invoice 2\n:62F:C250101EUR6,00\n-\n")
		in("import", statement)
		digests = append(digests, in("completeness", "--until", "2025-01-01", "--columns", "account,from,to,state,opening,closing", "--format", "csv").out)
		in("verify", "orders")
		in("verify")
		in("status")
		exported := value(t, in("export", "orders", "--to", filepath.Join(t.TempDir(), "orders.jsonl"), "--json"))
		digests = append(digests, exported["digest"], exported["rows"])
	}
	config, err := os.ReadFile(filepath.Join(shared, "bursar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, shared, "bursar.yaml", "")
	if got := bursar(t, "status", "--project", shared); got.code == 0 || !strings.Contains(got.err, "this project has its catalog in PostgreSQL") {
		t.Errorf("without its catalog: exit code %d: %s", got.code, got.err)
	}
	file(t, shared, "bursar.yaml", string(config))
	stream := filepath.Join(shared, "streams", "payments.yaml")
	declared, err := os.ReadFile(stream)
	if err != nil {
		t.Fatal(err)
	}
	file(t, shared, "streams/payments.yaml", strings.Replace(string(declared), "decimal(18,2)", "decimal(18,1)", 1))
	if got := bursar(t, "check", "--backends", "--project", shared); got.code != 2 || !strings.Contains(got.out, "streams/payments.yaml") {
		t.Errorf("a changed stream: exit code %d: %s%s", got.code, got.out, got.err)
	}
	file(t, shared, "streams/payments.yaml", string(declared))
	half := len(digests) / 2
	if !slices.Equal(digests[:half], digests[half:]) || digests[1] == 0.0 {
		t.Errorf("files and servers give different results: %v", digests)
	}
}

// TestSharedBackendsRefuse checks that a project with a wrong setting says what is wrong and what to do.
func TestSharedBackendsRefuse(t *testing.T) {
	t.Parallel()
	dir, database := sharedProject(t)
	config, err := os.ReadFile(filepath.Join(dir, "bursar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, "bursar.yaml", "")
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	file(t, dir, "bursar.yaml", string(config))
	if got := bursar(t, "status", "--project", dir); got.code == 0 || !strings.Contains(got.err, "this project has one in .bursar/catalog.db") {
		t.Errorf("a catalog in a file: exit code %d: %s", got.code, got.err)
	}
	if err := os.RemoveAll(filepath.Join(dir, ".bursar")); err != nil {
		t.Fatal(err)
	}
	if got := must(t, 0, "check", "--project", dir); !strings.HasSuffix(got.out, "next: bursar check --backends\n") {
		t.Errorf("check: %s", got.out)
	}
	url := strconv.Quote(database)
	for _, c := range []struct{ from, to, want string }{
		{url, "env:BURSAR_NOWHERE", "bursar.yaml:2: catalog.url: the environment variable BURSAR_NOWHERE is not set"},
		{url, "vault:database", "run `bursar vault set database`"},
		{"bucket: ", "bucket: missing-", "bucket"},
		{"kind: postgres, url: " + url + "}\nindex", "kind: sqlite}\nindex", ""},
	} {
		text := strings.Replace(string(config), c.from, c.to, 1)
		if err := os.WriteFile(filepath.Join(dir, "bursar.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		checked := bursar(t, "check", "--backends", "--project", dir)
		if isRefused := c.want != ""; isRefused != (checked.code != 0) || isRefused && !strings.Contains(checked.out, c.want) {
			t.Errorf("%s: check --backends: exit code %d: %s%s", c.to, checked.code, checked.out, checked.err)
		} else if strings.Contains(checked.out, "next: ") == isRefused {
			t.Errorf("%s: check --backends: %s", c.to, checked.out)
		}
		got := bursar(t, "status", "--project", dir)
		if c.want == "" {
			if got.code != 0 {
				t.Errorf("objects and index on servers, the catalog in a file: %s", got.err)
			}
			continue
		}
		if got.code == 0 || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: exit code %d: %s", c.to, got.code, got.err)
		}
	}
}

// TestFormerOwnerOfSharedBackends stops a process that is ingesting and cuts its connections, so that another one takes the project over.
// When the first is continued, it seals nothing and changes nothing of what the other sealed.
func TestFormerOwnerOfSharedBackends(t *testing.T) {
	t.Parallel()
	dir, database := sharedProject(t)
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	elsewhere := elsewhere(t, dir)
	const n = 300_000
	path := events(t, dir, n)
	former := program(t, 0, "ingest", "payments", path, "--project", dir)
	if err := former.Start(); err != nil {
		t.Fatal(err)
	}
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C { // until it writes the batch
		if postgrestest.Number(t, database, "SELECT count(*) FROM bursar.documents WHERE key = 'attempt/payments/batch'") > 0 {
			break
		}
	}
	if err := former.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	postgrestest.ExecIn(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	must(t, 0, "ingest", "payments", file(t, elsewhere, "other.jsonl", good("other")), "--project", elsewhere)
	must(t, 0, "run", "--project", elsewhere)
	if err := former.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := ended(t, former, former.Wait()); got.code != 1 || !strings.Contains(got.err, "taken over the project") {
		t.Errorf("the former owner: %+v", got)
	}
	must(t, 0, "verify", "--project", elsewhere)
	if v := value(t, must(t, 0, "ingest", "payments", path, "--project", dir, "--json")); v["accepted"] != float64(n) {
		t.Errorf("its file is ingested again: %v", v)
	}
	must(t, 0, "run", "--project", dir)
	must(t, 0, "verify", "--project", dir)
}

// elsewhere copies a project to another folder, as on another machine: its files without its state.
func elsewhere(t *testing.T, dir string) string {
	t.Helper()
	other := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(other, ".bursar")); err != nil {
		t.Fatal(err)
	}
	return other
}
