"""Limits for each caller, buyer and mail recipient: requests, tickets, mails, failed sign-ins."""

from datetime import timedelta

from environ import Env

_env = Env()

# The number of our proxies in front of the web process. Each appends to X-Forwarded-For. With a
# wrong number, callers can forge their address or all share one.
TRUSTED_PROXY_HOPS: int = _env.int("TRUSTED_PROXY_HOPS", default=0)
# `requests/seconds` for each token, then for each address. One address may be a household, an
# office, or all customers of a mobile network.
RATE_LIMITS: dict[str, str] = {
    # A waiting buyer's page polls every second or two; an organizer's system reads in bursts.
    "read": _env("RATE_LIMIT_READ", default="600/60:3000/60"),
    # Each reservation keeps tickets from other buyers for 15 minutes.
    "reserve": _env("RATE_LIMIT_RESERVE", default="30/60:120/60"),
    "write": _env("RATE_LIMIT_WRITE", default="120/60:600/60"),
    # A scanner that was offline sends all its scans at once, and a venue has many scanners.
    "validate": _env("RATE_LIMIT_VALIDATE", default="600/60:6000/60"),
    # Wrong promo codes only. A right one is never counted.
    "promo": _env("RATE_LIMIT_PROMO", default=":30/600"),
    # Each of these requests may send a mail. The mails to one address have a limit of their own.
    "find": _env("RATE_LIMIT_FIND", default=":20/600"),
    "signin": _env("RATE_LIMIT_SIGNIN", default=":30/300"),
}
# For one event: the tickets, reserved or paid, that one customer (by email address) and one network
# address may have, and the percentage of the capacity that one address may hold unpaid. An event
# can have limits of its own instead. 0: no limit.
TICKETS_PER_CUSTOMER: int = _env.int("TICKETS_PER_CUSTOMER", default=20)
TICKETS_PER_ADDRESS: int = _env.int("TICKETS_PER_ADDRESS", default=100)
HELD_PERCENT_PER_ADDRESS: int = _env.int("HELD_PERCENT_PER_ADDRESS", default=10)
# Hash rounds of one attempt at a proof of work. A client needs 256 attempts on average.
PROOF_OF_WORK_COST: int = _env.int("PROOF_OF_WORK_COST", default=5_000)
# Mails of all kinds and events together; further mails are delayed or refused. 0: no limit.
MAILS_PER_RECIPIENT_PER_HOUR: int = _env.int("MAILS_PER_RECIPIENT_PER_HOUR", default=10)
# After this many wrong passwords for one user name from one address, the name is locked for that
# address.
AXES_FAILURE_LIMIT: int = _env.int("SIGN_IN_FAILURES", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=_env.int("SIGN_IN_LOCK_MINUTES", default=15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "ticketing.api.callers.client_address"
AXES_LOCKOUT_CALLABLE = "ticketing.pages.lockout.answer_locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Sign-ins are personal data, so only failures are stored, and deleted soon.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = [
    "username",
    "ip_address",
    "csrfmiddlewaretoken",
    "next",
    # Of the pages on which a signed-in user types the password again.
    "old_password",
    "new_password1",
    "new_password2",
    "code",
]
