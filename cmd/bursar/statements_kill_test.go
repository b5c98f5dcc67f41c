//go:build linux

// Recorded statements twice, in any order and grouping, by processes that are killed again and again: the same exports as
// of one import that nothing disturbs.

package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	statementKills     = 7
	soakStatementKills = 20
)

// folded are the pipelines of the statements example.
var folded = []string{"days", "sides"}

// importing takes files in by processes of which some are killed.
type importing struct {
	*killed
	left  int                      // kills still to come
	all   int                      // processes that died
	alone map[string]time.Duration // the last process of a command that was left alone took
}

// The bounds of the time in which a process is killed, where the machine is quick and where it is busy.
const leastLife, mostLife = 400 * time.Millisecond, 3 * time.Second

// TestStatementsKilled imports a random third of all twice: as it is, and from copies with other bytes that say the same. Left out are
// files that are refused, and files with an entry that differs in another file under the same id (they are found by
// importing them: the later one is in quarantine): which of two such entries counts depends on which comes first.
func TestStatementsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a process seven times")
	}
	t.Parallel()
	playStatementsKilled(t, statementKills, 3)
}

func TestSoakStatementsKilled(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	playStatementsKilled(t, soakStatementKills, 1)
}

// playStatementsKilled takes one in so many of the files.
func playStatementsKilled(t *testing.T, kills, oneIn int) {
	t.Helper()
	files := agreeing(t, recorded(t, "statements"))
	for _, folder := range []string{"settlement", "two_sided"} {
		files = append(files, statementFiles(t, recorded(t, folder))...)
	}
	random := seeded(t)
	files = sampled(random, files, len(files)/oneIn)
	slices.Sort(files)
	want := undisturbed(t, files)

	im := &importing{killed: &killed{t: t, dir: bankProject(t), random: random}, left: kills, alone: map[string]time.Duration{}}
	im.groups(files)
	im.groups(reworded(t, random, files))
	for im.left > 0 { // known files by now: an import of them ends soon, and may be killed all the same
		im.groups(files[:len(files)/10])
	}
	must(t, 0, "run", "--project", im.dir)
	wantExports(t, im.dir, want)
	t.Logf("%d files twice, %d processes killed", len(files), im.all)
}

var isStatementFile = regexp.MustCompile(`\.(xml|ofx|sta|txt)$`)

// statementFiles lists the statement files below a folder, sorted.
func statementFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if isStatementFile.MatchString(path) {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in %s, %v", len(files), dir, err)
	}
	return files
}

// agreeing are the files of a folder of which something is taken in, and that do not contradict another under the same id.
func agreeing(t *testing.T, dir string) (files []string) {
	t.Helper()
	dropped, project := map[string]bool{}, bankProject(t)
	for _, f := range listIn(t, imports(t, 1, project, statementFiles(t, dir)...), "files") {
		for _, part := range listIn(t, object(t, f), "parts") {
			if p := object(t, part); p["refused"] != nil || p["untaken"] != nil {
				dropped[words(p, "file")] = true
			}
		}
	}
	refused := len(dropped)
	for _, r := range listIn(t, value(t, must(t, 0, "quarantine", "--project", project, "--json")), "rows") {
		if row := object(t, r); strings.HasPrefix(words(row, "reason"), "conflict") {
			dropped[words(row, "file")] = true
		}
	}
	for _, path := range statementFiles(t, dir) {
		if !dropped[path] {
			files = append(files, path)
		}
	}
	t.Logf("of %d files, %d are refused and %d contradict another", len(files)+len(dropped), refused, len(dropped)-refused)
	return files
}

// object is a JSON object.
func object(t *testing.T, v any) map[string]any {
	t.Helper()
	o, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%v is no object", v)
	}
	return o
}

// undisturbed are the exports of one import in order.
func undisturbed(t *testing.T, files []string) map[string]string {
	t.Helper()
	dir := bankProject(t)
	imports(t, 0, dir, files...)
	must(t, 0, "run", "--project", dir)
	want := map[string]string{}
	for _, p := range folded {
		want[p] = must(t, 0, "export", p, "--to", "-", "--project", dir).out
	}
	return want
}

// wantExports fails the test unless the exports are these and verify finds nothing.
func wantExports(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	for p, text := range want {
		if got := must(t, 0, "export", p, "--to", "-", "--project", dir).out; got != text || text == "" {
			t.Errorf("%s differs: %s", p, firstDifference(got, text))
		}
		must(t, 0, "verify", p, "--project", dir)
	}
}

// groups imports files in random order and groups, with runs in between.
func (im *importing) groups(files []string) {
	im.t.Helper()
	files = slices.Clone(files)
	im.random.Shuffle(len(files), func(i, k int) { files[i], files[k] = files[k], files[i] })
	for len(files) > 0 {
		n := min(len(files), 1+im.random.IntN(200))
		im.carryOut(append([]string{"import"}, files[:n]...)...)
		files = files[n:]
		if im.random.IntN(3) == 0 {
			im.carryOut("run")
		}
	}
}

// carryOut repeats a command until a process of it has ended by itself.
func (im *importing) carryOut(args ...string) {
	im.t.Helper()
	for {
		after := time.Duration(0)
		if im.left > 0 && im.random.IntN(4) > 0 {
			after = time.Duration(1 + im.random.Int64N(int64(min(max(im.alone[args[0]], leastLife), mostLife))))
		}
		began := time.Now()
		got, dead := im.child(after, append(args, "--project", im.dir)...)
		if !dead {
			if got.code != 0 {
				im.t.Fatalf("%s ends with %d: %s", args[0], got.code, got.err)
			}
			im.alone[args[0]] = time.Since(began)
			return
		}
		im.left--
		im.all++
	}
}

// reworded are copies of the files: with white space at their end, or packed into archives under other names.
func reworded(t *testing.T, random *rand.Rand, files []string) (copies []string) {
	t.Helper()
	dir := t.TempDir()
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	seal := func() {
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
		if packed.Len() > 100 { // more than the end of an empty one
			copies = append(copies, file(t, dir, fmt.Sprintf("%d.zip", len(copies)), packed.String()))
		}
		packed.Reset()
		archive = zip.NewWriter(&packed)
	}
	for i, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%d%s", i, filepath.Ext(path))
		if random.IntN(2) == 0 {
			copies = append(copies, file(t, dir, name, string(text)+[]string{"\n", "\r\n", "\n\n"}[random.IntN(3)]))
			continue
		}
		to, err := archive.Create(name)
		if err == nil {
			_, err = to.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		if random.IntN(20) == 0 {
			seal()
		}
	}
	seal()
	return copies
}
