// Tests of the backends in bursar.yaml.

package project

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"bursar/internal/project/projecttest"
)

const shared = `storage: {kind: s3, bucket: books, prefix: bursar/, endpoint: "http://127.0.0.1:7070", path_style: true, cache_size: 2GB}
catalog: {kind: postgres, url: env:BURSAR_URL}
index:
  kind: postgres
  url: vault:database
  schema: books
`

func TestReadBackends(t *testing.T) {
	t.Parallel()
	p, errs := Read(projecttest.Folder(t, map[string]string{"bursar.yaml": shared}))
	projecttest.WantErrors(t, errs)
	c := &p.Config
	if c.Storage != (Storage{S3Storage, "books", "bursar/", "", "http://127.0.0.1:7070", true, "2GB"}) {
		t.Errorf("storage is %+v", c.Storage)
	}
	if c.Catalog != (Database{PostgresBackend, "env:BURSAR_URL", ""}) || c.Index != (Database{PostgresBackend, "vault:database", "books"}) {
		t.Errorf("catalog is %+v, index %+v", c.Catalog, c.Index)
	}
	if !c.IsShared() || c.Line("catalog.url") != 2 || c.Line("index.url") != 5 {
		t.Errorf("shared %v, catalog.url in line %d, index.url in line %d", c.IsShared(), c.Line("catalog.url"), c.Line("index.url"))
	}
	p, errs = Read(projecttest.Folder(t, map[string]string{"bursar.yaml": ""}))
	projecttest.WantErrors(t, errs)
	if c := &p.Config; c.Storage.Kind != FolderStorage || c.Catalog.Kind != SQLiteCatalog || c.Index.Kind != PebbleIndex || c.IsShared() {
		t.Errorf("an empty file is %+v", c)
	}
}

