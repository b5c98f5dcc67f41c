// Reads one file into rows without ingesting them; used by benchmarks.

package aggregate

import (
	"io"

	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/rows"
	"bursar/internal/aggregate/rules"
	"bursar/internal/project"
)

// Rows receives rows of the built-in streams. line is one JSON line, valid until the call returns.
type Rows func(stream string, line []byte) error

// Write passes on a row.
func (to Rows) Write(stream string, r rows.Row) error { return to(stream, r) }

// NewListing does nothing: nothing is stored here, so that there is nothing to match entries with.
func (to Rows) NewListing() uint32 { return 0 }

// SetListing does nothing.
func (to Rows) SetListing(uint32, rows.Listing) {}

// AddNamed does nothing.
func (to Rows) AddNamed(*rows.NamedEntry) error { return nil }

// ConvertFile does to one file what Import does before it ingests: it detects the format, reads the file and makes
// rows. The rows name name and object as their origin. An error of class Data means that Import would refuse the file.
func ConvertFile(p *project.Project, name, object string, in io.Reader, to Rows) error {
	left := rows.DefaultLimits
	t := rows.NewBuilder(rows.Origin{File: name, Object: object}, to, rules.Of(p, false), &left, map[identity.Digest]rules.Binding{})
	defer t.Release()
	return format.Read(p, name, in, t)
}
