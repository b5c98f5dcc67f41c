// One file by itself, for who wants nothing taken in.

package aggregate

import (
	"io"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// Rows takes rows of the built-in streams, each a JSON line that is good until the call returns.
type Rows func(stream string, line []byte) error

func (to Rows) write(stream string, r row) error { return to(stream, r) }

// Nothing is stored that entries could be matched with.
func (to Rows) newListing() uint32         { return 0 }
func (to Rows) setListing(uint32, listing) {}
func (to Rows) addNamed(*namedEntry) error { return nil }

// ConvertFile does to one file what Import does before anything is taken in: its format is told by its content, it is read, and what it
// says is made into rows, which name it and object as where they come from. An error of class Data is the file's: Import
// would refuse it.
func ConvertFile(p *project.Project, name, object string, in io.Reader, to Rows) error {
	left := usualLimits
	t := newRowBuilder(origin{file: name, object: object}, to, rulesOf(p, false), &left, map[digest]binding{})
	defer t.release()
	return Read(p, name, in, t.handler())
}

// Read does no more than tell a file's format by its content and read it.
func Read(p *project.Project, name string, in io.Reader, h statement.Handler) error {
	return peekPart(name, in, func(_ string, head []byte, in io.Reader) error {
		if _, is := in.(unreadableFile); is {
			_, err := in.Read(nil)
			return err
		}
		as, err := formatOf(head, p.Institutions, "", "")
		if err != nil {
			return err
		}
		return as.read(in, h)
	})
}
