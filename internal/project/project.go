// Package project reads and checks a user's project folder: bursar.yaml, streams, pipelines and institutions. It owns the declared types,
// and guarantees that a folder read without an error is consistent. It must not touch state or bind SQL.
package project

import (
	"slices"

	"bursar/internal/project/doc"
)

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

// source is what is known of a declaration's file.
type source struct {
	lines  doc.Lines
	broken bool
}

// Lines returns the line of each key in the file.
func (s *source) Lines() doc.Lines { return s.lines }

// Broken reports whether the file has errors, so that binding its expressions would only repeat them.
func (s *source) Broken() bool { return s.broken }

// AllStreams returns the declared streams, then the built-in ones.
func (p *Project) AllStreams() []*Stream { return slices.Concat(p.Streams, p.builtin) }

// Stream finds a declared or built-in stream by name, or nil.
func (p *Project) Stream(name string) *Stream {
	return find(p.AllStreams(), func(s *Stream) bool { return s.Name == name })
}

// Pipeline finds a pipeline by name, or nil.
func (p *Project) Pipeline(name string) *Pipeline {
	return find(p.Pipelines, func(l *Pipeline) bool { return l.Name == name })
}

// Institution finds an institution by name, or nil.
func (p *Project) Institution(name string) *Institution {
	return find(p.Institutions, func(i *Institution) bool { return i.Name == name })
}

// find returns the first element that is the wanted one, or nil.
func find[T any](list []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return nil
}

// findIn is find for a list of values.
func findIn[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

func columnName(c *Column) string  { return c.Name }
func streamName(s **Stream) string { return (*s).Name }

// namesOf lists the names of declarations, for messages.
func namesOf[T any](list []T, name func(*T) string) []string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = name(&list[i])
	}
	return names
}
