package spool

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Request is one request as it was received.
type Request struct {
	Key  string
	Body []byte
}

// List gives the numbers of the spools in dir, rising. A folder that is not there holds none.
func List(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list spools: %w", err)
	}
	var numbers []uint64
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), ".spool")
		if n, err := strconv.ParseUint(text, 10, 64); ok && err == nil && filepath.Base(Path(dir, n)) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Remove deletes a spool. One that comes back after a power cut is known by its number.
func Remove(dir string, number uint64) error {
	if err := os.Remove(Path(dir, number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove spool: %w", err)
	}
	return nil
}

// Reader reads a spool's requests in order.
type Reader struct {
	Header Header
	file   io.Closer
	in     *bufio.Reader
	ended  bool
}

// Open opens a spool. One whose header is torn was never acknowledged of, and holds nothing: its header is zero.
func Open(dir string, number uint64) (*Reader, error) {
	file, err := os.Open(Path(dir, number))
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	r, err := NewReader(file)
	if err == nil && r.Header.Number != number && !r.ended {
		err = fmt.Errorf("open spool %s: its header says number %d", file.Name(), r.Header.Number)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// NewReader reads a spool's header.
func NewReader(file io.ReadCloser) (*Reader, error) {
	r := &Reader{file: file, in: bufio.NewReaderSize(file, 1<<20)}
	text, err := readFrame(r.in)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, errTorn):
		r.ended = true
		return r, nil
	case err != nil:
		return nil, fmt.Errorf("read spool: %w", err)
	}
	if err := json.Unmarshal(text, &r.Header); err != nil {
		return nil, fmt.Errorf("read spool header: %w", err)
	}
	return r, nil
}

// Next gives the next request; io.EOF behind the last whole one.
func (r *Reader) Next() (Request, error) {
	if r.ended {
		return Request{}, io.EOF
	}
	payload, err := readFrame(r.in)
	if errors.Is(err, errTorn) {
		err = io.EOF
	}
	if err != nil {
		r.ended = errors.Is(err, io.EOF)
		if !r.ended {
			err = fmt.Errorf("read spool: %w", err)
		}
		return Request{}, err
	}
	key := int(payload[0])
	if len(payload) < 1+key {
		return Request{}, errors.New("read spool: a request is shorter than its key")
	}
	return Request{Key: string(payload[1 : 1+key]), Body: payload[1+key:]}, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }
