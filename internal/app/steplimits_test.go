// The number of concurrent steps by cores and memory.

package app

import "testing"

func TestStepLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		threads int
		memory  string
		atOnce  int
		each    string
	}{
		{1, "1GB", 1, "976562KiB"},
		{2, "1GB", 2, "488281KiB"},
		{64, "1GB", 3, "325520KiB"},
		{8, "16GiB", 8, "2097152KiB"},
		{8, "100MB", 1, "97656KiB"},
	} {
		if atOnce, each := stepLimits(tt.threads, tt.memory); atOnce != tt.atOnce || each != tt.each {
			t.Errorf("%d threads, %s: %d with %s each, want %d with %s", tt.threads, tt.memory, atOnce, each, tt.atOnce, tt.each)
		}
	}
}
