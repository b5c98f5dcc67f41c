// Frames of a spool: how they are written, and the formats of all versions.

package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

const (
	// prologue is the size of what precedes a payload.
	prologue = 32
	// growStep is what files grow by. A file's size is a multiple of it plus 1, which halving a file or cutting it at a block does not leave.
	growStep = 64 << 10
)

var (
	// current is the format of this version; ungrouped is the one before, whose frames do not state what was synced with them.
	current   = framed{mark: []byte("BSP2"), prologue: prologue}
	ungrouped = framed{mark: []byte("BSPL"), prologue: prologue - 4}

	le    = binary.LittleEndian
	table = crc32.MakeTable(crc32.Castagnoli)
)

// paddedSize is the size of a file that contains size bytes of frames.
func paddedSize(size int64) int64 { return (max(size, 1)+growStep-1)/growStep*growStep + 1 }

// newPrologue returns the prologue of a frame with these pieces as payload. group is the first frame that is synced with it.
func newPrologue(number uint64, frame, group uint32, pieces ...[]byte) ([prologue]byte, error) {
	var p [prologue]byte
	size, sum := 0, uint32(0)
	for _, piece := range pieces {
		size += len(piece)
		sum = crc32.Update(sum, table, piece)
	}
	if size > math.MaxInt32 {
		return p, fmt.Errorf("a frame of %d bytes is more than 2 GiB", size)
	}
	copy(p[:], current.mark)
	le.PutUint32(p[4:], frame)
	le.PutUint64(p[8:], number)
	le.PutUint32(p[16:], uint32(size))
	le.PutUint32(p[20:], sum)
	le.PutUint32(p[24:], group)
	le.PutUint32(p[28:], crc32.Checksum(p[:28], table))
	return p, nil
}

// numbering gives the frames of a spool their numbers.
type numbering struct {
	spool  uint64
	frames uint32
	group  uint32 // the first frame that is not durable
	size   int64  // of all frames
}

// frame returns the pieces of the next frame, of which those given are the payload.
func (n *numbering) frame(pieces ...[]byte) ([][]byte, error) {
	p, err := newPrologue(n.spool, n.frames, n.group, pieces...)
	if err != nil {
		return nil, err
	}
	pieces = slices.Insert(pieces, 0, p[:])
	n.frames++
	for _, piece := range pieces {
		n.size += int64(len(piece))
	}
	return pieces, nil
}

// header returns the pieces of the first frame.
func (n *numbering) header(h Header) ([][]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	return n.frame(text)
}

// request returns the pieces of a request's frame.
func (n *numbering) request(key string, body []byte) ([][]byte, error) {
	if len(key) > MaxKey {
		return nil, fmt.Errorf("append to spool: the key is %d bytes long: the limit is %d", len(key), MaxKey)
	}
	return n.frame([]byte{byte(len(key))}, []byte(key), body)
}

// pageSize is the smallest unit that a disk or a file system writes.
const pageSize = 4096

// missingPage reports whether text, which starts at offset from of a file, lacks a page: it has zeros from its beginning, or from that of
// a page, up to the page's end, or consists of zeros. A changed bit does not look like that.
func missingPage(text []byte, from int) bool {
	for at := 0; at < len(text); {
		end := min(at+pageSize-(from+at)%pageSize, len(text))
		ends := (from+end)%pageSize == 0
		if (ends || at == 0) && len(bytes.Trim(text[at:end], "\x00")) == 0 {
			return true
		}
		at = end
	}
	return false
}

// format is a layout of frames in a spool.
type format interface {
	// frame returns the complete frame at the start of text; ok is false if there is none.
	frame(text []byte) (f frame, ok bool)
	// next returns where the next complete frame starts, after the first byte of text; -1 if there is none.
	next(text []byte) int
	// torn reports whether text, which starts at offset from of the file, is what a dying writer leaves: a part of a frame, followed by
	// nothing or zeros. If the format can tell, pages in between may also be missing, as after a power cut.
	torn(text []byte, from int) bool
}

type frame struct {
	payload []byte
	size    int    // with the prologue
	spool   uint64 // 0 if the frame does not state it
	number  uint32
	group   uint32 // number of the first frame that was synced with it
	grouped bool   // whether the frame states its group
}

