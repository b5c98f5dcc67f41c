// Reads `partition`: what the tasks of a slot are.

package project

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"bursar/internal/project/doc"
)

const (
	// maxCount is the most tasks of a slot.
	maxCount = 1_000_000
	// maxKey is the most bytes of a partition's key, as of an event.
	maxKey = 4 << 10
)

// partitionKinds are the keys of `partition` of which exactly one is given.
var partitionKinds = []string{"list", "count", "sql", "command"}

func readPartition(o doc.Section) (p Partition) {
	s := o.Sub("partition", "list", "count", "sql", "command", "key")
	if !o.Has("partition") {
		return p
	}
	oneKind(s, partitionKinds)
	p.List = readKeys(s)
	p.Count = int(s.Number("count", 0, 1, maxCount))
	p.SQL = s.Expression("sql")
	p.Command = readArguments(s, "command")
	p.Key = s.List("key")
	if s.Has("key") && !s.Has("sql") {
		s.Fail("key", "names columns of `sql`, which this partition does not have")
	}
	variables{slot: true}.check(s, s.At("sql"), "sql", p.SQL)
	if slices.ContainsFunc(p.Command, func(word string) bool { return strings.Contains(word, "{{") }) {
		s.Fail("command", "is not a template: the program is executed once for each slot, before there are tasks")
	}
	return p
}

// oneKind reports sections with none or several of the keys that exclude each other.
func oneKind(s doc.Section, kinds []string) {
	var given []string
	for _, kind := range kinds {
		if s.Has(kind) {
			given = append(given, kind)
		}
		if s.Misspelt[kind] {
			return
		}
	}
	switch {
	case s.Values == nil:
	case len(given) == 0:
		s.Src.FailAt(s.Path, "%s has no kind: it needs one of %s", s.Title(), strings.Join(kinds, ", "))
	case len(given) > 1:
		s.Fail(given[1], "cannot be combined with %s: %s has one kind", doc.Brief(given[0]), s.Title())
	}
}

// readKeys reads the keys of the tasks.
func readKeys(s doc.Section) []string {
	var keys []string
	seen := map[string]bool{}
	for i, n := range listItems(s, "list", "texts such as [berlin, paris]") {
		path := item(s.At("list"), i)
		switch {
		case !isText(n) || n.Value == "":
			s.Src.FailAt(path, "`list` must list texts that are not empty: put %s in quotes if it is meant", doc.Brief(n.Value))
		case len(n.Value) > maxKey:
			s.Src.FailAt(path, "`list` has a text of %d bytes: %d are the most", len(n.Value), maxKey)
		case seen[n.Value]:
			s.Src.FailAt(path, "`list` lists %s twice: a task would be executed twice", doc.Brief(n.Value))
		default:
			seen[n.Value] = true
			keys = append(keys, n.Value)
		}
	}
	return keys
}

// readArguments reads a program or command and its arguments, which may be equal or empty.
func readArguments(s doc.Section, key string) []string {
	var words []string
	for i, n := range listItems(s, key, "texts: a program and its arguments, as in [./send.sh, \"--all\"]") {
		path := item(s.At(key), i)
		switch {
		case !isText(n):
			s.Src.FailAt(path, "%s must list texts: put %s in quotes", doc.Brief(key), doc.Brief(n.Value))
		case strings.Contains(n.Value, "\x00"):
			s.Src.FailAt(path, "%s has a text with a NUL character, which no program can be given", doc.Brief(key))
		case i == 0 && (strings.TrimSpace(n.Value) == "" || strings.Contains(n.Value, "{{")):
			s.Src.FailAt(path, "%s begins with %s: its first text is what is executed, which must not depend on values", doc.Brief(key), doc.Brief(n.Value))
		case IsReference(n.Value):
			s.Src.FailAt(path, "%s has a reference, and other users can read arguments: give the program the secret with `env`", doc.Brief(key))
		default:
			words = append(words, n.Value)
			continue
		}
		words = append(words, "") // so that the places of the others are right
	}
	return words
}

func isText(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" }
