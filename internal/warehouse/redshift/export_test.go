// What tests change of a warehouse.

package redshift

// LimitNames makes names fit the server of the tests, whose limit is lower.
func (d *Database) LimitNames(bytes int) { d.nameLimit = bytes }
