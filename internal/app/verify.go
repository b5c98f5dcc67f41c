// Verification of a whole project: every store, stream and pipeline.

package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"bursar/internal/aggregate/imported"
	"bursar/internal/app/marker"
	"bursar/internal/event"
	"bursar/internal/event/ids"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/verify"
	"bursar/internal/temporal"
)

// ProjectCheck is one check of a project, or of one of its pipelines or streams. Remedy is the command that repairs what it found.
type ProjectCheck struct {
	verify.Check
	Pipeline string `json:"pipeline,omitempty"`
	Stream   string `json:"stream,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
}

// VerifiedProject is the result of verifying a project.
type VerifiedProject struct {
	OK     bool           `json:"ok"`
	Checks []ProjectCheck `json:"checks"`
}

// The commands that repair what a check finds.
const (
	repairRemedy  = "bursar repair"
	restoreRemedy = "bursar repair --from BACKUP"
	dismissRemedy = "bursar repair --dismiss"
)

type projectVerification struct {
	*App
	options  verify.Options
	progress func(what string, done, total int64)
	done     int64
	total    int64
	out      VerifiedProject
}

// add adds a check, which failed if err is not nil.
func (v *projectVerification) add(c ProjectCheck, detail string, err error) {
	c.OK, c.Detail = err == nil, detail
	if err != nil {
		c.Detail, v.out.OK = strings.ReplaceAll(err.Error(), "\n", "; "), false
	} else {
		c.Remedy = ""
	}
	v.out.Checks = append(v.out.Checks, c)
}

// newCheck returns a check of a stream, or of the project if stream is "".
func newCheck(name, stream string) ProjectCheck {
	return ProjectCheck{Check: verify.Check{Name: name}, Stream: stream, Remedy: repairRemedy}
}

// OpenToVerify opens a project for `bursar verify`. Its state may be damaged and its disk read-only. If the state cannot be
// opened, VerifyProject reports that as a failed check.
func OpenToVerify(ctx context.Context, dir, _ string, log *slog.Logger) (*App, error) {
	a, err := lockProject(ctx, dir, verifyCommand, log)
	if err != nil {
		return nil, err
	}
	if err := probeWritable(a.state); err != nil {
		a.openErr = a.openReadOnly(ctx, err)
	} else {
		a.openErr = a.open(ctx)
	}
	return a, nil
}

// checkHistories checks the embedded server's database. That of a cluster is checked by those who run it.
func (v *projectVerification) checkHistories(ctx context.Context) {
	if v.Project.Config.Temporal.Kind == project.TemporalCluster {
		v.add(newCheck("temporal", ""), "the histories are in a cluster", nil)
		return
	}
	v.add(newCheck("temporal", ""), "the database of histories is undamaged", temporal.VerifyDatabase(ctx, v.state))
}

// VerifyProject checks the stores, every object, index and spool that the catalog knows, and finds unknown objects.
func (a *App) VerifyProject(ctx context.Context, o verify.Options, progress func(what string, done, total int64)) (VerifiedProject, error) {
	v := &projectVerification{App: a, options: o, progress: progress, out: VerifiedProject{OK: true, Checks: []ProjectCheck{}}}
	v.checkFiles()
	v.checkHistories(ctx)
	if a.openErr != nil {
		c := newCheck("state", "")
		if errors.As(a.openErr, new(*marker.Error)) {
			c.Remedy = "" // the error names it
		}
		v.add(c, "", a.openErr)
		return v.out, ctx.Err()
	}
	documents, err := a.catalog.Verify(ctx)
	v.add(newCheck("catalog", ""), reconcile.Plural(documents, "document")+": every one as it was written", err)
	if err != nil {
		return v.out, ctx.Err() // the other checks depend on the catalog
	}
	if err := a.checkDeclarations(ctx); err != nil {
		return VerifiedProject{}, err // nothing can be recomputed with other definitions
	}
	if v.Events.Secret != nil { // nil if the project has none yet
		c := newCheck("identity key", "")
		if v.Project.Config.IsShared() {
			c.Remedy = "" // the error names it
		}
		v.add(c, "it is the key that ids are digested with", v.Events.Secret.Verify())
	}
	for _, check := range []func(context.Context) error{v.checkStreams, v.checkOriginals, v.checkPipelines, v.checkSpools, v.checkWarehouse, v.checkJobs, v.checkAccounts, v.checkUnknownObjects} {
		if err := check(ctx); err != nil {
			return VerifiedProject{}, err
		}
		if ctx.Err() != nil {
			return VerifiedProject{}, ctx.Err()
		}
	}
	return v.out, nil
}

// checkStreams checks all streams in the catalog or the declarations.
func (v *projectVerification) checkStreams(ctx context.Context) error {
	names, err := v.streamNames(ctx)
	if err != nil {
		return err
	}
	batches := map[string][]event.Batch{}
	for _, name := range names {
		list, err := eventverify.Manifests(ctx, v.Events, name)
		batches[name] = list
		if err == nil && len(list) == 0 {
			continue
		}
		c := newCheck("batches", name)
		if older := (*event.NotInCatalogError)(nil); errors.As(err, &older) && older.Missing {
			c.Remedy = restoreRemedy
		}
		v.add(c, reconcile.Plural(len(list), "batch")+": each in the catalog as in its manifest", err)
		for i := range list {
			for _, o := range list[i].Stored() {
				v.total += o.Bytes
			}
		}
	}
	for _, name := range names {
		if len(batches[name]) > 0 {
			v.checkStream(ctx, name, batches[name])
		}
	}
	return nil
}

func (v *projectVerification) checkStream(ctx context.Context, name string, batches []event.Batch) {
	objects, err := eventverify.Objects(ctx, v.Events, batches, func(bytes int64) {
		v.done += bytes
		v.progress(name, v.done, v.total)
	})
	c := newCheck("objects", name)
	if c.Remedy = restoreRemedy; isTemporary(err) {
		c.Remedy = "" // the error names it
	}
	v.add(c, reconcile.Plural(objects, "object")+": every byte as it was sealed", err)
	s := v.Project.Stream(name)
	if s == nil {
		return
	}
	if err == nil { // damaged objects have wrong totals anyway
		events, err := eventverify.Totals(ctx, v.Events, s, batches)
		c := newCheck("batch totals", name)
		c.Totals, c.Remedy = true, restoreRemedy
		v.add(c, reconcile.Plural(events, "event")+": rows, sums and digests are those of the batches", err)
		if rows, err := eventverify.Dismissals(ctx, v.Events, name); rows > 0 || err != nil {
			v.add(newCheck("dismissed rows", name), reconcile.Plural(rows, "row")+": each is in quarantine", err)
		}
	}
	if events, err := eventverify.RetractionTotals(ctx, v.Events, s, batches); events > 0 || err != nil {
		c := newCheck("retractions", name)
		c.Totals = true
		v.add(c, reconcile.Plural(events, "event")+" left out of every view: counts, sums and digests are those of the batches", err)
	}
	c = newCheck("dedupe index", name)
	err = ids.Verify(ctx, v.Events, s)
	if twice := eventverify.CountedOnce(ctx, v.Events, s); twice != nil {
		if e := (*eventverify.CountedTwiceError)(nil); err == nil && errors.As(twice, &e) {
			c.Remedy = e.Command(0)
		}
		err = errors.Join(err, twice)
	}
	v.add(c, "it knows every event of the batches", err)
}

// withDeclared appends the declared streams that are missing in a list of names.
func (a *App) withDeclared(names []string) []string {
	for _, s := range a.Project.AllStreams() {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// streamNames returns the streams with stored data, then the declared ones without any.
func (a *App) streamNames(ctx context.Context) ([]string, error) {
	names, err := a.Events.Streams(ctx)
	if err != nil {
		return nil, err
	}
	return a.withDeclared(names), nil
}

func (v *projectVerification) checkOriginals(ctx context.Context) error {
	files, damaged, err := imported.VerifyOriginals(ctx, v.Events.Catalog, v.Events.Objects)
	c := newCheck("statement files", "")
	c.Remedy = restoreRemedy
	if isTemporary(err) && ctx.Err() == nil {
		c.Remedy = "" // the error names it
		v.add(c, "", err)
		return nil
	}
	if err != nil || files == 0 {
		return err
	}
	var faults []error
	for _, d := range damaged {
		faults = append(faults, d.Err)
	}
	v.add(c, reconcile.Plural(files, "file")+": each is what was received", errors.Join(faults...))
	return nil
}

// remedyOf returns the command that repairs what a check of a pipeline found. Batches are not derived, so they need a backup.
func remedyOf(c *verify.Check) string {
	if strings.HasPrefix(c.Name, "batch ") {
		return restoreRemedy
	}
	return repairRemedy
}

// checkPipelines runs the checks of `bursar verify PIPELINE` for every pipeline.
func (v *projectVerification) checkPipelines(ctx context.Context) error {
	for _, p := range v.Project.Pipelines {
		v.progress(p.Name, v.done, v.total)
		c := newCheck("records", "")
		c.Pipeline = p.Name
		err := v.Verifier.CheckRecords(ctx, p.Name)
		v.add(c, "generations and runs are all in the catalog", err)
		if err != nil {
			continue
		}
		proof, err := v.Verifier.Verify(ctx, p.Name, v.options)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			c.Name = "pipeline"
			if errors.As(err, new(*runs.ChangedError)) {
				c.Remedy = "bursar rebuild " + p.Name
			}
			v.add(c, "", err)
		}
		for _, check := range proof.Checks {
			c := ProjectCheck{Check: check, Pipeline: p.Name}
			if !check.OK {
				c.Remedy, v.out.OK = remedyOf(&check), false
			}
			v.out.Checks = append(v.out.Checks, c)
		}
	}
	return nil
}
