// The endpoint of a DuckDB warehouse for clients of PostgreSQL.

package project

import (
	"cmp"
	"net"
	"time"

	"bursar/internal/project/doc"
)

// Endpoint is where `bursar up` serves a DuckDB warehouse over PostgreSQL's protocol, and with which limits.
type Endpoint struct {
	Listen      string // host:port
	User        string
	Password    string
	TLS         *TLS // only Cert and Key; nil: without TLS
	Rows        int64
	Timeout     time.Duration
	Connections int
}

// endpointKeys are the keys of an endpoint, beside listen.
var endpointKeys = []string{"user", "password", "tls", "rows", "timeout", "connections"}

// The defaults and limits of an endpoint.
const (
	defaultUser        = "bursar"
	defaultRows        = 1_000_000
	maxRows            = 1_000_000_000
	defaultTimeout     = 5 * time.Minute
	minTimeout         = time.Second
	maxTimeout         = 24 * time.Hour
	defaultConnections = 20
	maxConnections     = 1000
)

// readEndpoint reads the keys of an endpoint from the section of the warehouse, whose kind is DuckDBWarehouse.
func readEndpoint(s doc.Section) *Endpoint {
	if !s.Has("listen") {
		for _, key := range endpointKeys {
			if s.Has(key) && !s.Misspelt["listen"] {
				s.Fail(key, "is for a warehouse that is served: it needs `listen`, too")
			}
		}
		return nil
	}
	e := &Endpoint{Listen: s.Text("listen"), User: cmp.Or(s.Text("user"), defaultUser), Password: s.Text("password")}
	if _, port, err := net.SplitHostPort(e.Listen); e.Listen != "" && !IsReference(e.Listen) && (err != nil || port == "") {
		s.Fail("listen", "must be host:port, such as 127.0.0.1:5433, not %s", doc.Brief(e.Listen))
	}
	if e.Password == "" && !s.Misspelt["password"] {
		s.Fail("listen", "needs `password`, too: nobody is served without one; write `password: vault:NAME`")
	}
	if s.Has("tls") {
		e.TLS = readTLS(s.Sub("tls", "cert", "key"))
		if e.TLS.Cert == "" && e.TLS.Key == "" {
			s.Fail("tls", "needs `cert` and `key`")
		}
	}
	e.Rows = s.Number("rows", defaultRows, 1, maxRows)
	e.Timeout = time.Duration(readAmount(s, "timeout", int64(defaultTimeout), timeUnits, int64(minTimeout), int64(maxTimeout), "a time from 1s to 24h such as 30s, 5m or 1h"))
	e.Connections = int(s.Number("connections", defaultConnections, 1, maxConnections))
	return e
}

// refuseEndpoint reports the keys of an endpoint of another warehouse than DuckDB's.
func refuseEndpoint(s doc.Section) {
	for _, key := range append([]string{"listen"}, endpointKeys...) {
		if s.Has(key) {
			s.Fail(key, "is for kind %s: clients of this kind connect to the database itself", DuckDBWarehouse)
			return
		}
	}
}
