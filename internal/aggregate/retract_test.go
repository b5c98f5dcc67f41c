// Tests files that are retracted: what only they list counts no more, and counts again after Undo.

package aggregate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/imported"
	"bursar/internal/object"
)

// amounts are the amounts of the entries that count, sorted.
func (h *fixture) amounts() (list []string) {
	for _, m := range h.movements() {
		list = append(list, strings.TrimSuffix(strings.Fields(m)[1], "000"))
	}
	slices.Sort(list)
	return list
}

// TestRetractFile retracts each of two files that list an entry in common and undoes that, twice each.
func TestRetractFile(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	wrong := camtOf(sheetOf("1", 5, 1000, item{day: day(5), cents: 100, reference: "A"}, item{day: day(5), cents: 25, reference: "B"}))
	right := camtOf(renamed(sheetOf("2", 5, 1000, item{day: day(5), cents: 100, reference: "A"}, item{day: day(5), cents: 20, reference: "C"}), "Right"))
	h.send(wrong)
	first := h.judged("")[0].Intervals[0]
	h.send(right)
	if got := h.amounts(); !slices.Equal(got, []string{"0.20", "0.25", "1.00"}) {
		t.Fatalf("before: %q", got)
	}
	for n := range 2 {
		r, err := h.importer.Retract(t.Context(), first.Object, "wrong amount")
		if err != nil || r.Already != (n == 1) || r.Statements != 1 || r.Cancelled != int64(1-n) {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := h.amounts(); !slices.Equal(got, []string{"0.20", "1.00"}) {
			t.Errorf("retracted: %q", got)
		}
		if got := states(h.judged("")[0].Intervals); got != "5 PROVEN" {
			t.Errorf("retracted: %s", got)
		}
	}
	h.send(wrong)
	if got := h.amounts(); !slices.Equal(got, []string{"0.20", "1.00"}) {
		t.Errorf("sent again: %q", got)
	}
	if list, err := imported.Retracted(t.Context(), h.importer.Catalog); err != nil || len(list) != 1 || list[0].Reason != "wrong amount" {
		t.Errorf("%+v, %v", list, err)
	}
	for n := range 2 {
		r, err := h.importer.Undo(t.Context(), first.Object)
		if err != nil || r.Already != (n == 1) || n == 0 && r.Statements != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := h.amounts(); !slices.Equal(got, []string{"0.20", "0.25", "1.00"}) {
			t.Errorf("counts again: %q", got)
		}
	}
	if r, err := h.importer.Retract(t.Context(), first.Object, "wrong after all"); err != nil || r.Already || r.Cancelled != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if got := h.amounts(); !slices.Equal(got, []string{"0.20", "1.00"}) {
		t.Errorf("retracted again: %q", got)
	}
	if _, err := h.importer.Retract(t.Context(), "none.xml", "x"); !errors.As(err, new(*imported.NoFileError)) {
		t.Errorf("an unknown file: %v", err)
	}
}

// TestRetractFileOfMany retracts a file with two statements, of which another file has one: that one counts again once
// its file is imported again, and so does one that a new file states.
func TestRetractFileOfMany(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	first, second := sheetOf("1", 4, 1000, items(4, 10)...), sheetOf("2", 5, 1010, items(5, 20)...)
	h.imported(h.file("both.xml", detailed(camtOf(first, second))))
	known := h.file("second.xml", detailed(camtOf(second)))
	h.imported(known)
	if r, err := h.importer.Retract(t.Context(), "both.xml", "wrong"); err != nil || r.Cancelled != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	h.imported(known)
	if got, verdicts := h.amounts(), states(h.judged("")[0].Intervals); !slices.Equal(got, []string{"0.20"}) || verdicts != "5 PROVEN" {
		t.Errorf("imported again: %q, %s", got, verdicts)
	}
	h.send(detailed(camtOf(renamed(first, "New"))))
	for range 2 {
		expectCounting(t, h, nil, h.judged("")[0].Intervals)
		if got, verdicts := h.amounts(), states(h.judged("")[0].Intervals); !slices.Equal(got, []string{"0.10", "0.20"}) || verdicts != "4 PROVEN, 5 PROVEN" {
			t.Errorf("both: %q, %s", got, verdicts)
		}
		if r, err := h.importer.Retract(t.Context(), "both.xml", "wrong"); err != nil || !r.Already || r.Cancelled != 0 {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// TestRetractFileAnyOrder retracts one of two files that state the same: in either order the other must be imported again.
func TestRetractFileAnyOrder(t *testing.T) {
	t.Parallel()
	s := sheetOf("1", 5, 1000, items(5, 100, 25)...)
	for order := range permutations(2) {
		h := newFixture(t, "")
		paths := []string{h.file("a.xml", detailed(camtOf(s))), h.file("b.xml", detailed(camtOf(renamed(s, "B"))))}
		for _, n := range order {
			h.imported(paths[n])
		}
		if r, err := h.importer.Retract(t.Context(), "a.xml", "wrong"); err != nil || r.Statements != 1 || r.Cancelled != 2 || len(h.amounts()) != 0 {
			t.Fatalf("%v: %+v, %v with %q", order, r, err, h.amounts())
		}
		h.imported(paths[1])
		for range 2 {
			a := h.judged("")[0]
			if got := h.amounts(); !slices.Equal(got, []string{"0.25", "1.00"}) || states(a.Intervals) != "5 PROVEN" {
				t.Errorf("%v: %q, %s", order, got, states(a.Intervals))
			}
			expectCounting(t, h, order, a.Intervals)
			if r, err := h.importer.Retract(t.Context(), "a.xml", "wrong"); err != nil || !r.Already || r.Cancelled != 0 {
				t.Errorf("%v: %+v, %v", order, r, err)
			}
		}
		if r, err := h.importer.Retract(t.Context(), "b.xml", "wrong, too"); err != nil || r.Statements != 1 || r.Cancelled != 2 || len(h.amounts()) != 0 {
			t.Errorf("%v: %+v, %v with %q", order, r, err, h.amounts())
		}
	}
}

// TestRetractOverwritten refuses a path whose file is not the one that was imported from it.
func TestRetractOverwritten(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	path := h.file("june.xml", camtOf(sheetOf("1", 5, 1000, items(5, 100, 25)...)))
	h.imported(path)
	h.file("june.xml", camtOf(renamed(sheetOf("1", 5, 1000, items(5, 100, 20)...), "Right")))
	h.imported(path)
	if _, err := h.importer.Retract(t.Context(), path, "wrong"); !errors.As(err, new(*imported.NoFileError)) {
		t.Errorf("it gives %v", err)
	}
}

// TestRetractionIsRepeated has an original that cannot be read when another file is retracted: the retraction stays
// begun until it can be read.
func TestRetractionIsRepeated(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.imported(h.file("wrong.xml", camtOf(sheetOf("1", 5, 1000, items(5, 100, 25)...))))
	h.imported(h.file("right.xml", camtOf(renamed(sheetOf("1", 5, 1000, items(5, 100, 20)...), "Right"))))
	right := h.originalOf("11.20")
	if err := os.Rename(right, right+".away"); err != nil {
		t.Fatal(err)
	}
	begun := func(want bool) {
		t.Helper()
		r, err := h.importer.Retract(t.Context(), "wrong.xml", "wrong")
		list, failed := imported.Retracted(t.Context(), h.importer.Catalog)
		if err = errors.Join(err, failed); err != nil || len(list) != 1 || list[0].Begun != want || (r.NotCancelled != "") != want {
			t.Fatalf("%+v, %+v, %v", r, list, err)
		}
		if err := imported.CheckRetractions(t.Context(), h.importer.Catalog); errors.As(err, new(*imported.UnfinishedError)) != want {
			t.Fatalf("the check gives %v", err)
		}
	}
	begun(true)
	if err := os.Rename(right+".away", right); err != nil {
		t.Fatal(err)
	}
	begun(false)
	begun(false)
	if got := h.amounts(); !slices.Equal(got, []string{"0.20", "1.00"}) {
		t.Errorf("there are %q", got)
	}
}

// TestRetractArchive retracts an archive with a refused member and undoes that: the member stays refused, and the
// entries of the others count or do not.
func TestRetractArchive(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	first, second := camtOf(sheetOf("1", 4, 1000, items(4, 10)...)), camtOf(sheetOf("2", 5, 1010, items(5, 20)...))
	path := h.file("a.zip", zipOf(t, "b/1.xml", first, "bad.xml", first[:len(first)-20], "2.xml", second))
	sent := func() Result {
		t.Helper()
		r, err := h.importer.Import(t.Context(), []string{path}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for range 2 {
		if r := sent(); r.Refused() == nil || r.Files[0].Known {
			t.Fatalf("imported: %+v", r)
		}
	}
	for n, name := range []string{path, "a.zip", h.judged("")[0].Intervals[0].Object} {
		if n == 1 {
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := h.importer.Retract(t.Context(), name, "wrong"); err != nil || r.Already || r.Begun || r.Statements != 2 || r.Cancelled != 2 {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		if got := h.amounts(); len(got) > 0 {
			t.Errorf("%s: retracted, %q count", name, got)
		}
		if n == 1 {
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
		}
		if r := sent(); r.Files[0].Retracted == nil || len(h.amounts()) > 0 {
			t.Errorf("%s: sent again: %+v with %q", name, r, h.amounts())
		}
		if r, err := h.importer.Undo(t.Context(), name); err != nil || !r.Undone || r.Statements != 2 {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		if err := imported.CheckRetractions(t.Context(), h.importer.Catalog); err != nil {
			t.Error(err)
		}
		if got, verdicts := h.amounts(), states(h.judged("")[0].Intervals); !slices.Equal(got, []string{"0.10", "0.20"}) || verdicts != "4 PROVEN, 5 PROVEN" {
			t.Errorf("%s: it counts again: %q, %s", name, got, verdicts)
		}
		if r := sent(); r.Refused() == nil || !slices.Equal(h.amounts(), []string{"0.10", "0.20"}) {
			t.Errorf("%s: sent once more: %+v with %q", name, r, h.amounts())
		}
	}
}

// TestRetractCorrections retracts files of entries that replace each other, and has some count again, in random orders: what counts is
// what a project has that got the other files only.
func TestRetractCorrections(t *testing.T) {
	t.Parallel()
	sets := [][]string{
		{
			downloaded(1, 2, "5.00", "F1 2 5"), downloaded(3, 3, "4.50", "F1b 3 4.50 REPLACE F1"), downloaded(4, 4, "4.00", "F2 4 4 REPLACE F1b"),
			downloaded(5, 5, "5.00", "F9 5 1"),
		},
		{downloaded(2, 3, "12.00", "F1 2 5", "F2 3 7"), downloaded(4, 4, "13.00", "F3 4 1"), downloaded(5, 5, "6.00", "F4 5 0 DELETE F2")},
	}
	for _, seed := range some([]uint64{0, 1, 2, 3, 4, 5, 6, 7}, 4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 11))
			texts := sets[seed%2]
			h, fresh := newFixture(t, ""), newFixture(t, "")
			paths, retracted := make([]string, len(texts)), make([]bool, len(texts))
			for i, text := range texts {
				paths[i] = h.file(fmt.Sprint(i, ".ofx"), text)
			}
			for _, n := range random.Perm(len(paths)) {
				h.imported(paths[n])
			}
			var steps []string
			for range 4 {
				n := random.IntN(len(paths))
				do := func() (imported.RetractedFile, error) { return h.importer.Retract(t.Context(), paths[n], "wrong") }
				if retracted[n] {
					do = func() (imported.RetractedFile, error) { return h.importer.Undo(t.Context(), paths[n]) }
				}
				if r, err := do(); err != nil || r.NotCancelled != "" {
					t.Fatalf("%v: %+v, %v", steps, r, err)
				}
				retracted[n] = !retracted[n]
				steps = append(steps, fmt.Sprint(n, retracted[n]))
			}
			var live []string
			for n, path := range paths {
				if !retracted[n] {
					live = append(live, path)
				}
			}
			if len(live) == 0 {
				if _, err := h.importer.Undo(t.Context(), paths[0]); err != nil {
					t.Fatal(err)
				}
				live = paths[:1]
			}
			h.imported(live...)
			fresh.imported(live...)
			verdicts := func(h *fixture) (list []string) {
				for _, a := range h.judged("") {
					list = append(list, states(a.Intervals))
				}
				return list
			}
			if got, want := h.movements(), fresh.movements(); !slices.Equal(got, want) {
				t.Errorf("%v: the entries are\n%q\nwant\n%q", steps, got, want)
			}
			if got, want := verdicts(h), verdicts(fresh); !slices.Equal(got, want) {
				t.Errorf("%v: it is %q, want %q", steps, got, want)
			}
		})
	}
}

// TestUndoWithoutItsDeclaration has an archive count again of which a member cannot be read any more: it is refused as a whole, as often
// as it is tried, and counts whole once the declaration is back.
func TestUndoWithoutItsDeclaration(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	const declared = "institution: own\ncsv:\n  account: C1\n  currency: EUR\n  columns:\n    booked: Day\n    amount: Amount\n"
	h.declare(declared)
	path := h.file("z.zip", zipOf(t, "c.csv", "Day,Amount\n2024-03-03,10\n", "d.xml", camtOf(sheetOf("1", 4, 1000, items(4, 10)...))))
	h.imported(path)
	want := h.amounts()
	if _, err := h.importer.Retract(t.Context(), path, "wrong"); err != nil {
		t.Fatal(err)
	}
	h.declare("institution: own\n")
	for range 2 {
		if r, err := h.importer.Undo(t.Context(), path); err == nil || r.Undone || r.Begun || len(h.amounts()) > 0 {
			t.Errorf("%+v, %v with %q", r, err, h.amounts())
		}
		if err := imported.CheckRetractions(t.Context(), h.importer.Catalog); err != nil {
			t.Error(err)
		}
	}
	if r, err := h.importer.Retract(t.Context(), path, "wrong"); err != nil || !r.Already || r.NotCancelled != "" {
		t.Errorf("%+v, %v", r, err)
	}
	h.declare(declared)
	if r, err := h.importer.Undo(t.Context(), path); err != nil || !r.Undone || r.Statements != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if got := h.amounts(); !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
}

// TestMemberIsNotReadAnyMore imports an archive again, of which a member cannot be read any more: what it had listed counts still, also
// when another file is retracted in between.
func TestMemberIsNotReadAnyMore(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.declare("institution: own\ncsv:\n  account: C1\n  currency: EUR\n  columns:\n    booked: Day\n    amount: Amount\n")
	path := h.file("z.zip", zipOf(t, "c.csv", "Day,Amount\n2024-03-03,10\n", "d.xml", camtOf(sheetOf("1", 4, 1000, items(4, 10)...))))
	other := h.file("other.xml", camtOf(sheetOf("2", 5, 1010, items(5, 30)...)))
	h.imported(path, other)
	h.declare("institution: own\n")
	if _, err := h.importer.Retract(t.Context(), other, "wrong"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := h.importer.Import(t.Context(), []string{path}, Options{})
		if err != nil || r.Refused() == nil {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if got := h.amounts(); !slices.Equal(got, []string{"0.10", "10.00"}) {
		t.Errorf("there are %q", got)
	}
}

// TestRetractedCorrectionIsCompleted retracts a file, and then the file that corrects an entry of it, while the first original cannot be
// read: the entry does not count once the call is repeated.
func TestRetractedCorrectionIsCompleted(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	first := h.file("first.ofx", downloaded(1, 2, "5.00", "F1 2 5"))
	other := h.file("other.ofx", downloaded(3, 3, "4.00", "F2 3 4 REPLACE F1"))
	h.imported(first, other)
	if r, err := h.importer.Retract(t.Context(), first, "wrong"); err != nil || r.NotCancelled != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	original := h.objects.Files().Path(object.Description{Name: imported.ObjectName(h.digestOf(first))})
	if err := os.Rename(original, original+".away"); err != nil {
		t.Fatal(err)
	}
	if r, err := h.importer.Retract(t.Context(), other, "wrong"); err != nil || r.NotCancelled == "" || !r.Begun {
		t.Errorf("%+v, %v", r, err)
	}
	if err := os.Rename(original+".away", original); err != nil {
		t.Fatal(err)
	}
	if r, err := h.importer.Retract(t.Context(), other, "wrong"); err != nil || r.NotCancelled != "" || r.Begun {
		t.Errorf("%+v, %v", r, err)
	}
	if got := h.amounts(); len(got) > 0 {
		t.Errorf("%q count", got)
	}
}

// digestOf is the digest of a file.
func (h *fixture) digestOf(path string) string {
	h.Helper()
	digest, err := h.importer.fileDigest(h.Context(), path)
	if err != nil {
		h.Fatal(err)
	}
	return digest
}
