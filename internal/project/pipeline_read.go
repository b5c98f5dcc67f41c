// Reads pipelines/*.yaml.

package project

import (
	"math"

	"go.yaml.in/yaml/v3"

	"bursar/internal/project/doc"
)

// parsePipeline reads a pipeline file and checks it against the project's streams. The pipeline is never nil, and has its file's name
// even if everything else is invalid.
func parsePipeline(file string, data []byte, project *Project) (*Pipeline, []doc.Error) {
	src := doc.NewFile(file)
	root := src.Root(data)
	o := src.Section(root, "", "pipeline", "from", "key", "artifact", "exceptions", "show", "conserve", "backlog",
		"reduce", "merge", "mixed", "partitions")
	p := &Pipeline{Name: nameFromFile(o, "pipeline"), File: file, lines: src.Lines}
	if root != nil || len(src.Errs) == 0 {
		o.Require("pipeline", "from", "key", "artifact")
	}
	p.Line = src.Lines.At("pipeline")
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
	p.Partitions = int(o.Number("partitions", 1, MaxPartitions))
	backlog := o.Sub("backlog", "max_batches", "max_events")
	p.Backlog = Backlog{
		MaxBatches: int(backlog.Number("max_batches", 64, math.MaxInt32)),
		MaxEvents:  backlog.Number("max_events", 5_000_000, math.MaxInt64),
	}
}

// readFold reads one artifact column; its kind is empty if it is not declared correctly.
func readFold(artifact doc.Section, name string) Fold {
	known := []string{"by", "keep", "where", "mixed"}
	for _, k := range folds {
		known = append(known, string(k.Kind))
	}
	o := artifact.Sub(name, known...)
	f := Fold{
		Name: name, Line: artifact.Src.Lines.At(o.Path), Kind: foldKind(o),
		By: o.List("by"), Keep: int(o.Number("keep", 0, math.MaxInt32)), Where: o.Expression("where"), Mixed: o.Has("mixed"),
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
