// The stores of a test.

package ids_test

import "bursar/internal/event/eventtest"

var (
	newHarness = eventtest.New
	plainYAML  = eventtest.PlainYAML
	sale       = eventtest.Sale
	sales      = eventtest.Sales
)
