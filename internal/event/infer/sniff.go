// Sniffing: the delimiter and header of CSV, from its first records.

package infer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"

	"bursar/internal/project"
)

// sniffBytes is how much of a file is used to detect its delimiter.
const sniffBytes = 1 << 16

// sniff returns the delimiter with which most records have as many fields as the first one, at least two.
func sniff(text []byte) (best byte, records [][]string) {
	most := -1
	for _, delimiter := range []byte{',', ';', '\t', '|'} {
		all := firstRecords(text, delimiter)
		if len(all) == 0 {
			continue
		}
		alike := 0
		for _, r := range all {
			if len(r) == len(all[0]) {
				alike++
			}
		}
		score := 1000 * alike / len(all)
		if len(all[0]) == 1 {
			score = 0
		} else {
			score = score*100 + min(len(all[0]), 99)
		}
		if score > most {
			best, records, most = delimiter, all, score
		}
	}
	if records == nil { // nothing that looks like CSV: the scanner reports why
		return ',', [][]string{{""}}
	}
	return best, records
}

func firstRecords(text []byte, delimiter byte) [][]string {
	cut := text[:min(len(text), sniffBytes)]
	in := csv.NewReader(bytes.NewReader(cut))
	in.Comma, in.LazyQuotes, in.FieldsPerRecord = rune(delimiter), true, -1
	var records [][]string
	for len(records) < 200 {
		r, err := in.Read()
		if err != nil {
			if !errors.Is(err, io.EOF) || len(records) == 0 {
				break
			}
			if len(cut) < len(text) && len(records) > 1 {
				records = records[:len(records)-1] // incomplete
			}
			break
		}
		records = append(records, r)
	}
	return records
}

// isHeader treats the first record as a header unless it contains a number, date or truth value, or is mostly empty.
func isHeader(records [][]string) bool {
	named := 0
	for _, name := range records[0] {
		if name == "" {
			continue
		}
		named++
		f := &field{}
		f.add(name, &f.strings)
		g := guess{Column: project.Column{Name: "value"}}
		j := newTypeChecker(f)
		if _, number := j.number('.', ','); number || g.tryBool(j) || g.tryTimes(j) {
			return false
		}
	}
	return 2*named > len(records[0])
}
