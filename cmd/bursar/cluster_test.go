//go:build !race

// Tests of a project whose workflows are in a Temporal cluster, on a real server, and of the command that prepares its databases.

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/postgres/postgrestest"
	"bursar/internal/temporal/temporaltest"
)

// onCluster makes a project use a Temporal server that requires certificates and an API key.
func onCluster(t *testing.T, dir string) *temporaltest.Server {
	t.Helper()
	authority, until := temporaltest.NewAuthority(t), time.Now().Add(24*time.Hour)
	server := temporaltest.Start(t, temporaltest.Options{Certificate: authority.Issue(t, "temporal.test", until), Clients: authority, APIKey: apiKey})
	client := authority.Issue(t, "bursar", until)
	file(t, dir, "tls/ca.pem", string(authority.PEM))
	file(t, dir, "tls/cert.pem", string(client.Cert))
	for name, value := range map[string]string{"temporal_key": string(client.Key), "temporal_address": server.Address} {
		if got := withInput(t, value, "vault", "set", name, "--project", dir); got.code != 0 {
			t.Fatal(got.err)
		}
	}
	config, err := os.ReadFile(filepath.Join(dir, "bursar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, "bursar.yaml", string(config)+"temporal:\n  kind: cluster\n  address: vault:temporal_address\n  namespace: "+server.Namespace(t)+
		"\n  tls: {ca: tls/ca.pem, cert: tls/cert.pem, key: vault:temporal_key, server_name: temporal.test}\n  api_key: env:"+apiKeyVariable+"\n")
	return server
}

// TestTemporalCluster does the same with a cluster and with the embedded server, on shared backends and on files. The Temporal server is
// killed during a run and comes back.
func TestTemporalCluster(t *testing.T) {
	t.Parallel()
	shared, database := sharedProject(t)
	embedded := shop(t)
	server := onCluster(t, shared)
	checked := must(t, 0, "check", "--backends", "--project", shared).out
	if want := "✓ temporal (cluster): vault:temporal_address, namespace test-"; !strings.Contains(checked, want) || !strings.Contains(checked, ", retention 3d; 1.") {
		t.Errorf("check --backends prints %s", checked)
	}
	var digests []any
	for _, dir := range []string{embedded, shared} {
		in := func(args ...string) outcome {
			t.Helper()
			return must(t, 0, append(args, "--project", dir)...)
		}
		in("ingest", "payments", events(t, dir, 150_000))
		if dir == shared {
			runWhileKilled(t, dir, database, server)
			dir = elsewhere(t, shared)
		} else {
			in("run")
		}
		in("ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"))
		in("run")
		in("rebuild", "orders")
		in("verify", "orders")
		exported := value(t, in("export", "orders", "--to", filepath.Join(t.TempDir(), "orders.jsonl"), "--json"))
		digests = append(digests, exported["digest"], exported["rows"])
	}
	if !slices.Equal(digests[:2], digests[2:]) || digests[1] == 0.0 {
		t.Errorf("the embedded server and the cluster give different results: %v", digests)
	}
	setting(t, shared, "env:"+apiKeyVariable, "another")
	for _, args := range [][]string{{"run"}, {"check", "--backends"}} {
		got := bursar(t, append(args, "--project", shared)...)
		if got.code != 1 || !strings.Contains(got.out+got.err, "bursar.yaml:4: connect to Temporal at vault:temporal_address: access to namespace test-") ||
			strings.Contains(got.out+got.err, server.Address) {
			t.Errorf("%s with another key: exit code %d: %s%s", args, got.code, got.out, got.err)
		}
	}
	server.Kill(t)
	must(t, 0, "status", "--project", shared) // which needs no workflows
	if got := must(t, 0, "worker", "list", "--project", shared).out; !strings.Contains(got, "worker list") ||
		!strings.Contains(got, "warning: the steps that they execute are unknown: bursar.yaml:4: connect to Temporal") {
		t.Errorf("without Temporal, worker list prints %s", got)
	}
}

// runWhileKilled runs the pipelines in a process, and kills the Temporal server when a run has begun.
func runWhileKilled(t *testing.T, dir, database string, server *temporaltest.Server) {
	t.Helper()
	running := program(t, 0, "run", "--project", dir)
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.After(time.Minute)
	for tick := time.NewTicker(time.Millisecond); postgrestest.Number(t, database, "SELECT count(*) FROM bursar.documents WHERE key LIKE 'run/orders/%'") == 0; {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("no run begins")
		}
	}
	server.Kill(t)
	if n := postgrestest.Number(t, database, "SELECT count(*) FROM bursar.documents WHERE key LIKE 'run/orders/%' AND value LIKE '%\"publish\"%'"); n > 0 {
		t.Error("the run was over before the kill")
	}
	server.Restart(t)
	if got := ended(t, running, running.Wait()); got.code != 0 {
		t.Errorf("run, with its Temporal server killed: %+v", got)
	}
}

