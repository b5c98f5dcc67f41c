// Inferring a declaration from a sample of objects.

package load

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/event/infer"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// The bounds of a sample: JSON is read of so many objects, spread over all, and as much of each as infer.Load reads of all; other formats are
// read of one object.
const (
	sampledObjects = 200
	sampledRows    = 10_000
	sampledBytes   = 16 << 20
	arrayBytes     = 64 << 20 // of an object in which a list is looked for
)

// Infer returns a commented load file for the objects of a source. from is the place as it is declared; name may be empty.
func Infer(ctx context.Context, s Source, from, name, scratch string) (yaml string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("infer load of %s: %w", from, err)
		}
	}()
	objects, total, err := sampleOf(ctx, s)
	if err != nil {
		return "", err
	}
	if total == 0 {
		return "", failure.Wrap(failure.Data, errors.New("there are no objects with content; check the folder or prefix"))
	}
	sample := infer.LoadSample{Name: cmp.Or(name, nameOf(from)), From: from, Format: formatOf(objects[0].Name), Total: total, Periods: commonPeriod(objects)}
	if sample.Format == project.JSONObjects {
		err = sampleJSON(ctx, s, objects, scratch, &sample)
	} else {
		err = copyFirst(ctx, s, objects, scratch, &sample)
	}
	if sample.Path != "" {
		defer func() { _ = os.Remove(sample.Path) }() // a leftover in the scratch folder loses no data
	}
	if err != nil {
		return "", err
	}
	if yaml, err = infer.Load(sample); err != nil && (sample.Format != project.JSONObjects || total == 1) {
		err = fmt.Errorf("%w; replace or remove it, or name a prefix that leaves it out", objectError(objects[0].Name, err))
	}
	return yaml, err
}

