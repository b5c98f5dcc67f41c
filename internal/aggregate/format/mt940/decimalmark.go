// Parses amounts whose decimal mark is the comma of the standard, or the point that some programs write.

package mt940

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// decimalMark is the decimal mark of the file's amounts: that of the first amount that has one. No file has both.
type decimalMark struct {
	mark        byte   // 0 until an amount has one
	firstAmount string // the amount that determined mark
}

// maxDecimalsAfterPoint limits the decimals after a point, because a point before three digits may be a group mark.
const maxDecimalsAfterPoint = 2

// parseAmount parses an amount. why is set if it cannot be read because of its mark.
func (d *decimalMark) parseAmount(text string) (amount string, ok bool, why string) {
	at := strings.IndexAny(text, ",.")
	if at < 0 {
		amount, ok = statement.Amount(text, ',')
		return amount, ok, ""
	}
	mark := text[at]
	switch decimals := text[at+1:]; {
	case d.mark != 0 && d.mark != mark:
		return text, false, fmt.Sprintf("the amount %#q has a decimal %s, and %#q before it a %s: a file has one of the two", text, markName(mark), d.firstAmount, markName(d.mark))
	case mark == '.' && strings.ContainsAny(decimals, ",."):
		return text, false, fmt.Sprintf("the amount %#q has a point between groups of digits, which MT940 does not have", text)
	case mark == '.' && len(decimals) > maxDecimalsAfterPoint:
		return text, false, fmt.Sprintf("the amount %#q has a point with %d digits behind it: it may be a decimal point or divide groups", text, len(decimals))
	}
	if amount, ok = statement.Amount(text, mark); ok && d.mark == 0 {
		d.mark, d.firstAmount = mark, text
	}
	return amount, ok, ""
}

func markName(mark byte) string {
	if mark == '.' {
		return "point"
	}
	return "comma"
}
