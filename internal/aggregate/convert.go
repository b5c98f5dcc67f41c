// Reads one file into rows without ingesting them; used by benchmarks.

package aggregate

import (
	"io"

	"bursar/internal/project"
)

// Rows receives rows of the built-in streams. line is one JSON line, valid until the call returns.
type Rows func(stream string, line []byte) error

func (to Rows) write(stream string, r row) error { return to(stream, r) }

// Nothing is stored here, so that there is nothing to match entries with.
func (to Rows) newListing() uint32         { return 0 }
func (to Rows) setListing(uint32, listing) {}
func (to Rows) addNamed(*namedEntry) error { return nil }

// ConvertFile does to one file what Import does before it ingests: it detects the format, reads the file and makes
// rows. The rows name name and object as their origin. An error of class Data means that Import would refuse the file.
func ConvertFile(p *project.Project, name, object string, in io.Reader, to Rows) error {
	left := defaultLimits
	t := newRowBuilder(origin{file: name, object: object}, to, rulesOf(p, false), &left, map[digest]binding{})
	defer t.release()
	return Read(p, name, in, t.handler())
}
