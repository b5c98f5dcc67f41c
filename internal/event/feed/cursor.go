// Cursors: how far a reader has read a stream, as text.

package feed

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/failure"

	"github.com/zeebo/xxh3"
)

// Cursor is how far a stream was read: all batches before Batch, and of this one the events up to a place.
type Cursor struct {
	Batch uint64       // 0: nothing was read
	place dedupe.Place // of the last event that was read; 0: all of the batch was read

	stream   uint32 // digest of the stream's name
	identity uint64 // of the batch, so that another one with its number is not taken for it
}

const cursorVersion = 1

// errCursor is returned for text that is not a cursor.
var errCursor = failure.Wrap(failure.Data, errors.New("it is not a cursor of this stream: use the `next` of an earlier answer, or `latest`"))

// beginning is the cursor before the first event.
func beginning(stream string) Cursor { return Cursor{stream: streamDigest(stream)} }

// cursorIn is the cursor after the event of a batch at a place, or after all of the batch.
func cursorIn(b *event.Batch, place dedupe.Place) Cursor {
	return Cursor{Batch: b.Batch, place: place, stream: streamDigest(b.Stream), identity: batchIdentity(b)}
}

func streamDigest(stream string) uint32 { return uint32(xxh3.HashString("stream " + stream)) }

// batchIdentity is a digest of what distinguishes a batch from others that may have had its number.
func batchIdentity(b *event.Batch) uint64 {
	return xxh3.HashString(fmt.Sprint(b.Stream, b.Batch, b.Sealed.UnixNano(), b.Accepted, b.Digest, b.GivenUp != nil))
}

// String is the text of the cursor: letters, digits, - and _.
func (c Cursor) String() string {
	text := binary.BigEndian.AppendUint32([]byte{cursorVersion}, c.stream)
	if c.Batch > 0 {
		text = binary.BigEndian.AppendUint64(text, c.identity)
		text = binary.AppendUvarint(binary.AppendUvarint(text, c.Batch), uint64(c.place))
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// ParseCursor parses the text of a cursor of a stream; empty text is the one before the first event.
func ParseCursor(stream, text string) (Cursor, error) {
	c := beginning(stream)
	if text == "" {
		return c, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	prefix := binary.BigEndian.AppendUint32([]byte{cursorVersion}, c.stream)
	if err != nil || !bytes.HasPrefix(raw, prefix) {
		return Cursor{}, errCursor
	}
	if rest := raw[len(prefix):]; len(rest) > 8 {
		c.identity = binary.BigEndian.Uint64(rest)
		batch, n := binary.Uvarint(rest[8:])
		place, _ := binary.Uvarint(rest[8+max(n, 0):])
		c.Batch, c.place = batch, dedupe.Place(place)
	}
	if c.String() != text { // there is one text of each cursor
		return Cursor{}, errCursor
	}
	return c, nil
}
