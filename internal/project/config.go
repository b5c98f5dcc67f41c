// bursar.yaml: limits, and where the state of the project is kept.

package project

import (
	"cmp"
	"net"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/project/doc"
)

// Config is bursar.yaml; every field has a default, so an empty file is valid. Any text of a backend may be env:NAME or vault:NAME.
type Config struct {
	Memory  string // DuckDB memory limit, such as "4GB"; empty for the default, 1GB
	Threads int    // 0 is the number of processors
	Storage Storage
	Catalog Database
	Index   Database

	Temporal Temporal

	Warehouse Warehouse
	Schedules Schedules
	Mail      Mail

	lines     doc.Lines
	variables []string // see EnvironmentVariables
}

// The kinds of backends. The first of each list is the default, which keeps its state below .bursar.
const (
	FolderStorage   = "folder"
	S3Storage       = "s3"
	SQLiteCatalog   = "sqlite"
	PebbleIndex     = "pebble"
	PostgresBackend = "postgres" // of the catalog and of the index

	EmbeddedTemporal = "embedded"
	TemporalCluster  = "cluster"

	DuckDBWarehouse   = "duckdb"
	NoWarehouse       = "none"
	RedshiftWarehouse = "redshift" // or PostgresBackend
)

// Storage is where objects are kept.
type Storage struct {
	Kind      string // FolderStorage or S3Storage
	Bucket    string
	Prefix    string // before the name of every object
	Region    string
	Endpoint  string // URL; empty for AWS
	PathStyle bool   // the bucket is part of the path, not of the host
	CacheSize string // limit of the local copies, such as "10GB"; empty for the default
}

// Database is where the catalog or the index is kept.
type Database struct {
	Kind   string // SQLiteCatalog, PebbleIndex or PostgresBackend
	URL    string // of a PostgreSQL database
	Schema string // of its tables; several projects may share a database
}

// Temporal is the Temporal server that has the workflows.
type Temporal struct {
	Kind      string // EmbeddedTemporal or TemporalCluster
	Address   string // host:port of the cluster's frontend
	Namespace string
	TLS       *TLS // nil: without TLS
	APIKey    string
}

// Warehouse is the database in which events, artifacts and models are tables.
type Warehouse struct {
	Kind     string // DuckDBWarehouse, NoWarehouse, PostgresBackend or RedshiftWarehouse
	URL      string // of a PostgreSQL or Redshift database
	Schema   string // of its tables; empty for the default, warehouse
	CopyRole string // of Redshift: the ARN of the role with which it reads what Bursar puts into the bucket

	Endpoint *Endpoint // of a DuckDB warehouse, for clients of PostgreSQL; nil: none
}

// TLS is how a client and a server authenticate each other. CA, Cert and Key are files in the PEM format, relative to the project
// folder; what a reference stands for may be PEM text as well.
type TLS struct {
	CA         string // of the server; empty: the system's
	Cert       string // of the client, with Key; both may be empty
	Key        string
	ServerName string // in the server's certificate; empty: the host of the address
}

// Line returns the line of a key, such as catalog.url, in bursar.yaml.
func (c *Config) Line(key string) int { return c.lines.At(key) }

// IsShared reports whether other machines may use the project's state: its catalog is not a file.
func (c *Config) IsShared() bool { return c.Catalog.Kind == PostgresBackend }

// HasSeveralProcesses reports whether several processes may use the project at a time: its catalog is not a file, and all of them reach its
// Temporal server.
func (c *Config) HasSeveralProcesses() bool {
	return c.IsShared() && c.Temporal.Kind == TemporalCluster
}

// IsLocal reports whether all state is below .bursar.
func (c *Config) IsLocal() bool {
	return c.Storage.Kind != S3Storage && c.Catalog.Kind != PostgresBackend && c.Index.Kind != PostgresBackend
}

var memorySize = regexp.MustCompile(`^[0-9]+(\.[0-9]+)? ?[KMGTkmgt][iI]?[bB]$`)

// parseConfig reads bursar.yaml, which may be empty.
func parseConfig(file string, data []byte) (Config, []doc.Error) {
	src := doc.NewFile(file)
	root := src.Root(data)
	o := src.Section(root, "", "memory", "threads", "storage", "catalog", "index", "temporal", "warehouse", "schedules", "mail")
	c := Config{Memory: readSize(o, "memory"), Threads: int(o.Number("threads", 0, 0, 1024)), lines: src.Lines, variables: environmentVariables(root)}
	c.Storage = readStorage(o)
	c.Catalog = readDatabase(o, "catalog", SQLiteCatalog)
	c.Index = readDatabase(o, "index", PebbleIndex)
	c.Temporal = readTemporal(o)
	c.Warehouse = readWarehouse(o)
	c.Schedules = readSchedules(o)
	c.Mail = readMail(o)
	if c.Warehouse.Kind == RedshiftWarehouse && c.Storage.Kind != S3Storage {
		src.FailAt("warehouse", "Redshift copies rows from S3, but objects are kept in a folder: set storage to kind s3, too")
	}
	if c.IsShared() && c.Storage.Kind != S3Storage {
		src.FailAt("catalog", "a catalog in PostgreSQL is for several machines, but objects are kept in a folder of one: set storage to kind s3, too")
	}
	if c.IsShared() && c.Index.Kind != PostgresBackend {
		src.FailAt("catalog", "a catalog in PostgreSQL is for several machines, but the index is kept in a folder of one: set index to kind postgres, too")
	}
	return c, src.Errs
}

