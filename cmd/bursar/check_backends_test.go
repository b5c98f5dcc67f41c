//go:build linux && !race

// Tests of what `bursar check --backends` reports: servers that do not answer, and backends of different projects.

package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/temporal/temporaltest"
)

// setting replaces a text in a folder's bursar.yaml.
func setting(t *testing.T, dir, from, to string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(dir, "bursar.yaml"))
	if err != nil || !strings.Contains(string(config), from) {
		t.Fatalf("%s is not in %s, %v", from, config, err)
	}
	file(t, dir, "bursar.yaml", strings.ReplaceAll(string(config), from, to))
}

// wantReported checks that a check reports in the line of one backend what another command reports, with its next step, and ends with a short error.
func wantReported(t *testing.T, dir, backend, want string, other ...string) {
	t.Helper()
	began := time.Now()
	got := bursar(t, "check", "--backends", "--project", dir)
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("%s: check takes %v", want, took)
	}
	if got.code != 1 || !regexp.MustCompile(`^error: 1 of 5 backends cannot be used \[(data|transient)\]\n$`).MatchString(got.err) || strings.Contains(got.out, "next: ") {
		t.Errorf("%s: check: exit code %d: %s%s", want, got.code, got.out, got.err)
	}
	refused := bursar(t, append(other, "--project", dir)...)
	text, isError := strings.CutPrefix(refused.err, "error: ")
	if refused.code == 0 || !isError || !strings.Contains(text, want) {
		t.Fatalf("%s: %s: exit code %d: %s", want, other, refused.code, refused.err)
	}
	if i := strings.Index(text, want); i > 0 && !strings.HasPrefix(text, "bursar.yaml:") {
		text = text[i:]
	}
	if line := regexp.MustCompile(`(?m)^✗ ` + backend + ` \([a-z0-9]+\): .*$`).FindString(got.out); !strings.HasSuffix(line, strings.TrimSpace(text)) {
		t.Errorf("check reports %s\n%s reports %s", got.out, other, text)
	}
}

