// All cases of statement files, in every order and twice: the stored events and the verdicts depend on neither.

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// caseName returns the common beginning of the file names of a case.
var caseName = regexp.MustCompile(`^(.+?)(-[0-9]+|-control)?\.(xml|sta|ofx|csv)$`)

// TestCasesInOrders takes a few cases, each in an order.
func TestCasesInOrders(t *testing.T) {
	t.Parallel()
	testCasesInOrders(t, 2, 1)
}

// TestSoakCasesInOrders takes every case in every order.
func TestSoakCasesInOrders(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	testCasesInOrders(t, math.MaxInt, math.MaxInt)
}

// testCasesInOrders takes so many cases, each in so many orders.
func testCasesInOrders(t *testing.T, cases, most int) {
	t.Helper()
	groups := map[string][]string{}
	var names []string
	for _, path := range caseFiles(t, "", "") {
		if part := caseName.FindStringSubmatch(filepath.Base(path)); part != nil {
			if groups[part[1]] == nil {
				names = append(names, part[1])
			}
			groups[part[1]] = append(groups[part[1]], path)
		}
	}
	random := seeded(t)
	for _, name := range sampled(random, names, cases) {
		orders := sampled(random, permutations(groups[name]), most)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := ""
			for n, order := range orders {
				dir := bankProject(t)
				institution := filepath.Join(filepath.Dir(order[0]), name+".institution.yaml")
				if text, err := os.ReadFile(institution); err == nil {
					file(t, dir, "institutions/bank.yaml", string(text))
				}
				for _, path := range order {
					bursar(t, "import", path, "--project", dir)
				}
				now := verdictsAndExports(t, dir)
				bursar(t, append([]string{"import", "--project", dir}, renamed(t, order)...)...)
				if again := verdictsAndExports(t, dir); again != now {
					t.Errorf("order %v: after importing again the result is\n%s\nbefore it was\n%s", order, again, now)
				}
				if n > 0 && now != first {
					t.Errorf("order %v: the result is\n%s\nin the first order it was\n%s", order, now, first)
				}
				first = now
			}
		})
	}
}

// verdictsAndExports is what is judged and folded. A copy of a file leaves in quarantine what the file left there, statements
// that name no account too.
func verdictsAndExports(t *testing.T, dir string) string {
	t.Helper()
	must(t, 0, "run", "--project", dir)
	code := bursar(t, "completeness", "--project", dir).code
	verdicts := strings.Split(intervalLines(t, code, dir), "\n")
	slices.Sort(verdicts)
	return fmt.Sprintf("exit code %d\n%s\n%s%s", code, strings.Join(slices.Compact(verdicts), "\n"), exported(t, dir, "days"), exported(t, dir, "sides"))
}
