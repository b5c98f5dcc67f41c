// Tests that docs/project.md names every key that the reader accepts, and no other.

package project

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bursar/internal/project/projecttest"
)

// referenceHeadings are the headings of docs/project.md by the place in the code that opens a section: its function, and the key of
// the section if it has one.
var referenceHeadings = map[string]string{
	"parseConfig":              "bursar.yaml",
	"readStorage storage":      "storage",
	"readDatabase key":         "catalog and index",
	"readTemporal temporal":    "temporal",
	"readTemporal tls":         "tls of temporal",
	"readWarehouse warehouse":  "warehouse",
	"readSchedules schedules":  "schedules",
	"readEndpoint tls":         "tls of warehouse",
	"parseStream":              "Streams",
	"readConnection refresh":   "refresh",
	"readConnection breaker":   "breaker",
	"readConnection login":     "login",
	"readLimits limits":        "limits",
	"readText csv":             "csv",
	"readColumn":               "Columns",
	"parseStream name":         "Totals",
	"readSeal seal":            "seal",
	"parsePipeline":            "Pipelines",
	"readFold":                 "artifact",
	"readRest exceptions":      "exceptions",
	"readRest backlog":         "backlog",
	"parseInstitution":         "Institutions",
	"readCalendar statements":  "statements",
	"readCSVMapping csv":       "csv of an institution",
	"readColumnName key":       "csv of an institution",
	"readCSVColumns columns":   "columns of an institution",
	"readSign sign":            "sign of an institution",
	"readStatus status":        "status of an institution",
	"readControl control":      "control of an institution",
	"readControl where":        "where of a control row",
	"readHash hash":            "hash of a control row",
	"readHeader":               "Models",
	"readParameters name":      "parameters",
	"readTest":                 "tests",
	"readBalanced balanced":    "balanced tests",
	"parseLoad":                "Loads",
	"readStrategy timeseries":  "timeseries",
	"readArchive archive":      "archive",
	"readMail mail":            "mail",
	"parseJob":                 "Jobs",
	"readPartition partition":  "partition",
	"readTask task":            "task",
	"readHTTP http":            "http",
	"readEmail email":          "email",
	"readRetry retry":          "retry",
	"readExitCodes exit_codes": "exit_codes",
	"readCatchUp catch_up":     "catch_up",
}

// TestReferenceNamesEveryKey compares the tables of docs/project.md with the keys that the code opens its sections with.
func TestReferenceNamesEveryKey(t *testing.T) {
	t.Parallel()
	accepted := acceptedKeys(t)
	for _, k := range columnKeys {
		accepted["Columns"] = append(accepted["Columns"], k.key)
	}
	for _, k := range Folds {
		accepted["artifact"] = append(accepted["artifact"], string(k.Kind))
	}
	documented := documentedKeys(t)
	for place, heading := range referenceHeadings {
		if len(accepted[heading]) == 0 {
			t.Errorf("the code opens no section as %q, whose keys are those of %q", place, heading)
		}
	}
	for heading, keys := range accepted {
		for _, key := range keys {
			if !slices.Contains(documented[heading], key) {
				t.Errorf("docs/project.md does not name key %s under %q", key, heading)
			}
		}
		for _, key := range documented[heading] {
			if !slices.Contains(keys, key) {
				t.Errorf("docs/project.md names key %s under %q, which no file may have", key, heading)
			}
		}
	}
}

// acceptedKeys returns the keys that the code accepts, by heading: the texts among the arguments of Section and Sub. Keys in tables
// are added by the caller.
func acceptedKeys(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{"artifact": {"by", "keep", "where", "mixed"}}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			if f, is := d.(*ast.FuncDecl); is && f.Body != nil {
				collectKeys(t, f, keys)
			}
		}
	}
	return keys
}

