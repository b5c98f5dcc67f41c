// Package auditor compares Bursar with a naive model: seeded projects, files and sequences of commands, and their expected
// results. It owns the workloads and the model. The case of a seed is the same on every machine, as long as the generator is
// not changed. The model implements DESIGN §6 and §7 independently of the product: it parses with the standard library,
// computes in rationals, and must not import a package of the product, or both could have the same fault. Cases include
// store faults, late attempts and damage to stored files: each must end in an error that names the remedy, or in the result
// of the model.
package auditor
