//go:build !race

// The recording of histories from the real server, for the replay test.

package flow

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
)

// update records the histories in testdata anew: go test -run TestServer ./internal/reconcile -update-histories.
var update = flag.Bool("update-histories", false, "record testdata/histories anew")

// record writes the history of the last workflow to testdata if the flag is set.
func record(t *testing.T, c client.Client, name string) {
	t.Helper()
	if !*update || strings.HasPrefix(t.Name(), onCluster) {
		return
	}
	var history historypb.History
	events := c.GetWorkflowHistory(t.Context(), WorkflowID("orders"), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
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
	if err := os.WriteFile(filepath.Join("testdata", "histories", name+".json"), append(text, '\n'), 0o600); err != nil {
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
