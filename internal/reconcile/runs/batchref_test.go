// Tests of the catalog form of batch and file numbers by stream.

package runs

import (
	"encoding/json"
	"reflect"
	"testing"
)

// TestStreamNumbersRoundTrip writes and reads StreamNumbers: a number for one stream, an object for several, so that a stream
// can be added later.
func TestStreamNumbersRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		taken StreamNumbers
		text  string
	}{
		{StreamNumbers{}, "0"},
		{StreamNumbers{"": 7}, "7"},
		{StreamNumbers{"bank": 1, "payments": 2}, `{"bank":1,"payments":2}`},
	} {
		text, err := json.Marshal(Generation{LastBatch: c.taken})
		var g Generation
		if err != nil || json.Unmarshal(text, &g) != nil || !reflect.DeepEqual(g.LastBatch, c.taken) {
			t.Errorf("%v was written as %s, %v, and read as %v", c.taken, text, err, g.LastBatch)
		}
		if text, err = json.Marshal(c.taken); err != nil || string(text) != c.text {
			t.Errorf("%v is written as %s, %v", c.taken, text, err)
		}
	}
	var refs []BatchRef
	want := []BatchRef{{"", 3}, {"bank", 4}}
	text, err := json.Marshal(want)
	if err != nil || json.Unmarshal(text, &refs) != nil || !reflect.DeepEqual(refs, want) || string(text) != `[3,{"stream":"bank","batch":4}]` {
		t.Errorf("%s, %v, %+v", text, err, refs)
	}
}
