// The rows of an object, with the columns of where they are from.

package load

import (
	"context"
	"errors"
	"io"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// object yields the rows of an object.
func (rd *reading) object(ctx context.Context, o *opened, yield func([]column.Vector, error) bool) (more bool, err error) {
	if o.err != nil {
		return false, rd.explain(o, o.err)
	}
	done := object{Object: o.listed, Number: rd.number}
	if err := rd.beginObject(&done); err != nil {
		return false, err
	}
	for {
		b, err := o.file.Next(ctx)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return false, rd.explain(o, err)
		}
		if err := rd.reject(b, &done); err != nil {
			return false, err
		}
		columns, rows, err := rd.rejectRefused(b, &done)
		if err != nil {
			return false, err
		}
		if n := int64(len(rows)); n > 0 {
			done.Rows += n
			rd.block = blockPlace{o.listed.Name, rd.rows, rd.block.lines}
			rd.rows += n
			if !yield(rd.vectors(columns, rows), nil) {
				rd.block.lines = append(rd.block.lines[:0], rows...)
				return false, nil
			}
		}
		o.file.Recycle(b)
	}
	if err := o.in.Unchanged(); err != nil {
		return false, rd.explain(o, err)
	}
	if o.hash != nil {
		if err := o.file.Close(); err != nil { // all bytes are hashed then
			return false, rd.explain(o, err)
		}
		done.Digest = digestText(o.hash)
	}
	rd.done = append(rd.done, done)
	return true, nil
}

// beginObject prepares the columns that have the same value in all rows of an object.
func (rd *reading) beginObject(o *object) error {
	rd.names.Reset()
	rd.loads.Reset()
	if s := rd.run.declared.Series; s != nil {
		p, err := periodOf(s.By, o.Name)
		if err != nil {
			return err
		}
		o.Period = s.By.Text(p)
		rd.periods.Reset()
	}
	return nil
}

// vectors adds the columns of where rows are from.
func (rd *reading) vectors(columns []column.Vector, rows []int64) []column.Vector {
	n := len(rows)
	rd.lines.Reset()
	rd.lines.Ints = append(rd.lines.Ints, rows...)
	name := []byte(rd.block.object)
	for rd.loads.Len() < n {
		rd.names.AppendText(name)
		rd.loads.AppendInt(rd.number)
	}
	all := append(columns[:len(columns):len(columns)], first(&rd.names, n), rd.lines, first(&rd.loads, n))
	if s := rd.run.declared.Series; s != nil {
		p, _ := periodOf(s.By, rd.block.object) // beginObject has checked it
		for rd.periods.Len() < n {
			rd.periods.AppendInt(periodValue(s.By, p))
		}
		all = append(all, first(&rd.periods, n))
	}
	return all
}

// periodValue is a period as a value of its column.
func periodValue(by project.PeriodUnit, p project.Period) int64 {
	if by == project.ByHour {
		return int64(p) * 3600 * 1e6
	}
	return int64(p)
}

// first returns the first n values of a column without nulls.
func first(v *column.Vector, n int) column.Vector {
	part := *v
	if part.Ends != nil {
		part.Ends = part.Ends[:n]
		part.Bytes = part.Bytes[:part.Ends[n-1]]
	} else {
		part.Ints = part.Ints[:n]
	}
	return part
}

// reject keeps the rejected rows of a block, and ends the load when there are too many of them.
func (rd *reading) reject(b *scan.Block, o *object) error {
	for _, name := range b.Unknown {
		if rd.run.declared.Rest == "" && len(rd.unknown) < scan.MaxUnknown {
			rd.unknown[name] = true
		}
	}
	for i := range b.Rejects {
		if err := rd.rejected.add(o.Name, &b.Rejects[i]); err != nil {
			return err
		}
		o.Rejected++
	}
	return rd.checkRejected()
}

// checkRejected fails if too many rows are rejected, whatever follows.
func (rd *reading) checkRejected() error {
	if allowed := rd.run.declared.MaxErrors; allowed.Share == 0 && !rd.run.validating && allowed.Exceeded(rd.before+rd.rejected.count, 0) {
		return rd.run.tooMany(rd.rejected.first, rd.before+rd.rejected.count, 0)
	}
	return nil
}
