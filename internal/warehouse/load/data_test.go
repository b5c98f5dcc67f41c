// Tests on recorded events: counts are those of EXPECTED.json, whichever database they are loaded into.

package load_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// expected is what EXPECTED.json says of a file.
type expected struct {
	Member  string         `json:"member"`
	Rows    int            `json:"rows"`
	Keys    int            `json:"distinct_top_level_keys"`
	Sets    int            `json:"distinct_key_sets"`
	ByEvent map[string]int `json:"by_event"`

	Features int `json:"features"`
}

// events opens the folder of recorded events, or skips the test.
func events(t *testing.T) (folder string, files map[string]expected) {
	t.Helper()
	data := os.Getenv("BURSAR_DATA")
	if data == "" {
		t.Skip("BURSAR_DATA is not set: it names the folder of sample data, with events/*.zip in it")
	}
	folder = filepath.Join(data, "events")
	text, err := os.ReadFile(filepath.Join(folder, "EXPECTED.json"))
	if err == nil {
		err = json.Unmarshal(text, &files)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder, files
}

// unzipped returns the lines of the only member of an archive.
func unzipped(t *testing.T, path, member string) [][]byte {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	f, err := archive.Open(member)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

const windowsYAML = `load: events
from: in/
format: json
columns:
  EventID: {type: int}
  "@timestamp": {type: timestamp}
  Hostname: {type: string, optional: true}
  ProcessId: {type: string, optional: true}
  file: {type: string, from: winlog.event_data.file, optional: true}
rest: properties
strategy: manifest
`

// objectEvents is how many events each object has. Some objects are written as one list, some with one event over several lines.
const objectEvents = 100

func TestRecordedEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("loads twenty thousand events, several times")
	}
	t.Parallel()
	folder, files := events(t)
	onEach(t, windowsYAML, func(h *harness) {
		h.Config.GroupObjects = 50
		byEvent, objects, rows := map[string]int{}, 0, 0
		var later [][][]byte
		for name, want := range files {
			if want.Member == "" {
				continue
			}
			lines := unzipped(h.T, filepath.Join(folder, name), want.Member)
			if len(lines) != want.Rows {
				h.Fatalf("%s has %d lines", name, len(lines))
			}
			for event, n := range want.ByEvent {
				byEvent[event] += n
			}
			rows += want.Rows
			for part := range slices.Chunk(lines, objectEvents) {
				if objects++; objects%20 == 0 { // added later
					later = append(later, part)
					continue
				}
				h.File(fmt.Sprintf("in/%s/%05d.json", name[:10], objects), layout(objects, part))
			}
		}
		first := rows
		for _, part := range later {
			first -= len(part)
		}
		h.Load(fmt.Sprintf("%d %d 0 0", objects-len(later), first))
		h.Load(fmt.Sprintf("0 0 0 %d", objects-len(later)))
		for i, part := range later {
			h.File(fmt.Sprintf("in/later/%05d.json", i), layout(0, part))
		}
		r := h.Load(fmt.Sprintf("%d %d 0 %d", len(later), rows-first, objects-len(later)))
		h.Want("SELECT count(*), count(DISTINCT _object) FROM events", fmt.Sprintf("%d|%d", rows, objects))
		h.Want(fmt.Sprintf("SELECT count(*) FROM events WHERE _load = %d", r.Number), strconv.Itoa(rows-first))
		got := map[string]int{}
		for _, line := range h.Rows("SELECT event_id, count(*) FROM events GROUP BY event_id") {
			event, n := "", 0
			if _, err := fmt.Sscanf(line, "%d|%d", &n, new(int)); err == nil {
				event = strconv.Itoa(n)
				_, _ = fmt.Sscanf(line[len(event)+1:], "%d", &n)
			}
			got[event] = n
		}
		if !maps.Equal(got, byEvent) {
			h.Errorf("the events are %v, want %v", got, byEvent)
		}
		h.checkKeys(folder, files)
	})
}

