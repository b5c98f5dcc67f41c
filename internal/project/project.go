// Package project reads and checks a user's project folder: bursar.yaml, streams, pipelines and institutions. It owns the declared types
// and the errors with file and line, and guarantees that a folder read without an error is consistent. It must not touch state: SQL
// expressions are bound by a caller with a DuckDB session, through the Binder that it passes.
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

	builtin []*Stream   // see Shadowing
	content fileDigests // of the files, when they were read
}

// Config is bursar.yaml; every field has a default, so an empty file is valid.
type Config struct {
	Memory  string // DuckDB memory limit, such as "1GB"; empty for a default that depends on the machine
	Threads int    // 0 is the number of processors
}

// Error is one error in the project folder. File is relative to the folder and slash-separated; Line starts at 1.
type Error struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`

	// Stored marks an error in a declaration that earlier versions accepted, so that results of it may be stored: the project can be
	// opened and read, and only changes are rejected.
	Stored bool `json:"-"`
}

// Error formats the error on one line, as compilers do.
func (e Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// maxFaults bounds the errors in the text of an error made by Faults.
const maxFaults = 20

// Faults combines at least one error into an error of one line.
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

func sortErrors(errs []Error) {
	slices.SortStableFunc(errs, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
