// Reads pipelines/*.yaml, and the SQL files that they name.

package project

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"

	"bursar/internal/project/doc"

	"go.yaml.in/yaml/v3"
)

// parsePipeline reads a pipeline file and checks it against the project's streams. The pipeline is never nil, and has its file's name
// even if everything else is invalid.
func parsePipeline(file string, data []byte, project *Project) (*Pipeline, []doc.Error) {
	src := doc.NewFile(file)
	root := src.Root(data)
	o := src.Section(root, "", "pipeline", "from", "key", "artifact", "exceptions", "show", "conserve", "backlog",
		"reduce", "merge", "mixed", "partitions", "history", archiveKey)
	p := &Pipeline{Name: nameFromFile(o, "pipeline"), File: file, source: source{lines: src.Lines}}
	if root != nil || len(src.Errs) == 0 {
		o.Require("pipeline", "from", "key", "artifact")
	}
	p.Line = src.Lines.At("pipeline")
	if o.Has(archiveKey) {
		o.Fail(archiveKey, "is for streams and loads: the records of a pipeline change in place, so none of them is ever finished; archive the streams that it reads")
	}
	p.From = o.List("from")
	p.Listed = o.Has("from") && o.Values["from"].Kind == yaml.SequenceNode
	p.readKey(o)
	p.readSQL(o, project.Dir)
	artifact := o.Named("artifact")
	for _, name := range artifact.Keys {
		f := readFold(artifact, name)
		p.checkFoldKind(o, &f)
		p.Artifact = append(p.Artifact, f)
	}
	p.readRest(o)
	events := p.check(src, project)
	p.broken = len(src.Errs) > 0
	if events != nil { // errors in these do not prevent binding the others
		for _, c := range p.Conserve {
			p.checkConserve(src, events, c)
		}
	}
	return p, src.Errs
}

func (p *Pipeline) readRest(o doc.Section) {
	exceptions := o.Sub("exceptions", "where", "since")
	if o.Has("exceptions") {
		exceptions.Require("where")
		p.Exceptions = Exceptions{
			Where: exceptions.Expression("where"), Since: exceptions.Text("since"), Line: p.lines.At("exceptions"),
		}
	}
	p.Show = o.List("show")
	conserve := o.Named("conserve")
	for _, total := range conserve.Keys {
		p.Conserve = append(p.Conserve, Conserve{
			Total: total, Expr: conserve.Expression(total), Line: p.lines.At(conserve.At(total)),
		})
	}
	p.History = o.Flag("history", false)
	p.Partitions = int(o.Number("partitions", 1, 1, MaxPartitions))
	backlog := o.Sub("backlog", "max_batches", "max_events")
	p.Backlog = Backlog{
		MaxBatches: int(backlog.Number("max_batches", 64, 1, math.MaxInt32)),
		MaxEvents:  backlog.Number("max_events", 5_000_000, 1, math.MaxInt64),
	}
}

// readFold reads one artifact column; its kind is empty if it is not declared correctly.
func readFold(artifact doc.Section, name string) Fold {
	known := []string{"by", "keep", "where", "mixed"}
	for _, k := range Folds {
		known = append(known, string(k.Kind))
	}
	o := artifact.Sub(name, known...)
	f := Fold{
		Name: name, Line: artifact.Src.Lines.At(o.Path), Kind: foldKind(o),
		By: o.List("by"), Keep: int(o.Number("keep", 0, 1, math.MaxInt32)), Where: o.Expression("where"), Mixed: o.Has("mixed"),
	}
	checkMixed(o)
	switch f.Kind {
	case "":
	case Count:
		if !o.Flag(string(Count), true) {
			o.Fail(string(Count), "must be true")
		}
	case ListOf:
		f.Items = o.List(string(ListOf))
	case Typed:
		f.Type = readType(o)
	default:
		f.Expr = o.Expression(string(f.Kind))
	}
	refuseBeside(o, f.Kind)
	return f
}

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
	text, err := readWithin(filepath.Join(dir, "pipelines"), name)
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
	data, err := readLimited(root.FS(), path.Clean(name))
	return string(data), err
}
