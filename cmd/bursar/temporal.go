// bursar temporal: prepares the databases of a Temporal server.

package main

import (
	"fmt"
	"io"

	"bursar/internal/app"

	"github.com/spf13/cobra"
)

func (c *cli) temporalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "temporal",
		Short:   "Prepare a Temporal server of your own",
		Long:    `Prepares the databases of a Temporal server that several machines use: temporal: {kind: cluster, …} in bursar.yaml.`,
		Example: `  bursar temporal schema --url env:TEMPORAL_URL --visibility-url env:VISIBILITY_URL`,
		Args:    argCount(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.temporalSchemaCommand())
	return cmd
}

func (c *cli) temporalSchemaCommand() *cobra.Command {
	var store, visibility string
	dryRun := false
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Create or update the two databases of a Temporal server on PostgreSQL",
		Long: `Creates the tables that a Temporal server of version ` + app.TemporalVersion + ` needs in two databases, or brings existing ones to that
version. The databases exist already, and the user owns them. Each is changed in one transaction: completely or not at all.
The command may be repeated, and continues what Temporal's own tool has begun. A newer version is refused.

Run it before the server is upgraded: servers work with newer tables, not with older ones.

The URLs are those of PostgreSQL. Write env:NAME or vault:NAME for one that contains a password, because other users can
list the arguments of processes.`,
		Example: `  bursar temporal schema --url env:TEMPORAL_URL --visibility-url env:VISIBILITY_URL
  bursar temporal schema --url vault:temporal_store --visibility-url vault:temporal_visibility --dry-run
  PGPASSWORD=… bursar temporal schema --url postgres://temporal@db/temporal --visibility-url postgres://temporal@db/visibility`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if store == "" || visibility == "" {
				return usagef("%s needs --url and --visibility-url: the server has two databases", cmd.CommandPath())
			}
			changes, err := app.UpdateTemporalSchema(cmd.Context(), c.project, app.TemporalDatabases{URL: store, VisibilityURL: visibility}, dryRun)
			if err != nil {
				return err
			}
			return c.result(map[string]any{"databases": changes, "dry_run": dryRun}, func(w io.Writer) {
				for _, change := range changes {
					fmt.Fprintln(w, printable(describeSchema(change, dryRun)))
				}
			})
		},
	}
	cmd.Flags().StringVar(&store, "url", "", "URL of the database of workflows, or a reference to it")
	cmd.Flags().StringVar(&visibility, "visibility-url", "", "URL of the database of lists of workflows, or a reference to it")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would be done")
	return cmd
}

// describeSchema is one line: "temporal database temporal_store: 1.17 → 1.18".
func describeSchema(change app.SchemaChange, dryRun bool) string {
	text := fmt.Sprintf("%s database %s: ", change.Database, change.Name)
	switch change.From {
	case change.To:
		return text + "version " + change.To + ", which is the newest"
	case "":
		text += "empty → " + change.To
	default:
		text += change.From + " → " + change.To
	}
	if dryRun {
		text += " (not done)"
	}
	return text
}
