// bursar bench publish: publishing into the embedded warehouse, compared with DuckDB.

package main

import (
	"fmt"
	"io"

	"bursar/internal/tools/bench"

	"github.com/spf13/cobra"
)

func (c *cli) benchPublishCommand() *cobra.Command {
	o := bench.Options{}
	cmd := &cobra.Command{
		Use:   "publish",
		Short: "Changed artifacts into the embedded warehouse, compared with DuckDB's MERGE",
		Long: `Prepares a state of artifacts and publishes them. In each round a run changes artifacts, and these are published; then the same
rows, from a Parquet file, are merged into the same table of another DuckDB file by DuckDB's own MERGE, with the same memory
and threads. Ours reads the artifacts from the run's parts, compares checksums and counts, and writes the journal in the same
transaction. At the end all events are published, and a query over them is compared with the same query over a plain table.`,
		Example: `  bursar bench publish
  bursar bench publish --keys 50000 --events 100000 --state 100000`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Events < 1 || o.Keys < 1 || o.Keys > 1_000_000_000 || o.State < 1 || o.Rounds < 1 {
				return usagef("--rounds, --events, --keys and --state must be at least 1")
			}
			return measure(cmd.Context(), c, o, bench.Publish, c.printPublish)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Events, "events", 1_200_000, "number of events of a round")
	flags.IntVar(&o.Keys, "keys", 600_000, "number of keys of these events; about 520,000 of them occur")
	flags.IntVar(&o.State, "state", 1_000_000, "number of artifacts that are published before")
	flags.IntVar(&o.Rounds, "rounds", 3, "rounds; the figures are medians")
	flags.StringVar(&o.Dir, "dir", "", dirUsage)
	return cmd
}

func (c *cli) printPublish(w io.Writer, r *bench.PublishReport) {
	g := newGrid("round", "artifacts", "merge s", "ours s", "ratio")
	row := func(name string, p *bench.PublishRound) {
		g.add(name, formatCount(p.Artifacts), formatSeconds(p.MergeSeconds), formatSeconds(p.OursSeconds), fmt.Sprintf("%.2f", p.Ratio))
	}
	for i := range r.Rounds {
		row(formatCount(i+1), &r.Rounds[i])
	}
	row("median", &r.PublishRound)
	g.print(w, width(c.out))
	fmt.Fprintf(w, "Publishing %s changed artifacts takes %.2f times as long as DuckDB's MERGE of them; the first publication, of %s, took %.3f s.\n",
		formatCount(r.Artifacts), r.Ratio, formatCount(int64(r.State)), r.FirstSeconds)
	fmt.Fprintf(w, "A query over %s published events takes %.3f s, and %.2f times as long as over a plain table of them.\n", formatCount(r.Query.Events), r.Query.OursSeconds, r.Query.Ratio)
}
