// Package language checks how the repository is written: every Go file begins with a comment that says what it contains, retired words come back
// neither as names nor in prose, and the prose of documents fits a terminal.
package language

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// retiredWords are parts of names that had a meaning in this repository only.
var retiredWords = map[string]string{
	"tell": "report, notify, print or emit", "tells": "report, notify, print or emit", "told": "reported, stored or known", "untold": "unreported",
	"telling": "report", "teller": "builder, emitter or reader", "doors": "mutex", "eve": "the previous day", "hush": "a quiet period",
	"crowd": "a threshold", "rouse": "wake", "heard": "reported",
}

// retiredProse are words and phrases that readers stop at.
var retiredProse = regexp.MustCompile(`(?i)\b(untold|teller|tellers|hush|hushed|rouse|roused|tells of|told of|telling of|is told|are told|` +
	`held against|holds? against|for who)\b`)

// columns is how wide the prose of documents may be.
const columns = 100

// root is the folder of the module.
const root = "../../.."

func TestFilesBeginWithAComment(t *testing.T) {
	t.Parallel()
	eachFile(t, ".go", func(path string, text []byte) {
		for line := range strings.Lines(string(text)) {
			switch {
			case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "//go:build"):
				continue
			case !strings.HasPrefix(line, "// "):
				t.Errorf("%s begins with %q: it wants a comment that says what it contains", path, strings.TrimSpace(line))
			}
			return
		}
	})
}

func TestRetiredNames(t *testing.T) {
	t.Parallel()
	words := regexp.MustCompile(`[A-Z]?[a-z]+|[A-Z]+`)
	files := token.NewFileSet()
	eachFile(t, ".go", func(path string, text []byte) {
		tree, err := parser.ParseFile(files, path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			name, is := n.(*ast.Ident)
			if !is {
				return true
			}
			for _, word := range words.FindAllString(name.Name, -1) {
				if better := retiredWords[strings.ToLower(word)]; better != "" {
					t.Errorf("%s: %s: say %s", files.Position(name.Pos()), name.Name, better)
				}
			}
			return true
		})
	})
}

func TestRetiredProse(t *testing.T) {
	t.Parallel()
	check := func(path string, text []byte) {
		line := 0
		for s := range strings.Lines(string(text)) {
			line++
			if found := retiredProse.FindString(s); found != "" {
				t.Errorf("%s:%d: %q", path, line, found)
			}
		}
	}
	eachFile(t, ".md", check)
	eachFile(t, ".yaml", check)
	eachFile(t, ".go", func(path string, text []byte) {
		if filepath.Base(path) != "language_test.go" {
			check(path, text)
		}
	})
}

func TestProseFitsATerminal(t *testing.T) {
	t.Parallel()
	eachFile(t, ".md", func(path string, text []byte) {
		for n, s := range prose(string(text)) {
			if width := utf8.RuneCountInString(s); width > columns && strings.Contains(strings.TrimSpace(s), " ") {
				t.Errorf("%s:%d has %d columns, more than %d", path, n, width, columns)
			}
		}
	})
}

// prose yields the lines of a document that are neither of a table nor of code, with their numbers.
func prose(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n, code := 0, false
		in := bufio.NewScanner(strings.NewReader(text))
		in.Buffer(nil, len(text)+1)
		for in.Scan() {
			n++
			s := in.Text()
			if strings.HasPrefix(strings.TrimSpace(s), "```") {
				code = !code
				continue
			}
			if code || strings.HasPrefix(s, "    ") || strings.HasPrefix(strings.TrimSpace(s), "|") {
				continue
			}
			if !yield(n, s) {
				return
			}
		}
	}
}

// eachFile hands on the repository's files of a suffix.
func eachFile(t *testing.T, suffix string, each func(path string, text []byte)) {
	t.Helper()
	count := 0
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != root && strings.HasPrefix(e.Name(), ".") && e.Name() != ".ci":
			return filepath.SkipDir
		case !e.Type().IsRegular() || !strings.HasSuffix(path, suffix):
			return nil
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // a file of a test that runs at the same time
			return nil
		}
		if err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		count++
		each(path, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count == 0 {
		t.Fatalf("there is no file *%s", suffix)
	}
}
