// The benchmark: its declarations, its events, which are flat JSON lines of 206 bytes on average over a chosen number of keys, and the
// DuckDB scripts of the yardstick and the peer.

package shop

import (
	_ "embed"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// LineBytes is the mean length of a benchmark line, newline included.
const LineBytes = 206

// Bench defines the events of a benchmark. A key is a function of the seed and its number, so a batch can use keys of the
// state without storing them.
type Bench struct {
	Seed   uint64
	Events int // of the batch
	Keys   int // number of distinct keys that the batch draws from, at most 10^9
	State  int // number of keys that WriteState wrote before; the batch uses them first
	Batch  int // 1, 2, …: each batch has different events and different keys of the state
}

// Totals are the totals of benchmark events. Amounts are in cents.
type Totals struct {
	Events   int64
	Bytes    int64
	Keys     int64 // distinct keys
	Shipped  int64
	Paid     int64
	Refunded int64
}

// WriteState writes one event for each of count keys, starting with key number first. The state may be written in several
// pieces, from 0 to b.State.
func WriteState(w io.Writer, b Bench, first, count int) (Totals, error) {
	if first < 0 || count < 0 {
		return Totals{}, fmt.Errorf("write bench state: keys %d to %d: not a range", first, first+count)
	}
	l := newBenchLines(w, b.Seed, 0, uint64(first))
	for key := range count {
		l.add(uint64(first + key))
	}
	l.totals.Keys = int64(count)
	return l.finish("write bench state")
}

// WriteBench writes the events of one batch, each on a key drawn uniformly from b.Keys keys.
func WriteBench(w io.Writer, b Bench) (Totals, error) {
	if b.Events < 1 || b.Keys < 1 || b.Keys > 1_000_000_000 || b.State < 0 || b.Batch < 1 {
		return Totals{}, fmt.Errorf("write bench: events, keys and batch must be positive and state not negative: %+v", b)
	}
	l := newBenchLines(w, b.Seed, uint64(b.Batch), 0)
	touched := make([]uint64, b.Keys/64+1)
	for range b.Events {
		drawn := l.random.IntN(b.Keys)
		if bit := uint64(1) << (drawn % 64); touched[drawn/64]&bit == 0 {
			touched[drawn/64] |= bit
			l.totals.Keys++
		}
		l.add(b.key(drawn))
	}
	return l.finish("write bench")
}

// key returns the number of a drawn key: one from each of b.Keys equal ranges of the state, or the drawn number itself if
// the state is not larger than the batch's keys.
func (b Bench) key(drawn int) uint64 {
	if b.State <= b.Keys {
		return uint64(drawn)
	}
	low := uint64(drawn) * uint64(b.State) / uint64(b.Keys)
	high := uint64(drawn+1) * uint64(b.State) / uint64(b.Keys)
	return low + mixBits(mixBits(b.Seed^uint64(b.Batch)<<32)+uint64(drawn))%(high-low)
}

// benchLines writes events through one buffer and adds them up.
type benchLines struct {
	w      io.Writer
	err    error
	seed   uint64
	next   uint64 // number of the next event, distinct over all batches and the state
	random *rand.Rand
	buffer []byte
	totals Totals
}

// bufferBytes is the number of bytes written at once.
const bufferBytes = 1 << 20

func newBenchLines(w io.Writer, seed, batch, first uint64) *benchLines {
	return &benchLines{
		w: w, seed: mixBits(seed), next: batch<<40 + first,
		random: rand.New(rand.NewPCG(seed, batch<<40+first)),
		buffer: make([]byte, 0, bufferBytes+2*LineBytes),
	}
}

// benchTypes are the types of benchmark events; each entry has a share of one eighth.
var benchTypes = [8]Type{Shipped, Shipped, Shipped, Paid, Paid, Paid, Paid, Refunded}

var benchChannels = [4]string{"web", "app", "pos", "tel"}

var benchOpening = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

func (l *benchLines) add(key uint64) {
	if l.err != nil {
		return
	}
	start := len(l.buffer)
	luck := l.random.Uint64()
	kind := benchTypes[luck%8]
	cents := 1 + int64(luck>>8%100_000)
	b := appendWide(append(l.buffer, `{"event_id":"`...), l.seed+l.next)
	b = appendWide(append(b, `","order_id":"`...), ^l.seed+key)
	b = append(append(b, `","type":"`...), kind.String()...)
	b = appendCents(append(b, `","amount":"`...), cents)
	b = append(b, `","currency":"USD","ts":"`...)
	b = time.Unix(benchOpening+int64(luck>>32%(365*24*3600)), 0).UTC().AppendFormat(b, time.RFC3339)
	b = append(append(b, `","channel":"`...), benchChannels[luck>>3%4]...)
	b = append(b, `","note":"`...)
	b = appendNote(b, start, luck)
	l.buffer = append(b, `"}`+"\n"...)
	l.next++
	l.count(kind, cents)
	if len(l.buffer) >= bufferBytes {
		l.flush()
	}
}

// appendNote fills a line that began at start to LineBytes, plus or minus three bytes.
func appendNote(b []byte, start int, luck uint64) []byte {
	const ending = len(`"}` + "\n")
	length := LineBytes - ending - (len(b) - start) + int(luck>>5%7) - 3
	for range length {
		luck = luck>>5 | luck<<59
		b = append(b, byte('a'+luck%26))
	}
	return b
}

func (l *benchLines) count(kind Type, cents int64) {
	l.totals.Events++
	switch kind {
	case Shipped:
		l.totals.Shipped += cents
	case Paid:
		l.totals.Paid += cents
	case Refunded:
		l.totals.Refunded += cents
	}
}

// appendWide appends 32 hex digits for a number; different numbers have different digits.
func appendWide(b []byte, x uint64) []byte {
	high := mixBits(x)
	return appendHex(appendHex(b, high), mixBits(high+x))
}

func (l *benchLines) flush() {
	if l.err == nil {
		_, l.err = l.w.Write(l.buffer)
		l.totals.Bytes += int64(len(l.buffer))
	}
	l.buffer = l.buffer[:0]
}

func (l *benchLines) finish(doing string) (Totals, error) {
	l.flush()
	if l.err != nil {
		return Totals{}, fmt.Errorf("%s: %w", doing, l.err)
	}
	return l.totals, nil
}

// BenchStream is the text of streams/payments.yaml, the stream of the benchmark's events.
//
//go:embed project/bench/stream.yaml
var BenchStream string

// BenchPipeline is the text of pipelines/orders.yaml, which folds the benchmark's events by order.
//
//go:embed project/bench/pipeline.yaml
var BenchPipeline string

// PeerSchemaSQL makes the tables: ids, quarantine, artifacts.
//
//go:embed project/bench/peer_schema.sql
var PeerSchemaSQL string

// PeerKeysSQL adds primary keys to the ids and the artifacts.
//
//go:embed project/bench/peer_keys.sql
var PeerKeysSQL string

//go:embed project/bench/yardstick.sql
var yardstick string

//go:embed project/bench/peer.sql
var peerBatch string

// YardstickSQL is the DuckDB query that makes BenchPipeline's artifacts directly from a file of events, one row per key, in
// no order: order_id, events, shipped, paid, refunded, first_at, last_at, balance.
func YardstickSQL(path string) string { return fmt.Sprintf(yardstick, quoteSQL(path)) }

// PeerSQL ingests one file of events in one durable transaction: rows that do not fit the stream's schema go to quarantine
// with the reason, known ids are set aside (as conflicts if their content differs), and the rest is merged into
// BenchPipeline's artifacts. It guarantees less than the product: it has no control totals, no history and no line numbers,
// and does not keep the events. sorted orders the new ids.
func PeerSQL(path string, sorted bool) string {
	order := ""
	if sorted {
		order = "ORDER BY event_id"
	}
	return strings.NewReplacer("@file", quoteSQL(path), "@sorted", order).Replace(peerBatch)
}

func quoteSQL(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
