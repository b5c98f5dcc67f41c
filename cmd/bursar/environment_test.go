// The process of the tests: the environment that all of them share, and the program that it is for commands that start commands.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/process"
)

// asProgram in the environment makes the test binary be the program, for commands that run commands.
const asProgram = "BURSAR_TEST_AS_PROGRAM"

// apiKeyVariable is a variable that declarations refer to, and apiKey its value.
const apiKeyVariable, apiKey = "BURSAR_TEST_API_KEY", "key-of-the-cluster"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == process.GuardCommand {
		os.Exit(process.GuardMain(os.Args[2:]))
	}
	if os.Getenv(asProgram) != "" {
		main()
	}
	debug.SetGCPercent(400) // tests are many small projects
	os.Exit(runTests(m))
}

// runTests runs the tests in the environment that all of them need. A test that sets another variable cannot run at the same time as others: what
// one test needs is in the files of its project.
func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bursar-tests-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing needs it after the tests
	for name, value := range map[string]string{
		asProgram: "1", // for the processes that commands start
		// The user's own keys and settings are neither used nor changed.
		"BURSAR_VAULT_KEY": "", "BURSAR_VAULT_KEY_FILE": filepath.Join(dir, "vault.key"),
		"AWS_ACCESS_KEY_ID": s3test.AccessKey, "AWS_SECRET_ACCESS_KEY": s3test.SecretKey,
		"AWS_CONFIG_FILE": filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
		apiKeyVariable: apiKey,
	} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}
