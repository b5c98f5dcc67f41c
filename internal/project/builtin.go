// The built-in streams of every project: those of statements.

package project

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed builtin
var builtin embed.FS

// The built-in streams, which `bursar import` fills.
const (
	StatementStream = "statements"
	EntryStream     = "entries"
	DetailStream    = "details"
	BalanceStream   = "balances"
)

// NameStream contains the names by which entries are matched when they occur again. No declared stream can have its name, and no
// pipeline folds it.
const NameStream = "_names"

// BuiltinStreams are the names of the built-in streams, details first and statements last: the order in which they are filled, so that
// a statement exists only together with all its parts.
var BuiltinStreams = []string{DetailStream, EntryStream, BalanceStream, StatementStream}

// addBuiltin adds the built-in streams, unless the project declares a stream with one of their names.
func (p *Project) addBuiltin() {
	if p.Shadowing() != nil {
		return
	}
	for _, name := range append(slices.Clone(BuiltinStreams), NameStream) {
		file := "builtin/" + strings.TrimPrefix(name, "_") + ".yaml"
		data, err := builtin.ReadFile(file)
		s, errs := parseStream(file, data)
		if err != nil || len(errs) > 0 {
			panic(fmt.Sprintf("built-in stream %s: %v %v", name, err, errs)) // embedded: valid in every build or in none
		}
		s.Name, s.Builtin = name, true
		p.builtin = append(p.builtin, s)
	}
}

// Shadowing returns a declared stream with the name of a built-in one, or nil. If there is one, there are no built-in streams.
func (p *Project) Shadowing() *Stream {
	return find(p.Streams, func(s *Stream) bool { return slices.Contains(BuiltinStreams, s.Name) })
}