// collectKeys adds the keys of the sections that a function opens.
func collectKeys(t *testing.T, f *ast.FuncDecl, keys map[string][]string) {
	t.Helper()
	ast.Inspect(f.Body, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is {
			return true
		}
		method, is := call.Fun.(*ast.SelectorExpr)
		if !is || method.Sel.Name != "Section" && method.Sel.Name != "Sub" {
			return true
		}
		place, known := f.Name.Name, call.Args[1:]
		if method.Sel.Name == "Section" {
			known = known[1:]
		} else {
			place += " " + argument(call.Args[0])
		}
		for _, key := range known {
			literal, is := key.(*ast.BasicLit)
			if !is {
				continue // names that the project declares, or a table
			}
			heading := referenceHeadings[place]
			if heading == "" {
				t.Errorf("the keys of %q have no heading in docs/project.md", place)
				return true
			}
			text, _ := strconv.Unquote(literal.Value)
			keys[heading] = append(keys[heading], text)
		}
		return true
	})
}

// argument is a text or name as it is written.
func argument(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.Ident:
		return e.Name
	}
	return ""
}

var documentedKey = regexp.MustCompile("^\\| `([a-z_]+)` \\|")

func reference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "project.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documentedKeys returns the first cells of the tables, by heading.
func documentedKeys(t *testing.T) map[string][]string {
	t.Helper()
	keys, heading := map[string][]string{}, ""
	for line := range strings.Lines(reference(t)) {
		if title := strings.TrimLeft(line, "#"); title != line {
			heading = strings.TrimSpace(title)
		}
		if m := documentedKey.FindStringSubmatch(line); m != nil {
			keys[heading] = append(keys[heading], m[1])
		}
	}
	return keys
}

// TestReferenceExamples reads the files that docs/project.md shows as a project.
func TestReferenceExamples(t *testing.T) {
	t.Parallel()
	files := map[string]string{"bursar.yaml": "memory: 4GB\nthreads: 4\nmail: {address: \"smtp.example.com:587\", from: billing@example.com}\n"}
	folders := map[string]string{"stream": "streams", "pipeline": "pipelines", "institution": "institutions", "load": "warehouse", "job": "jobs"}
	for _, m := range regexp.MustCompile("(?s)```yaml\n((stream|pipeline|institution|load|job): ([a-z]+)\n.*?)```").FindAllStringSubmatch(reference(t), -1) {
		files[folders[m[2]]+"/"+m[3]+".yaml"] = m[1]
	}
	for _, m := range regexp.MustCompile("(?s)```sql\n(-- model: ([a-z_]+)\n.*?)```").FindAllStringSubmatch(reference(t), -1) {
		files["warehouse/"+m[2]+".sql"] = m[1]
	}
	p, errs := Read(projecttest.Folder(t, files))
	projecttest.WantErrors(t, errs)
	if len(p.Streams) != 1 || len(p.Pipelines) != 1 || len(p.Institutions) != 1 || len(p.Models) != 2 || len(p.Loads) != 1 || len(p.Jobs) != 2 {
		t.Errorf("%d streams, %d pipelines, %d institutions, %d models, %d loads, %d jobs",
			len(p.Streams), len(p.Pipelines), len(p.Institutions), len(p.Models), len(p.Loads), len(p.Jobs))
	}
}

// TestFoldForms: every fold's example can be declared, and docs/project.md shows it with what it means.
func TestFoldForms(t *testing.T) {
	t.Parallel()
	text := reference(t)
	artifact := "artifact:\n"
	for _, f := range Folds {
		row := "| `" + string(f.Kind) + "` | `" + f.Example + "` | " + f.Means + " |\n"
		if !strings.Contains(text, row) {
			t.Errorf("docs/project.md lacks the row\n%s", row)
		}
		if f.Kind != Typed {
			artifact += "  " + f.Example + "\n"
		}
	}
	_, errs := Read(projecttest.Folder(t, map[string]string{
		"bursar.yaml": "",
		"streams/payments.yaml": "stream: payments\nformat: jsonl\nid: event_id\ncolumns:\n  event_id: {type: string}\n  type: {type: string}\n" +
			"  order_id: {type: string}\n  amount: {type: \"decimal(18,2)\"}\n  occurred_at: {type: timestamp}\n",
		"pipelines/orders.yaml": "pipeline: orders\nfrom: payments\nkey: order_id\n" + artifact,
	}))
	projecttest.WantErrors(t, errs)
}
