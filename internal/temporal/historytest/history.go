// Package historytest records histories of workflows from a real server, and replays them: a change of a workflow that breaks running ones
// fails there. It must not know the workflows.
package historytest

import (
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
)

// folder has the recorded histories of a package.
var folder = filepath.Join("testdata", "histories")

// update records the histories anew: go test -run TestServer ./internal/reconcile/flow -update-histories.
var update = flag.Bool("update-histories", false, "record testdata/histories anew")

// Record writes the history of the last workflow with an id to a file of testdata/histories, if the flag is set.
func Record(t *testing.T, c client.Client, id, name string) {
	t.Helper()
	if !*update {
		return
	}
	var history historypb.History
	events := c.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		history.Events = append(history.Events, event)
	}
	compact, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(&history)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(compact, &tree); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(anonymous(tree), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".json"), append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

// anonymous replaces the names of hosts and processes in a history.
func anonymous(tree any) any {
	switch node := tree.(type) {
	case []any:
		for i := range node {
			node[i] = anonymous(node[i])
		}
	case map[string]any:
		for key, value := range node {
			node[key] = anonymous(value)
			text, isText := value.(string)
			host, _, isSticky := strings.Cut(text, ":")
			switch {
			case key == "identity" || key == "workerName":
				node[key] = "worker"
			case key == "name" && isText && isSticky && host != "":
				node[key] = "sticky"
			}
		}
	}
	return tree
}

// Replay replays the histories of testdata/histories with the workflows as they are now.
func Replay(t *testing.T, workflows ...any) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded histories (%v)", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			replayer := worker.NewWorkflowReplayer()
			for _, workflow := range workflows {
				replayer.RegisterWorkflow(workflow)
			}
			quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(quiet, file); err != nil {
				t.Error(err)
			}
		})
	}
}
