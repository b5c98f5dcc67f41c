// That the order in which a stream's file lists its columns has no influence on which events are alike.

package event_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
)

const orderYAML = `
stream: sales
format: csv
id: %s
columns:
  k: {type: string}
  account: {type: string}
  amount: {type: int}
  at_day: {type: date}
  twice: {type: int, is: amount * 2}
  origin: {type: string, origin: true}
totals:
  amount: {sum: amount, by: account}
`

// swapLines exchanges the first lines that begin so.
func swapLines(t *testing.T, yaml, a, b string) string {
	t.Helper()
	lines := strings.Split(yaml, "\n")
	of := func(start string) int {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "  "+start+":") })
		if i < 0 {
			t.Fatalf("no line %s", start)
		}
		return i
	}
	i, k := of(a), of(b)
	lines[i], lines[k] = lines[k], lines[i]
	return strings.Join(lines, "\n")
}

// verifyTotals expects batches to match their events, and a rebuilt index to match them.
func (h *harness) verifyTotals() {
	h.T.Helper()
	if _, err := eventverify.Totals(h.T.Context(), h.Store, h.Stream, h.Batches()); err != nil {
		h.T.Error(err)
	}
	if err := h.VerifyIndex(); err != nil {
		h.T.Error(err)
	}
}

// viewed is the events of all batches: two of their columns.
func (h *harness) viewed() string {
	h.T.Helper()
	session, err := duck.Open(h.Store.Duck)
	if err != nil {
		h.T.Fatal(err)
	}
	defer session.Close()
	var list []string
	sql := fmt.Sprintf("SELECT k, account FROM (%s)", event.ViewSQL(h.Store.Objects.Files(), h.Stream, h.Batches()))
	err = session.Query(h.T.Context(), sql, func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			list = append(list, fmt.Sprintf("%s=%s", rows[0].Text(i), rows[1].Text(i)))
		}
		return nil
	})
	if err != nil {
		h.T.Fatal(err)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestOrderOfColumns lists the columns of a stream that contains events in other orders, new ones among them: known events stay known,
// and all batches stay what they were sealed as.
func TestOrderOfColumns(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"_content", "k", "[k, amount]", "[amount, k]"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			yaml := fmt.Sprintf(orderYAML, id)
			h := newHarness(t, yaml)
			const row = "1,x,7,2026-01-01,here\n"
			h.Ingest("1 1 1 0 0", h.File("a.csv", "k,account,amount,at_day,origin\n"+row))
			batch := uint64(1)
			for n, lines := range [][2]string{
				{"account", "amount"}, {"k", "at_day"}, {"twice", "amount"}, {"origin", "account"}, {"k", "account"},
			} {
				yaml = swapLines(t, yaml, lines[0], lines[1])
				if n == 2 { // a new column before all others
					yaml = strings.Replace(yaml, "columns:\n", "columns:\n  new: {type: string, optional: true, absent: ok}\n", 1)
				}
				h.Declare(yaml)
				if err := event.CheckGrowth(t.Context(), h.Store.Catalog, h.Stream); err != nil {
					t.Fatal(err)
				}
				h.Ingest("0 1 0 0 1", h.File("a.csv", "k,account,amount,at_day,origin\n"+strings.Replace(row, "here", fmt.Sprint("there", n), 1)))
				h.verifyTotals()
				batch++
				header, row := "k,account,amount,at_day,origin\n", fmt.Sprintf("b%d,y,8,2026-01-02,z\n", n)
				if n >= 2 {
					header, row = "k,account,amount,at_day,origin,new\n", fmt.Sprintf("b%d,y,8,2026-01-02,z,new\n", n)
				}
				h.Ingest(fmt.Sprint(batch, 1, 1, 0, 0), h.File("b.csv", header+row))
				h.Ingest("0 1 0 0 1", h.File("b.csv", header+row+"\n"))
				h.verifyTotals()
			}
			h.RebuildIndex()
			h.Ingest("0 1 0 0 1", h.File("a.csv", "k,account,amount,at_day,origin\n"+row+"\n"))
			if got := h.viewed(); got != "1=x b0=y b1=y b2=y b3=y b4=y" {
				t.Errorf("events are %s", got)
			}
		})
	}
}

