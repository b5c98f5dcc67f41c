// The shop template's sample, checked against its stream.

package project

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"testing"
)

// TestShopSample folds the sample by hand: the example promises one order that does not balance.
func TestShopSample(t *testing.T) {
	t.Parallel()
	data, err := templates.ReadFile("templates/shop/sample/payments.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	balance, ids := map[string]*big.Rat{}, map[string]bool{}
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var e struct {
			ID     string `json:"event_id"`
			Type   string
			Amount string
			Data   struct{ Order struct{ ID string } }
		}
		if err := json.Unmarshal(line, &e); err != nil || ids[e.ID] {
			t.Fatalf("line %d: %v, id %q", i+1, err, e.ID)
		}
		ids[e.ID] = true
		amount, ok := new(big.Rat).SetString(e.Amount)
		if !ok {
			t.Fatalf("line %d: amount %q", i+1, e.Amount)
		}
		order := e.Data.Order.ID
		if balance[order] == nil {
			balance[order] = new(big.Rat)
		}
		switch e.Type {
		case "shipment":
			balance[order].Add(balance[order], amount)
		case "payment":
			balance[order].Sub(balance[order], amount)
		}
	}
	open := []string{}
	for order, b := range balance {
		if b.Sign() != 0 {
			open = append(open, order)
		}
	}
	if len(ids) != 20 || !reflect.DeepEqual(open, []string{"o-1003"}) {
		t.Errorf("%d events, open orders %v", len(ids), open)
	}
}
