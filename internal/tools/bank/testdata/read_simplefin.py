# Claims a setup token with simplefin4py, fetches everything, and prints it as JSON.
import asyncio
import json
import logging
import sys

from simplefin4py import SimpleFin

logging.disable(logging.CRITICAL)


async def main():
    access_url = await SimpleFin.claim_setup_token(sys.argv[1])
    data = await SimpleFin(access_url).fetch_data()
    accounts = [
        {
            "account": a.id,
            "currency": a.currency,
            "booked": a.balance,
            "available": a.available_balance,
            "entries": [f"{t.posted:%Y-%m-%d} {t.amount} {t.id}" for t in a.transactions],
        }
        for a in data.accounts
    ]
    print(json.dumps({"url": access_url, "errors": data.errors, "statements": accounts}))


asyncio.run(main())
