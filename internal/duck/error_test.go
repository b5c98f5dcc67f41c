// Classes and texts of DuckDB's errors about memory and disk.

package duck

import (
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/failure"
)

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Memory: "30MB", Scratch: t.TempDir(), Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Query(t.Context(), "SELECT length(list(i)::VARCHAR) FROM range(10000000) t(i)", func([]column.Vector) error { return nil })
	if failure.Of(err) != failure.Data {
		t.Errorf("the class of %v is %v", err, failure.Of(err))
	}
	text := err.Error()
	if !strings.HasPrefix(text, "out of memory: failed to allocate") || !strings.HasSuffix(text, "set a larger `memory` in bursar.yaml, and run it again") ||
		strings.Contains(text, "SET ") {
		t.Errorf("got %q", text)
	}
}

func TestTransient(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		`IO Error: Could not set lock on file "x": Conflicting lock is held in /usr/bin/duckdb (PID 7) by user bursar. See also https://duckdb.org/docs/stable/connect/concurrency`,
		`IO Error: Could not write all bytes to file "x": wanted=262144 wrote=-1: No space left on device`,
		"Out of Memory Error: failed to offload data block of size 256.0 KiB (1.0 GiB/1.0 GiB used).\nThis limit was set by the 'max_temp_directory_size' setting.",
	} {
		if got := redact(message); failure.Of(got) != failure.Transient || strings.Contains(string(got), "bursar.yaml") {
			t.Errorf("%q has class %v", got, failure.Of(got))
		}
	}
}
