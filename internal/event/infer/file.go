// Reads the beginning of a file, uncompressed.

package infer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"bursar/internal/event/charset"
	"bursar/internal/event/scan"

	"golang.org/x/text/encoding/charmap"
)

// input is an open file after decompression.
type input struct {
	*bufio.Reader
	packed bool
	marked bool // a byte order mark states the encoding
	close  func()
}

func openFile(path string) (*input, error) {
	file, err := scan.OpenInput(path)
	if err != nil {
		return nil, err
	}
	reader, packed, done, err := scan.Unpack(file.Reader(), path)
	in := &input{packed: packed, close: func() {
		done()
		_ = file.Close() // it was only read
	}}
	if err == nil {
		buffered := bufio.NewReader(reader)
		begins, _ := buffered.Peek(3) // a shorter file has no mark of UTF-8
		in.marked = charset.Marked(begins)
		reader, err = charset.Reader(buffered, nil)
	}
	if err != nil {
		in.close()
		return nil, err
	}
	in.Reader = bufio.NewReaderSize(scan.ArrayLines(reader), 1<<16)
	return in, nil
}

func (in *input) isParquet() bool {
	magic, _ := in.Peek(4) // a shorter file is none
	return string(magic) == "PAR1"
}

// head is the beginning of a text file.
type head struct {
	text  []byte // without a byte order mark
	whole bool   // nothing follows it

	marked bool // see input.marked
}

func (in *input) head() (head, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return head{}, err
	}
	if advice := scan.ForeignFormat(text); advice != "" {
		return head{}, errors.New(advice)
	}
	h := head{text: text, whole: len(text) <= maxBytes, marked: in.marked}
	_, h.text = scan.CutSheetLine(h.text[:min(len(text), maxBytes)])
	if len(bytes.TrimSpace(h.text)) == 0 {
		return head{}, errors.New("it is empty")
	}
	return h, nil
}

// windows is the most common encoding of files that are not UTF-8; almost every byte is a character in it.
const windows = "windows-1252"

// decodeWindows decodes a text as intake does.
func decodeWindows(text []byte) ([]byte, error) {
	in, err := charset.Strict(bytes.NewReader(text), charmap.Windows1252)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(in)
}

// isNotUTF8 reports whether more letters of a text are invalid in UTF-8 than valid: a UTF-8 file may have a broken row, and a byte order
// mark decides.
func (h head) isNotUTF8() bool {
	if h.marked {
		return false
	}
	valid, broken := 0, 0
	for text := h.text; len(text) > 0; {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1 && (h.whole || utf8.FullRune(text)):
			broken++
		case n > 1:
			valid++
		}
		text = text[n:]
	}
	return broken > valid
}

// isJSONL reports whether the text is JSON lines rather than CSV, whatever its suffix: CSV files may have any name, and a first line that
// is an object is never CSV.
func (h head) isJSONL(path string) bool {
	text := bytes.TrimLeft(h.text, " \t\r\n")
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if text[0] == '{' && (json.Valid(line) || len(line) == len(text)) {
		return true
	}
	name := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(path), ".gz"), ".zst")
	return slices.Contains([]string{".jsonl", ".ndjson", ".json"}, filepath.Ext(name))
}
