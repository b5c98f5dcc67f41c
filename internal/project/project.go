// Package project reads and checks a user's project folder: bursar.yaml, streams, pipelines and institutions.
// It owns the declared types and the errors that name file and line, and guarantees that a folder read without
// an error is consistent in itself. It must not touch state: SQL expressions are bound by whoever holds a DuckDB
// session, through the Binder it is handed.
package project

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Project is a read project folder.
type Project struct {
	Dir       string
	Config    Config
	Streams   []*Stream   // sorted by name
	Pipelines []*Pipeline // sorted by name

	Institutions []*Institution // sorted by name

	builtin []*Stream   // those of statements; none where the project declares a stream of one of their names
	content fileDigests // when it was read
}

// Config is bursar.yaml; every field has a default, so an empty file is valid.
type Config struct {
	Memory  string // DuckDB memory limit, such as "1GB"; empty chooses by the machine
	Threads int    // 0 is the number of processors
}

// Error is one fault of the project folder. File is relative to the folder and slash separated; Line starts at 1.
type Error struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`

	// Stored is true of a declaration that earlier versions took, so that results of it are stored: the project opens and can be
	// read, and only work on it is refused.
	Stored bool `json:"-"`
}

// Error writes the fault on one line, as compilers do.
func (e Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// maxFaults is how many faults the text of an error names.
const maxFaults = 20

// Faults is an error that names faults, one at least, on one line.
func Faults(faults []Error) error {
	texts := make([]string, 0, maxFaults+1)
	for i, fault := range faults {
		if i == maxFaults {
			texts = append(texts, fmt.Sprintf("and %d more; `bursar check` lists them", len(faults)-i))
			break
		}
		texts = append(texts, fault.Error())
	}
	return errors.New(strings.Join(texts, "; "))
}

// AllStreams are the declared streams, then the built-in ones.
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

func sortErrors(errs []Error) {
	slices.SortStableFunc(errs, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
