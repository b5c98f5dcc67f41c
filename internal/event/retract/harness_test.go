// The stores of a test.

package retract_test

import "bursar/internal/event/eventtest"

var (
	newHarness = eventtest.New
	plainYAML  = eventtest.PlainYAML
	sale       = eventtest.Sale
	amounts    = eventtest.Amounts
	ref        = eventtest.Ref
)

type noBackup = eventtest.NoBackup
