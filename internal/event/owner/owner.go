// Package owner records in the catalog which process owns a stream: the only one that ingests into it. Each owner has a number. A process
// that lost its stream without noticing changes nothing, because every transaction of an owner compares the number. Who becomes the owner is
// decided elsewhere.
package owner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Owner is the process that owns a stream.
type Owner struct {
	Number  uint64    `json:"number"`            // counts the owners of the stream
	Process string    `json:"process"`           // its id; empty if it has released the stream
	Address string    `json:"address,omitempty"` // at which it accepts requests of other processes, host:port; empty if it accepts none
	Since   time.Time `json:"since"`
}

// ErrLost is returned, wrapped, after another process has become the owner. Its class is Transient: the other one does the work when it is
// asked.
var ErrLost = failure.Wrap(failure.Transient, errors.New("another process owns the stream now; repeat the command or the request"))

// Prefix begins the keys of the documents of owners.
const Prefix = "owner/"

func key(stream string) string { return Prefix + stream }

// Ownership is a process's right to ingest into a stream, until another one takes it.
type Ownership struct {
	stream  string
	number  uint64
	catalog catalog.Catalog
}

// Take makes a process the owner of a stream. From then on, former owners change nothing: whatever they had made durable before is found by
// the new one (rule 1).
func Take(ctx context.Context, c catalog.Catalog, stream string, next Owner) (*Ownership, error) {
	err := c.Update(ctx, func(tx catalog.Tx) error {
		var last Owner
		if _, err := tx.Get(key(stream), &last); err != nil {
			return err
		}
		next.Number = last.Number + 1
		return tx.Put(key(stream), next)
	})
	if err != nil {
		return nil, fmt.Errorf("take stream %s: %w", stream, err)
	}
	return &Ownership{stream, next.Number, c}, nil
}

// TakeAll takes every stream that ever had an owner, for a process that has the project to itself.
func TakeAll(ctx context.Context, c catalog.Catalog) error {
	err := c.Update(ctx, func(tx catalog.Tx) error {
		taken := map[string]Owner{}
		err := tx.List(Prefix, func(key string, value json.RawMessage) error {
			var last Owner
			if err := json.Unmarshal(value, &last); err != nil {
				return fmt.Errorf("decode %s: %w", key, err)
			}
			taken[key] = Owner{Number: last.Number + 1, Since: last.Since}
			return nil
		})
		for key, o := range taken {
			err = errors.Join(err, tx.Put(key, o))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("take all streams: %w", err)
	}
	return nil
}

// Find returns the last owner of a stream, and whether it ever had one.
func Find(ctx context.Context, c catalog.Catalog, stream string) (o Owner, found bool, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		found, err = tx.Get(key(stream), &o)
		return err
	})
	if err != nil {
		err = fmt.Errorf("find the owner of stream %s: %w", stream, err)
	}
	return o, found, err
}

// check fails with ErrLost if another process has taken the stream.
func (o *Ownership) check(tx catalog.Tx) error {
	var now Owner
	if _, err := tx.Get(key(o.stream), &now); err != nil {
		return err
	}
	if now.Number != o.number {
		return fmt.Errorf("stream %s: %w", o.stream, ErrLost)
	}
	return nil
}

// Confirm fails with ErrLost if another process has taken the stream. What was durable before a call that succeeds is found by every later owner.
func (o *Ownership) Confirm(ctx context.Context) error {
	return o.catalog.View(ctx, o.check)
}

// Release records that the stream has no owner, unless another process has taken it.
func (o *Ownership) Release(ctx context.Context) error {
	err := o.catalog.Update(ctx, func(tx catalog.Tx) error {
		var now Owner
		if _, err := tx.Get(key(o.stream), &now); err != nil || now.Number != o.number {
			return err
		}
		now.Process, now.Address = "", ""
		return tx.Put(key(o.stream), now)
	})
	if err != nil {
		return fmt.Errorf("release stream %s: %w", o.stream, err)
	}
	return nil
}

// Catalog returns the catalog for the work of the owner: its Updates fail with ErrLost after another process has taken the stream.
func (o *Ownership) Catalog() catalog.Catalog { return fenced{o.catalog, o} }

type fenced struct {
	catalog.Catalog
	owner *Ownership
}

// Update is Catalog.Update. It compares the owner's number in the same transaction.
func (f fenced) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	return f.Catalog.Update(ctx, func(tx catalog.Tx) error {
		if err := f.owner.check(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}
