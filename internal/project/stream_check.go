// Checks the keys of a stream file against its columns (without binding SQL).

package project

import (
	"fmt"
	"slices"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// check reports references to missing names. Without columns every reference would be reported, so it reports none.
func (s *Stream) check(src *doc.File) {
	if len(s.Columns) == 0 {
		return
	}
	s.checkID(src)
	s.checkHeaders(src)
	if s.Time != "" {
		switch c := s.reference(src, "time", s.Time); {
		case c == nil:
		case c.Origin:
			src.FailAt("time", "`time` column %s says where an event was read from: the same event may come from elsewhere", doc.Brief(c.Name))
		case !IsKind(c.Type, TimeKinds...):
			src.FailAt("time", "`time` must be a date or timestamp column; %s is %s", doc.Brief(c.Name), c.Type)
		}
	}
	for _, t := range s.Totals {
		s.checkTotal(src, t)
	}
}

// checkHeaders rejects columns that are read from the same header of CSV files.
func (s *Stream) checkHeaders(src *doc.File) {
	if s.Format != CSVText {
		return
	}
	by := map[string]string{}
	for i := range s.Columns {
		c := &s.Columns[i]
		if c.Is != "" || c.Origin || len(c.From) == 0 {
			continue
		}
		if other := by[c.From[0]]; other != "" {
			src.FailAt("columns."+c.Name, "columns %s and %s are both read from header %q: compute one from the other with `is`", doc.Brief(other), doc.Brief(c.Name), c.From[0])
		}
		by[c.From[0]] = c.Name
	}
}

func (s *Stream) checkID(src *doc.File) {
	if s.DerivedID() {
		return
	}
	for i, name := range s.ID {
		path := item("id", i)
		if name == RowID || name == ContentID {
			src.FailAt(path, "`id` %s cannot be combined with other columns", doc.Brief(name))
			continue
		}
		c := s.reference(src, path, name)
		switch {
		case c == nil:
		case c.Is != "":
			src.FailAt(path, "`id` column %s is computed: an id is read", doc.Brief(name))
		default:
			s.checkIdentifying(src, path, "id", c)
		}
	}
}

// checkIdentifying rejects columns that may be null, or whose values cannot distinguish events.
func (s *Stream) checkIdentifying(src *doc.File, path, key string, c *Column) {
	if c.Optional && !c.Origin {
		src.FailAt(path, "`%s` column %s is optional: it must be required", key, doc.Brief(c.Name))
		return
	}
	s.checkDistinct(src, path, key, c)
}

// checkDistinct rejects columns whose values cannot distinguish events or artifacts.
func (s *Stream) checkDistinct(src *doc.File, path, key string, c *Column) {
	switch {
	case c.Origin:
		src.FailAt(path, "`%s` column %s says where an event was read from: the same event may come from elsewhere", key, doc.Brief(c.Name))
	case c.Type.Kind == column.JSON:
		src.FailAt(path, "`%s` column %s is json: equal values can be written differently", key, doc.Brief(c.Name))
	}
}

func (s *Stream) checkTotal(src *doc.File, t Total) {
	path := "totals." + t.Name
	if t.Sum != "" {
		switch c := s.reference(src, path+".sum", t.Sum); {
		case c == nil:
		case c.Origin:
			src.FailAt(path+".sum", "`sum` column %s says where an event was read from: the same event may come from elsewhere", doc.Brief(c.Name))
		case !IsKind(c.Type, NumberKinds...):
			src.FailAt(path+".sum", "`sum` must be a decimal, int or bigint column; %s is %s", doc.Brief(c.Name), c.Type)
		}
	}
	if t.By != "" {
		if c := s.reference(src, path+".by", t.By); c != nil {
			s.checkIdentifying(src, path+".by", "by", c)
		}
	}
}

// reference finds a column, or reports that it does not exist.
func (s *Stream) reference(src *doc.File, path, name string) *Column {
	c := s.Column(name)
	if c == nil {
		src.FailAt(path, "no column %s in stream %s%s", doc.Brief(name), s.Name, doc.DidYouMean(name, namesOf(s.Columns, columnName)))
	}
	return c
}

// item is the path of an item of a list; if the list is a single text, its line is that of the key.
func item(key string, i int) string { return fmt.Sprintf("%s.%d", key, i) }

// IsKind reports whether a type is of one of the kinds. It is also true for a type that is not declared correctly, which has been reported.
func IsKind(t column.Type, kinds ...column.Kind) bool {
	return t.Kind == 0 || slices.Contains(kinds, t.Kind)
}
