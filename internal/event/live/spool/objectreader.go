// Reads spools from objects.

package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"bursar/internal/object"
)

// parts reads the objects of a spool, some ahead of the reader.
type parts struct {
	ctx     context.Context
	store   object.Store
	prefix  string
	last    uint64   // the object that was read last
	began   bool     // one was read
	listed  []uint64 // those that are not read, ascending
	fetched [][]byte // texts of the first of those; nil: the object does not exist any more
}

// String names the object that was read last, within the description of a place.
func (p *parts) String() string {
	if p == nil {
		return ""
	}
	return " of object " + groupName(p.last)
}

// list lists the objects after the one that was read last, or only the one that says that the spool was emptied.
func (p *parts) list() error {
	names, err := p.store.List(p.ctx, p.prefix)
	if err != nil {
		return err
	}
	p.listed, p.fetched = nil, nil
	for _, name := range names {
		if group, ok := parseGroup(strings.TrimPrefix(name, p.prefix)); ok && (group > p.last || !p.began) {
			p.listed = append(p.listed, group)
		}
	}
	slices.Sort(p.listed)
	if len(p.listed) > 0 && p.listed[0] == emptied {
		p.listed = p.listed[:1]
	}
	return nil
}

// fetch reads the next objects.
func (p *parts) fetch() error {
	next := p.listed[:min(len(p.listed), atOnce)]
	p.fetched = make([][]byte, len(next))
	reading, ctx := errgroup.WithContext(p.ctx)
	for i, group := range next {
		reading.Go(func() error {
			text, err := read(ctx, p.store, p.prefix+groupName(group))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			p.fetched[i] = text
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		p.fetched = nil
		return fmt.Errorf("read spool: %w", err)
	}
	return nil
}

// next returns the text of the next object, and io.EOF after the last. One that was removed since the objects were listed is left out: if another still
// follows, the numbers of its frames show that some are missing, else the spool was cut.
func (p *parts) next() ([]byte, error) {
	for len(p.listed) > 0 {
		if len(p.fetched) == 0 {
			if err := p.fetch(); err != nil {
				return nil, err
			}
		}
		group, text := p.listed[0], p.fetched[0]
		p.listed, p.fetched = p.listed[1:], p.fetched[1:]
		if text != nil {
			p.last, p.began = group, true
			return text, nil
		}
		if err := p.list(); err != nil {
			return nil, fmt.Errorf("read spool: %w", err)
		}
	}
	return nil, io.EOF
}

// nextPart continues with the next object.
func (r *Reader) nextPart() error {
	text, err := r.parts.next()
	if err != nil {
		return err
	}
	r.text, r.at = text, 0
	if len(text) == 0 {
		r.note("object %s is empty", groupName(r.parts.last))
	}
	return nil
}

// finishPart notes what follows the last complete frame of an object, if it is not the end of one: an object exists completely or not at all.
func (r *Reader) finishPart(from int) {
	if rest := string(r.text[from:]); rest != endMark && len(r.text) > 0 {
		r.note("bytes %d to %d%s are damaged", from, max(from, len(r.text)-1), r.parts)
	}
	r.text, r.at = nil, 0
}