// TestOtherOrders: batches of one stream may have been sealed in several orders. Each is compared in its own order, and a rebuilt index
// contains all their events in the order of the next batch.
func TestOtherOrders(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"_content", "k", "[k, amount]"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, fmt.Sprintf(orderYAML, id))
			const head = "k,account,amount,at_day,origin\n"
			const row = "1,x,7,2026-01-01,here\n"
			h.Ingest("1 2 2 0 0", h.File("a.csv", head+row+"3,x,7,2026-01-01,here\n"))
			state := h.Index()
			slices.Reverse(state.Columns)
			h.PutIndex(state)
			h.Ingest("2 1 1 0 0", h.File("b.csv", head+"2,x,7,2026-01-01,here\n"))
			h.verifyTotals()
			h.RebuildIndex()
			h.Ingest("0 3 0 0 3", h.File("c.csv", head+row+"2,x,7,2026-01-01,here\n3,x,7,2026-01-01,here\n"))
			h.RebuildIndex()
			h.verifyTotals()
		})
	}
}

// TestOrderOfIDs: an identity of the same columns in another order would make known events new.
func TestOrderOfIDs(t *testing.T) {
	t.Parallel()
	h := newHarness(t, fmt.Sprintf(orderYAML, "[k, amount]"))
	h.Ingest("1 1 1 0 0", h.File("a.csv", "k,account,amount,at_day,origin\n1,x,7,2026-01-01,here\n"))
	h.Declare(fmt.Sprintf(orderYAML, "[amount, k]"))
	err := event.CheckGrowth(t.Context(), h.Store.Catalog, h.Stream)
	if failure.Of(err) != failure.Data || err == nil || !strings.Contains(err.Error(), "id: [k, amount]") || !strings.Contains(err.Error(), "id: [amount, k]") {
		t.Error(err)
	}
}

const barePositions = `
stream: sales
format: csv
csv: {header: false}
id: k
columns:
  k: {type: string}
  twice: {type: int, is: fee * 2}
  amount: {type: int}
  fee: {type: int}
`

// TestPositionsNeverChange: without a header the order of the columns determines the field that each is read from.
func TestPositionsNeverChange(t *testing.T) {
	t.Parallel()
	h := newHarness(t, barePositions)
	h.Ingest("1 1 1 0 0", h.File("a.csv", "1,7,8\n"))
	refused := func(what, yaml string, want ...string) {
		t.Helper()
		h.Declare(yaml)
		_, ingested := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("b.csv", "2,7,8\n")}, intake.Options{})
		for _, err := range []error{ingested, event.CheckGrowth(t.Context(), h.Store.Catalog, h.Stream)} {
			for _, w := range append(want, "a schema only grows") {
				if failure.Of(err) != failure.Data || err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("%s: %q is not in: %v", what, w, err)
				}
			}
		}
	}
	swapped := swapLines(t, barePositions, "amount", "fee")
	between := strings.Replace(barePositions, "  amount:", "  new: {type: int, optional: true}\n  amount:", 1)
	grown := barePositions + "  new: {type: int, optional: true}\n"
	for _, older := range []bool{false, true} {
		if older {
			h.forgetPositions()
		}
		refused("swapped", swapped, "amount", "position: 2", "position: 3")
		refused("new between", between, "amount", "position: 2", "position: 3")
		h.Declare(swapLines(t, swapLines(t, barePositions, "twice", "amount"), "twice", "fee"))
		h.Ingest("0 1 0 0 1", h.File("c.csv", fmt.Sprintf("1,7,8%s\n", map[bool]string{true: "\n"}[older])))
	}
	h.forgetPositions()
	h.Declare(grown)
	h.Ingest("2 1 1 0 0", h.File("d.csv", "2,7,8,9\n"))
	refused("swapped with a new one", swapLines(t, grown, "new", "fee"), "fee", "position: 3", "position: 4")
}

// forgetPositions makes the stream's state one of a version that does not remember positions.
func (h *harness) forgetPositions() {
	h.T.Helper()
	err := h.Store.Catalog.Update(h.T.Context(), func(tx catalog.Tx) error {
		state := map[string]any{}
		if _, err := tx.Get("stream/sales", &state); err != nil {
			return err
		}
		columns, ok := state["columns"].([]any)
		if !ok {
			return fmt.Errorf("no columns in %v", state)
		}
		for _, c := range columns {
			if c, ok := c.(map[string]any); ok {
				delete(c, "position")
			}
		}
		return tx.Put("stream/sales", state)
	})
	if err != nil {
		h.T.Fatal(err)
	}
}
