// Reads warehouse/*.sql: a header of SQL comments, which is YAML behind the two dashes, and one SELECT.

package project

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// WarehouseFolder is the folder of what is declared of the warehouse.
const WarehouseFolder = "warehouse"

// maxModelName keeps the names of tables that a run makes beside a model's own within the 63 bytes that PostgreSQL allows.
const maxModelName = 50

// readModels reads all models of a project folder.
func (p *Project) readModels() (errs []doc.Error) {
	entries, err := os.ReadDir(filepath.Join(p.Dir, WarehouseFolder))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return []doc.Error{{File: WarehouseFolder, Line: 1, Message: "cannot be read: " + cause(err)}}
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".sql" {
			continue
		}
		file := path.Join(WarehouseFolder, e.Name())
		errs = append(errs, readFile(p.Dir, file, func(data []byte) []doc.Error {
			m, errs := parseModel(file, data)
			p.Models = append(p.Models, m)
			return errs
		})...)
	}
	slices.SortFunc(p.Models, func(a, b *Model) int { return strings.Compare(a.Name, b.Name) })
	return append(errs, p.checkModels()...)
}

// parseModel reads a model file. The model is never nil, and has its file's name even if everything else is invalid.
func parseModel(file string, data []byte) (*Model, []doc.Error) {
	src := doc.NewFile(file)
	m := &Model{Name: strings.TrimSuffix(path.Base(file), ".sql"), File: file, Line: 1, Materialize: AsTable}
	defer func() { m.broken = len(src.Errs) > 0 }()
	switch {
	case !doc.IsName(m.Name) || len(m.Name) > maxModelName:
		src.Fail(1, "the file's name must be a name and .sql: at most %d lower-case letters, digits and _, starting with a letter", maxModelName)
	case len(data) > doc.MaxFile:
		src.Fail(1, "the file is larger than %d bytes", doc.MaxFile)
		return m, src.Errs
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		src.Fail(1, "the file is not text in UTF-8")
		return m, src.Errs
	}
	header, sql := splitHeader(data)
	m.SQL = sql
	root := src.Root(header)
	if len(src.Errs) == 0 && (root == nil || root.Kind != yaml.MappingNode) {
		src.Fail(1, "a model begins with a header of SQL comments: write `-- model: %s` in the first line", m.Name)
		return m, src.Errs
	}
	m.lines = src.Lines
	m.readHeader(src, root)
	if strings.TrimSpace(sql) == "" && root != nil {
		src.Fail(1+bytes.Count(header, []byte("\n")), "there is no SELECT below the header")
	}
	return m, src.Errs
}

// splitHeader splits a file into its header, without the dashes, and its SQL. Each has the lines of the file: those of the other one are
// empty. The header ends at the first line that is not a comment.
func splitHeader(data []byte) (header []byte, sql string) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	rest, started := data, false
	for len(rest) > 0 {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		text, isComment := bytes.CutPrefix(bytes.TrimSpace(line), []byte("--"))
		if !isComment && (started || len(text) > 0) {
			break
		}
		started = started || isComment
		header = append(append(header, bytes.TrimPrefix(text, []byte(" "))...), '\n')
		rest = after
	}
	return header, strings.Repeat("\n", bytes.Count(header, []byte("\n"))) + string(rest)
}

func (m *Model) readHeader(src *doc.File, root *yaml.Node) {
	o := src.Section(root, "", "model", "materialize", "key", "depends", "parameters", "tests", "archived")
	if root == nil {
		return
	}
	o.Require("model")
	if declared := o.Text("model"); declared != "" && declared != m.Name {
		o.Fail("model", "is %s but the file is named %s.sql: they must agree", doc.Brief(declared), m.Name)
	}
	m.Line = src.Lines.At("model")
	if o.Has("materialize") {
		m.Materialize = Materialization(o.OneOf("materialize", string(AsTable), string(AsView), string(AsIncremental)))
	}
	m.Key = o.List("key")
	switch {
	case m.Materialize == AsIncremental && !o.Has("key"):
		src.FailAt("materialize", "an incremental model needs `key`: the columns that identify a row")
	case m.Materialize != AsIncremental && o.Has("key"):
		o.Fail("key", "is for incremental models: a %s is made as a whole", m.Materialize)
	}
	if n := o.Values["depends"]; n == nil || n.Kind != yaml.SequenceNode || len(n.Content) > 0 { // an empty list is allowed
		m.Depends = o.List("depends")
	}
	m.Incomplete = o.Has("archived") && o.OneOf("archived", "refuse", "ignore") == "ignore"
	m.readParameters(o)
	m.readTests(o)
}

