// Package project reads and checks a user's project folder: bursar.yaml, streams, pipelines and institutions. It owns the declared types,
// and guarantees that a folder read without an error is consistent. It must not touch state or bind SQL.
package project

import "slices"

// Project is a read project folder.
type Project struct {
	Dir       string
	Config    Config
	Streams   []*Stream   // sorted by name
	Pipelines []*Pipeline // sorted by name

	Institutions []*Institution // sorted by name

	builtin []*Stream   // see Shadowing
	content fileDigests // of the files, when they were read
}

// AllStreams returns the declared streams, then the built-in ones.
func (p *Project) AllStreams() []*Stream { return slices.Concat(p.Streams, p.builtin) }

// Stream finds a declared or built-in stream by name, or nil.
func (p *Project) Stream(name string) *Stream {
	for _, s := range p.AllStreams() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Pipeline finds a pipeline by name, or nil.
func (p *Project) Pipeline(name string) *Pipeline {
	for _, l := range p.Pipelines {
		if l.Name == name {
			return l
		}
	}
	return nil
}
