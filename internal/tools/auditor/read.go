// Parses rows naively: JSON by encoding/json's tokens, CSV by encoding/csv, one record at a time.

package auditor

import (
	"encoding/csv"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

// record is the text of one row of a file, with the line at which it starts.
type record struct {
	file     *ingestedFile
	line     int
	text     string
	conflict *Place // for a conflict, the event that was accepted with its id
}

const byteOrderMark = "\ufeff"

// records cuts a file into rows, without its CSV header and a byte order mark.
func records(s *Stream, file *ingestedFile, text string) []record {
	var list []record
	line := 0
	text = strings.TrimPrefix(text, byteOrderMark)
	for _, part := range strings.SplitAfter(text, "\n") {
		line++
		if n := len(list); s.Delimiter != 0 && n > 0 && strings.Count(list[n-1].text, `"`)%2 == 1 {
			list[n-1].text += part // a quoted field goes on
			continue
		}
		if strings.TrimSpace(part) != "" {
			list = append(list, record{file: file, line: line, text: part})
		}
	}
	for i := range list {
		list[i].text = strings.TrimSuffix(strings.TrimSuffix(list[i].text, "\n"), "\r")
	}
	if s.Delimiter != 0 && !s.NoHeader && len(list) > 0 {
		file.header = list[0].text
		list = list[1:]
	}
	return list
}

// read parses a row into the columns that are read; ok is false for what goes to quarantine.
func read(s *Stream, r record) (row Row, ok bool) {
	if s.Delimiter != 0 {
		return readCSV(s, r)
	}
	return readJSON(s, r.text)
}

func fields(s *Stream, text string) ([]string, error) {
	in := csv.NewReader(strings.NewReader(text))
	in.Comma, in.FieldsPerRecord = rune(s.Delimiter), -1
	return in.Read()
}

// headerOf names a file's fields; those of a file without a header are the columns in their order.
func headerOf(s *Stream, file *ingestedFile) (names []string, err error) {
	if !s.NoHeader {
		return fields(s, file.header)
	}
	for _, c := range s.Columns {
		if c.Is == nil {
			names = append(names, c.From[0])
		}
	}
	return names, nil
}

func readCSV(s *Stream, r record) (Row, bool) {
	header, err := headerOf(s, r.file)
	if err != nil {
		return nil, false
	}
	values, err := fields(s, r.text)
	if err != nil || len(values) != len(header) {
		return nil, false
	}
	return readColumns(s, func(c *Column) (Value, bool) {
		text := ""
		for f, name := range header {
			if name == c.From[0] {
				text = values[f]
			}
		}
		if text == "" {
			return Value{}, c.Optional
		}
		return parse(c, text)
	})
}

// readColumns makes a row of the columns that are read; value returns one that fits, or null.
func readColumns(s *Stream, value func(c *Column) (v Value, ok bool)) (Row, bool) {
	row := Row{}
	for i := range s.Columns {
		c := &s.Columns[i]
		if c.Is != nil {
			continue
		}
		v, ok := value(c)
		if !ok {
			return nil, false
		}
		if !v.IsNull() {
			row[c.Name] = v
		}
	}
	return row, true
}

// property is one property of an object; its value is an object, a json.Number, a string, a bool, nil, or anything else.
type property struct {
	name  string
	value any
}

type properties []property

// broken matches escapes that encoding/json replaces silently: halves of surrogate pairs, and NUL.
var broken = regexp.MustCompile(`\\u(?i:0000|d[89ab][0-9a-f]{2}(?:[^\\]|\\[^u]|$))`)

func readJSON(s *Stream, text string) (Row, bool) {
	if !utf8.ValidString(text) || !json.Valid([]byte(text)) || broken.MatchString(text) {
		return nil, false
	}
	in := json.NewDecoder(strings.NewReader(text))
	in.UseNumber()
	value, err := tree(in)
	root, isObject := value.(properties)
	if err != nil || !isObject {
		return nil, false
	}
	return readColumns(s, func(c *Column) (Value, bool) { return find(root, c, c.From) })
}

// find follows a path to a column's value. A property given twice on the way, or none for a required column, is refused.
func find(o properties, c *Column, path []string) (Value, bool) {
	var found []any
	for _, p := range o {
		if p.name == path[0] {
			found = append(found, p.value)
		}
	}
	switch {
	case len(found) > 1:
		return Value{}, false
	case len(found) == 0:
		return Value{}, c.Optional
	case len(path) > 1:
		inner, isObject := found[0].(properties)
		if !isObject {
			return Value{}, c.Optional
		}
		return find(inner, c, path[1:])
	}
	number := c.Type.Kind == Int || c.Type.Kind == BigInt || c.Type.Kind == Decimal
	switch v := found[0].(type) {
	case nil:
		return Value{}, c.Optional
	case string:
		return parse(c, v)
	case json.Number:
		if number {
			return parseNumber(c.Type, v.String())
		}
	case bool:
		if c.Type.Kind == Flag {
			return parse(c, map[bool]string{true: "true", false: "false"}[v])
		}
	}
	return Value{}, false
}

// tree parses one JSON value and keeps every property of an object. Nothing reads the items of a list.
func tree(in *json.Decoder) (any, error) {
	token, err := in.Token()
	opened, isOpened := token.(json.Delim)
	if err != nil || !isOpened {
		return token, err
	}
	o := properties{}
	for in.More() {
		var p property
		if opened == '{' {
			name, err := in.Token()
			if err != nil {
				return nil, err
			}
			p.name, _ = name.(string) // the text is valid JSON
		}
		if p.value, err = tree(in); err != nil {
			return nil, err
		}
		o = append(o, p)
	}
	if _, err = in.Token(); opened == '[' {
		return opened, err
	}
	return o, err
}
