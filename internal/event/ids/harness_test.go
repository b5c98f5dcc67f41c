// The stores of a test, and its files.

package ids_test

import (
	"fmt"
	"strings"

	"bursar/internal/event/eventtest"
)

var (
	newHarness = eventtest.New
	plainYAML  = eventtest.PlainYAML
	sale       = eventtest.Sale
)

// sales is n lines from a first number on.
func sales(first, n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(sale(fmt.Sprint("payment-", first+i), "sale", "1.00", "EUR"))
	}
	return text.String()
}
