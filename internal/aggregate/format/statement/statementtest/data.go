// Locates the recorded files.

package statementtest

import (
	"os"
	"path/filepath"
	"testing"
)

// DataVariable is the environment variable that names the folder of recorded files, which are not part of this
// repository.
const DataVariable = "BURSAR_DATA"

// Data returns the path of a recorded file or folder. It skips the test if DataVariable is not set.
func Data(t testing.TB, elements ...string) string {
	t.Helper()
	root := os.Getenv(DataVariable)
	if root == "" {
		t.Skip(DataVariable + " is not set; it names the folder of recorded statements")
	}
	path := filepath.Join(append([]string{root}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("find recorded files: %v", err)
	}
	return path
}
