// Reads pipelines/*.yaml.

package project

import (
	"math"

	"go.yaml.in/yaml/v3"
)

// parsePipeline reads a pipeline file and checks it against the project's streams. The pipeline is never nil, and has its file's name
// even if everything else is invalid.
func parsePipeline(file string, data []byte, project *Project) (*Pipeline, []Error) {
	src := newSourceFile(file)
	root := src.root(data)
	o := src.section(root, "", "pipeline", "from", "key", "artifact", "exceptions", "show", "conserve", "backlog",
		"reduce", "merge", "mixed", "partitions")
	p := &Pipeline{Name: o.nameFromFile("pipeline"), File: file, lines: src.lines}
	if root != nil || len(src.errs) == 0 {
		o.require("pipeline", "from", "key", "artifact")
	}
	p.Line = src.lines.at("pipeline")
	p.From = o.list("from")
	p.Listed = o.has("from") && o.values["from"].Kind == yaml.SequenceNode
	p.readKey(o)
	p.readSQL(o, project.Dir)
	artifact := o.named("artifact")
	for _, name := range artifact.keys {
		f := readFold(artifact, name)
		p.checkFoldKind(o, &f)
		p.Artifact = append(p.Artifact, f)
	}
	p.readRest(o)
	events := p.check(src, project)
	p.broken = len(src.errs) > 0
	if events != nil { // errors in these do not prevent binding the others
		for _, c := range p.Conserve {
			p.checkConserve(src, events, c)
		}
	}
	return p, src.errs
}

func (p *Pipeline) readRest(o section) {
	exceptions := o.sub("exceptions", "where", "since")
	if o.has("exceptions") {
		exceptions.require("where")
		p.Exceptions = Exceptions{
			Where: exceptions.expression("where"), Since: exceptions.text("since"), Line: p.lines.at("exceptions"),
		}
	}
	p.Show = o.list("show")
	conserve := o.named("conserve")
	for _, total := range conserve.keys {
		p.Conserve = append(p.Conserve, Conserve{
			Total: total, Expr: conserve.expression(total), Line: p.lines.at(conserve.at(total)),
		})
	}
	p.Partitions = int(o.number("partitions", 1, MaxPartitions))
	backlog := o.sub("backlog", "max_batches", "max_events")
	p.Backlog = Backlog{
		MaxBatches: int(backlog.number("max_batches", 64, math.MaxInt32)),
		MaxEvents:  backlog.number("max_events", 5_000_000, math.MaxInt64),
	}
}

// foldKeys lists, for each kind of fold, the keys that may be combined with it.
var foldKeys = []struct {
	kind            FoldKind
	by, keep, where bool
	mixed           bool
}{
	{kind: Count, where: true},
	{kind: Sum, where: true, mixed: true},
	{kind: Min, where: true},
	{kind: Max, where: true},
	{kind: First, by: true, where: true},
	{kind: Last, by: true, where: true},
	{kind: ListOf, by: true, keep: true, where: true},
	{kind: Is},
	{kind: Typed},
}

// readFold reads one artifact column; its kind is empty if it is not declared correctly.
func readFold(artifact section, name string) Fold {
	known := []string{"by", "keep", "where", "mixed"}
	for _, k := range foldKeys {
		known = append(known, string(k.kind))
	}
	o := artifact.sub(name, known...)
	f := Fold{
		Name: name, Line: artifact.src.lines.at(o.path), Kind: foldKind(o),
		By: o.list("by"), Keep: int(o.number("keep", 0, math.MaxInt32)), Where: o.expression("where"), Mixed: o.has("mixed"),
	}
	o.checkMixed()
	switch f.Kind {
	case "":
	case Count:
		if !o.flag(string(Count), true) {
			o.fail(string(Count), "must be true")
		}
	case ListOf:
		f.Items = o.list(string(ListOf))
	case Typed:
		f.Type = readType(o)
	default:
		f.Expr = o.expression(string(f.Kind))
	}
	refuseBeside(o, f.Kind)
	return f
}

func foldKind(o section) FoldKind {
	var kind FoldKind
	for _, k := range foldKeys {
		switch {
		case !o.has(string(k.kind)):
		case kind != "":
			o.fail(string(k.kind), "cannot be combined with `%s`: a column is made in one way", kind)
		default:
			kind = k.kind
		}
	}
	if kind == "" && o.values != nil && len(o.misspelt) == 0 {
		o.src.failAt(o.path, "%s has no fold: use one of count, sum, min, max, first, last, list or is; type where SQL files make it", o.title())
	}
	return kind
}

// refuseBeside reports keys that have no effect on this kind of fold, and a missing `by`.
func refuseBeside(o section, kind FoldKind) {
	for _, k := range foldKeys {
		if k.kind != kind {
			continue
		}
		if k.by {
			o.require("by")
		} else if o.has("by") {
			o.fail("by", "belongs to first, last and list only")
		}
		if o.has("keep") && !k.keep {
			o.fail("keep", "belongs to list only")
		}
		if o.has("mixed") && !k.mixed {
			o.fail("mixed", "belongs to sum only")
		}
		if o.has("where") && !k.where {
			o.fail("where", "cannot be combined with `%s`: write CASE WHEN in the expression", kind)
		}
	}
}
