// Package doc reads YAML files of a project folder key by key. It owns which documents are accepted, typed values, and errors with
// file and line, and guarantees that what is read without an error is meant as it is written. It must not know what the keys mean.
package doc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of one file.
const (
	MaxFile    = 1 << 20 // bytes of a YAML file
	maxDepth   = 16      // nesting of a YAML file
	MaxEntries = 4096    // keys of a mapping, items of a list
	MaxErrors  = 100     // reported errors of one file
)

// File is a file being read or checked.
type File struct {
	Path  string // as in errors
	Lines Lines
	Errs  []Error
}

// NewFile starts reading a file.
func NewFile(path string) *File { return &File{Path: path, Lines: Lines{}} }

// Root returns the file's only value, or nil if the file is empty or rejected.
func (s *File) Root(data []byte) *yaml.Node {
	if len(data) > MaxFile {
		s.Fail(1, "the file is larger than %d bytes", MaxFile)
		return nil
	}
	documents, err := decode(data)
	if err != nil {
		s.syntax(data, err)
		return nil
	}
	if len(documents) > 1 {
		s.Fail(documents[1].Line, "a second document starts here: a file must contain only one")
		return nil
	}
	if len(documents) == 0 || len(documents[0].Content) == 0 {
		return nil
	}
	root := documents[0].Content[0]
	if root.ShortTag() == "!!null" || !s.checkPlain(root, 1) {
		return nil
	}
	return root
}

// checkPlain rejects YAML features that would hide the meaning of a text: anchors, aliases and tags.
func (s *File) checkPlain(n *yaml.Node, depth int) bool {
	switch {
	case depth > maxDepth:
		s.Fail(n.Line, "nested more than %d levels deep", maxDepth)
		return false
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		s.Fail(n.Line, "anchors (&) and aliases (*) are not supported: write the value out, or put it in quotes")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		s.Fail(n.Line, "tags (%s) are not supported: put the value in quotes", Brief(n.Tag))
		return false
	}
	ok := true
	for _, child := range n.Content {
		ok = s.checkPlain(child, depth+1) && ok
	}
	return ok
}

// decode reads up to two documents: the second is only needed to reject it.
func decode(data []byte) ([]*yaml.Node, error) {
	var documents []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for len(documents) < 2 {
		var n yaml.Node
		if err := decoder.Decode(&n); errors.Is(err, io.EOF) {
			return documents, nil
		} else if err != nil {
			return nil, err
		}
		documents = append(documents, &n)
	}
	return documents, nil
}

var yamlPrefix = regexp.MustCompile(`^yaml: (?:line \d+: )?`)

// syntax reports why a text is not valid YAML. The parser reports the line where the surrounding block starts, or none; the line that
// a person needs is the last one of the shortest beginning of the file that fails in the same way.
func (s *File) syntax(data []byte, err error) {
	problem := yamlPrefix.ReplaceAllString(err.Error(), "")
	var ends []int
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	line := 1 + sort.Search(len(ends), func(i int) bool {
		_, err := decode(data[:ends[i]])
		return err != nil && yamlPrefix.ReplaceAllString(err.Error(), "") == problem
	})
	begin, end := 0, len(data)
	if line > 1 {
		begin = ends[line-2]
	}
	if line <= len(ends) {
		end = ends[line-1]
	}
	if write := explainSyntax(problem, string(data[begin:end])); write != "" {
		problem = write
	}
	s.Fail(line, "not valid YAML: %s", problem)
}

// Brief quotes and shortens a value for a message.
func Brief(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return "`" + strings.Trim(strconv.Quote(s), `"`) + "`"
}

// Error is one error in the project folder. File is relative to the folder and slash-separated; Line starts at 1.
type Error struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`

	// Stored marks an error in a declaration that earlier versions accepted, so that results of it may be stored: the project can be
	// opened and read, and only changes are rejected.
	Stored bool `json:"-"`
}

// Error formats the error on one line, as compilers do.
func (e Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// Lines maps the path of each key, such as "columns.amount.type" or "key.1", to its line.
type Lines map[string]int

// At returns the line of a path, or of the nearest enclosing key.
func (l Lines) At(path string) int {
	for {
		if line, ok := l[path]; ok {
			return line
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return 1
		}
		path = path[:i]
	}
}

// Fail reports an error in a line.
func (s *File) Fail(line int, format string, args ...any) {
	switch {
	case len(s.Errs) < MaxErrors:
		s.Errs = append(s.Errs, Error{File: s.Path, Line: line, Message: fmt.Sprintf(format, args...)})
	case len(s.Errs) == MaxErrors:
		s.Errs = append(s.Errs, Error{File: s.Path, Line: line, Message: "there are more errors in this file"})
	}
}

// FailAt reports an error at the value of a path.
func (s *File) FailAt(path, format string, args ...any) {
	s.Fail(s.Lines.At(path), format, args...)
}

// maxFaults bounds the errors in the text of an error made by Faults.
const maxFaults = 20

// Faults combines at least one error into an error of one line.
func Faults(faults []Error) error {
	texts := make([]string, 0, maxFaults+1)
	for i, fault := range faults {
		if i == maxFaults {
			texts = append(texts, fmt.Sprintf("and %d more; `bursar check` lists them", len(faults)-i))
			break
		}
		texts = append(texts, fault.Error())
	}
	return errors.New(strings.Join(texts, "; "))
}

// SortErrors sorts errors by file and line.
func SortErrors(errs []Error) {
	slices.SortStableFunc(errs, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
