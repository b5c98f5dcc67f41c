// Reads the SQL files of a pipeline.

package project

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// readSQL reads both files, or reports that one is missing.
func (p *Pipeline) readSQL(o section, dir string) {
	p.Reduce, p.Merge = readSQLFile(o, "reduce", dir), readSQLFile(o, "merge", dir)
	switch {
	case o.has("reduce") && !o.has("merge"):
		o.fail("reduce", "needs `merge` beside it: what brings its deltas and the state together")
	case o.has("merge") && !o.has("reduce"):
		o.fail("merge", "needs `reduce` beside it: what makes the deltas it merges")
	case o.has("mixed") && !o.has("reduce"):
		o.fail("mixed", "belongs to pipelines with SQL files: write it beside a fold's `sum`")
	}
	p.Mixed = o.has("mixed")
	o.checkMixed()
}

// checkFoldKind rejects a column that is made in another way than the pipeline's others: either all columns come from folds or from SQL
// files.
func (p *Pipeline) checkFoldKind(o section, f *Fold) {
	custom := o.has("reduce") || o.has("merge")
	at := "artifact." + f.Name
	switch {
	case f.Kind == "" || f.Kind == Is:
	case f.Kind == Typed && !custom:
		o.src.failAt(at+".type", "`type` belongs to columns that SQL files make: declare `reduce` and `merge`, or a fold")
	case f.Kind != Typed && custom:
		o.src.failAt(at, "`%s` cannot be folded where SQL files make the columns: declare its `type`, or compute it with `is`", f.Name)
	}
}

// readSQLFile reads the file named by a key, in the folder of pipelines.
func readSQLFile(o section, key, dir string) *SQLFile {
	name := o.text(key)
	if name == "" {
		return nil
	}
	file := &SQLFile{File: path.Join("pipelines", name)}
	if !filepath.IsLocal(filepath.FromSlash(name)) || path.Ext(name) != ".sql" {
		o.fail(key, "is %s: name a .sql file within pipelines/", brief(name))
		return nil
	}
	text, err := readWithin(filepath.Join(dir, "pipelines"), filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.fail(key, "is %s: there is no such file within pipelines/", brief(name))
	case err != nil:
		o.fail(key, "%s cannot be read: %s", brief(name), cause(err))
	case len(text) > maxFile:
		o.fail(key, "%s is larger than %d bytes", brief(name), maxFile)
	case strings.TrimSpace(text) == "":
		o.src.errs = append(o.src.errs, Error{File: file.File, Line: 1, Message: "the file is empty"})
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
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return string(data), err
}

var (
	commentOrString = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'`) // comments and strings
	sqlName         = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// words returns the names and keywords in the SQL.
func (f *SQLFile) words() []string {
	return sqlName.FindAllString(commentOrString.ReplaceAllString(f.Text, " "), -1)
}