// layout writes events as lines, as a list, or over several lines.
func layout(n int, events [][]byte) string {
	text := bytes.TrimSuffix(bytes.Join(events, nil), []byte("\n"))
	switch n % 3 {
	case 1:
		return "[" + string(bytes.Join(bytes.Split(text, []byte("\n")), []byte(",\n"))) + "]"
	case 2:
		var b bytes.Buffer
		for _, event := range events {
			_ = json.Indent(&b, event, "", " ") // it is valid
			b.WriteByte('\n')
		}
		return b.String()
	}
	return string(text)
}

// checkKeys compares the properties of all rows, declared or not, with those of the recorded events.
func (h *harness) checkKeys(folder string, files map[string]expected) {
	h.Helper()
	declared := map[string]string{"event_id": "EventID", "timestamp": "@timestamp", "hostname": "Hostname", "process_id": "ProcessId"}
	want := map[string]int{}
	for name, file := range files {
		if file.Member == "" {
			continue
		}
		sets, keys := map[string]bool{}, map[string]bool{}
		for _, line := range unzipped(h.T, filepath.Join(folder, name), file.Member) {
			set := keySet(h.T, line)
			for _, key := range set {
				keys[key] = true
			}
			sets[fmt.Sprint(set)] = true
			want[fmt.Sprint(set)]++
		}
		if len(sets) != file.Sets || len(keys) != file.Keys {
			h.Errorf("%s has %d keys in %d sets, want %d in %d", name, len(keys), len(sets), file.Keys, file.Sets)
		}
	}
	got := map[string]int{}
	for _, line := range h.Rows("SELECT CASE WHEN hostname IS NULL THEN 0 ELSE 1 END, CASE WHEN process_id IS NULL THEN 0 ELSE 1 END, properties FROM events") {
		set := keySet(h.T, []byte(line[4:]))
		set = append(set, declared["event_id"], declared["timestamp"])
		if line[0] == '1' {
			set = append(set, declared["hostname"])
		}
		if line[2] == '1' {
			set = append(set, declared["process_id"])
		}
		slices.Sort(set)
		got[fmt.Sprint(set)]++
	}
	if !maps.Equal(got, want) {
		h.Errorf("%d sets of keys, want %d", len(got), len(want))
	}
}

// keySet returns the keys of an object whose value is not null, sorted.
func keySet(t *testing.T, object []byte) []string {
	t.Helper()
	var values map[string]json.RawMessage
	if err := json.Unmarshal(object, &values); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return slices.Sorted(maps.Keys(values))
}

const earthquakesYAML = `load: events
from: in/
format: json
array: features
columns:
  id: {type: string}
  properties.mag: {type: "decimal(9,4)", optional: true}
  properties.time: {type: timestamp, format: epoch_ms, optional: true}
rest: feature
strategy: bulk
`

// TestRecordedEarthquakes loads the elements of a list inside an object.
func TestRecordedEarthquakes(t *testing.T) {
	t.Parallel()
	folder, files := events(t)
	text, err := os.ReadFile(filepath.Join(folder, "earthquakes.json"))
	if err != nil {
		t.Fatal(err)
	}
	var peer struct {
		Features []struct {
			ID         string
			Properties struct{ Mag json.Number }
		}
	}
	if err := json.Unmarshal(text, &peer); err != nil {
		t.Fatal(err)
	}
	want := files["vega-datasets/earthquakes.json"].Features
	if len(peer.Features) != want {
		t.Fatalf("%d features, want %d", len(peer.Features), want)
	}
	sum := new(big.Rat)
	for _, f := range peer.Features {
		if mag, ok := new(big.Rat).SetString(f.Properties.Mag.String()); ok { // null otherwise
			sum.Add(sum, mag)
		}
	}
	onEach(t, earthquakesYAML, func(h *harness) {
		h.File("in/earthquakes.json", string(text))
		h.Load(fmt.Sprintf("1 %d 0 0", want))
		h.Want("SELECT count(*), count(DISTINCT id), max(_line), CAST(sum(properties_mag) AS DECIMAL(38,4)) FROM events", fmt.Sprintf("%d|%d|%d|%s", want, want, want, sum.FloatString(4)))
		h.Want("SELECT id FROM events WHERE _line IN (1, 1000) ORDER BY _line", peer.Features[0].ID, peer.Features[999].ID)
	})
}
