//go:build linux

// Scenarios: transcripts of everyday situations in Markdown, carried out as they are written. With -update their outputs are written anew.

package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the outputs of testdata/scenarios anew")

// scenarioFolder has one scenario a file, and the project that each begins with in the folder shop.
const scenarioFolder = "testdata/scenarios"

// started is when the tests began.
var started = time.Now().UTC()

// variable are the parts of outputs that differ from one time to the next, and what a transcript has in their place. Each is as wide as
// what it stands for.
var variable = []struct {
	pattern *regexp.Regexp
	shown   string
}{
	{regexp.MustCompile(`(` + started.Format(time.DateOnly) + `|` + started.AddDate(0, 0, 1).Format(time.DateOnly) + `)T\d\d:\d\d:\d\d`), "2026-02-01T12:00:00"},
	{regexp.MustCompile(`\d\.\d\d │ ✓`), "0.05 │ ✓"}, // seconds of a run
}

// killedAfter ends the line of a command whose process is killed as soon as a step of its run is recorded.
var killedAfter = regexp.MustCompile(`\s+# killed after (\w+)$`)

// eachScenario runs a test for each of up to so many transcripts, which gets its number, path and text.
func eachScenario(t *testing.T, most int, test func(t *testing.T, n int, path, text string)) {
	t.Helper()
	paths, err := filepath.Glob(scenarioFolder + "/[0-9]*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%q, %v", paths, err)
	}
	for n, path := range sampled(seeded(t), paths, most) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			test(t, n, path, string(text))
		})
	}
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	eachScenario(t, math.MaxInt, func(t *testing.T, n int, path, text string) {
		got := newScenario(t, n).play(text)
		switch {
		case *update:
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		case got != text:
			t.Errorf("%s: the outputs are others; go test ./cmd/bursar -run TestScenarios -update writes\n%s", path, got)
		}
	})
}

// shownFolder stands for the folder of a scenario. It is as long as that, as the width of tables depends on it.
const shownFolder = "/home/maria/shop"

// newScenario makes a folder whose name has a length that is always the same.
func newScenario(t *testing.T, number int) *scenario {
	t.Helper()
	dir := fmt.Sprintf("/tmp/b%08d%02d", os.Getpid()%100_000_000, number)
	if err := os.Mkdir(dir, 0o755); err != nil || len(dir) != len(shownFolder) {
		t.Fatalf("make %s: %v", dir, err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.CopyFS(dir, os.DirFS(scenarioFolder+"/shop")); err != nil {
		t.Fatal(err)
	}
	return &scenario{
		t: t, dir: dir,
		prepare: func(string) func() { return func() {} },
		differ:  func(output string) string { return output },
	}
}

// scenario is one transcript in a folder of its own.
type scenario struct {
	t       *testing.T
	dir     string
	prepare func(command string) (done func()) // done comes after the command
	differ  func(output string) string         // what is shown of it
}

// play carries a transcript out, and returns it with the outputs that it gave. A block whose info string names a file is the content of
// that file; in a block of a console, each line that begins with $ is a command, and the lines behind it are its output.
func (s *scenario) play(text string) string {
	var out strings.Builder
	var block []string
	kind, within := "", false
	for line := range strings.Lines(text) {
		info, fence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case fence && !within:
			kind, within, block = info, true, nil
			out.WriteString(line)
		case fence:
			out.WriteString(s.block(kind, block))
			out.WriteString(line)
			within = false
		case within:
			block = append(block, line)
		default:
			out.WriteString(line)
		}
	}
	return out.String()
}

func (s *scenario) block(kind string, lines []string) string {
	_, name, named := strings.Cut(kind, " ")
	switch {
	case named:
		path := filepath.Join(s.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644)); err != nil {
			s.t.Fatal(err)
		}
	case kind == "console":
		var out strings.Builder
		for _, line := range lines {
			if command, is := strings.CutPrefix(line, "$ "); is {
				out.WriteString(line)
				out.WriteString(s.command(strings.TrimRight(command, "\n")))
			}
		}
		return out.String()
	}
	return strings.Join(lines, "")
}

// command carries out one line of a shell in which bursar is this test's binary, and returns what it prints. An exit code other than 0 is
// shown after it.
func (s *scenario) command(line string) string {
	program, err := filepath.Abs(os.Args[0])
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", `bursar() { "`+program+`" "$@"; }`+"\n"+line)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	if killed := killedAfter.FindStringSubmatch(line); killed != nil {
		cmd = exec.Command(program, ".")
		cmd.Env = append(os.Environ(), dieAfter+"="+killed[1])
	}
	cmd.Dir = s.dir
	done := s.prepare(line)
	text, err := cmd.CombinedOutput()
	done()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	out := strings.ReplaceAll(string(text), s.dir, shownFolder)
	for _, v := range variable {
		out = v.pattern.ReplaceAllString(out, v.shown)
	}
	out = s.differ(out)
	switch {
	case exit == nil:
	case exit.ExitCode() < 0:
		out += "[killed]\n"
	default:
		out += fmt.Sprintf("[exit code %d]\n", exit.ExitCode())
	}
	return out
}