// readSize reads a size such as 4GB.
func readSize(o doc.Section, key string) string {
	size := o.Text(key)
	if size != "" && !memorySize.MatchString(size) {
		o.Fail(key, "must be a size such as 512MB or 4GB")
	}
	return size
}

// readKind reads the kind of a backend: one of those that have no other keys, of which the first is the default, or one that has some. It
// reports keys that only the latter have.
func readKind(o doc.Section, keyless []string, keyed ...string) string {
	kind := cmp.Or(o.Text("kind"), keyless[0])
	switch {
	case slices.Contains(keyed, kind):
	case slices.Contains(keyless, kind):
		for _, key := range o.Keys {
			if key != "kind" {
				o.Fail(key, "is for kind %s: kind %s has no other keys", strings.Join(keyed, " or "), kind)
			}
		}
	default:
		o.Fail("kind", "must be %s, not %s", strings.Join(append(slices.Clone(keyless), keyed...), " or "), doc.Brief(kind))
	}
	return kind
}

func readStorage(o doc.Section) Storage {
	s := o.Sub("storage", "kind", "bucket", "prefix", "region", "endpoint", "path_style", "cache_size")
	c := Storage{Kind: readKind(s, []string{FolderStorage}, S3Storage)}
	if c.Kind != S3Storage {
		return c
	}
	s.Require("bucket")
	c.Bucket, c.Prefix, c.Region, c.Endpoint = s.Text("bucket"), s.Text("prefix"), s.Text("region"), s.Text("endpoint")
	c.PathStyle, c.CacheSize = s.Flag("path_style", false), readSize(s, "cache_size")
	if c.Prefix != "" && (!strings.HasSuffix(c.Prefix, "/") || strings.HasPrefix(c.Prefix, "/")) {
		s.Fail("prefix", "must end with a slash and not begin with one, such as bursar/")
	}
	return c
}

func readDatabase(o doc.Section, key, byDefault string) Database {
	s := o.Sub(key, "kind", "url", "schema")
	d := Database{Kind: readKind(s, []string{byDefault}, PostgresBackend)}
	if d.Kind != PostgresBackend {
		return d
	}
	s.Require("url")
	d.URL, d.Schema = s.Text("url"), s.Text("schema")
	return d
}

func readWarehouse(o doc.Section) Warehouse {
	s := o.Sub("warehouse", "kind", "url", "schema", "copy_role", "listen", "user", "password", "tls", "rows", "timeout", "connections")
	w := Warehouse{Kind: cmp.Or(s.Text("kind"), DuckDBWarehouse)}
	if w.Kind == DuckDBWarehouse {
		for _, key := range []string{"url", "schema", "copy_role"} {
			if s.Has(key) {
				s.Fail(key, "is for kind %s or %s", PostgresBackend, RedshiftWarehouse)
			}
		}
		w.Endpoint = readEndpoint(s)
		return w
	}
	w.Kind = readKind(s, []string{DuckDBWarehouse, NoWarehouse}, PostgresBackend, RedshiftWarehouse)
	if w.Kind != PostgresBackend && w.Kind != RedshiftWarehouse {
		return w
	}
	refuseEndpoint(s)
	s.Require("url")
	w.URL, w.Schema, w.CopyRole = s.Text("url"), s.Text("schema"), s.Text("copy_role")
	switch {
	case w.Kind == RedshiftWarehouse:
		s.Require("copy_role")
	case w.CopyRole != "":
		s.Fail("copy_role", "is for kind %s", RedshiftWarehouse)
	}
	return w
}

func readTemporal(o doc.Section) Temporal {
	s := o.Sub("temporal", "kind", "address", "namespace", "tls", "api_key")
	t := Temporal{Kind: readKind(s, []string{EmbeddedTemporal}, TemporalCluster)}
	if t.Kind != TemporalCluster {
		return t
	}
	s.Require("address", "namespace")
	t.Address, t.Namespace, t.APIKey = s.Text("address"), s.Text("namespace"), s.Text("api_key")
	host, port, err := net.SplitHostPort(t.Address)
	if t.Address != "" && !IsReference(t.Address) && (err != nil || host == "" || port == "") {
		s.Fail("address", "must be host:port, such as temporal.example.com:7233, not %s", doc.Brief(t.Address))
	}
	if s.Has("tls") {
		t.TLS = readTLS(s.Sub("tls", "ca", "cert", "key", "server_name"))
	} else if t.APIKey != "" {
		s.Fail("api_key", "needs TLS, because anybody on the way could read it: add `tls: {}`")
	}
	return t
}

func readTLS(s doc.Section) *TLS {
	t := &TLS{CA: s.Text("ca"), Cert: s.Text("cert"), Key: s.Text("key"), ServerName: s.Text("server_name")}
	for key, other := range map[string]string{"cert": "key", "key": "cert"} {
		if s.Has(key) && !s.Has(other) && !s.Misspelt[other] {
			s.Fail(key, "needs %s, too", doc.Brief(other))
		}
	}
	return t
}
