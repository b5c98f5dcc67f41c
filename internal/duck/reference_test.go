// Tests that docs/project.md lists the functions that a project may call.

package duck

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReferenceListsFunctions compares the table of docs/project.md with the functions that are allowed.
func TestReferenceListsFunctions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "project.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### Functions\n")
	section, _, _ = strings.Cut(section, "\n## ")
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| .* \\| `(.*)` \\|$").FindAllStringSubmatch(section, -1) {
		for _, name := range strings.Fields(row[1]) {
			listed[name] = true
		}
	}
	for _, line := range regexp.MustCompile("(?m)^    (.*)$").FindAllStringSubmatch(section, -1) {
		for _, operator := range strings.Fields(line[1]) {
			listed[operator] = true
		}
	}
	for _, allowed := range []map[string]bool{functions, aggregates} {
		for name := range allowed {
			if !listed[name] {
				t.Errorf("docs/project.md does not list %s", name)
			}
		}
	}
	for name := range listed {
		if !functions[name] && !aggregates[name] {
			t.Errorf("docs/project.md lists %s, which is refused", name)
		}
	}
}
