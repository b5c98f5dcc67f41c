// Portals: statements with the values of their parameters, whose rows are fetched some at a time.

package wire

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/column"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
)

// portal is a statement that is executed, or will be.
type portal struct {
	*prepared
	sql     string // with the values of its parameters
	formats []int16

	rows *cursor // nil before the first fetch
	sent int64
	tag  string // of a portal that has ended
	err  error
}

func (p *portal) close() {
	if p.rows != nil {
		p.rows.close()
	}
}

// cursor reads the rows of a statement in a goroutine, some thousand at a time. What it has read is valid until the next ones are asked for.
type cursor struct {
	ctx     context.Context
	stop    context.CancelCauseFunc
	batches chan []column.Vector
	free    chan struct{} // signals that the rows of a batch are not used any more
	err     error         // after batches is closed

	holds bool            // a batch of the goroutine
	batch []column.Vector // of which at rows are sent
	at    int
}

// open executes a statement.
func (c *session) open(p *portal) *cursor {
	ctx, stop := c.statementContext()
	c.warn(ctx, p)
	r := &cursor{ctx: ctx, stop: stop, batches: make(chan []column.Vector), free: make(chan struct{})}
	go func() {
		defer close(r.batches)
		defer func() { // as Server.recover does for the goroutine of the connection
			if v := recover(); v != nil {
				r.err = fmt.Errorf("bug: %v", v)
			}
		}()
		r.err = p.asking(ctx, func(ctx context.Context, a duckwarehouse.Asker) error {
			return p.located(a.Ask(ctx, p.sql, asText, func(columns []warehouse.Column, rows []column.Vector) error {
				if i := changedColumn(columns, p.columns, rows); i >= 0 {
					return refuse(codeNotSupported, "cached plan must not change result type: column %d was %s, and is %s", i+1, p.columns[i].SQL, columns[i].SQL)
				}
				return r.pass(ctx, rows)
			}), p.sql)
		})
	}()
	return r
}

// warn sends what to know of the rows that a statement does not see. That it is not known does not keep the statement from being executed.
func (c *session) warn(ctx context.Context, p *portal) {
	if p.catalog || c.server.o.Warnings == nil {
		return
	}
	list, err := c.server.o.Warnings(ctx, p.sql)
	if err != nil && ctx.Err() == nil && c.server.warnings.Pass("warnings of statements") {
		c.server.o.Log.Warn("cannot read what to warn of in statements", "error", err)
	}
	for _, text := range list {
		c.send(&pgproto3.NoticeResponse{Severity: "WARNING", SeverityUnlocalized: "WARNING", Code: codeWarning, Message: text})
	}
}

// changedColumn returns a column that cannot be sent as it was described; -1 if there is none. DuckDB gives an expression another type if it is
// null for a null as a parameter, and text and JSON are sent alike.
func changedColumn(columns, described []warehouse.Column, rows []column.Vector) int {
	if len(columns) != len(described) {
		return 0
	}
	for i, c := range columns {
		is, was := typeOf(c).oid, typeOf(described[i]).oid
		if is != was && (!isPlainText(is) || !isPlainText(was)) && slices.Contains(nulls(&rows[i]), false) {
			return i
		}
	}
	return -1
}

func isPlainText(oid uint32) bool { return oid == pgtype.TextOID || oid == pgtype.JSONOID }

// nulls says which values are null.
func nulls(v *column.Vector) []bool {
	list := make([]bool, v.Len())
	for i := range list {
		list[i] = v.IsNull(i)
	}
	return list
}

