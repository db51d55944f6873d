"""Handing a ticket on to another person: the offer, its link, the acceptance, and the mails."""
