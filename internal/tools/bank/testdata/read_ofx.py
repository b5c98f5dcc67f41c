# Reads an OFX answer with the parser of ofxtools, and prints its statements or accounts as JSON.
import json
import sys
from io import BytesIO

from ofxtools.Parser import OFXTree

tree = OFXTree()
tree.parse(BytesIO(sys.stdin.buffer.read()))
ofx = tree.convert()
statements = [
    {
        "account": s.account.acctid,
        "currency": s.curdef,
        "booked": str(s.balance.balamt),
        "available": str(s.availbal.balamt),
        "due": str(s.ballist[0].value) if s.ballist else "",
        "entries": [f"{t.dtposted:%Y-%m-%d} {t.trnamt} {t.fitid}" for t in s.transactions],
        "parties": [t.name for t in s.transactions],
    }
    for s in ofx.statements
]
accounts = []
if ofx.signupmsgsrsv1:
    for listed in ofx.signupmsgsrsv1[0].acctinfors:
        for info in listed:
            name = "bankacctfrom" if hasattr(info, "bankacctfrom") else "ccacctfrom"
            accounts.append(getattr(info, name).acctid)
print(json.dumps({"status": ofx.sonrs.status.code, "statements": statements, "accounts": accounts}))
