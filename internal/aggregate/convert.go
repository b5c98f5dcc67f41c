// Reads one file into rows without ingesting them; used by benchmarks.

package aggregate

import (
	"io"

	"bursar/internal/aggregate/statement"
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

// Read detects a file's format by its content and passes what it reads to h.
func Read(p *project.Project, name string, in io.Reader, h statement.Handler) error {
	return peekPart(name, in, func(_ string, head []byte, in io.Reader) error {
		if _, is := in.(unreadableFile); is {
			_, err := in.Read(nil)
			return err
		}
		as, err := Detect(head, p.Institutions, "", "")
		if err != nil {
			return err
		}
		return as.Read(in, h)
	})
}
