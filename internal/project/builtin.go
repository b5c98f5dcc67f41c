// The streams that every project has without declaring them: those of statements.

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

// NameStream is what entries are matched by when they are told again. No declared stream can have its name, and no pipeline folds it.
const NameStream = "_names"

// BuiltinStreams are the names of the built-in streams, details first and statements last: the order in which they are
// filled, so that a statement is there only with all of its parts.
var BuiltinStreams = []string{DetailStream, EntryStream, BalanceStream, StatementStream}

// addBuiltin adds the built-in streams, unless the project declares a stream of one of their names.
func (p *Project) addBuiltin() {
	if p.Shadowing() != nil {
		return
	}
	for _, name := range append(slices.Clone(BuiltinStreams), NameStream) {
		file := "builtin/" + strings.TrimPrefix(name, "_") + ".yaml"
		data, err := builtin.ReadFile(file)
		s, errs := parseStream(file, data)
		if err != nil || len(errs) > 0 {
			panic(fmt.Sprintf("built-in stream %s: %v %v", name, err, errs)) // embedded: right in every build or in none
		}
		s.Name, s.Builtin = name, true
		p.builtin = append(p.builtin, s)
	}
}

// Shadowing is a declared stream that takes the name of a built-in one, so that there are none of these, or nil.
func (p *Project) Shadowing() *Stream {
	for _, s := range p.Streams {
		if slices.Contains(BuiltinStreams, s.Name) {
			return s
		}
	}
	return nil
}
