// Saves and loads a ledger, so that a restarted process can compare with it.

package shop

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Save writes the ledger to a file, completely or not at all.
func (l *Ledger) Save(path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("save ledger: %w", err)
	}
	err = errors.Join(l.encode(file), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("save ledger: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}

func (l *Ledger) encode(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	if err := gob.NewEncoder(out).Encode(l); err != nil {
		return err
	}
	return out.Flush()
}

// Load reads a ledger that Save wrote. If the file does not exist, the error is fs.ErrNotExist.
func Load(path string) (*Ledger, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load ledger: %w", err)
	}
	defer file.Close()
	l := &Ledger{}
	if err := gob.NewDecoder(bufio.NewReaderSize(file, 1<<20)).Decode(l); err != nil {
		return nil, fmt.Errorf("load ledger %s: %w", path, err)
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("load ledger %s: %w", path, err)
	}
	return l, nil
}

// check rejects values that only a damaged file can contain.
func (l *Ledger) check() error {
	if len(l.Batches) == 0 || len(l.Orders) == 0 || len(l.Orders) > numberSpace {
		return fmt.Errorf("%d batches and %d orders", len(l.Batches), len(l.Orders))
	}
	for i := range l.Orders {
		o := &l.Orders[i]
		if o.Currency >= currencies || o.LastType >= types || o.Fault >= faults {
			return fmt.Errorf("order %d: unknown currency, type or fault", i)
		}
	}
	return nil
}
