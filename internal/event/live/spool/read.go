// Reads spools.

package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Reader reads a spool's requests in order.
type Reader struct {
	Header Header
	free   func() error
	parts  *parts // the objects of the spool; nil if it is a file
	text   []byte // of the whole file, or of one object
	at     int
	format format
	number uint64 // of the spool; 0 if unknown
	next   uint32 // number of the next frame
	torn   bool
	damage []string

	unsynced []string // damage of a torn group, unless another group follows
	group    uint32   // that group
}

// NewReader reads the header of a spool's file in memory. number is the expected one, 0 for any.
func NewReader(text []byte, number uint64) (*Reader, error) {
	r := &Reader{text: text, number: number, format: detectFormat(text), free: func() error { return nil }}
	if _, isFramed := r.format.(framed); isFramed && len(text) > 0 && (len(text)%growStep != 1 || len(text) < growStep) {
		r.note("the file was truncated to %d bytes", len(text))
	}
	if err := r.readHeader(); err != nil {
		return nil, err
	}
	return r, nil
}

// readHeader reads the header at the beginning. If something else is there, Next finds what follows.
func (r *Reader) readHeader() error {
	f, ok := r.format.frame(r.text)
	if !ok || f.spool != 0 && f.number != 0 {
		return nil
	}
	if err := json.Unmarshal(f.payload, &r.Header); err != nil {
		return fmt.Errorf("read spool header: %w", err)
	}
	if r.number != 0 && r.Header.Number != r.number {
		return fmt.Errorf("its header says number %d", r.Header.Number)
	}
	r.number, r.at, r.next = r.Header.Number, f.size, 1
	return nil
}

// Next returns the next complete request, and io.EOF after the last one. Damage in between is recorded.
func (r *Reader) Next() (Request, error) {
	for {
		f, err := r.frame()
		if err != nil {
			return Request{}, err
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

// frame returns the next complete frame of the spool, and io.EOF after the last one.
func (r *Reader) frame() (frame, error) {
	for {
		if f, ok := r.frameOfText(); ok {
			return f, nil
		}
		if r.parts == nil {
			return frame{}, io.EOF
		}
		if err := r.nextPart(); err != nil {
			return frame{}, err
		}
	}
}

// frameOfText returns the next complete frame of the text, wherever it starts.
func (r *Reader) frameOfText() (frame, bool) {
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
	if r.parts == nil && f.grouped && f.group <= r.next && missingPage(r.text[from:at], from) {
		notes, r.group = &r.unsynced, f.group
	}
	if at > from {
		*notes = append(*notes, fmt.Sprintf("bytes %d to %d%s are damaged", from, at-1, r.parts))
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
	case r.parts != nil:
		r.finishPart(from)
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
