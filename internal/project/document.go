// One YAML file: which documents are accepted, and the errors found in it.

package project

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxFile    = 1 << 20 // bytes of a YAML file
	maxDepth   = 16      // nesting of a YAML file
	maxEntries = 4096    // keys of a mapping, items of a list
	maxErrors  = 100     // reported errors of one file
)

// lines maps the path of each key, such as "columns.amount.type" or "key.1", to its line.
type lines map[string]int

// at returns the line of a path, or of the nearest enclosing key.
func (l lines) at(path string) int {
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

// sourceFile is a file being read or checked.
type sourceFile struct {
	path  string // as in errors
	lines lines
	errs  []Error
}

func newSourceFile(path string) *sourceFile { return &sourceFile{path: path, lines: lines{}} }

func (s *sourceFile) fail(line int, format string, args ...any) {
	switch {
	case len(s.errs) < maxErrors:
		s.errs = append(s.errs, Error{File: s.path, Line: line, Message: fmt.Sprintf(format, args...)})
	case len(s.errs) == maxErrors:
		s.errs = append(s.errs, Error{File: s.path, Line: line, Message: "there are more errors in this file"})
	}
}

// failAt reports an error at the value of a path.
func (s *sourceFile) failAt(path, format string, args ...any) {
	s.fail(s.lines.at(path), format, args...)
}

// root returns the file's only value, or nil if the file is empty or rejected.
func (s *sourceFile) root(data []byte) *yaml.Node {
	if len(data) > maxFile {
		s.fail(1, "the file is larger than %d bytes", maxFile)
		return nil
	}
	documents, err := decode(data)
	if err != nil {
		s.syntax(data, err)
		return nil
	}
	if len(documents) > 1 {
		s.fail(documents[1].Line, "a second document starts here: a file must contain only one")
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
func (s *sourceFile) checkPlain(n *yaml.Node, depth int) bool {
	switch {
	case depth > maxDepth:
		s.fail(n.Line, "nested more than %d levels deep", maxDepth)
		return false
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		s.fail(n.Line, "anchors (&) and aliases (*) are not supported: write the value out, or put it in quotes")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		s.fail(n.Line, "tags (%s) are not supported: put the value in quotes", brief(n.Tag))
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
func (s *sourceFile) syntax(data []byte, err error) {
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
	s.fail(line, "not valid YAML: %s", problem)
}

// brief quotes and shortens a value for a message.
func brief(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return "`" + strings.Trim(strconv.Quote(s), `"`) + "`"
}
