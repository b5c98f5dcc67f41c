// Fingerprints of the definitions that stored records depend on.

package fold

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
)

// Fingerprint digests every definition that a stored record depends on, by name: a generation cannot be continued with other
// fingerprints than it was built with. The digests depend on the field names of project.Fold, column.Field and column.Type.
func (plan *Plan) Fingerprint() map[string]string {
	prints := map[string]string{"key": digest(plan.Key)}
	plan.addStreams(prints)
	record := map[string]column.Type{}
	for _, c := range plan.Record {
		record[c.Name] = c.Type
	}
	columns := make([]string, len(plan.Pipeline.Artifact))
	for i, f := range plan.Pipeline.Artifact {
		f.Line = 0
		prints["artifact."+f.Name] = digest([]any{f, record[f.Name]})
		columns[i] = f.Name
	}
	prints["order of columns"] = digest(columns)
	prints[ConserveFingerprint] = digest(plan.conserved())
	if plan.Custom() {
		prints["reduce"] = digest(strings.TrimSpace(plan.Pipeline.Reduce.Text))
		prints["merge"] = digest(strings.TrimSpace(plan.Pipeline.Merge.Text))
	}
	return prints
}

// ConserveFingerprint names the fingerprint of conserve entries: the totals of all runs are added up, so they must have one
// definition. Generations of older versions have none.
const ConserveFingerprint = "conserve"

// StreamsFingerprint names the fingerprint of the streams that are folded.
const StreamsFingerprint = "from"

// conserved lists each conserve entry with the totals that its streams declare.
func (plan *Plan) conserved() [][]string {
	var all [][]string
	for i := range plan.Pipeline.Conserve {
		c := &plan.Pipeline.Conserve[i]
		entry := []string{c.Total, c.Expr}
		for _, s := range plan.Events.Streams {
			if t := s.Total(c.Total); t != nil {
				entry = append(entry, s.Name, t.Sum, t.By, t.Where)
			}
		}
		all = append(all, entry)
	}
	return all
}

// addStreams digests the streams and their ids, independent of the order of streams.
func (plan *Plan) addStreams(prints map[string]string) {
	streams := plan.Events.Streams
	if len(streams) == 1 {
		prints[StreamsFingerprint], prints["identity"] = digest(streams[0].Name), digest(streams[0].ID)
	} else {
		var from []string
		ids := map[string][]string{}
		for _, s := range streams {
			from, ids[s.Name] = append(from, s.Name), s.ID
		}
		prints[StreamsFingerprint], prints["identity"] = digest(from), digest(ids)
	}
	for _, s := range streams {
		if s.Versions && plan.usesOrder() { // order includes receipt
			prints["versions of "+s.Name] = digest(s.Versions)
		}
		for _, c := range s.ZonedColumns() { // earlier versions computed them from local times
			prints["column "+s.Name+"."+c.Name] = digest(c.Is)
		}
	}
	if plan.Pipeline.Keys != nil {
		prints["key per stream"] = digest(plan.Pipeline.Keys)
	}
}

func (plan *Plan) usesOrder() bool {
	return slices.ContainsFunc(plan.Pipeline.Artifact, func(f project.Fold) bool {
		return f.Kind == project.First || f.Kind == project.Last || f.Kind == project.ListOf
	})
}

func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("bug: digest definition: %v", err)) // plain structs always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