func TestReadTemporal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Temporal{
		"":                           {Kind: EmbeddedTemporal},
		"temporal: {kind: embedded}": {Kind: EmbeddedTemporal},
		"temporal: {kind: cluster, address: t:7233, namespace: n}":      {Kind: TemporalCluster, Address: "t:7233", Namespace: "n"},
		"temporal: {kind: cluster, address: env:T, namespace: vault:n}": {Kind: TemporalCluster, Address: "env:T", Namespace: "vault:n"},
		"temporal: {kind: cluster, address: t:1, namespace: n, tls: {}, api_key: vault:k}": {
			Kind: TemporalCluster, Address: "t:1", Namespace: "n", TLS: &TLS{}, APIKey: "vault:k",
		},
		"temporal: {kind: cluster, address: t:1, namespace: n, tls: {ca: a.pem, cert: c.pem, key: vault:k, server_name: s}}": {
			Kind: TemporalCluster, Address: "t:1", Namespace: "n", TLS: &TLS{"a.pem", "c.pem", "vault:k", "s"},
		},
	} {
		p, errs := Read(projecttest.Folder(t, map[string]string{"bursar.yaml": text}))
		projecttest.WantErrors(t, errs)
		if got := p.Config.Temporal; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestReadWarehouse(t *testing.T) {
	t.Parallel()
	const onS3 = "storage: {kind: s3, bucket: b}\n"
	for text, want := range map[string]Warehouse{
		"":                          {Kind: DuckDBWarehouse},
		"warehouse: {kind: duckdb}": {Kind: DuckDBWarehouse},
		"warehouse: {kind: none}":   {Kind: NoWarehouse},
		"warehouse: {kind: postgres, url: u, schema: s}":             {Kind: PostgresBackend, URL: "u", Schema: "s"},
		"warehouse: {listen: \"127.0.0.1:5433\", password: vault:p}": {Kind: DuckDBWarehouse, Endpoint: &Endpoint{"127.0.0.1:5433", "bursar", "vault:p", nil, 1_000_000, 5 * time.Minute, 20}},
		"warehouse: {kind: duckdb, listen: \":1\", password: p, user: u, tls: {cert: c, key: k}, rows: 5, timeout: 30s, connections: 3}": {
			Kind: DuckDBWarehouse, Endpoint: &Endpoint{":1", "u", "p", &TLS{Cert: "c", Key: "k"}, 5, 30 * time.Second, 3},
		},
		onS3 + "warehouse: {kind: redshift, url: vault:u, copy_role: arn}": {Kind: RedshiftWarehouse, URL: "vault:u", CopyRole: "arn"},
	} {
		p, errs := Read(projecttest.Folder(t, map[string]string{"bursar.yaml": text}))
		projecttest.WantErrors(t, errs)
		if got := p.Config.Warehouse; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestBadBackends(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"warehouse: {listen: \"127.0.0.1:1\"}":                                                              "bursar.yaml:1: `listen` needs `password`, too",
		"warehouse: {listen: here, password: p}":                                                            "bursar.yaml:1: `listen` must be host:port",
		"warehouse: {password: p}":                                                                          "bursar.yaml:1: `password` is for a warehouse that is served: it needs `listen`",
		"warehouse: {listen: \":1\", password: p, tls: {cert: c}}":                                          "bursar.yaml:1: `cert` needs `key`, too",
		"warehouse: {listen: \":1\", password: p, tls: {}}":                                                 "bursar.yaml:1: `tls` needs `cert` and `key`",
		"warehouse: {listen: \":1\", password: p, timeout: 1ms}":                                            "bursar.yaml:1: `timeout` is `1ms`: use a time from",
		"warehouse: {listen: \":1\", password: p, rows: 0}":                                                 "bursar.yaml:1: `rows` must be",
		"warehouse: {kind: postgres, url: u, listen: \":1\", password: p}":                                  "bursar.yaml:1: `listen` is for kind duckdb: clients of this kind connect to the database itself",
		"storage: {kind: s3, bucket: b}\nwarehouse: {kind: redshift, url: u, copy_role: c, listen: \":1\"}": "bursar.yaml:2: `listen` is for kind duckdb",
		"warehouse: {kind: none, listen: \":1\", password: p}":                                              "bursar.yaml:1: `listen` is for kind postgres or redshift: kind none has no other keys",
		"storage: {kind: s4}":                                                                               "bursar.yaml:1: `kind` must be folder or s3, not `s4`",
		"storage: {kind: s3}":                                                                               "bursar.yaml:1: `storage` has no `bucket`",
		"storage: {bucket: b}":                                                                              "bursar.yaml:1: `bucket` is for kind s3: kind folder has no other keys",
		"storage: {kind: s3, bucket: b, prefix: /b}":                                                        "bursar.yaml:1: `prefix` must end with a slash",
		"storage: {kind: s3, bucket: b, cache_size: much}":                                                  "bursar.yaml:1: `cache_size` must be a size such as",
		"temporal: {kind: remote}":                                                                          "bursar.yaml:1: `kind` must be embedded or cluster, not `remote`",
		"temporal: {address: t:7233}":                                                                       "bursar.yaml:1: `address` is for kind cluster: kind embedded has no other keys",
		"temporal: {kind: cluster, namespace: n}":                                                           "bursar.yaml:1: `temporal` has no `address`",
		"temporal: {kind: cluster, address: t:1}":                                                           "bursar.yaml:1: `temporal` has no `namespace`",
		"temporal: {kind: cluster, address: t, namespace: n}":                                               "bursar.yaml:1: `address` must be host:port, such as",
		"temporal: {kind: cluster, address: t:1, namespace: n, api_key: k}":                                 "bursar.yaml:1: `api_key` needs TLS",
		"temporal:\n  {kind: cluster, address: t:1, namespace: n, tls: {cert: c}}":                          "bursar.yaml:2: `cert` needs `key`, too",
		"temporal: {kind: cluster, address: t:1, namespace: n, tls: true}":                                  "bursar.yaml:1: `temporal.tls` must be a mapping",
		"temporal: {kind: cluster, address: t:1, namespace: n, tls: {c: 1}}":                                "bursar.yaml:1: unknown key `c`",
		"index: {kind: postgres}":                                                                           "bursar.yaml:1: `index` has no `url`",
		"catalog: {url: env:A}":                                                                             "bursar.yaml:1: `url` is for kind postgres",
		"catalog: {kind: mysql}":                                                                            "bursar.yaml:1: `kind` must be sqlite or postgres",
		"warehouse: {kind: mysql}":                                                                          "bursar.yaml:1: `kind` must be duckdb or none or postgres or redshift, not `mysql`",
		"warehouse: {url: u}":                                                                               "bursar.yaml:1: `url` is for kind postgres or redshift",
		"warehouse: {kind: none, url: u}":                                                                   "bursar.yaml:1: `url` is for kind postgres or redshift: kind none has no other keys",
		"warehouse: {kind: postgres}":                                                                       "bursar.yaml:1: `warehouse` has no `url`",
		"warehouse: {kind: postgres, url: u, copy_role: r}":                                                 "bursar.yaml:1: `copy_role` is for kind redshift",
		"warehouse: {kind: redshift, url: u, copy_role: r}":                                                 "bursar.yaml:1: Redshift copies rows from S3",
		"storage: {kind: s3, bucket: b}\nwarehouse: {kind: redshift, url: u}":                               "bursar.yaml:2: `warehouse` has no `copy_role`",
		"memory: 1GB\ncatalog: {kind: postgres, url: env:A}":                                                "bursar.yaml:2: a catalog in PostgreSQL is for several machines, but objects are kept in a folder",
		"storage: {kind: s3, bucket: b}\ncatalog: {kind: postgres, url: env:A}":                             "bursar.yaml:2: a catalog in PostgreSQL is for several machines, but the index is kept in a folder",
	} {
		_, errs := Read(projecttest.Folder(t, map[string]string{"bursar.yaml": text}))
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}
