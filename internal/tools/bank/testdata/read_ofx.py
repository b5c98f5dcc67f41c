# Reads OFX answers with the parser of ofxtools, and prints what is in each as a line of JSON.
import json
import sys

from ofxtools.Parser import OFXTree


def statement(s):
    return {
        "account": s.account.acctid,
        "currency": s.curdef,
        "booked": str(s.balance.balamt),
        "available": str(s.availbal.balamt),
        "due": str(s.ballist[0].value) if s.ballist else "",
        "entries": [f"{t.dtposted:%Y-%m-%d} {t.trnamt} {t.fitid}" for t in s.transactions],
        "parties": [t.name for t in s.transactions],
    }


def accounts(ofx):
    for answer in ofx.signupmsgsrsv1 or []:
        for listed in answer.acctinfors:
            for info in listed:
                name = "bankacctfrom" if hasattr(info, "bankacctfrom") else "ccacctfrom"
                yield getattr(info, name).acctid


for path in sys.argv[1:]:
    tree = OFXTree()
    tree.parse(path)
    ofx = tree.convert()
    print(
        json.dumps(
            {
                "status": ofx.sonrs.status.code,
                "statements": [statement(s) for s in ofx.statements],
                "accounts": list(accounts(ofx)),
                "institution": ofx.profmsgsrsv1[0].profrs.finame if ofx.profmsgsrsv1 else "",
            }
        )
    )
