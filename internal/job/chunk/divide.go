// Divides the work of a slot: partitions, their order and their chunks.

package chunk

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/project"
)

const (
	// MaxPartitions is the most partitions of a slot.
	MaxPartitions = 1_000_000
	// maxPartitionBytes is the most bytes of their keys and values: they are in memory until they are in the catalog.
	maxPartitionBytes = 512 << 20
	// maxRow is the most bytes of a partition's values: a chunk of them is read and written at once.
	maxRow = 64 << 10
	// maxKey is the most bytes of a partition's key, as of an event.
	maxKey = 4 << 10
	// chunksPerTransaction bounds a transaction of the catalog.
	chunksPerTransaction = 50
	// chunksPerPlace is how many chunks each of the tasks that are executed at a time has, if there are few tasks: faster workers take more.
	chunksPerPlace = 4
)

// Partition is one task's share of the work.
type Partition struct {
	Key    string
	Values []*string // in the order of the columns; nil is null
}

// Source reports the columns of a slot's partitions, if they have any, once and first, and then each of them.
type Source func(ctx context.Context, columns func([]string) error, add func(Partition) error) error

// Divided is how the work of a slot is divided.
type Divided struct{ Tasks, Chunks int }

// Divide fixes the partitions of a slot and writes its chunks. Without a source they are those that the declaration lists. A slot that is
// divided stays so, and one that has ended is not divided. Of several attempts the one that began last wins; an earlier one returns its
// division if it is complete, and else ErrSuperseded.
func (w *Work) Divide(ctx context.Context, j *project.Job, ref record.Ref, source Source) (Divided, error) {
	d := &division{Attempt: rand.Text()}
	if fixed, err := w.beginDivision(ctx, ref, d); err != nil || fixed != nil {
		return divided(fixed), err
	}
	p := &partitioning{job: j, seen: map[uint64]int32{}, seed: maphash.MakeSeed()}
	if err := p.read(ctx, source); err != nil {
		return Divided{}, fmt.Errorf("divide the work: %w", err)
	}
	p.takeTurns()
	d.Columns, d.Tasks = p.columns, len(p.list)
	fixed, err := w.writeChunks(ctx, ref, d, p.list, chunkSize(len(p.list), j.Concurrency))
	return divided(fixed), err
}

// beginDivision records that an attempt divides the slot, so that earlier ones write nothing any more. If the slot is divided, it returns how.
func (w *Work) beginDivision(ctx context.Context, ref record.Ref, d *division) (fixed *division, err error) {
	err = w.Catalog.Update(ctx, func(tx catalog.Tx) error {
		if fixed, err = getDivision(tx, ref); err != nil || fixed.isFixed() {
			return err
		}
		fixed = nil
		return tx.Put(divisionKey(ref), d)
	})
	return fixed, err
}

// isFixed reports whether a slot is divided, or has ended before it was.
func (d *division) isFixed() bool { return d != nil && (d.Complete || d.Cancelled != nil) }

func divided(d *division) Divided {
	if d == nil || !d.Complete {
		return Divided{}
	}
	return Divided{Tasks: d.Tasks, Chunks: d.Chunks}
}

// chunkSize returns how many tasks a chunk has: few if there are few, so that all workers get some.
func chunkSize(tasks, concurrency int) int {
	places := max(concurrency, 1) * chunksPerPlace
	return min(max((tasks+places-1)/places, 1), MaxTasks)
}

// partitioning reads the partitions of a slot.
type partitioning struct {
	job     *project.Job
	columns []string
	group   int // the column whose values take turns; -1: none
	list    []Partition
	bytes   int
	seed    maphash.Seed
	seen    map[uint64]int32 // from a key's hash to its number; keys of the same hash are compared
}

func (p *partitioning) read(ctx context.Context, source Source) error {
	p.group = -1
	if source != nil {
		return source(ctx, p.setColumns, p.add)
	}
	for _, key := range declared(p.job) {
		if err := p.add(Partition{Key: key}); err != nil {
			return err
		}
	}
	return nil
}

// declared returns the partitions that the declaration itself lists.
func declared(j *project.Job) (list []string) {
	switch p := j.Partition; {
	case p.Count > 0:
		for i := range p.Count {
			list = append(list, strconv.Itoa(i+1))
		}
		return list
	case p.List != nil:
		return p.List
	}
	return []string{""}
}

