// Rows of statements that are in quarantine.

package aggregate

import (
	"context"
	"encoding/json"
	"fmt"

	"bursar/internal/event"
	"bursar/internal/project"
)

// held are rows of statements that are in quarantine: what a statement says and its account does not hold.
type held map[string]*heldRows

type heldRows struct {
	rows  int
	first string
}

// source is what a row says of where it comes from.
type source struct{ Object, Account, Statement, Place string }

func (s source) key() string { return s.Object + "\x00" + s.Account + "\x00" + s.Statement }

// quarantined reads the rows of entries, details and balances that are in quarantine.
func (c *Completeness) quarantined(ctx context.Context) (held, error) {
	all := held{}
	for _, stream := range project.BuiltinStreams[:len(project.BuiltinStreams)-1] {
		err := event.Quarantine(ctx, c.Catalog, c.Objects, stream, func(r event.Rejected) error {
			var from source
			if err := json.Unmarshal([]byte(r.Raw), &from); err != nil {
				return fmt.Errorf("read quarantine of %s: %w", stream, err)
			}
			if all[from.key()] == nil {
				all[from.key()] = &heldRows{first: fmt.Sprintf("%s: %s (%s)", from.Place, r.Reason, stream)}
			}
			all[from.key()].rows++
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// of is what is wrong with a statement whose rows are in quarantine; empty if none are.
func (h held) of(a *Account, t *told) string {
	rows := h[source{Object: t.Object, Account: a.Account, Statement: t.label}.key()]
	if rows == nil {
		return ""
	}
	return fmt.Sprintf("%d of its rows are in quarantine; the first is %s", rows.rows, rows.first)
}
