// The profile of the institution, which OFX clients ask for first.

package bank

// How the institution is called in OFX.
const (
	organization = "SEEDS"
	financialID  = "9999"
)

// profile answers what the institution offers, or that the client knows it already.
func (a *ofxAnswer) profile(request *element) {
	if known := request.text("PROFRQ", "DTPROFUP"); len(known) >= len("20060102150405") && known[:len("20060102150405")] >= ofxTime(a.bank.started) {
		a.transaction(request, ofxUpToDate, nil)
		return
	}
	a.transaction(request, ofxOK, func() {
		a.aggregate("PROFRS", func() {
			a.aggregate("MSGSETLIST", a.messageSets)
			a.aggregate("SIGNONINFOLIST", a.signOnInfo)
			a.leaves("DTPROFUP", ofxTime(a.bank.started), "FINAME", "Bank of Seeds", "ADDR1", "1 Seed Street", "CITY", "Springfield", "STATE", "IL",
				"POSTALCODE", "62701", "COUNTRY", "USA")
		})
	})
}

func (a *ofxAnswer) messageSets() {
	closing := func() { a.leaves("CLOSINGAVAIL", "N") }
	for _, set := range []struct {
		name    string
		content func()
	}{
		{"SIGNONMSGSET", func() {}},
		{"SIGNUPMSGSET", func() {
			a.aggregate("OTHERENROLL", func() { a.leaves("MESSAGE", "Ask at the counter") })
			a.leaves("CHGUSERINFO", "N", "AVAILACCTS", "Y", "CLIENTACTREQ", "N")
		}},
		{"BANKMSGSET", func() {
			closing()
			a.aggregate("EMAILPROF", func() { a.leaves("CANEMAIL", "N", "CANNOTIFY", "N") })
		}},
		{"CREDITCARDMSGSET", closing},
		{"PROFMSGSET", func() {}},
	} {
		a.aggregate(set.name, func() {
			a.aggregate(set.name+"V1", func() {
				a.aggregate("MSGSETCORE", func() {
					a.leaves("VER", "1", "URL", a.bank.URL(OFX), "OFXSEC", "NONE", "TRANSPSEC", "Y", "SIGNONREALM", "default", "LANGUAGE", "ENG",
						"SYNCMODE", "LITE", "RESPFILEER", "Y", "SPNAME", "SEEDS")
				})
				set.content()
			})
		})
	}
}

func (a *ofxAnswer) signOnInfo() {
	a.aggregate("SIGNONINFO", func() {
		a.leaves("SIGNONREALM", "default", "MIN", "4", "MAX", "32", "CHARTYPE", "ALPHAORNUMERIC", "CASESEN", "Y", "SPECIAL", "Y", "SPACES", "N",
			"PINCH", "N")
	})
}
