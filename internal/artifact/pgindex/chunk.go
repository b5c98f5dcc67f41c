// Entries that are written to PostgreSQL together.

package pgindex

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bursar/internal/artifact"
)

// chunkBytes is the size of the keys at which a chunk is full, whatever the number of its entries. The memory of a load is that of
// two chunks, and the message of one.
const chunkBytes = 4 << 20

// chunk is some entries of one run, column by column.
type chunk struct {
	run      uint64
	limit    int // entries
	checksum checksummer
	keys     []byte // all keys, one after another
	ends     []int  // where each ends
	parts    []int32
	offsets  []int64
	lengths  []int32
	crcs     []int32
	message  []byte // of copyTo
}

func newChunk(space artifact.Space, run uint64, limit int) *chunk {
	return &chunk{run: run, limit: limit, checksum: newChecksummer(space)}
}

func (c *chunk) reset() {
	c.keys, c.ends = c.keys[:0], c.ends[:0]
	c.parts, c.offsets, c.lengths, c.crcs = c.parts[:0], c.offsets[:0], c.lengths[:0], c.crcs[:0]
}

func (c *chunk) len() int   { return len(c.ends) }
func (c *chunk) full() bool { return len(c.ends) >= c.limit || len(c.keys) >= chunkBytes }

// key is the key of entry i, valid until reset.
func (c *chunk) key(i int) []byte {
	start := 0
	if i > 0 {
		start = c.ends[i-1]
	}
	return c.keys[start:c.ends[i]:c.ends[i]]
}

// first is the first key, nil if there is none.
func (c *chunk) first() []byte {
	if c.len() == 0 {
		return nil
	}
	return c.key(0)
}

func (c *chunk) add(e artifact.Entry) error {
	if err := checkLocation(e.Location); err != nil {
		return fmt.Errorf("key %x: %w", e.Key, err)
	}
	c.keys = append(c.keys, e.Key...)
	c.ends = append(c.ends, len(c.keys))
	c.parts = append(c.parts, int32(e.Location.Part))
	c.offsets = append(c.offsets, int64(e.Location.Offset))
	c.lengths = append(c.lengths, int32(e.Location.Length))
	c.crcs = append(c.crcs, c.checksum.of(e.Key, c.run, e.Location))
	return nil
}

// copyTo adds the entries with COPY in PostgreSQL's binary format.
func (c *chunk) copyTo(ctx context.Context, tx pgx.Tx, table string) error {
	c.encode()
	_, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(c.message),
		`COPY `+table+` (run, "offset", part, length, crc, key, rest) FROM STDIN WITH (FORMAT binary)`)
	return err
}

// copyHeader begins each binary COPY: a signature, flags and the length of an extension.
const copyHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// encode writes the message: a row is the number of its columns, then the length and bytes of each, -1 for a null.
func (c *chunk) encode() {
	m := append(c.message[:0], copyHeader...)
	order := binary.BigEndian
	for i := range c.ends {
		key, rest := storedKey(c.key(i))
		m = order.AppendUint16(m, 7)
		m = order.AppendUint64(order.AppendUint32(m, 8), c.run)
		m = order.AppendUint64(order.AppendUint32(m, 8), uint64(c.offsets[i]))
		m = order.AppendUint32(order.AppendUint32(m, 4), uint32(c.parts[i]))
		m = order.AppendUint32(order.AppendUint32(m, 4), uint32(c.lengths[i]))
		m = order.AppendUint32(order.AppendUint32(m, 4), uint32(c.crcs[i]))
		m = append(order.AppendUint32(m, uint32(len(key))), key...)
		if rest == nil {
			m = order.AppendUint32(m, 1<<32-1)
			continue
		}
		m = append(order.AppendUint32(m, uint32(len(rest))), rest...)
	}
	c.message = order.AppendUint16(m, 1<<16-1)
}

// mergeInto adds the entries that do not exist. An entry of the same key and run with another location is replaced: a run whose
// totals did not balance starts again from the events, and may have other parts then. The newer attempt is right.
//
// Equal entries are left out first, because ON CONFLICT locks a row, which writes it, even if it does not change it. Entries that
// another transaction adds meanwhile are waited for.
func (c *chunk) mergeInto(ctx context.Context, tx pgx.Tx, table string) error {
	keys, rests := make([][]byte, c.len()), make([][]byte, c.len())
	for i := range keys {
		keys[i], rests[i] = storedKey(c.key(i))
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`
INSERT INTO %s AS t (run, "offset", part, length, crc, key, rest)
SELECT $1, u.* FROM unnest($2::int8[], $3::int4[], $4::int4[], $5::int4[], $6::bytea[], $7::bytea[])
	AS u("offset", part, length, crc, key, rest)
WHERE NOT EXISTS (SELECT FROM %[1]s e WHERE e.key = u.key AND e.run = $1
	AND (e."offset", e.part, e.length, e.crc) = (u."offset", u.part, u.length, u.crc))
ON CONFLICT (key, run) DO UPDATE SET "offset" = excluded."offset", part = excluded.part, length = excluded.length, crc = excluded.crc
WHERE (t."offset", t.part, t.length, t.crc) <> (excluded."offset", excluded.part, excluded.length, excluded.crc)`, table),
		int64(c.run), c.offsets, c.parts, c.lengths, c.crcs, keys, rests)
	return err
}
