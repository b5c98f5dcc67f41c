// The status of entries.

package statement

// IsBooked reports whether a message adds up entries of a status; others are only announced. An entry for information
// does not move a booked balance; in a notification, which has no balance, it is the notified amount.
func (k Kind) IsBooked(status string) bool {
	return status != "PDNG" && status != "FUTR" && (status != "INFO" || k == Notification)
}

// StoredStatus is an entry's status as its stream has it. Banks have own codes for booked entries, or none.
func (e *Entry) StoredStatus() string {
	switch e.Status {
	case "PDNG", "FUTR", "INFO":
		return e.Status
	}
	return "BOOK"
}
