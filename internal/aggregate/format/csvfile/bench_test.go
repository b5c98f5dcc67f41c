// Benchmark of reading.

package csvfile

import (
	"bytes"
	"testing"

	"bursar/internal/aggregate/format/statement"
)

func BenchmarkRead(b *testing.B) {
	r := newReader(b, "date: \"%d.%m.%Y\"\ndecimal: \",\"\ngroup: \".\"\naccount: {column: Konto}\ncurrency: {column: Cur}\n"+
		"columns: {booked: D, value: V, amount: A, reference: R, party: P, peer: G, text: [T, U], balance: B}")
	var text bytes.Buffer
	text.WriteString("Konto;Cur;D;V;A;R;P;G;T;U;B\n")
	for range 10000 {
		text.WriteString("DE89370400440532013000;EUR;02.01.2024;03.01.2024;-1.234,50;2024010200001;\"Müller & Söhne GmbH\";NO9386011117947;Rechnung 4711 vom 2.1.;Danke;10.000,00\n")
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Read(bytes.NewReader(text.Bytes()), statement.Discard{}); err != nil {
			b.Fatal(err)
		}
	}
}