func (m *Model) readParameters(o doc.Section) {
	parameters := o.Named("parameters")
	for _, name := range parameters.Keys {
		s := parameters.Sub(name, "type", "default")
		s.Require("type")
		p := Parameter{Name: name, Default: s.Expression("default"), Given: s.Has("default"), Line: o.Src.Lines.At(s.Path)}
		if s.Has("default") && s.Values["default"].Kind == yaml.ScalarNode && s.Values["default"].ShortTag() == "!!str" {
			p.Default = s.Values["default"].Value // blanks are part of a text
		}
		if text := s.Text("type"); text != "" {
			var err error
			if p.Type, err = column.ParseType(text); err != nil {
				o.Src.FailAt(s.At("type"), "%v", err)
			} else if p.Type.Kind == column.JSON {
				s.Fail("type", "is json, which a parameter cannot be: use string")
			}
		}
		m.Parameters = append(m.Parameters, p)
	}
}

var testKinds = []string{string(NotNull), string(Unique), string(Accepted), string(Balanced)}

// maxTests bounds the tests of a model: each is a query.
const maxTests = 256

func (m *Model) readTests(o doc.Section) {
	n := o.Values["tests"]
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxTests {
		o.Fail("tests", "must be a list of at most %d tests, such as [not_null: country]", maxTests)
		return
	}
	names := map[string]bool{}
	for i, item := range n.Content {
		at := fmt.Sprintf("tests.%d", i)
		o.Src.Lines[at] = item.Line
		t, ok := readTest(o.Src, item, at)
		if ok && names[t.Name] {
			o.Src.FailAt(at, "there are two tests %s: give one of them another `name`", doc.Brief(t.Name))
		}
		names[t.Name] = true
		m.Tests = append(m.Tests, t)
	}
}

func readTest(src *doc.File, item *yaml.Node, at string) (t ModelTest, ok bool) {
	before := len(src.Errs)
	o := src.Section(item, at, "not_null", "unique", "accepted", "balanced", "severity", "name")
	t.Line = item.Line
	var kinds []string
	for _, kind := range testKinds {
		if o.Has(kind) {
			kinds = append(kinds, kind)
		}
	}
	switch {
	case len(kinds) == 1:
		t.Kind = TestKind(kinds[0])
	case len(src.Errs) == before:
		src.FailAt(at, "a test has one of %s", strings.Join(testKinds, ", "))
	}
	switch t.Kind {
	case NotNull, Unique:
		t.Columns = o.List(string(t.Kind))
	case Accepted:
		t.readAccepted(o)
	case Balanced:
		t.readBalanced(o)
	}
	t.Warn = o.Has("severity") && o.OneOf("severity", "error", "warn") == "warn"
	t.Name = strings.TrimSpace(string(t.Kind) + " " + strings.Join(t.Columns, ", "))
	if o.Has("name") {
		t.Name = o.Text("name")
	}
	return t, len(src.Errs) == before
}

func (t *ModelTest) readAccepted(o doc.Section) {
	s := o.Sub("accepted")
	if len(s.Keys) != 1 {
		o.Fail("accepted", "must name one column and its values: accepted: {country: [UK, FR]}")
		return
	}
	t.Columns = s.Keys
	n := s.Values[s.Keys[0]]
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > doc.MaxEntries {
		s.Fail(s.Keys[0], "must be a list of 1 to %d values", doc.MaxEntries)
		return
	}
	for _, item := range n.Content {
		literal, ok := acceptedValue(item)
		if !ok {
			o.Src.Fail(item.Line, "%s is not a value that a test can accept: use texts, numbers, days, true or false", doc.Brief(item.Value))
		}
		t.Values = append(t.Values, literal)
	}
}

var plainNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// acceptedValue returns a YAML value as a literal of SQL. A backslash is left out of texts: Redshift takes it for an escape.
func acceptedValue(n *yaml.Node) (literal string, ok bool) {
	if n.Kind != yaml.ScalarNode || strings.ContainsAny(n.Value, "\\\x00") {
		return "", false
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return n.Value, plainNumber.MatchString(n.Value)
	case "!!bool":
		return strings.ToUpper(n.Value), true
	case "!!str", "!!timestamp":
		return "'" + strings.ReplaceAll(n.Value, "'", "''") + "'", true
	}
	return "", false
}

func (t *ModelTest) readBalanced(o doc.Section) {
	s := o.Sub("balanced", "sum", "equals", "total", "by")
	s.Require("sum")
	if s.Values != nil && s.Has("equals") == s.Has("total") {
		o.Fail("balanced", "must have either `equals` or `total`")
	}
	t.Sum, t.Equals, t.Total, t.By = s.Text("sum"), s.Expression("equals"), s.Text("total"), s.List("by")
	t.Columns = append([]string{t.Sum}, t.By...)
}