func TestTemporalFiles(t *testing.T) {
	dir := shop(t)
	t.Setenv("BURSAR_CERT", "not a certificate")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	authority := temporaltest.NewAuthority(t)
	file(t, dir, "ca.pem", string(authority.PEM))
	file(t, dir, "cert.pem", string(authority.Issue(t, "a", time.Now().Add(time.Hour)).Cert))
	file(t, dir, "key.pem", string(authority.Issue(t, "b", time.Now().Add(time.Hour)).Key))
	file(t, dir, "empty.pem", "nothing")
	for tls, want := range map[string]string{
		"{ca: missing.pem}":              "bursar.yaml:2: temporal.tls.ca: open ",
		"{ca: empty.pem}":                "bursar.yaml:2: temporal.tls.ca: there is no certificate in the PEM format in it",
		"{ca: env:BURSAR_NOWHERE}":       "bursar.yaml:2: temporal.tls.ca: the environment variable BURSAR_NOWHERE is not set",
		"{ca: env:BURSAR_CERT}":          "temporal.tls.ca: env:BURSAR_CERT stands neither for PEM text nor for the name of a readable file",
		"{cert: cert.pem, key: key.pem}": "temporal.tls.cert: certificate and key cannot be used (tls: private key does not match public key)",
	} {
		file(t, dir, "bursar.yaml", fmt.Sprintf("temporal:\n  {kind: cluster, address: %q, namespace: n, tls: %s}\n", l.Addr(), tls))
		got := bursar(t, "check", "--backends", "--project", dir)
		if got.code == 0 || !strings.Contains(got.out, want) || strings.Contains(got.out+got.err, "not a certificate") {
			t.Errorf("%s: exit code %d: %s%s", tls, got.code, got.out, got.err)
		}
	}
}

func TestTemporalSchema(t *testing.T) {
	store, visibility := postgrestest.URL(t), postgrestest.URL(t)
	t.Setenv("BURSAR_STORE", store)
	t.Setenv("BURSAR_VISIBILITY", visibility)
	schema := func(code int, args ...string) outcome {
		t.Helper()
		return must(t, code, append([]string{"temporal", "schema", "--project", t.TempDir()}, args...)...)
	}
	both := []string{"--url", "env:BURSAR_STORE", "--visibility-url", "env:BURSAR_VISIBILITY"}
	if got := schema(0, append(both, "--dry-run")...).out; strings.Count(got, ": empty → 1.") != 2 || strings.Count(got, " (not done)\n") != 2 {
		t.Errorf("a dry run prints %s", got)
	}
	t.Setenv("BURSAR_SAME", postgrestest.WithSetting(t, store, "application_name", "other"))
	if got := schema(1, "--url", "env:BURSAR_STORE", "--visibility-url", "env:BURSAR_SAME").err; !strings.Contains(got, "are of the same database") {
		t.Errorf("the same database twice: %s", got)
	}
	if got := schema(0, both...).out; strings.Count(got, ": empty → 1.") != 2 || strings.Contains(got, "not done") {
		t.Errorf("the first time it prints %s", got)
	}
	if got := schema(0, both...).out; strings.Count(got, ", which is the newest\n") != 2 {
		t.Errorf("again it prints %s", got)
	}
	first := item(t, value(t, schema(0, append(both, "--json")...)), "databases", 0)
	wantFields(t, first, "database", "name", "from", "to")
	for want, args := range map[string][]string{
		"needs --url and --visibility-url":                     {"--url", "env:BURSAR_STORE"},
		"--url contains a password":                            {"--url", store, "--visibility-url", visibility},
		"--url: the environment variable NONE is not set":      {"--url", "env:NONE", "--visibility-url", "env:NONE"},
		"are of the same database":                             {"--url", "env:BURSAR_STORE", "--visibility-url", "env:BURSAR_STORE"},
		"is the visibility database of a server: give each of": {"--url", "env:BURSAR_VISIBILITY", "--visibility-url", "env:BURSAR_STORE"},
	} {
		got := bursar(t, append([]string{"temporal", "schema"}, args...)...)
		if got.code == 0 || !strings.Contains(got.err, want) || strings.Contains(got.err, "correct%20horse") {
			t.Errorf("%s: exit code %d: %s", args, got.code, got.err)
		}
	}
}
