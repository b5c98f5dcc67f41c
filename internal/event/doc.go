// Package event is the vocabulary of streams and what is stored of them: batches with their files, control totals and manifests, schemas, retractions
// and the quarantine; and the views that read their events. Everything here is a catalog document or an object, which other packages write by its
// functions. What is sealed never changes (rule 3), and what is excluded is stored beside it. The stages stand in their own packages: intake (files
// and received rows become batches), live (requests), ids (the dedupe index of a stream), retract, verify and repair. This package imports none of
// them, and knows nothing of pipelines.
package event
