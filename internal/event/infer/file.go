// Reads the beginning of a file, uncompressed.

package infer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"bursar/internal/event/charset"
	"bursar/internal/event/scan"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/charmap"
)

// input is an open file after decompression.
type input struct {
	*bufio.Reader
	packed  bool
	marked  bool // a byte order mark states the encoding
	closers []func() error
}

func openFile(path string) (*input, error) {
	file, err := scan.OpenInput(path)
	if err != nil {
		return nil, err
	}
	in := &input{closers: []func() error{file.Close}}
	reader, err := in.unpack(file.Reader(), path)
	if err != nil {
		in.close()
		return nil, err
	}
	buffered := bufio.NewReader(reader)
	begins, _ := buffered.Peek(3) // a shorter file has no mark of UTF-8
	in.marked = charset.Marked(begins)
	if reader, err = charset.Reader(buffered, nil); err != nil {
		in.close()
		return nil, err
	}
	in.Reader = bufio.NewReaderSize(scan.ArrayLines(reader), 1<<16)
	return in, nil
}

// unpack adds the decompressor for the suffix.
func (in *input) unpack(file io.Reader, path string) (io.Reader, error) {
	switch {
	case strings.HasSuffix(path, ".gz"):
		r, err := gzip.NewReader(file)
		if err != nil {
			return nil, fmt.Errorf("decompress gzip: %w", err)
		}
		in.packed = true
		return r, nil
	case strings.HasSuffix(path, ".zst"):
		r, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, fmt.Errorf("decompress zstd: %w", err)
		}
		in.packed = true
		in.closers = append(in.closers, func() error { r.Close(); return nil })
		return r, nil
	}
	return file, nil
}

// close closes the file, which was only read.
func (in *input) close() {
	for _, c := range in.closers {
		_ = c()
	}
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

// isNotUTF8 reports whether more letters of a text are invalid in UTF-8 than valid: a UTF-8 file may have a broken row, and a byte order mark decides.
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

// isJSONL reports whether the text is JSON lines rather than CSV, whatever its suffix: CSV files may have any name, and a first line that is an object is never
// CSV.
func (h head) isJSONL(path string) bool {
	text := bytes.TrimLeft(h.text, " \t\r\n")
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if text[0] == '{' && (json.Valid(line) || len(line) == len(text)) {
		return true
	}
	name := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(path), ".gz"), ".zst")
	for _, suffix := range []string{".jsonl", ".ndjson", ".json"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
