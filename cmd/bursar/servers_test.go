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

// servers are one of each kind.
type servers struct {
	bucket   string // its settings
	database string // a URL
	temporal *temporaltest.Server
	projects atomic.Int64
}

// newServers starts the servers, and stops them with the test.
func newServers(t *testing.T) *servers {
	t.Helper()
	objects := s3test.Versitygw(t)
	s := &servers{temporal: temporaltest.Shared(t), database: postgrestest.URL(t)}
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
		config = fmt.Appendf(config, "%s: {kind: postgres, url: %q, schema: %s}\n", key, s.database, schema)
	}
	config = fmt.Appendf(config, "temporal: {kind: cluster, address: %q, namespace: %s}\n", s.temporal.Address, s.temporal.Namespace(t))
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	return schema
}
