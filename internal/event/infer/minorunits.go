// Amounts in minor units, such as cents: whole numbers from which a computed column makes amounts in major units.

package infer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
)

// minorWords are words in the names of columns of minor units.
var minorWords = []string{"cent", "cents", "minor", "pence", "pennies"}

// nameMajors gives amounts that are, or may be, in minor units a second name: that of the same amount in major units.
func (d *draft) nameMajors(taken map[string]bool) {
	for i := range d.columns {
		g := &d.columns[i]
		if g.Type.Kind != column.Int && g.Type.Kind != column.BigInt || idLike(g.Name) {
			continue
		}
		words := strings.Split(g.Name, "_")
		major := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return slices.Contains(minorWords, word) })
		switch {
		case len(major) < len(words):
			g.major = unique(cmp.Or(strings.Join(major, "_"), "amount"), taken)
		case moneyLike(words[len(words)-1]):
			g.major = unique(g.Name+"_major", taken)
		}
	}
}

// majorLine is a comment that declares the amount in major units.
func (g *guess) majorLine() string {
	return fmt.Sprintf("  # %s: {type: \"decimal(18,2)\", is: %s}   # if %s counts hundredths, such as cents; declare it before the first batch\n",
		scalar(g.major), scalar(g.Name+" * 0.01"), g.Name)
}