// pass gives rows to the session, and waits until it does not use them any more.
func (r *cursor) pass(ctx context.Context, rows []column.Vector) error {
	select {
	case r.batches <- rows:
		<-r.free
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next makes the next rows the batch. It returns false at the end, or after an error.
func (r *cursor) next() bool {
	r.release()
	r.batch, r.holds = <-r.batches
	r.at = 0
	return r.holds
}

func (r *cursor) release() {
	if r.holds {
		r.holds = false
		r.free <- struct{}{}
	}
}

// suspend keeps a copy of the rows that are not sent, so that the time of the statement can end while nobody fetches.
func (r *cursor) suspend() {
	if !r.holds {
		return
	}
	n := r.batch[0].Len()
	left := make([]column.Vector, len(r.batch))
	for i := range r.batch {
		left[i] = column.NewVector(r.batch[i].Type, n-r.at)
		for row := r.at; row < n; row++ {
			left[i].AppendFrom(&r.batch[i], row)
		}
	}
	r.batch, r.at = left, 0
	r.release()
}

// close ends the statement.
func (r *cursor) close() {
	r.stop(context.Canceled)
	r.release()
	for range r.batches { // none of them waits for free: the context has ended
		r.free <- struct{}{}
	}
}

// fetch sends rows of a portal, at most so many; 0: all. The last message says whether there are more.
func (c *session) fetch(p *portal, most uint32) error {
	switch {
	case p.err != nil:
		return p.err
	case p.tag != "":
		c.send(&pgproto3.CommandComplete{CommandTag: []byte(p.tag)})
		return nil
	case p.command != nil:
		return c.runCommand(p)
	}
	if p.rows == nil {
		p.rows = c.open(p)
	}
	defer c.interruptible(p.rows.stop)()
	suspended, err := c.sendRows(p, int64(most))
	switch {
	case suspended && err == nil:
		p.rows.suspend()
		c.send(&pgproto3.PortalSuspended{})
		return nil
	case err == nil:
		err = p.rows.err
	}
	if err != nil {
		p.err = c.known(p.rows.ctx, err)
		p.rows.close()
		return p.err
	}
	p.rows.stop(nil)
	p.tag = fmt.Sprintf("SELECT %d", p.sent)
	c.send(&pgproto3.CommandComplete{CommandTag: []byte(p.tag)})
	return nil
}

// sendRows sends rows until so many are sent, or until there are no more.
func (c *session) sendRows(p *portal, most int64) (suspended bool, err error) {
	r, encoders, fetched := p.rows, newEncoders(p.types, p.formats), int64(0)
	for {
		if r.batch == nil || r.at >= r.batch[0].Len() {
			if !r.next() {
				return false, nil
			}
		}
		for ; r.at < r.batch[0].Len(); r.at++ {
			if most > 0 && fetched >= most {
				return true, nil
			}
			if p.sent >= c.server.o.Rows {
				return false, c.tooManyRows()
			}
			if err := c.sendRow(encoders, r.batch, r.at); err != nil {
				return false, err
			}
			p.sent++
			fetched++
		}
	}
}

func (c *session) tooManyRows() *sqlError {
	return &sqlError{
		code: codeLimit, message: fmt.Sprintf("the result has more than %d rows", c.server.o.Rows),
		hint: "add a WHERE, an aggregate or a LIMIT, or raise the key `rows` of `warehouse` in bursar.yaml",
	}
}

// appendRow writes a row as a message.
func appendRow(dst []byte, encoders []encoder, row func(dst []byte, column int) ([]byte, bool, error)) ([]byte, error) {
	begin := len(dst)
	dst = append(dst, 'D', 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(encoders)))
	for i := range encoders {
		at := len(dst)
		dst = append(dst, 0xff, 0xff, 0xff, 0xff) // null
		filled, isNull, err := row(dst, i)
		if err != nil {
			return dst[:begin], err
		}
		if dst = filled; !isNull {
			binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
		}
	}
	binary.BigEndian.PutUint32(dst[begin+1:], uint32(len(dst)-begin-1))
	return dst, nil
}

func (c *session) sendRow(encoders []encoder, batch []column.Vector, row int) (err error) {
	c.out, err = appendRow(c.out, encoders, func(dst []byte, i int) ([]byte, bool, error) {
		if batch[i].IsNull(row) {
			return dst, true, nil
		}
		dst, err := encoders[i].append(dst, &batch[i], row)
		return dst, false, err
	})
	if err == nil && len(c.out) >= sendBytes {
		err = c.flush()
	}
	return err
}

func (c *session) closePortal(name string) {
	if p := c.portals[name]; p != nil {
		p.close()
		delete(c.portals, name)
	}
}

func (c *session) closePortals() {
	for name := range c.portals {
		c.closePortal(name)
	}
}
