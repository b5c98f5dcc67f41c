// Reads the SQL files of a pipeline.

package project

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"bursar/internal/project/doc"
)

// readSQL reads both files, or reports that one is missing.
func (p *Pipeline) readSQL(o doc.Section, dir string) {
	p.Reduce, p.Merge = readSQLFile(o, "reduce", dir), readSQLFile(o, "merge", dir)
	switch {
	case o.Has("reduce") && !o.Has("merge"):
		o.Fail("reduce", "needs `merge` beside it: what brings its deltas and the state together")
	case o.Has("merge") && !o.Has("reduce"):
		o.Fail("merge", "needs `reduce` beside it: what makes the deltas it merges")
	case o.Has("mixed") && !o.Has("reduce"):
		o.Fail("mixed", "belongs to pipelines with SQL files: write it beside a fold's `sum`")
	}
	p.Mixed = o.Has("mixed")
	checkMixed(o)
}

// checkMixed rejects values of `mixed` other than ok.
func checkMixed(o doc.Section) {
	if o.Has("mixed") && o.Text("mixed") != "ok" {
		o.Fail("mixed", "can only be ok: amounts of several groups of a control total may be added up")
	}
}

// checkFoldKind rejects a column that is made in another way than the pipeline's others: either all columns come from folds or from SQL
// files.
func (p *Pipeline) checkFoldKind(o doc.Section, f *Fold) {
	custom := o.Has("reduce") || o.Has("merge")
	at := "artifact." + f.Name
	switch {
	case f.Kind == "" || f.Kind == Is:
	case f.Kind == Typed && !custom:
		o.Src.FailAt(at+".type", "`type` belongs to columns that SQL files make: declare `reduce` and `merge`, or a fold")
	case f.Kind != Typed && custom:
		o.Src.FailAt(at, "`%s` cannot be folded where SQL files make the columns: declare its `type`, or compute it with `is`", f.Name)
	}
}

// readSQLFile reads the file named by a key, in the folder of pipelines.
func readSQLFile(o doc.Section, key, dir string) *SQLFile {
	name := o.Text(key)
	if name == "" {
		return nil
	}
	file := &SQLFile{File: path.Join("pipelines", name)}
	if !filepath.IsLocal(filepath.FromSlash(name)) || path.Ext(name) != ".sql" {
		o.Fail(key, "is %s: name a .sql file within pipelines/", doc.Brief(name))
		return nil
	}
	text, err := readWithin(filepath.Join(dir, "pipelines"), filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.Fail(key, "is %s: there is no such file within pipelines/", doc.Brief(name))
	case err != nil:
		o.Fail(key, "%s cannot be read: %s", doc.Brief(name), cause(err))
	case len(text) > doc.MaxFile:
		o.Fail(key, "%s is larger than %d bytes", doc.Brief(name), doc.MaxFile)
	case strings.TrimSpace(text) == "":
		o.Src.Errs = append(o.Src.Errs, doc.Error{File: file.File, Line: 1, Message: "the file is empty"})
	default:
		file.Text = text
		return file
	}
	return nil
}

// readWithin reads a file in a folder. Links must not lead out of the folder.
func readWithin(dir, name string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return "", errors.New("it is not a regular file")
	}
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, doc.MaxFile+1))
	return string(data), err
}
