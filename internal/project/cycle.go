// Finds the columns that an expression mentions, and cycles among them.

package project

import (
	"regexp"
	"slices"
	"strings"
)

// sqlWord matches strings, quoted identifiers and words; a word before a parenthesis is a function.
var sqlWord = regexp.MustCompile(`'(?:[^']|'')*'|"((?:[^"]|"")*)"|([A-Za-z_][A-Za-z0-9_]*)(\s*\()?`)

// mentionedNames returns those of the names that occur in an expression as identifiers.
func mentionedNames(expr string, names []string) []string {
	var found []string
	for _, m := range sqlWord.FindAllStringSubmatch(expr, -1) {
		if m[3] != "" {
			continue
		}
		name := strings.ToLower(m[1] + m[2]) // one of them is empty; SQL identifiers have no case
		if slices.Contains(names, name) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found
}

// findCycle returns the names on a path from a name back to itself, beginning with it; nil if there is none.
func findCycle(uses map[string][]string, start string) []string {
	visited := map[string]bool{}
	var walk func(name string) []string
	walk = func(name string) []string {
		for _, next := range uses[name] {
			if next == start {
				return []string{name}
			}
			if visited[next] {
				continue
			}
			visited[next] = true
			if rest := walk(next); rest != nil {
				return append([]string{name}, rest...)
			}
		}
		return nil
	}
	return walk(start)
}