// Failed is the source of those partitions of an earlier run whose tasks are neither done nor excluded.
func (w *Work) Failed(ref record.Ref) Source {
	return func(ctx context.Context, columns func([]string) error, add func(Partition) error) error {
		d, err := catalog.Read(ctx, w.Catalog, func(tx catalog.Tx) (*division, error) { return getDivision(tx, ref) })
		switch {
		case err != nil:
			return err
		case d == nil || !d.Complete:
			return errForgotten(ref)
		case d.Columns != nil:
			if err := columns(d.Columns); err != nil {
				return err
			}
		}
		return w.eachChunk(ctx, ref, func(_ int, tasks *partitions, o *outcomes) error {
			if tasks.Values != nil && d.Columns == nil { // a repaired division
				return errForgotten(ref)
			}
			for i, key := range tasks.Keys {
				if s := o.state(i); s == Done || s == Excluded || s == moved {
					continue
				}
				one := Partition{Key: key}
				if tasks.Values != nil {
					one.Values = tasks.Values[i]
				}
				if err := add(one); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func (p *partitioning) setColumns(columns []string) error {
	p.columns = slices.Clone(columns)
	if p.job.Fairness == "" {
		return nil
	}
	if p.group = slices.Index(columns, p.job.Fairness); p.group < 0 {
		return badPartition("fairness: the partition query has no column %q; it has %s", p.job.Fairness, strings.Join(columns, ", "))
	}
	return nil
}

func (p *partitioning) add(one Partition) error {
	if len(p.list) == MaxPartitions {
		return badPartition("there are more than %d partitions, the most of a slot: divide the work more coarsely", MaxPartitions)
	}
	if len(one.Key) > maxKey {
		return badPartition("partition %d: its key has %d bytes; %d are the most", len(p.list)+1, len(one.Key), maxKey)
	}
	if !utf8.ValidString(one.Key) { // as which it is stored: else two keys may become the same
		return badPartition("partition %d: its key is not UTF-8: %q", len(p.list)+1, brief(one.Key))
	}
	row := 0
	for k, v := range one.Values {
		if v == nil {
			continue
		}
		if !utf8.ValidString(*v) {
			return badPartition("partition %d: its column %s is not UTF-8: %q", len(p.list)+1, p.columns[k], brief(*v))
		}
		row += len(*v)
	}
	if row > maxRow {
		return badPartition("partition %d: its columns have %d bytes; %d are the most: select what identifies long texts, and let the task read them", len(p.list)+1, row, maxRow)
	}
	p.bytes += len(one.Key) + row
	if p.bytes > maxPartitionBytes {
		return badPartition("the partitions have more than %d MB: select fewer columns", maxPartitionBytes>>20)
	}
	hash := maphash.String(p.seed, one.Key)
	for ; ; hash++ {
		other, taken := p.seen[hash]
		if !taken {
			break
		}
		if p.list[other].Key == one.Key {
			return badPartition("partitions %d and %d are the same: %s; a task would be executed twice: make them distinct", other+1, len(p.list)+1, brief(one.Key))
		}
	}
	p.seen[hash] = int32(len(p.list))
	p.list = append(p.list, one)
	return nil
}

func errForgotten(ref record.Ref) error {
	return badPartition("the tasks of %s are not known any more: run the whole slot", ref)
}

func badPartition(format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf(format, args...))
}

// brief is the beginning of a text for a message, as people see it elsewhere.
func brief(text string) string {
	const most = 80
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// takeTurns orders the partitions so that the values of the fairness column take turns: the first of each, then the second of each, and so on.
func (p *partitioning) takeTurns() {
	if p.group < 0 {
		return
	}
	turn := map[string]int{}
	turns := make([]int, len(p.list))
	for i, one := range p.list {
		value := "\x00" // null
		if v := one.Values[p.group]; v != nil {
			value = *v
		}
		turns[i] = turn[value]
		turn[value]++
	}
	order := make([]int, len(p.list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return turns[a] - turns[b] })
	list := make([]Partition, len(p.list))
	for i, from := range order {
		list[i] = p.list[from]
	}
	p.list = list
}

// writeChunks writes the chunks of a slot, and then the complete division, which it returns: that of another attempt if it is complete already.
func (w *Work) writeChunks(ctx context.Context, ref record.Ref, d *division, list []Partition, size int) (fixed *division, err error) {
	chunks := slices.Collect(slices.Chunk(list, size))
	for {
		some := chunks[:min(len(chunks), chunksPerTransaction)]
		first := d.Chunks
		d.Chunks += len(some)
		d.Complete = len(some) == len(chunks)
		err := w.Catalog.Update(ctx, func(tx catalog.Tx) error {
			var err error
			if fixed, err = getDivision(tx, ref); err != nil || fixed.isFixed() {
				return err
			}
			if fixed == nil || fixed.Attempt != d.Attempt {
				return ErrSuperseded
			}
			fixed = nil
			return putChunks(tx, ref, d, first, some)
		})
		switch {
		case err != nil || fixed != nil:
			return fixed, err
		case d.Complete:
			return d, nil
		}
		chunks = chunks[len(some):]
	}
}

// putChunks writes some chunks of a slot, and its division up to them.
func putChunks(tx catalog.Tx, ref record.Ref, d *division, first int, chunks [][]Partition) error {
	for i, c := range chunks {
		if err := tx.Put(partitionsKey(ref, first+i), columnar(c)); err != nil {
			return err
		}
	}
	return tx.Put(divisionKey(ref), d)
}

func columnar(list []Partition) *partitions {
	p := &partitions{Keys: make([]string, len(list))}
	for i, one := range list {
		p.Keys[i] = one.Key
		if one.Values != nil {
			p.Values = append(p.Values, one.Values)
		}
	}
	return p
}
