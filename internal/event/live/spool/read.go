// Reads spools.

package spool

import (
	"bytes"
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

	"bursar/internal/object"
)

// Request is one request as it was received.
type Request struct {
	Key  string // idempotency key of the sender; may be empty
	Body []byte
}

// List returns the numbers of the spools in dir, ascending. A missing folder contains none.
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

// Remove deletes a spool. If it reappears after a power cut, its number shows that it is sealed.
func Remove(dir string, number uint64) error {
	if err := os.Remove(Path(dir, number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove spool: %w", err)
	}
	return nil
}

// Reader reads a spool's requests in order.
type Reader struct {
	Header Header
	free   func() error
	text   []byte // of the whole file
	at     int
	format format
	number uint64 // of the spool; 0 if unknown
	next   uint32 // number of the next frame
	torn   bool
	damage []string

	unsynced []string // damage of a torn group, unless another group follows
	group    uint32   // that group
}

// Open opens a spool. If its header was never written completely, nothing in it was acknowledged: it is empty and its header is zero.
func Open(dir string, number uint64) (*Reader, error) {
	file, err := os.Open(Path(dir, number))
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	text, free, err := object.MapFile(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("open spool %s: %w", file.Name(), err)
	}
	r, err := NewReader(text, number)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open spool %s: %w", file.Name(), err), free())
	}
	r.free = free
	return r, nil
}

// NewReader reads the header of a spool in memory. number is the expected one, 0 for any.
func NewReader(text []byte, number uint64) (*Reader, error) {
	r := &Reader{text: text, number: number, format: detectFormat(text), free: func() error { return nil }}
	if _, isFramed := r.format.(framed); isFramed && len(text) > 0 && (len(text)%growStep != 1 || len(text) < growStep) {
		r.note("the file was truncated to %d bytes", len(text))
	}
	f, ok := r.format.frame(text)
	if !ok {
		return r, nil // Next finds what follows
	}
	if err := json.Unmarshal(f.payload, &r.Header); err != nil {
		return nil, fmt.Errorf("read spool header: %w", err)
	}
	if number != 0 && r.Header.Number != number {
		return nil, fmt.Errorf("its header says number %d", r.Header.Number)
	}
	r.number, r.at, r.next = r.Header.Number, f.size, 1
	return r, nil
}

// Next returns the next complete request, and io.EOF after the last one. Damage in between is recorded.
func (r *Reader) Next() (Request, error) {
	for {
		f, ok := r.frame()
		if !ok {
			return Request{}, io.EOF
		}
		if f.number == 0 && r.next == 0 && f.spool != 0 { // the header, after bytes that do not belong to the spool
			r.next = 1
			if err := json.Unmarshal(f.payload, &r.Header); err != nil {
				return Request{}, fmt.Errorf("read spool header: %w", err)
			}
			continue
		}
		key := int(f.payload[0])
		if len(f.payload) < 1+key {
			return Request{}, errors.New("read spool: a request is shorter than its key")
		}
		return Request{Key: string(f.payload[1 : 1+key]), Body: bytes.Clone(f.payload[1+key:])}, nil
	}
}

// frame returns the next complete frame of the spool, wherever it starts.
func (r *Reader) frame() (frame, bool) {
	from := r.at
	for at := from; at < len(r.text); {
		if f, ok := r.format.frame(r.text[at:]); ok && r.follows(f) {
			r.gap(from, at, f)
			r.at, r.next = at+f.size, max(f.number, r.next)+1
			return f, true
		}
		skip := r.format.next(r.text[at:])
		if skip < 0 {
			break
		}
		at += skip
	}
	r.finish(from)
	return frame{}, false
}

// gap records what is missing before a frame. A group that no other follows was not acknowledged, or is the last one that was: if pages of it are
// missing, a power cut kept them from being written.
func (r *Reader) gap(from, at int, f frame) {
	if f.group > r.group { // the torn group was synced: another one follows
		r.damage, r.unsynced = append(r.damage, r.unsynced...), nil
	}
	notes := &r.damage
	if f.grouped && f.group <= r.next && missingPage(r.text[from:at], from) {
		notes, r.group = &r.unsynced, f.group
	}
	if at > from {
		*notes = append(*notes, fmt.Sprintf("bytes %d to %d are damaged", from, at-1))
	}
	if f.number > r.next {
		*notes = append(*notes, fmt.Sprintf("frames %d to %d are missing", r.next, f.number-1))
	}
}

// finish classifies what follows the last complete frame.
func (r *Reader) finish(from int) {
	r.at = len(r.text)
	if len(r.unsynced) > 0 {
		r.torn, r.unsynced = true, nil
	}
	rest := r.text[from:]
	switch {
	case len(bytes.Trim(rest, "\x00")) == 0:
	case r.format.torn(rest, from):
		r.torn = true
	default:
		r.note("bytes %d to %d are damaged", from, len(r.text)-1)
	}
}

// follows reports whether a frame belongs to this spool and comes after the earlier ones. Frames of the oldest format do not state it.
func (r *Reader) follows(f frame) bool {
	if f.spool == 0 {
		return true
	}
	return len(f.payload) > 0 && f.number >= r.next && (r.number == 0 || f.spool == r.number)
}

func (r *Reader) note(format string, args ...any) {
	r.damage = append(r.damage, fmt.Sprintf(format, args...))
}

// Damage describes what of the file, as far as it was read, is not what was written; empty if it is intact. A torn end, which a dying
// writer leaves, is not damage.
func (r *Reader) Damage() string { return strings.Join(r.damage, "; ") }

// Torn reports whether the last request was not written completely, as far as the file was read.
func (r *Reader) Torn() bool { return r.torn }

// Close unmaps the file. Requests stay valid.
func (r *Reader) Close() error { return r.free() }
