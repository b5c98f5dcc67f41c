// Tests of objects that others have written.

package s3

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"bursar/internal/object/s3/s3test"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestForeign(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *s3test.Server{"versitygw": s3test.Versitygw, "moto": s3test.Moto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, config := backend(t, start)
			config.Prefix = ""
			foreign(t, server, config)
		})
	}
}

func foreign(t *testing.T, server *s3test.Server, config Config) {
	t.Helper()
	put := func(key, text string) { server.Put(t, config.Bucket, key, text) }
	keys := []string{"in/A b+c&=%.json", "in/x/ü ž.json", "in/x/y/1.json", "input/1.json"}
	for i, key := range keys {
		put(key, fmt.Sprintf("content %d", i))
	}
	f, err := OpenForeign(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	list := func(prefix string) (all []Listed) {
		t.Helper()
		if err := f.List(t.Context(), prefix, func(o Listed) error { all = append(all, o); return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := list("in/")
	for i, o := range all {
		in := f.Open(t.Context(), o)
		text, err := io.ReadAll(io.NewSectionReader(in, 0, o.Size))
		if at := slices.Index(keys, o.Key); err != nil || string(text) != fmt.Sprintf("content %d", at) || o.Modified.IsZero() || o.ETag == "" {
			t.Errorf("object %d is %+v with %q (%v)", i, o, text, err)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(all) != 3 || len(list("in")) != 4 || len(list("in/x/y")) != 1 || len(list("none/")) != 0 {
		t.Errorf("the objects are %+v", all)
	}
	stop := errors.New("stop")
	if err := f.List(t.Context(), "in", func(Listed) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error is %v", err)
	}
	read := func(o Listed) error {
		in := f.Open(t.Context(), o)
		_, err := in.ReadAt(make([]byte, 5), 2)
		return errors.Join(err, in.Close())
	}
	put(keys[2], "content 9") // of the same size
	listed := all[slices.IndexFunc(all, func(o Listed) bool { return o.Key == keys[2] })]
	if err := read(listed); !IsReplaced(err) {
		t.Errorf("a replaced object: %v", err)
	}
	if _, err := server.Client().DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &config.Bucket, Key: &keys[2]}); err != nil {
		t.Fatal(err)
	}
	if err := read(listed); IsReplaced(err) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a deleted object: %v", err)
	}
	config.Bucket = "other-bucket"
	if f, err = OpenForeign(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if err := f.List(t.Context(), "", func(Listed) error { return nil }); err == nil || !strings.Contains(err.Error(), "other-bucket") {
		t.Errorf("a bucket that does not exist: %v", err)
	}
}
