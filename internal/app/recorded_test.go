// Recorded statement files of many banks, imported at once: each is imported or refused with a reason, no row is lost, every
// event leads to its place in the original file, and archives change nothing.

package app

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bursar/internal/aggregate"
	"bursar/internal/aggregate/format/statement/statementtest"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/project"

	"github.com/klauspost/compress/zstd"
)

// isStatementFile reports whether a file is a recorded statement and not a description of one.
var isStatementFile = regexp.MustCompile(`\.(xml|ofx|sta|txt)$`)

// recordedFiles lists the recorded statement files of all formats, sorted.
func recordedFiles(t *testing.T) (dir string, files []string) {
	t.Helper()
	dir = statementtest.Data(t, "statements")
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if isStatementFile.MatchString(path) {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files in %s, %v", len(files), dir, err)
	}
	return dir, files
}

// importMany imports files in one call, some of which may be refused.
func importMany(t *testing.T, a *App, files []string) aggregate.Result {
	t.Helper()
	r, err := a.Import(t.Context(), files, aggregate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for stream, s := range r.Streams {
		if s.Rows != s.Accepted+s.Quarantined+s.Duplicates {
			t.Errorf("%s: %d rows, of which %d accepted, %d quarantined, %d duplicates", stream, s.Rows, s.Accepted, s.Quarantined, s.Duplicates)
		}
	}
	return r
}

// TestRecordedStatements imports all recorded files in one call.
func TestRecordedStatements(t *testing.T) {
	t.Parallel()
	dir, files := recordedFiles(t)
	a := openExample(t, "statements")
	r := importMany(t, a, files)
	if len(r.Files) != len(files) {
		t.Fatalf("%d files are reported, want %d", len(r.Files), len(files))
	}
	checkRefusals(t, dir, &r)
	rows := map[string]int64{}
	for _, f := range r.Files {
		if f.Known { // two files are the same
			continue
		}
		for _, p := range f.Parts {
			rows[project.StatementStream] += p.Statements
			rows[project.EntryStream] += p.Entries
			rows[project.DetailStream] += p.Details
			rows[project.BalanceStream] += p.Balances
		}
	}
	for _, stream := range project.BuiltinStreams {
		if s := r.Streams[stream]; s.Rows != rows[stream] || s.Accepted == 0 {
			t.Errorf("%s: %d rows ingested, %d accepted, the files have %d", stream, s.Rows, s.Accepted, rows[stream])
		}
	}
	checkPlaces(t, a, &r)
}

// hasNoStatement returns a function that reports whether a file is known to contain no statement. CAMT files have the output of
// another tool next to them; MT940 and OFX files have descriptions.
func hasNoStatement(t *testing.T, dir string) func(path string) bool {
	t.Helper()
	var ofx struct {
		Files map[string]struct {
			Computed struct{ Statements []json.RawMessage }
		}
	}
	var mt940 struct {
		Golden map[string]struct {
			Transactions int
			Statement    map[string]json.RawMessage
		}
	}
	for folder, into := range map[string]any{"ofx": &ofx, "mt940": &mt940} {
		text, err := os.ReadFile(filepath.Join(dir, folder, "EXPECTED.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	return func(path string) bool {
		switch format, name, _ := strings.Cut(path, "/"); format {
		case "ofx":
			return len(ofx.Files[name].Computed.Statements) == 0
		case "mt940":
			golden, known := mt940.Golden[name]
			for field := range golden.Statement {
				if !strings.HasPrefix(field, "non_swift") {
					return false
				}
			}
			return known && golden.Transactions == 0
		}
		_, err := os.Stat(filepath.Join(dir, strings.TrimSuffix(path, ".xml")+".json"))
		return err != nil
	}
}

var refusal = regexp.MustCompile(`^\d+:\d+: .{10,}`)

// checkRefusals fails the test unless only files without a statement are refused, each with a place and a reason. Such files
// may also be imported if they contain something else, which is logged.
func checkRefusals(t *testing.T, dir string, r *aggregate.Result) {
	t.Helper()
	nothing := hasNoStatement(t, dir)
	refused := 0
	for _, f := range r.Files {
		name, err := filepath.Rel(dir, f.File)
		if err != nil || len(f.Parts) != 1 {
			t.Fatalf("%s has %d parts, %v", f.File, len(f.Parts), err)
		}
		p := f.Parts[0]
		switch {
		case p.Refused == "" && p.Statements == 0 && len(p.Notices) == 0:
			t.Errorf("%s is imported and contains nothing", name)
		case p.Refused == "":
		case !nothing(filepath.ToSlash(name)):
			t.Errorf("%s is refused: %s", name, p.Refused)
		case !refusal.MatchString(p.Refused) || p.Statements+p.Entries+p.Balances+p.Details != 0:
			t.Errorf("%s is refused in part or without a reason: %+v", name, p)
		default:
			refused++
		}
		if nothing(filepath.ToSlash(name)) && p.Statements+p.Entries > 0 {
			t.Errorf("%s has %d statements, want none", name, p.Statements)
		}
	}
	if refused == 0 {
		t.Error("not one file is refused, and some are broken")
	}
}

// beginnings are the texts at which rows of a stream begin: elements of XML and SGML, fields of MT940.
var beginnings = map[string]*regexp.Regexp{
	project.StatementStream: regexp.MustCompile(`^(<(Stmt|Rpt|Ntfctn|STMTRS|CCSTMTRS)>|:20:)`),
	project.EntryStream:     regexp.MustCompile(`^(<(Ntry|STMTTRN)>|:61:)`),
	project.DetailStream:    regexp.MustCompile(`^(<(TxDtls|Btch)>|:86:)`),
	project.BalanceStream:   regexp.MustCompile(`^(<(Bal|LEDGERBAL|AVAILBAL|BAL)>|:(60[FM]|62[FM]|64|65):)`),
}

// checkPlaces follows every event to its place in the stored original.
func checkPlaces(t *testing.T, a *App, r *aggregate.Result) {
	t.Helper()
	kept := map[string]string{} // path by object
	for _, f := range r.Files {
		if !f.Known {
			kept[f.Object] = f.File
		}
	}
	texts := map[string][]byte{}
	for _, stream := range project.BuiltinStreams {
		n := int64(0)
		for _, e := range eventsOf(t, a, stream, "file", "object", "place") {
			n++
			path := kept[e[1]]
			if path == "" || filepath.Base(path) != e[0] {
				t.Fatalf("%s: %v is of %q", stream, e, path)
			}
			if texts[e[1]] == nil {
				texts[e[1]] = keptText(t, a, path, e[1])
			}
			if at := textAt(texts[e[1]], e[2]); !beginnings[stream].Match(at) {
				t.Errorf("%s of %s at %s begins with %.40q", stream, path, e[2], at)
			}
		}
		if n != r.Streams[stream].Accepted {
			t.Errorf("%s: %d events, want %d", stream, n, r.Streams[stream].Accepted)
		}
	}
}

// eventsOf reads columns of all events of a stream.
func eventsOf(t *testing.T, a *App, stream string, columns ...string) (rows [][]string) {
	t.Helper()
	batches, err := event.Batches(t.Context(), a.Events.Catalog, stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	session, err := duck.Open(a.Events.Duck)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = "CAST(" + column.QuoteIdentifier(c) + " AS VARCHAR)"
	}
	sql := fmt.Sprintf("SELECT %s FROM (%s)", strings.Join(list, ", "), event.ViewSQL(a.Engine.Objects.Files(), a.Project.Stream(stream), batches))
	err = session.Query(t.Context(), sql, func(got []column.Vector) error {
		for i := range got[0].Len() {
			row := make([]string, len(got))
			for k := range got {
				row[k] = string(got[k].AppendPlain(nil, i))
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// keptText reads an object, which must have the same content as the file.
func keptText(t *testing.T, a *App, path, object string) []byte {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := a.Events.Objects.Open(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	got := make([]byte, len(want)+1)
	if n, _ := in.ReadAt(got, 0); !bytes.Equal(got[:n], want) { // io.EOF for the full length
		t.Fatalf("%s is kept otherwise than it was received", path)
	}
	return want
}

// textAt returns a text from a line and column on; nil if they are outside.
func textAt(text []byte, place string) []byte {
	lineText, columnText, _ := strings.Cut(place, ":")
	line, _ := strconv.Atoi(lineText) // 0, which is outside, if it is not a number
	col, _ := strconv.Atoi(columnText)
	for ; line > 1; line-- {
		_, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			return nil
		}
		text = rest
	}
	if line != 1 || col < 1 || col > len(text) {
		return nil
	}
	return text[col-1:]
}

// TestArchivedStatements imports the recorded files as they are, in one archive, and each compressed: the exports are the same.
func TestArchivedStatements(t *testing.T) {
	t.Parallel()
	dir, files := recordedFiles(t)
	var want map[string]string
	for _, form := range [][]string{files, {zipped(t, dir, files)}, compressed(t, files)} {
		a := openExample(t, "statements")
		r := importMany(t, a, form)
		parts := 0
		for _, f := range r.Files {
			parts += len(f.Parts)
		}
		if parts != len(files) {
			t.Errorf("%d parts are reported, want %d", parts, len(files))
		}
		got := map[string]string{}
		for _, p := range []string{"days", "sides"} {
			runAll(t, a, p)
			got[p] = string(exportOf(t, a, p))
		}
		if want == nil {
			want = got
		}
		for p := range want {
			compareLines(t, []byte(got[p]), []byte(want[p]))
		}
	}
}

// zipped packs the files into one zip archive.
func zipped(t *testing.T, dir string, files []string) string {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for _, path := range files {
		name, _ := filepath.Rel(dir, path) // path is below dir
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.Create(filepath.ToSlash(name))
		if err == nil {
			_, err = to.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return putFile(t, t.TempDir(), "all.zip", packed.String())
}

// compressed compresses each of the files, alternating between two formats.
func compressed(t *testing.T, files []string) []string {
	t.Helper()
	files = slices.Clone(files)
	for i, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		if i%2 == 0 {
			w := gzip.NewWriter(&packed)
			_, err = w.Write(text)
			err = errors.Join(err, w.Close())
		} else {
			var w *zstd.Encoder
			if w, err = zstd.NewWriter(&packed); err == nil {
				_, err = w.Write(text)
				err = errors.Join(err, w.Close())
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		files[i] = putFile(t, t.TempDir(), filepath.Base(path)+[]string{".gz", ".zst"}[i%2], packed.String())
	}
	return files
}