// TestCheckBackendsOfOtherProjects changes settings of a project with data, so that its backends do not belong together.
func TestCheckBackendsOfOtherProjects(t *testing.T) {
	t.Parallel()
	dir, database := sharedProject(t)
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	if got := must(t, 0, "check", "--backends", "--project", dir).out; strings.Count(got, "✓ ") != 5 || !strings.Contains(got, "✓ vault (file): vault.age\n") {
		t.Errorf("check --backends prints %s", got)
	}
	local := elsewhere(t, dir)
	config, err := os.ReadFile(filepath.Join(dir, "bursar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, local, "bursar.yaml", "")
	must(t, 0, "ingest", "payments", filepath.Join(local, "sample", "payments.jsonl"), "--project", local)
	file(t, local, "bursar.yaml", string(config))
	wantReported(t, local, "catalog", "this project has one in .bursar/catalog.db", "status")

	prefix := elsewhere(t, dir)
	setting(t, prefix, "prefix: books/", "prefix: accounts/")
	wantReported(t, prefix, "storage", "there are no objects of this project, whose catalog knows some", "status")

	schema := elsewhere(t, dir)
	setting(t, schema, "catalog: {kind: postgres,", "catalog: {kind: postgres, schema: accounts,")
	wantReported(t, schema, "storage", "the objects belong to a project with another catalog", "status")
	if n := postgrestest.Number(t, database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'accounts'"); n > 0 {
		t.Error("the refused command has created the schema")
	}

	index := elsewhere(t, dir)
	must(t, 0, "run", "--project", dir)
	setting(t, index, "index: {kind: postgres,", "index: {kind: postgres, schema: accounts,")
	if got := must(t, 1, "check", "--backends", "--project", index).out; !strings.Contains(got, "✗ index (postgres): bursar.yaml:3: there is no index in this schema") {
		t.Errorf("with another schema of the index, check --backends prints %s", got)
	}

	secret := elsewhere(t, dir)
	if err := os.Remove(filepath.Join(secret, "vault.age")); err != nil {
		t.Fatal(err)
	}
	must(t, 0, "vault", "init", "--project", secret)
	wantReported(t, secret, "vault", "identity_key in the vault is missing", "status")
}

// TestCheckBackendsOfCluster has a project that several processes use, a folder without its lines, and another project in its namespace.
func TestCheckBackendsOfCluster(t *testing.T) {
	t.Parallel()
	store := s3test.Versitygw(t)
	dir := severalProject(t, postgrestest.URL(t), store.Endpoint, store, temporaltest.Shared(t))
	serving := newServing(t, "up", elsewhere(t, dir), t.ArtifactDir(), "up")
	mustStart(t, serving)
	must(t, 0, "check", "--backends", "--project", dir)

	alone := elsewhere(t, dir)
	setting(t, alone, "temporal: {kind: cluster", "#")
	wantReported(t, alone, "catalog", "the project is used by "+serving.id(), "status")

	other := elsewhere(t, dir)
	setting(t, other, "prefix: books/", "prefix: accounts/")
	setting(t, other, "{kind: postgres,", "{kind: postgres, schema: accounts,")
	wantReported(t, other, "temporal", "the workflow belongs to another project", "run")
	stopAll(t, serving)
}

// TestCheckBackendsOfOtherRole has a role with rights on the tables of another one, which it cannot drop.
func TestCheckBackendsOfOtherRole(t *testing.T) {
	dir, location := sharedProject(t)
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	must(t, 0, "run", "--project", dir)
	postgrestest.Shared(t).Exec(t, "DROP ROLE IF EXISTS second", "CREATE ROLE second LOGIN PASSWORD 'second'")
	postgrestest.ExecIn(t, location, "GRANT ALL ON SCHEMA bursar TO second", "GRANT ALL ON ALL TABLES IN SCHEMA bursar TO second")
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("second", "second")
	setting(t, dir, strconv.Quote(location), "env:BURSAR_DATABASE")
	t.Setenv("BURSAR_DATABASE", u.String())
	got := bursar(t, "check", "--backends", "--project", dir)
	if got.code != 1 || !strings.Contains(got.out, "✗ catalog (postgres): ") || !strings.Contains(got.out, "✗ index (postgres): ") ||
		strings.Count(got.out, `OWNER TO "second"`) < 2 || got.err != "error: 2 of 5 backends cannot be used [data]\n" {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	for _, c := range []struct{ revoke, want string }{
		{"REVOKE ALL ON ALL TABLES IN SCHEMA bursar FROM second", `ALTER TABLE "bursar"."bursar_schema" OWNER TO "second"`},
		{"REVOKE ALL ON SCHEMA bursar FROM second", `GRANT USAGE, CREATE ON SCHEMA "bursar" TO "second"`},
	} {
		postgrestest.ExecIn(t, location, c.revoke)
		if got := bursar(t, "status", "--project", dir); got.code != 1 || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: status: exit code %d: %s", c.revoke, got.code, got.err)
		}
	}
}

// TestCheckBackendsDown has servers that accept connections and never answer.
func TestCheckBackendsDown(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{silent.Addr().String(), closed.Addr().String()} {
		file(t, dir, "bursar.yaml", fmt.Sprintf("storage: {kind: s3, bucket: books, region: r, endpoint: %q, path_style: true}\n"+
			"catalog: {kind: postgres, url: %q}\nindex: {kind: postgres, url: %[2]q}\ntemporal: {kind: cluster, address: %q, namespace: n}\n",
			"http://"+address, "postgres://bursar@"+address+"/books", address))
		began := time.Now()
		got := bursar(t, "check", "--backends", "--project", dir)
		took := time.Since(began)
		t.Logf("%s, after %v: %s%s", address, took, got.out, got.err)
		if took > 13*time.Second {
			t.Errorf("%s: it takes %v", address, took)
		}
		if got.code != 2 || got.err != "error: 5 of 5 backends cannot be used [data]\n" || strings.Count(got.out, " [transient]\n") != 4 {
			t.Errorf("%s: exit code %d: %s%s", address, got.code, got.out, got.err)
		}
		if !strings.Contains(got.out, "✗ index (postgres): the same error as catalog [transient]\n") || !strings.Contains(got.out, "✗ vault (file): ") {
			t.Errorf("%s: %s", address, got.out)
		}
	}
	must(t, 0, "vault", "init", "--project", dir)
	v := value(t, must(t, 1, "check", "--backends", "--json", "--project", dir))
	for i, class := range []any{"transient", "transient", "transient", "transient", nil} {
		if b := item(t, v, "backends", i); b["class"] != class || (b["error"] == nil) != (class == nil) {
			t.Errorf("--json has %v, want class %v", b, class)
		}
	}
}
