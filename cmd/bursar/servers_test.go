//go:build linux && !race

// Servers that the projects of a test share, each with a place of its own on them: objects in S3, catalog and index in PostgreSQL, workflows in a
// Temporal cluster.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/temporal/temporaltest"
)

// servers are one of each kind. Processes find them by their environment.
type servers struct {
	bucket   string // its settings
	temporal *temporaltest.Server
	projects atomic.Int64
}

// newServers starts the servers, and stops them with the test.
func newServers(t *testing.T) *servers {
	t.Helper()
	objects, home := s3test.Versitygw(t), t.TempDir()
	s := &servers{temporal: temporaltest.Shared(t)}
	for name, value := range map[string]string{
		"XDG_CONFIG_HOME": home, "HOME": home, "BURSAR_VAULT_KEY": "", "BURSAR_VAULT_KEY_FILE": "",
		"AWS_ACCESS_KEY_ID": s3test.AccessKey, "AWS_SECRET_ACCESS_KEY": s3test.SecretKey, "BURSAR_DATABASE": postgrestest.URL(t),
	} {
		t.Setenv(name, value)
	}
	objects.NewBucket(t, "books")
	s.bucket = fmt.Sprintf("bucket: books, region: %s, endpoint: %q, path_style: true", s3test.Region, objects.Endpoint)
	return s
}

// share gives a project that has no state yet its place on the servers: a prefix, a schema and a namespace.
func (s *servers) share(t *testing.T, dir string) (schema string) {
	t.Helper()
	must(t, 0, "vault", "init", "--project", dir)
	schema = fmt.Sprintf("p%d", s.projects.Add(1))
	path := filepath.Join(dir, "bursar.yaml")
	config, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	config = fmt.Appendf(config, "\nstorage: {kind: s3, prefix: %s/, %s}\n", schema, s.bucket)
	for _, key := range []string{"catalog", "index"} {
		config = fmt.Appendf(config, "%s: {kind: postgres, url: env:BURSAR_DATABASE, schema: %s}\n", key, schema)
	}
	config = fmt.Appendf(config, "temporal: {kind: cluster, address: %q, namespace: %s}\n", s.temporal.Address, s.temporal.Namespace(t))
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	return schema
}
