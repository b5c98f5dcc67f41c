// Tests imports that end between any two steps while they cancel what does not count.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/project"
)

var errKilled = errors.New("killed")

const corrected = ":20:S\n:25:NL91ABNA0417164300\n:28C:7\n:60F:C240304EUR100,\n:61:2403040304C25,NTRFNONREF\n:86:rent\n:61:2403040304D5,NTRFNONREF\n:86:fee\n:62F:C240304EUR120,\n-\n"

const statusCSV = "institution: bank\ncsv:\n  account: \"12\"\n  currency: EUR\n  columns:\n    booked: Day\n    amount: Amount\n    balance: Balance\n"

// cancellations are pairs of imports of which the second cancels some of the first.
var cancellations = []struct {
	name, before, after string // the institution
	first, second       string // the same file if it is read again
	unlisted            string // reference of an entry that an earlier reader imported, and no later one lists
	want                string // verdict and sum of entries
}{
	{
		name: "a correction that is listed no more, and what it replaces", first: downloaded(6, 9, "88.00", "Y 3 -12 REPLACE X"), unlisted: "Y", second: downloaded(1, 5, "90.00", "X 3 -10"),
		want: "1–5 CLAIMED, 6–9 CLAIMED -10.00",
	},
	{
		name: "a correction that is listed no more, and what it had replaced", first: downloaded(1, 9, "88.00", "X 3 -10", "Y 3 -12 REPLACE X"), unlisted: "Y", second: downloaded(10, 12, "92.00", "W 11 2"),
		want: "1–9 CLAIMED, 10–12 CLAIMED -8.00",
	},
	{
		"a corrected entry", "", "", strings.Replace(corrected, "C25,", "C26,", 1), corrected, "", "4 PROVEN 20.00",
	},
	{
		"a corrected balance", "", "", strings.Replace(corrected, "EUR120,", "EUR130,", 1), corrected, "", "4 PROVEN 20.00",
	},
	{
		"another reading", statusCSV, statusCSV + "    status: {column: State, booked: [ok], ignored: [void]}\n",
		"Day,Amount,Balance,State\n2024-03-04,5,105,ok\n2024-03-04,9,105,void\n2024-03-04,7,112,ok\n", "", "", "4 PROVEN 12.00",
	},
	{
		"a replaced entry", "", "", downloaded(1, 5, "90.00", "X 3 -10"), downloaded(6, 9, "88.00", "Y 3 -12 REPLACE X"), "", "1–5 CLAIMED, 6–9 CLAIMED -12.00",
	},
	{
		"an entry that was replaced before", "", "", downloaded(6, 9, "88.00", "Y 3 -12 REPLACE X"), downloaded(1, 5, "90.00", "X 3 -10"), "", "1–5 CLAIMED, 6–9 CLAIMED -12.00",
	},
}

// TestKilledWhileCancelling ends an import before and after each of its seals, or every third one without SEEDS. The
// same import again completes it with the same result.
func TestKilledWhileCancelling(t *testing.T) {
	t.Parallel()
	for _, m := range cancellations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			want, ended := "", false
			first, stride := 0, 1
			if os.Getenv("SEEDS") == "" {
				first, stride = rand.IntN(3), 3
			}
			t.Logf("every seal that is %d modulo %d", first, stride)
			for step := first; !ended; step += stride {
				h := newFixture(t, "")
				if m.before != "" {
					h.file("project/institutions/bank.yaml", m.before)
					h.importer.Project = h.read()
				}
				path := h.file("first", m.first)
				h.imported(path)
				if m.unlisted != "" {
					h.unlist(m.unlisted)
				}
				if m.after != "" {
					h.file("project/institutions/bank.yaml", m.after)
					h.importer.Project = h.read()
				}
				if m.second != "" {
					path = h.file("second", m.second)
				}
				ended = h.killed(step, path)
				h.imported(path)
				a := h.judged("")
				if got := states(a[0].Intervals) + " " + h.sum("entries", "amount"); len(a) != 1 || got != m.want {
					t.Errorf("step %d: it is %s, want %s: %+v", step, got, m.want, a)
				}
				is := strings.Join([]string{h.sum("entries", "1"), h.sum("details", "1"), h.sum("balances", "1"), h.sum("balances", "CASE WHEN position = 'closing' THEN amount END")}, " ")
				if want == "" {
					want = is
				}
				if is != want {
					t.Errorf("step %d: it leaves %s, want %s", step, is, want)
				}
			}
		})
	}
}

// unlist cancels an entry as a reading does that lists it no more.
func (h *fixture) unlist(reference string) {
	h.Helper()
	view, err := h.importer.View(h.Context(), project.EntryStream)
	if err != nil {
		h.Fatal(err)
	}
	var line []byte
	columns, list := h.importer.Project.Stream(project.EntryStream).Columns, []string{}
	for i := range columns {
		list = append(list, "CAST("+columns[i].Name+" AS VARCHAR)")
	}
	err = imported.Query(h.Context(), h.objects.Files(), h.intake.Duck, "SELECT "+strings.Join(list, ", ")+" FROM ("+view+") WHERE reference = "+duck.Literal(reference), func(row []string) error {
		event := map[string]any{}
		for i, value := range row {
			switch columns[i].Type.String() {
			case "bigint", "bool":
				event[columns[i].Name] = json.RawMessage(value)
			default:
				event[columns[i].Name] = value
			}
			if value == "" && columns[i].Optional {
				delete(event, columns[i].Name)
			}
		}
		id, amount := fmt.Sprint(event["id"]), fmt.Sprint(event["amount"])
		event["id"], event["takes_back"], event["amount"] = identity.CancelID(id), id, statement.Negate(amount)
		line, err = json.Marshal(event)
		return err
	})
	if err == nil {
		_, err = h.take(h.Context(), project.EntryStream, []string{h.file("unlisted.jsonl", string(line)+"\n")}, nil)
	}
	if err != nil {
		h.Fatal(err)
	}
}

// killed imports a file and fails before or after one of the seals; ended reports that the import has fewer seals.
func (h *fixture) killed(step int, path string) (ended bool) {
	h.Helper()
	seals := 0
	h.importer.Ingest = func(ctx context.Context, stream string, files []string, parts func(string) []event.FilePart) (intake.Result, error) {
		at := seals
		seals++
		if at == step/2 && step%2 == 0 {
			return intake.Result{}, errKilled
		}
		r, err := h.take(ctx, stream, files, parts)
		if at == step/2 {
			err = errors.Join(err, errKilled)
		}
		return r, err
	}
	_, err := h.importer.Import(h.Context(), []string{path}, Options{})
	h.importer.Ingest = h.take
	if err != nil && !errors.Is(err, errKilled) {
		h.Fatal(err)
	}
	return err == nil
}

// sum adds up a stream, without what is cancelled of streams without amounts.
func (h *fixture) sum(stream, what string) string {
	h.Helper()
	if what == "1" {
		what = "CASE WHEN takes_back IS NULL THEN 1 ELSE -1 END"
	}
	sum := ""
	for _, row := range h.stored(stream, fmt.Sprintf("sum(%s)", what)) {
		sum = statement.NormalAmount(row)
	}
	return sum
}
