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

// readFold reads one artifact column; its kind is empty if it is not declared correctly.
func readFold(artifact section, name string) Fold {
	known := []string{"by", "keep", "where", "mixed"}
	for _, k := range folds {
		known = append(known, string(k.Kind))
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
