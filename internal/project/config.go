// bursar.yaml: limits, and where the state of the project is kept.

package project

import (
	"regexp"
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

	lines doc.Lines
}

// The kinds of backends. The first of each list is the default, which keeps its state below .bursar.
const (
	FolderStorage   = "folder"
	S3Storage       = "s3"
	SQLiteCatalog   = "sqlite"
	PebbleIndex     = "pebble"
	PostgresBackend = "postgres" // of the catalog and of the index
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

// Line returns the line of a key, such as catalog.url, in bursar.yaml.
func (c *Config) Line(key string) int { return c.lines.At(key) }

// IsShared reports whether other machines may use the project's state: its catalog is not a file.
func (c *Config) IsShared() bool { return c.Catalog.Kind == PostgresBackend }

// IsLocal reports whether all state is below .bursar.
func (c *Config) IsLocal() bool {
	return c.Storage.Kind != S3Storage && c.Catalog.Kind != PostgresBackend && c.Index.Kind != PostgresBackend
}

var memorySize = regexp.MustCompile(`^[0-9]+(\.[0-9]+)? ?[KMGTkmgt][iI]?[bB]$`)

// parseConfig reads bursar.yaml, which may be empty.
func parseConfig(file string, data []byte) (Config, []doc.Error) {
	src := doc.NewFile(file)
	o := src.Section(src.Root(data), "", "memory", "threads", "storage", "catalog", "index")
	c := Config{Memory: readSize(o, "memory"), Threads: int(o.Number("threads", 0, 0, 1024)), lines: src.Lines}
	c.Storage = readStorage(o)
	c.Catalog = readDatabase(o, "catalog", SQLiteCatalog)
	c.Index = readDatabase(o, "index", PebbleIndex)
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

// readKind reads the kind of a backend and reports keys that only other kinds have.
func readKind(o doc.Section, byDefault, other string) string {
	kind := o.Text("kind")
	switch kind {
	case other:
	case "", byDefault:
		kind = byDefault
		for _, key := range o.Keys {
			if key != "kind" {
				o.Fail(key, "is for kind %s: kind %s has no other keys", other, byDefault)
			}
		}
	default:
		o.Fail("kind", "must be %s or %s, not %s", byDefault, other, doc.Brief(kind))
	}
	return kind
}

func readStorage(o doc.Section) Storage {
	s := o.Sub("storage", "kind", "bucket", "prefix", "region", "endpoint", "path_style", "cache_size")
	c := Storage{Kind: readKind(s, FolderStorage, S3Storage)}
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
	d := Database{Kind: readKind(s, byDefault, PostgresBackend)}
	if d.Kind != PostgresBackend {
		return d
	}
	s.Require("url")
	d.URL, d.Schema = s.Text("url"), s.Text("schema")
	return d
}
