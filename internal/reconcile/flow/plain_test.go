//go:build !race

// Errors that contain values of events: the caller gets them, histories and their database do not (rule 7).

package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/reconcile/step"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
)

func TestHistoriesContainNoValues(t *testing.T) {
	t.Parallel()
	const value = "IBAN DE89370400440532013000 Jane Doe"
	// An error with more text than DuckDB's, whose messages are redacted before anybody stores them.
	conversion := fmt.Errorf("Conversion Error: Could not convert string '%s' to INT32", value)
	steps := &scriptedSteps{
		backlog: 4, split: 1,
		fail: map[string][]error{
			"1 merge":    {conversion},
			"2 reduce 0": {conversion},
			"3 merge":    {&step.Breach{Step: "merge", Total: "paid", Group: value, Want: "1234567.89", Got: "0.00"}},
		},
		blocked: map[string]func(context.Context) error{"4 merge": func(context.Context) error { panic("what of '" + value + "'") }},
	}
	dir := t.TempDir()
	c := serveSteps(t, dir, steps)
	var ends []string
	for range 4 {
		_, err := quietRunner(c).Run(t.Context(), "orders")
		if err == nil || !strings.Contains(err.Error(), value) {
			t.Errorf("the caller gets %v", err)
		}
		ends = append(ends, failedText(t, c))
	}
	if all := strings.Join(ends, "\n"); !strings.Contains(all, "Could not convert string") || !strings.Contains(all, "at merge: total paid") {
		t.Errorf("the histories say too little:\n%s", all)
	}
	files, err := filepath.Glob(filepath.Join(dir, "temporal.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, part := range []string{"DE8937", "Jane", "Doe", "1234567"} {
			if bytes.Contains(content, []byte(part)) {
				t.Errorf("%s contains %s", filepath.Base(file), part)
			}
		}
	}
}

// failedText is the failure of the last workflow, as its history contains it.
func failedText(t *testing.T, c client.Client) string {
	t.Helper()
	events := c.GetWorkflowHistory(t.Context(), WorkflowID("orders"), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	last, err := events.Next()
	if err != nil {
		t.Fatal(err)
	}
	return last.String()
}
