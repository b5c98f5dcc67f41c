// All cases of statement files, in every order and twice: what is stored and judged depends on neither.

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

// caseName is what the files of one case have in common.
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
				dir := bank(t)
				institution := filepath.Join(filepath.Dir(order[0]), name+".institution.yaml")
				if text, err := os.ReadFile(institution); err == nil {
					file(t, dir, "institutions/bank.yaml", string(text))
				}
				for _, path := range order {
					bursar(t, "import", path, "--project", dir)
				}
				is := verdictsAndExports(t, dir)
				bursar(t, append([]string{"import", "--project", dir}, renamed(t, order)...)...)
				if again := verdictsAndExports(t, dir); again != is {
					t.Errorf("order %v: imported again it stands\n%s\nand stood\n%s", order, again, is)
				}
				if n > 0 && is != first {
					t.Errorf("order %v: it stands\n%s\nand stood in the first order\n%s", order, is, first)
				}
				first = is
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
