// Expressions that would need all memory if checking a project evaluated them.

package app

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/duck"
)

// peak returns the peak memory of the process in bytes.
func peak(t *testing.T) int64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "darwin" {
		return u.Maxrss
	}
	return u.Maxrss << 10
}

// TestCheckEvaluatesNothingLarge checks projects with such an expression in every place that may contain one. It is not parallel, because it
// measures the memory of the process.
func TestCheckEvaluatesNothingLarge(t *testing.T) {
	const stream = "stream: payments\nformat: jsonl\nid: id\ncolumns: {id: {type: string}, size: {type: int}%s}\ntotals: {n: {sum: size%s}}\n"
	const pipeline = "pipeline: orders\nfrom: payments\nkey: id\nartifact: {n: {count: true%s}%s}\nexceptions: {where: \"n > 1%s\"}\n"
	before := peak(t)
	for _, large := range []string{"length(repeat('x', 2000000000))", "len(range(2000000000))", "length(lpad('x', 2000000000, 'y'))"} {
		for place := range 5 {
			in := make([]any, 5)
			for i := range in {
				in[i] = ""
			}
			in[place] = fmt.Sprintf([]string{
				", large: {type: bigint, is: \"%s\"}", ", where: \"%s > 1\"", ", where: \"%s > 1\"", ", large: {is: \"%s\"}", " AND %s > 1",
			}[place], large)
			dir := t.TempDir()
			putFile(t, dir, "bursar.yaml", "")
			putFile(t, dir, "streams/payments.yaml", fmt.Sprintf(stream, in[:2]...))
			putFile(t, dir, "pipelines/orders.yaml", fmt.Sprintf(pipeline, in[2:]...))
			began := time.Now()
			_, err := Check(t.Context(), dir)
			var faults *ProjectError
			if !errors.As(err, &faults) || len(faults.Errors) != 1 || !strings.Contains(err.Error(), "() takes") {
				t.Errorf("%s in place %d: %v", large, place, err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%s in place %d: the check took %s", large, place, took)
			}
		}
	}
	if more := peak(t) - before; more > 512<<20 {
		t.Errorf("the checks took %d MiB", more>>20)
	}
}

// TestCheckingSessionIsLimited checks the second guard: the memory of the session is limited.
func TestCheckingSessionIsLimited(t *testing.T) {
	t.Parallel()
	session, err := duck.Open(checkOptions)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	err = session.Query(t.Context(), "SELECT max(n) FROM (SELECT DISTINCT i AS n FROM range(100000000) t(i))", func([]column.Vector) error { return nil })
	if err == nil || !strings.Contains(strings.ToLower(err.Error()), "memory") {
		t.Errorf("a query that takes much ends with %v", err)
	}
}
