"""Examples of events for the API's document."""

SIMPLE_EVENT = {
    "name": "Noite de Jazz",
    "venue": "Circo Voador",
    "city": "Rio de Janeiro",
    "starts_at": "2027-01-10T21:00:00-03:00",
    "ends_at": "2027-01-11T02:00:00-03:00",
    "status": "published",
    "capacity": 200,
    "price": "120.00",
}


EVENT_WITH_TWO_TYPES = {
    **{name: value for name, value in SIMPLE_EVENT.items() if name not in {"capacity", "price"}},
    "ticket_types": [
        {"name": "Pista", "price": "120.00", "capacity": 200},
        {"name": "Camarote", "price": "450.00", "capacity": 40, "max_per_order": 4},
    ],
}
