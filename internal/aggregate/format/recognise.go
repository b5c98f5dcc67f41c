// Package format opens the files that institutions send, unpacks them, and recognises the format of each part by its
// content. It owns what a part of a file is and which reader reads it: camt, mt940, ofx and csvfile below it, whose
// common vocabulary is package statement. It guarantees that an error of the disk is Transient and one of the content
// is Data, and that a small file cannot unpack to an unlimited one. It must not know what becomes of a statement.
package format

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"bursar/internal/aggregate/format/camt"
	"bursar/internal/aggregate/format/csvfile"
	"bursar/internal/aggregate/format/mt940"
	"bursar/internal/aggregate/format/ofx"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

// readFunc reads a file of a format.
type readFunc func(in io.Reader, h statement.Handler) error

// formats are those that need no declaration, the strictest first.
var formats = []struct {
	recognise func(head []byte) bool
	read      readFunc
}{
	{camt.Recognise, camt.Read},
	{ofx.Recognise, ofx.Read},
	{mt940.Recognise, mt940.Read},
}

// Read detects the format of the part by its first bytes, and passes what it reads to h. institution restricts CSV
// mappings to one institution; empty tries all of them. scratch is a folder for rows that do not fit in memory.
func (p *Part) Read(institutions []*project.Institution, institution, scratch string, h statement.Handler) error {
	read, err := p.format(institutions, institution, scratch)
	if err != nil {
		return err
	}
	return read(p.In, h)
}

func (p *Part) format(institutions []*project.Institution, institution, scratch string) (readFunc, error) {
	if p.Err != nil {
		return nil, p.Err
	}
	head, at := p.head, statement.Place{Line: 1, Column: 1}
	if len(bytes.TrimSpace(head)) == 0 {
		return nil, statement.Refuse(at, "the file is empty")
	}
	if isArchive(head) || bytes.HasPrefix(head, gzipMagic) || bytes.HasPrefix(head, zstdMagic) {
		return nil, statement.Refuse(at, "it is packed twice").Advise("unpack it, and import its files")
	}
	for _, f := range formats {
		if f.recognise(head) {
			return f.read, nil
		}
	}
	var found []readFunc
	var names []string
	var nearest *statement.Error // why the mapping with most columns in the file does not fit; nil if none has a column of it
	most := -1
	for _, i := range institutions {
		if i.CSV == nil || institution != "" && i.Name != institution {
			continue
		}
		reader := csvfile.New(i, scratch)
		fits, why, near := reader.Fits(head)
		switch {
		case fits:
			found, names = append(found, reader.Read), append(names, i.Name)
		case why != nil && (near > most || institution != ""):
			nearest, most = why, near
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, statement.Refuse(at, "the CSV mappings of %s all fit", strings.Join(names, ", ")).Advise("name one with --institution")
	case nearest != nil:
		nearest.Reason = fmt.Sprintf("no known format: it begins with %q; %s", beginning(head), nearest.Reason)
		return nil, nearest
	}
	return nil, statement.Refuse(at, "no known format: it begins with %q", beginning(head)).Advise(
		"CAMT, MT940 and OFX are known by themselves, CSV by an institution's `csv:` mapping whose columns the header line has")
}

// beginning is the start of a file, for a message; for binary content some bytes in hex.
func beginning(head []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(head), []byte("\n"))
	text := strings.TrimRight(string(line[:min(len(line), 60)]), "\r")
	for n := 1; n < utf8.UTFMax && len(line) > 60 && !utf8.ValidString(text); n++ { // a letter is cut
		text = text[:len(text)-1]
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Sprintf("% x", head[:min(len(head), 16)])
	}
	return text
}

// Read detects a file's format by its content and passes what it reads to h.
func Read(p *project.Project, name string, in io.Reader, h statement.Handler) error {
	return peekPart(name, in, func(part Part) error { return part.Read(p.Institutions, "", "", h) })
}
