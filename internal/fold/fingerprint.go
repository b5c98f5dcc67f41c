package fold

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"bursar/internal/column"
)

// Fingerprint digests every definition that a stored record depends on, by column: a generation built with one set of
// fingerprints cannot be carried on with another.
func (plan *Plan) Fingerprint() map[string]string {
	prints := map[string]string{"key": digest(plan.Key)}
	plan.printStreams(prints)
	record := map[string]column.Type{}
	for _, c := range plan.Record {
		record[c.Name] = c.Type
	}
	for i := range plan.Pipeline.Artifact {
		f := plan.Pipeline.Artifact[i]
		f.Line = 0
		prints["artifact."+f.Name] = digest([]any{f, record[f.Name]})
	}
	columns := make([]string, len(plan.Pipeline.Artifact))
	for i, f := range plan.Pipeline.Artifact {
		columns[i] = f.Name
	}
	prints["order of columns"] = digest(columns)
	if plan.Custom() {
		prints["reduce"] = digest(strings.TrimSpace(plan.Pipeline.Reduce.Text))
		prints["merge"] = digest(strings.TrimSpace(plan.Pipeline.Merge.Text))
	}
	return prints
}

// printStreams digests what the events are and what tells them apart; their streams have no order.
func (plan *Plan) printStreams(prints map[string]string) {
	streams := plan.Events.Streams
	if len(streams) == 1 {
		prints["from"], prints["identity"] = digest(streams[0].Name), digest(streams[0].ID)
	} else {
		var from []string
		ids := map[string][]string{}
		for _, s := range streams {
			from, ids[s.Name] = append(from, s.Name), s.ID
		}
		prints["from"], prints["identity"] = digest(from), digest(ids)
	}
	if plan.Pipeline.Keys != nil {
		prints["key per stream"] = digest(plan.Pipeline.Keys)
	}
}

func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("bug: digest definition: %v", err)) // plain structs always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
