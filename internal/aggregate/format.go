// The formats, told by content.

package aggregate

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"bursar/internal/aggregate/camt"
	"bursar/internal/aggregate/csvfile"
	"bursar/internal/aggregate/mt940"
	"bursar/internal/aggregate/ofx"
	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// format is one way in which statements are written.
type format struct {
	recognise func(head []byte) bool
	read      func(in io.Reader, h statement.Handler) error
}

// formats are those that need no declaration, the strictest first.
var formats = []format{
	{camt.Recognise, camt.Read},
	{ofx.Recognise, ofx.Read},
	{mt940.Recognise, mt940.Read},
}

// formatOf tells a file's format by its first bytes. institution restricts CSV mappings to one; empty tries all of them. scratch is the folder of
// what they cannot hold in memory.
func formatOf(head []byte, institutions []*project.Institution, institution, scratch string) (format, error) {
	at := statement.Place{Line: 1, Column: 1}
	if len(bytes.TrimSpace(head)) == 0 {
		return format{}, statement.Refuse(at, "the file is empty")
	}
	if isPacked(head) {
		return format{}, statement.Refuse(at, "it is packed twice").Advise("unpack it, and import its files")
	}
	for _, f := range formats {
		if f.recognise(head) {
			return f, nil
		}
	}
	var found []format
	var names []string
	for _, i := range institutions {
		if i.CSV == nil || institution != "" && i.Name != institution {
			continue
		}
		if reader := csvfile.New(i, scratch); reader.Matches(head) {
			found, names = append(found, format{reader.Matches, reader.Read}), append(names, i.Name)
		}
	}
	switch len(found) {
	case 0:
		if why := nearest(head, institutions, institution); why != nil {
			why.Reason = fmt.Sprintf("no known format: it begins with %q; %s", beginning(head), why.Reason)
			return format{}, why
		}
		return format{}, statement.Refuse(at, "no known format: it begins with %q", beginning(head)).Advise(
			"CAMT, MT940 and OFX are known by themselves, CSV by an institution's `csv:` mapping whose columns the header line has")
	case 1:
		return found[0], nil
	}
	return format{}, statement.Refuse(at, "the CSV mappings of %s all fit", strings.Join(names, ", ")).Advise("name one with --institution")
}

// nearest is why the CSV mapping does not fit of which a file has most columns, or the one that is asked for; nil if the file has
// nothing of any.
func nearest(head []byte, institutions []*project.Institution, institution string) *statement.Error {
	var best *statement.Error
	most := -1
	for _, i := range institutions {
		if i.CSV == nil || institution != "" && i.Name != institution {
			continue
		}
		if why, near := csvfile.New(i, "").Mismatch(head); why != nil && (near > most || institution != "") {
			best, most = why, near
		}
	}
	return best
}

// beginning is the start of a file, for a message: of what is no text, some bytes.
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
