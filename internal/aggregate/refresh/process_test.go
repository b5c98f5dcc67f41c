// Imports of statement files: in groups, of which a bad file spoils only itself.

package refresh

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// TestGroups imports what has arrived meanwhile as groups of bounded size, and gives each file its answer.
func TestGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var groups importGroups
		const interval = time.Minute
		var sizes []int
		var begins []time.Time
		gate := make(chan struct{})
		do := func(_ context.Context, _ string, files []string) (refused []string, err error) {
			begins = append(begins, time.Now())
			<-gate
			sizes = append(sizes, len(files))
			for _, file := range files {
				refused = append(refused, "refused "+file)
			}
			return refused, nil
		}
		var all sync.WaitGroup
		const files = 2*maxGroup + 101
		for n := range files {
			all.Go(func() {
				file := fmt.Sprint("file ", n)
				if refused, err := groups.add(t.Context(), interval, "", file, do); err != nil || refused != "refused "+file {
					t.Errorf("%s: %q, %v", file, refused, err)
				}
			})
			synctest.Wait()
		}
		close(gate)
		all.Wait()
		<-time.After(interval) // the groups are ready for the next file only then
		synctest.Wait()
		if !slices.Equal(sizes, []int{1, maxGroup, maxGroup, 100}) || len(groups.pending)+len(groups.running) > 0 {
			t.Errorf("groups of %d files", sizes)
		}
		for i := range begins[1:] {
			if after := begins[i+1].Sub(begins[i]); after != interval {
				t.Errorf("group %d begins %s after the one before", i+1, after)
			}
		}
	})
}

// TestGroupsOfInstitutions do not wait for each other.
func TestGroupsOfInstitutions(t *testing.T) {
	t.Parallel()
	var groups importGroups
	other := make(chan struct{})
	do := func(_ context.Context, institution string, files []string) ([]string, error) {
		if institution == "a" {
			<-other
		} else {
			close(other)
		}
		return make([]string, len(files)), nil
	}
	var all sync.WaitGroup
	for _, institution := range []string{"a", "b"} {
		all.Go(func() {
			if _, err := groups.add(t.Context(), 0, institution, "file", do); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestBadFiles: a file that cannot be imported spoils no other one. What may pass is the error of all of them.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	bad, away, bug := failure.Wrap(failure.Data, errors.New("bad")), failure.Wrap(failure.Transient, errors.New("away")), errors.New("bug")
	for name, tt := range map[string]struct {
		cause map[string]error // by file
		want  []importResult
	}{
		"none":     {nil, []importResult{{}, {}, {}}},
		"one":      {map[string]error{"2": bad}, []importResult{{}, {"bad", nil}, {}}},
		"all":      {map[string]error{"1": bad, "2": bad, "3": bad}, []importResult{{"bad", nil}, {"bad", nil}, {"bad", nil}}},
		"away":     {map[string]error{"2": away}, []importResult{{"", away}, {"", away}, {"", away}}},
		"a bug":    {map[string]error{"2": bug}, []importResult{{}, {"", bug}, {}}},
		"of kinds": {map[string]error{"1": bad, "2": bug, "3": away}, []importResult{{"bad", nil}, {"", bug}, {"", away}}},
	} {
		got := importOrAlone(t.Context(), "", []string{"1", "2", "3"}, func(_ context.Context, _ string, files []string) ([]string, error) {
			for _, file := range files {
				if err := tt.cause[file]; err != nil {
					return nil, err
				}
			}
			return make([]string, len(files)), nil
		})
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// TestCancelledCaller waits for its group: the file is removed when Process returns.
func TestCancelledCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var groups importGroups
		gate := make(chan struct{})
		do := func(ctx context.Context, _ string, files []string) ([]string, error) {
			<-gate
			return make([]string, len(files)), ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := groups.add(ctx, 0, "", "file", do)
				returned <- err
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		if len(returned) > 0 {
			t.Error("a caller has left its file")
		}
		close(gate)
		for range 2 {
			if err := <-returned; err != nil {
				t.Errorf("a group ends with one of its callers: %v", err)
			}
		}
	})
}

// TestProcessedFiles have names by which people find them, and those in CSV are read by the mapping of their institution.
func TestProcessedFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.FilesConnector)
	names := map[string]string{
		"march.CSV": "acme-checking_42_€-march.CSV", "a/../b:1.xml": "acme-checking_42_€-b_1.xml", strings.Repeat("ü", 80) + ".xml": "",
	}
	w.fetch = func(ctx context.Context, _ connector.Login, _ connector.Request, d connector.Delivery) (err error) {
		for name := range names {
			err = errors.Join(err, d.Document(ctx, name, []byte("content of "+name)))
		}
		return err
	}
	var mu sync.Mutex
	var files []string
	importAll := w.Import
	w.Import = func(ctx context.Context, institution string, list []string) ([]string, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, file := range list {
			files = append(files, filepath.Base(file))
			if isCSV := strings.HasSuffix(file, ".CSV"); isCSV != (institution == "acme") {
				t.Errorf("%s is imported as one of %q", file, institution)
			}
		}
		return importAll(ctx, institution, list)
	}
	if a := w.refresh(); a.Outcome != account.Complete {
		t.Errorf("%+v", a)
	}
	for name, want := range names {
		if w.imported["content of "+name] != 1 || want != "" && !slices.Contains(files, want) {
			t.Errorf("%s is not imported: %q", name, files)
		}
	}
	if left, err := filepath.Glob(filepath.Join(w.Scratch, "fetched-*")); err != nil || len(left) > 0 {
		t.Errorf("left %q, %v", left, err)
	}
}

// TestImportPanics: it is an error of the file, and does not end the process.
func TestImportPanics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.FilesConnector)
	w.fetch = func(ctx context.Context, _ connector.Login, r connector.Request, d connector.Delivery) error {
		return scripts[project.FilesConnector](ctx, 1, r, d)
	}
	w.Import = func(context.Context, string, []string) ([]string, error) { panic("a bug") }
	if err := w.drive(w.begin(), 0); failure.Of(err) != failure.Bug || !strings.Contains(err.Error(), "panic: a bug") {
		t.Error(err)
	}
}

// TestProcessNothing: a file that is processed, or of a refresh that has ended, is not imported.
func TestProcessNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.FilesConnector)
	w.fetch = func(ctx context.Context, _ connector.Login, r connector.Request, d connector.Delivery) error {
		return scripts[project.FilesConnector](ctx, 1, r, d)
	}
	number := w.begin()
	w.visit(number)
	for range 2 {
		if err := w.Process(t.Context(), ref, number, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Process(t.Context(), ref, number, 3); failure.Of(err) != failure.Bug {
		t.Error(err)
	}
	if err := w.Conclude(t.Context(), ref, number, Ending{Err: errors.New("bad")}); err != nil {
		t.Fatal(err)
	}
	if err := w.Process(t.Context(), ref, number, 0); err != nil || fmt.Sprint(w.imported) != "map[two:1]" {
		t.Errorf("imported %v, %v", w.imported, err)
	}
}

// TestFileName: a name of any length fits a file system, and keeps the suffix that says its format.
func TestFileName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 200)
	if name := fileName(account.Ref{Institution: long, Account: long}, long+".xml"); len(name) > 255 || !strings.HasSuffix(name, ".xml") {
		t.Errorf("%d bytes: %s", len(name), name)
	}
}
