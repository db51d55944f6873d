"""What one caller, buyer or recipient may have, and how often."""

from datetime import timedelta

from environ import Env

_env = Env()

# How many proxies of ours stand before us, each of which appends to X-Forwarded-For.
TRUSTED_PROXY_HOPS: int = _env.int("TRUSTED_PROXY_HOPS", default=0)
# Requests/seconds for each token, and for each address: a house, an office, or all the customers
# whom a mobile network hides behind one.
RATE_LIMITS: dict[str, str] = {
    # Who waits for his order asks every second or two; an organizer's system asks in bursts.
    "read": _env("RATE_LIMIT_READ", default="600/60:3000/60"),
    # Each takes tickets from everybody else for a quarter of an hour.
    "reserve": _env("RATE_LIMIT_RESERVE", default="30/60:120/60"),
    "write": _env("RATE_LIMIT_WRITE", default="120/60:600/60"),
    # A scanner that was offline sends all it has at once, and a venue has many scanners.
    "validate": _env("RATE_LIMIT_VALIDATE", default="600/60:6000/60"),
    "signin": _env("RATE_LIMIT_SIGNIN", default=":30/300"),
}
# Tickets of one event, reserved and paid, of one customer (by email address) and of one network
# address, where the event has no limit of its own; and the part of its capacity, in percent, that
# one address may hold unpaid. 0: no limit.
TICKETS_PER_CUSTOMER: int = _env.int("TICKETS_PER_CUSTOMER", default=20)
TICKETS_PER_ADDRESS: int = _env.int("TICKETS_PER_ADDRESS", default=100)
HELD_PERCENT_PER_ADDRESS: int = _env.int("HELD_PERCENT_PER_ADDRESS", default=10)
# Rounds of each attempt at a proof of work; 256 attempts on average.
PROOF_OF_WORK_COST: int = _env.int("PROOF_OF_WORK_COST", default=5_000)
# Of all kinds and events together; more are delayed, or refused. 0: no limit.
MAILS_PER_RECIPIENT_PER_HOUR: int = _env.int("MAILS_PER_RECIPIENT_PER_HOUR", default=10)
# So many wrong passwords for one name from one address, and for so long it is locked there.
AXES_FAILURE_LIMIT: int = _env.int("SIGN_IN_FAILURES", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=_env.int("SIGN_IN_LOCK_MINUTES", default=15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "ticketing.api.callers.client_address"
AXES_LOCKOUT_CALLABLE = "ticketing.pages.lockout.answer_locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Only failures are kept, and those not for long: they are personal data.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "next"]