// framed is a format whose frames begin with a mark.
type framed struct {
	mark     []byte
	prologue int
}

func (f framed) frame(text []byte) (frame, bool) {
	size, ok := f.payloadSize(text)
	if !ok || len(text) < f.prologue+size || crc32.Checksum(text[f.prologue:f.prologue+size], table) != le.Uint32(text[20:]) {
		return frame{}, false
	}
	found := frame{payload: text[f.prologue : f.prologue+size], size: f.prologue + size, spool: le.Uint64(text[8:]), number: le.Uint32(text[4:])}
	if f.prologue == prologue {
		found.group, found.grouped = le.Uint32(text[24:]), true
	}
	return found, true
}

// payloadSize returns the length of the payload from an intact prologue.
func (f framed) payloadSize(text []byte) (size int, ok bool) {
	if len(text) < f.prologue || !bytes.HasPrefix(text, f.mark) {
		return 0, false
	}
	end := f.prologue - 4
	if crc32.Checksum(text[:end], table) != le.Uint32(text[end:]) {
		return 0, false
	}
	return int(le.Uint32(text[16:])), true
}

func (f framed) next(text []byte) int {
	for at := 1; at < len(text); at++ {
		found := bytes.Index(text[at:], f.mark)
		if found < 0 {
			return -1
		}
		at += found
		if _, ok := f.frame(text[at:]); ok {
			return at
		}
	}
	return -1
}

func (f framed) torn(text []byte, from int) bool {
	written := bytes.TrimRight(text, "\x00")
	oneByte := len(written)-bytes.Count(written, []byte{0}) == 1 // a changed bit among zeros
	if f.prologue == prologue && !oneByte && missingPage(written, from) {
		return true
	}
	if len(written) < f.prologue {
		return f.begins(written)
	}
	size, ok := f.payloadSize(text)
	return ok && len(written) < f.prologue+size && f.prologue+size < len(text)
}

// begins reports whether text begins with the mark, or is its beginning.
func (f framed) begins(text []byte) bool {
	n := min(len(text), len(f.mark))
	return bytes.Equal(text[:n], f.mark[:n])
}

type legacyFormat struct{}

const legacyPrologue = 8

func (legacyFormat) frame(text []byte) (frame, bool) {
	if len(text) < legacyPrologue {
		return frame{}, false
	}
	size := int64(le.Uint32(text))
	if size == 0 || size > int64(len(text)-legacyPrologue) {
		return frame{}, false
	}
	payload := text[legacyPrologue : legacyPrologue+size]
	if crc32.Update(crc32.Checksum(text[:4], table), table, payload) != le.Uint32(text[4:]) {
		return frame{}, false
	}
	return frame{payload: payload, size: legacyPrologue + int(size)}, true
}

// next tries every byte, since frames have no mark. What it reads is bounded, because any byte may state a long payload.
func (e legacyFormat) next(text []byte) int {
	budget := max(1<<30, 16*int64(len(text)))
	for at := 1; at < len(text) && budget > 0; at++ {
		if f, ok := e.frame(text[at:]); ok && f.size > 0 {
			return at
		}
		if size := int64(legacyPayloadSize(text[at:])); size <= int64(len(text)) {
			budget -= size
		}
	}
	return -1
}

func legacyPayloadSize(text []byte) uint32 {
	if len(text) < 4 {
		return 0
	}
	return le.Uint32(text)
}

func (legacyFormat) torn(text []byte, _ int) bool {
	written := bytes.TrimRight(text, "\x00")
	return len(written) < legacyPrologue || int64(len(written)) < legacyPrologue+int64(legacyPayloadSize(text))
}

// detectFormat returns the format of a spool, from its first complete frame or the mark of its first frame.
func detectFormat(text []byte) format {
	if _, ok := (legacyFormat{}).frame(text); ok {
		return legacyFormat{}
	}
	for _, f := range []framed{current, ungrouped} {
		if len(text) > 0 && f.begins(text) {
			return f
		}
	}
	for _, f := range []format{current, ungrouped, legacyFormat{}} {
		if f.next(text) >= 0 {
			return f
		}
	}
	if len(text)%growStep == 1 {
		return current
	}
	return legacyFormat{}
}