// sampleOf lists objects, and keeps some that are spread over all.
func sampleOf(ctx context.Context, s Source) (kept []Object, total int, err error) {
	every := 1
	err = s.List(ctx, func(o Object) error {
		if total%every == 0 && o.Size > 0 && o.Fault == nil {
			kept = append(kept, o)
		}
		if total++; len(kept) == 2*sampledObjects { // keep every second of them
			for i := range sampledObjects {
				kept[i] = kept[2*i]
			}
			kept, every = kept[:sampledObjects], 2*every
		}
		return nil
	})
	if len(kept) == 0 {
		return nil, 0, err
	}
	slices.SortFunc(kept, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	return kept, total, err
}

// bareName is a name without the suffix of its compression.
func bareName(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
}

// formatOf guesses the format from an object's name.
func formatOf(name string) project.Format {
	switch strings.ToLower(path.Ext(bareName(name))) {
	case ".csv", ".tsv", ".txt":
		return project.CSVText
	case ".parquet":
		return project.Parquet
	}
	return project.JSONObjects
}

// nameOf names a load after the last folder of its place that is more than a number.
func nameOf(from string) string {
	elements := strings.Split(strings.TrimPrefix(from, "s3://"), "/")
	for _, e := range slices.Backward(elements) {
		if name := project.SnakeCase(strings.TrimSuffix(e, path.Ext(e))); name != "" && name[0] >= 'a' {
			return name
		}
	}
	return "objects"
}

// commonPeriod returns the finest period that all names contain, or none.
func commonPeriod(objects []Object) project.PeriodUnit {
	for _, by := range []project.PeriodUnit{project.ByHour, project.ByDay} {
		if !slices.ContainsFunc(objects, func(o Object) bool { _, err := periodOf(by, o.Name); return err != nil }) {
			return by
		}
	}
	return ""
}

// sampleJSON writes rows of the objects as lines to a file.
func sampleJSON(ctx context.Context, s Source, objects []Object, scratch string, sample *infer.LoadSample) error {
	array, err := findArray(ctx, s, objects[0])
	if err != nil {
		return err
	}
	sample.Array = array
	file, err := os.CreateTemp(scratch, "sample-*.jsonl")
	if err != nil {
		return err
	}
	sample.Path = file.Name()
	w := bufio.NewWriter(file)
	sample.Whole = len(objects) == sample.Total
	var cut error // of the first object that ends too early
	for i := range objects {
		err = readObject(ctx, s, objects[i], func(in io.Reader) error {
			whole, err := copyLines(w, lines(in, array), sampledRows/len(objects), sampledBytes/len(objects))
			sample.Whole = sample.Whole && whole
			return err
		})
		if errors.Is(err, ErrGone) || errors.Is(err, ErrReplaced) {
			continue
		}
		if errors.Is(err, io.ErrUnexpectedEOF) { // the sample has its whole lines
			cut, err, sample.Whole = cmp.Or(cut, err), nil, false
		}
		if err != nil {
			return errors.Join(err, file.Close())
		}
		sample.Objects++
	}
	err = w.Flush()
	if at, _ := file.Seek(0, io.SeekCurrent); err == nil && at == 0 { // nothing was written
		err = cut
	}
	return errors.Join(err, file.Close())
}

func lines(in io.Reader, array string) io.Reader {
	if array != "" {
		return scan.ElementLines(in, strings.Split(array, "."))
	}
	return scan.ObjectLines(in)
}

// copyLines copies whole lines: at least one, and no more than so many rows and bytes after that. It reports whether these are all.
func copyLines(to *bufio.Writer, from io.Reader, rows, size int) (whole bool, err error) {
	in := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return false, fmt.Errorf("it ends too early; replace or remove it, or name a prefix that leaves it out: %w", err)
		case errors.Is(err, bufio.ErrBufferFull): // a row that is too long for a sample
			return false, nil
		case len(line) > 0 && (rows < 0 || size <= 0):
			return false, nil
		}
		rows, size = rows-1, size-len(line)
		if len(line) > 0 {
			_, _ = to.Write(line) // Flush returns the error
			if line[len(line)-1] != '\n' {
				_ = to.WriteByte('\n')
			}
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// readObject calls read with the uncompressed content of an object.
func readObject(ctx context.Context, s Source, o Object, read func(io.Reader) error) (err error) {
	in, err := s.Open(ctx, o)
	if err != nil {
		return objectError(o.Name, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	content, _, done, err := scan.Unpack(io.NewSectionReader(in, 0, o.Size), o.Name)
	if err == nil {
		err = read(content)
		done()
	}
	if err != nil && failure.Of(err) == failure.Bug {
		err = failure.Wrap(failure.Data, err) // it is not compressed as its name says, or damaged
	}
	if err != nil {
		return objectError(o.Name, err)
	}
	return nil
}

// findArray returns the only property of an object that is a list of objects, if the object is one JSON value.
func findArray(ctx context.Context, s Source, o Object) (name string, err error) {
	err = readObject(ctx, s, o, func(in io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(in, arrayBytes))
		if err != nil {
			return nil //nolint:nilerr // the sample shows what is damaged
		}
		var properties map[string]json.RawMessage
		_ = json.Unmarshal(text, &properties) // there are none if it is something else
		for key, value := range properties {
			var list []map[string]json.RawMessage
			if json.Unmarshal(value, &list) != nil || len(list) == 0 || strings.Contains(key, ".") {
				continue
			}
			if name != "" {
				name = ""
				return nil
			}
			name = key
		}
		return nil
	})
	if errors.Is(err, ErrGone) || errors.Is(err, ErrReplaced) {
		err = nil
	}
	return name, err
}

// copyFirst copies the first object to a file.
func copyFirst(ctx context.Context, s Source, objects []Object, scratch string, sample *infer.LoadSample) error {
	o := objects[0]
	in, err := s.Open(ctx, o)
	if err != nil {
		return objectError(o.Name, err)
	}
	file, err := os.CreateTemp(scratch, "sample-*"+filepath.Ext(bareName(o.Name))+strings.TrimPrefix(o.Name, bareName(o.Name)))
	if err == nil {
		sample.Path, sample.Objects, sample.Whole = file.Name(), 1, sample.Total == 1
		_, err = io.Copy(file, io.NewSectionReader(in, 0, o.Size))
		err = errors.Join(err, file.Close())
	}
	return errors.Join(err, in.Close())
}
