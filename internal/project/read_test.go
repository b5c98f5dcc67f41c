// Tests of reading a project folder.

package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/project/projecttest"
)

func TestReadGoodProject(t *testing.T) {
	t.Parallel()
	p, errs := Read(projecttest.Folder(t, map[string]string{
		"bursar.yaml":           "memory: 1GB\nthreads: 2\n",
		"streams/payments.yaml": projecttest.Stream,
		"streams/bank.yaml":     strings.Replace(projecttest.Stream, "stream: payments", "stream: bank", 1),
		"streams/README.md":     "not read",
		"pipelines/orders.yaml": projecttest.Pipeline,
	}))
	projecttest.WantErrors(t, errs)
	if p.Config.Memory != "1GB" || p.Config.Threads != 2 || p.Config.IsShared() {
		t.Errorf("config is %+v", p.Config)
	}
	if len(p.Streams) != 2 || p.Streams[0].Name != "bank" || p.Stream("payments") == nil || p.Stream("x") != nil {
		t.Errorf("streams are %+v", p.Streams)
	}
	if len(p.Pipelines) != 1 || p.Pipeline("orders") == nil || p.Pipeline("x") != nil {
		t.Errorf("pipelines are %+v", p.Pipelines)
	}
}

func TestReadEmptyProject(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "---\n", "--- # nothing\n...\n"} {
		_, errs := Read(projecttest.Folder(t, map[string]string{"bursar.yaml": text}))
		projecttest.WantErrors(t, errs)
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files map[string]string
		want  []string
	}{
		{map[string]string{"bursar.yaml": "memory: lots\nthreads: -1\n"}, []string{
			"bursar.yaml:1: `memory` must be a size such as", "bursar.yaml:2: `threads` must be a whole number from 0 to 1024",
		}},
		{map[string]string{"bursar.yaml": "memroy: 1GB\n"}, []string{"bursar.yaml:1: unknown key `memroy`; did you mean `memory`?"}},
		{map[string]string{"streams/a.yml": ""}, []string{"streams/a.yml:1: is not read: name it .yaml"}},
		{map[string]string{"streams/a-b.yaml": ""}, []string{"streams/a-b.yaml:1: the file's name must be a name and .yaml"}},
		{map[string]string{"streams/a.yaml": "\n"}, []string{
			"streams/a.yaml:1: the file has no `stream`", "streams/a.yaml:1: the file has no `format`",
			"streams/a.yaml:1: the file has no `id`", "streams/a.yaml:1: the file has no `columns`",
		}},
		{map[string]string{"pipelines/orders.yaml": projecttest.Pipeline}, []string{"pipelines/orders.yaml:2: no stream `payments`"}},
		{map[string]string{"pipelines/orders.yaml": projecttest.Pipeline, "streams/payments.yaml": "a: b: c"}, []string{
			"streams/payments.yaml:1: not valid YAML: mapping values are not allowed in this context",
		}},
		{map[string]string{"streams/a.yaml/x": ""}, []string{"streams/a.yaml:1: cannot be read: it is not a regular file"}},
		{map[string]string{"streams": ""}, []string{"streams:1: cannot be read: "}},
	} {
		_, errs := Read(projecttest.Folder(t, c.files))
		projecttest.WantErrors(t, errs, c.want...)
	}
}

func TestReadNoProject(t *testing.T) {
	t.Parallel()
	_, errs := Read(t.TempDir())
	if len(errs) != 1 || !strings.Contains(errs[0].Message, "is not a project folder: it has no bursar.yaml; `bursar init DIR` makes one") {
		t.Errorf("got %v", errs)
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	for _, example := range append(Examples(), "") {
		dir := filepath.Join(t.TempDir(), "deep", "books")
		if err := Init(dir, example); err != nil {
			t.Fatal(err)
		}
		p, errs := Read(dir)
		projecttest.WantErrors(t, errs)
		if len(p.Streams)+len(p.Institutions)+len(p.Loads) == 0 || len(p.Pipelines)+len(p.Models) == 0 {
			t.Errorf("example %q declares %d streams, %d institutions, %d loads, %d pipelines and %d models",
				example, len(p.Streams), len(p.Institutions), len(p.Loads), len(p.Pipelines), len(p.Models))
		}
		ignored, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
		if err != nil || !strings.Contains(string(ignored), "\n.bursar/\n") {
			t.Errorf(".gitignore is %q, %v", ignored, err)
		}
		if err := Init(dir, example); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("a folder in use gives %v", err)
		}
	}
	for _, example := range []string{"nosuch", "..", "shop/streams", "shop/bursar.yaml", "."} {
		if err := Init(filepath.Join(t.TempDir(), "x"), example); err == nil || !strings.Contains(err.Error(), "use one of aggregation, reminders, shop") {
			t.Errorf("example %q gives %v", example, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	projecttest.WriteFile(t, filepath.Dir(file), "file", "x")
	if err := Init(file, ""); err == nil {
		t.Error("a file was taken for a folder")
	}
}
