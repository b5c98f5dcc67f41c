// What the tests of faults do with a store.

package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"bursar/internal/object"
)

// script is a process that uses a store.
type script struct {
	*Store
	writers []object.Writer
}

// steps are what the script does: each makes or uses objects, and returns how it failed.
var steps = []struct {
	object string // that the step makes, or ""
	size   int
	do     func(s *script) error
}{
	{"small", 1000, func(s *script) error { return s.write(s.Create, "small", 1000) }},
	{"new", 1000, func(s *script) error { return s.write(s.CreateNew, "new", 1000) }},
	{"large", 5<<20 + 10, func(s *script) error { return s.write(s.Create, "large", 5<<20+10) }},
	{"large-new", 5<<20 + 11, func(s *script) error { return s.write(s.CreateNew, "large-new", 5<<20+11) }},
	{"", 0, func(s *script) error { return s.readWhole("old", 300_000) }},
	{"", 0, func(s *script) error { return s.readRange("old", 300_000) }},
	{"", 0, func(s *script) error {
		_, err := s.Open(context.Background(), "missing")
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return mustFail(err)
	}},
	{"", 0, func(s *script) error {
		if names, err := s.List(context.Background(), "list/"); err != nil || len(names) == 2 {
			return err
		}
		return errors.New("the list has other names")
	}},
	{"", 0, func(s *script) error { return s.Delete(context.Background(), "deleted") }},
	{"", 0, func(s *script) error {
		if err := s.write(s.CreateNew, "old", 10); !errors.Is(err, fs.ErrExist) {
			return mustFail(err)
		}
		return nil
	}},
}

func mustFail(err error) error {
	if err == nil {
		return errors.New("it succeeded")
	}
	return err
}

func pattern(name string, size int) []byte {
	return bytes.Repeat([]byte(name+" "), size/len(name)+1)[:size]
}

// write is a careful caller: Abort follows whatever happens.
func (s *script) write(create func(context.Context, string) (object.Writer, error), name string, size int) error {
	w, err := create(context.Background(), name)
	if err != nil {
		return err
	}
	if _, err = w.Write(pattern(name, size)); err == nil {
		err = w.Commit()
	}
	s.writers = append(s.writers, w)
	if aborted := w.Abort(); err == nil {
		err = aborted
	}
	return err
}

// readWhole reads pieces from the beginning to the end.
func (s *script) readWhole(name string, size int) error {
	in, err := s.OpenSized(context.Background(), name, int64(size))
	if err != nil {
		return err
	}
	defer in.Close()
	var got bytes.Buffer
	if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, io.NewSectionReader(in, 0, in.Size()), make([]byte, 10_000)); err != nil {
		return err
	}
	return same(got.Bytes(), pattern(name, size))
}

func (s *script) readRange(name string, size int) error {
	in, err := s.Open(context.Background(), name)
	if err != nil {
		return err
	}
	defer in.Close()
	got := make([]byte, 50_000)
	if _, err := in.ReadAt(got, 100_000); err != nil {
		return err
	}
	return same(got, pattern(name, size)[100_000:150_000])
}

func same(got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%d other bytes", len(got))
	}
	return nil
}
