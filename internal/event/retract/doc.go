// Package retract excludes a sealed batch or a single event from every view, or takes that back. One catalog transaction does either; nothing sealed
// changes (rule 3). The ids of what is excluded are new again. How retractions are stored and applied to views is in package event.
package retract
