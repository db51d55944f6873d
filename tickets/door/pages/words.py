"""The words of the door's page. A phone has them in all languages, to show them offline."""

from typing import Final

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from tickets.door.by_hand import ReasonByHand

# By the names that the page's template and scripts use. Its scripts fill in what is in braces.
WORDS: Final = {
    # Pairing
    "pair_title": _("Make this phone a door scanner"),
    "pair_how": _(
        "The organizer shows a QR code for this phone: in the back office, under Door devices,"
        " with “Pair a phone”."
    ),
    "pair_scan": _("Scan the pairing code"),
    "pair_type": _("Or paste the link or the code here"),
    "pair_go": _("Pair this phone"),
    "pairing": _("Pairing…"),
    "pair_not_valid": _(
        "This pairing code does not work any more: each works once, for 15 minutes. Ask the"
        " organizer for a new one."
    ),
    "pair_no_answer": _("The server does not answer. Check the network, then try again."),
    "pair_other_code": _("This is not a pairing code. Ask the organizer for one."),
    "aim_pairing": _("Point at the organizer's pairing code"),
    "back": _("Back"),
    "pair_again": _(
        "This phone is the door scanner “{name}” already. To make it another one, press “Pair this"
        " phone”. Otherwise reload this page."
    ),
    "pair_waits": _(
        "Scans of “{name}” are not sent yet: {count}. Find a place with network, then press “Pair"
        " this phone” again. To go on as “{name}”, reload this page. Nothing is lost."
    ),
    "pair_loses": _(
        "The organizer revoked “{name}”, and the server takes no scans of it any more. Tell the"
        " organizer how many are lost: {count}. Then press “Pair this phone” again."
    ),
    "ended_title": _("This phone is no longer a door scanner"),
    "ended_why": _(
        "The organizer revoked it, or paired another phone in its place. It has forgotten all data."
    ),
    "ended_lost": _("Scans that were not sent are lost: {count}. Tell the organizer."),
    # Starting
    "ready_title": _("Ready to let guests in"),
    "start_how": _(
        "Point the camera at the QR code of each guest's ticket. Green: let them in. Any other"
        " color: read why."
    ),
    "start": _("Start"),
    "choose_first": _("Choose the event first"),
    "your_gate": _("Gate"),
    "your_event": _("Event"),
    "choose_event": _("Which event is this gate for?"),
    "all_events": _("All events of this phone"),
    "no_events": _("This phone has no event. Ask the organizer to give it one."),
    "without_network": _("Without network"),
    "is_ready": _("Ready: this phone can go on alone, with data from {time}"),
    "getting_ready": _("Not ready yet: stay online for a moment"),
    # Camera
    "aim": _("Point at the ticket's QR code"),
    "aim_exit": _("Leaving: scan the ticket"),
    "aim_dark": _("Too dark here: find some light"),
    "aim_dark_light": _("Too dark here: tap “Light on”"),
    "no_camera": _("The camera does not start."),
    "camera_refused": _(
        "The browser may not use the camera. Tap the lock beside the address, allow the camera,"
        " and reload the page."
    ),
    "camera_missing": _("No camera was found. A keyboard scanner or typing works too."),
    "camera_insecure": _("Browsers allow the camera only on pages that begin with https://."),
    "camera_busy": _("Another app uses the camera. Close it, then try again."),
    "camera_other": _("Close other apps and try again. If that does not help, restart the phone."),
    "try_again": _("Try again"),
    "light_on": _("Light on"),
    "light_off": _("Light off"),
    "other_camera": _("Other camera"),
    "type_code": _("Type a code"),
    "the_code": _("The text of the QR code, which begins with T1:"),
    "any_code": _("The code under the QR code, the order's code, or a name"),
    "short_code": _(
        "This is not the text of a QR code. By a short code or a name, a supervisor's phone finds"
        " the ticket: send the guest there."
    ),
    "check": _("Check"),
    # Direction
    "entry": _("Entering"),
    "exit": _("Leaving"),
    # Answers: the word for the person at the gate, then why
    "go_in": _("GO IN"),
    "go_out": _("GO OUT"),
    "stop": _("STOP"),
    "wait": _("WAIT"),
    "other_gate": _("OTHER GATE"),
    "other_event": _("OTHER EVENT"),
    "admit_question": _("ADMIT?"),
    "checking": _("Checking…"),
    "admitted": _("Valid ticket"),
    "admitted_again": _("Valid ticket: back in"),
    "admitted_many": _("{count} guests may enter"),
    "exited": _("The guest has left"),
    "exited_always": _("Left, and may come back in"),
    "exited_once_a_day": _("Left, and may come back in on another day"),
    "exited_never": _("Left, and may not come back in"),
    "already_used": _("Already used"),
    "revoked": _("Not valid any more"),
    "wrong_event": _("For another event"),
    "wrong_gate": _("For another gate"),
    "event_cancelled": _("The event was cancelled"),
    "not_yet_open": _("The door is not open yet"),
    "closed": _("Entry is over"),
    "invalid_code": _("Not one of our tickets"),
    "unknown_ticket": _("There is no such ticket"),
    "not_inside": _("This ticket is not inside"),
    "data_too_old": _("No network for too long"),
    "refused": _("Not admitted"),
    # What to do about it
    "already_used_do": _("Somebody has entered with this ticket. Send the guest to a supervisor."),
    "shown_twice_do": _(
        "This phone has just let it in. The same guest again? Let them go on. Somebody else? Send"
        " them to a supervisor."
    ),
    "revoked_do": _(
        "It was refunded, handed on or replaced. The guest may have a newer one: ask for the mail"
        " with the newest ticket."
    ),
    "wrong_event_do": _("Look at the event and the date on the ticket."),
    "wrong_gate_do": _("Show the guest the way to the right gate."),
    "event_cancelled_do": _("Admit nobody. Ask the organizer."),
    "not_yet_open_do": _("Ask the guest to come back then."),
    "closed_do": _("Send the guest to a supervisor."),
    "invalid_code_do": _(
        "It may be a code of something else, a damaged one, or a forged one. Ask for the ticket"
        " itself and scan it again."
    ),
    "unknown_ticket_do": _("The code is signed, but no ticket has it. Call the organizer now."),
    "not_inside_do": _(
        "This phone is set to “Leaving”. Nobody has entered with this ticket, or its holder has"
        " left already."
    ),
    "enter_instead": _("Switch to “Entering” and check again"),
    "data_too_old_do": _(
        "This phone cannot decide any more. Find a place with network, or send the guest to another"
        " gate."
    ),
    "opens_at": _("Opens at {time}"),
    "closed_at": _("Ended at {time}"),
    "used_at": _("Used at {time}, {ago}"),
    "used_at_gate": _("Used at {time}, {ago}: {where}"),
    "used_unknown": _("This phone does not know when."),
    "right_gates": _("Send them to: {gates}"),
    "common_gates": _("Send them to a gate for all tickets"),
    "just_now": _("just now"),
    "minutes_ago": _("{count} min ago"),
    "hours_ago": _("{count} h ago"),
    "days_ago": _("{count} days ago"),
    "offline_answer": _("Decided by this phone, without the server"),
    "next_hint": _("Scan the next ticket, or tap to go on"),
    "admit": _("Admit"),
    "let_out": _("Let out"),
    "do_not_admit": _("Do not admit"),
    "confirm_hint": _("Valid. Tap to admit."),
    "party_all": _("Admit the whole group: {count} more"),
    "party_one": _("Admit the other guest of the order too"),
    "party_failed": _("The group was not admitted: scan each ticket."),
    "undo": _("Undo this admission"),
    "undone_word": _("UNDONE"),
    "undone": _("The ticket is valid again"),
    "undone_scan": _("Undone: the ticket is valid again"),
    "undo_failed": _("It cannot be undone any more."),
    # Connection
    "online": _("Online"),
    "offline": _("Offline"),
    "connecting": _("Trying…"),
    "phone_decides": _("This phone decides"),
    "data_age": _("data from {time}"),
    "no_data_yet": _("no data yet"),
    "waiting_one": _("1 scan to send"),
    "waiting_many": _("{count} scans to send"),
    "sending": _("Sending: {left} left"),
    "inside_now": _("{count} inside"),
    "admitted_of": _("{admitted} of {sold} admitted"),
    # Conflicts
    "conflict_one": _("1 wrong admission without network"),
    "conflict_many": _("{count} wrong admissions without network"),
    "conflicts_title": _("Wrong admissions"),
    "conflicts_how": _(
        "Without network two gates let in the same ticket, or one that was not valid any more."
    ),
    "conflicts_supervisor": _("Tell your supervisor."),
    "conflicts_organizer": _("Tell the organizer, who sees them in the live door too."),
    "conflict_here": _("Let in at {time}, {where}"),
    "conflict_other": _("Also at {time}, {where}"),
    "no_conflicts": _("None so far."),
    # Menu
    "menu": _("Menu"),
    "close": _("Close"),
    "find_guest": _("Find a guest"),
    "find_by": _("Name, order code or email"),
    "find": _("Find"),
    "finding": _("Searching…"),
    "nobody_found": _("No guest found. Try a part of the name, or the order code."),
    "needs_network": _("This needs the network."),
    "is_inside": _("Entered at {time}"),
    "has_used": _("Entered"),
    "may_enter": _("Not yet entered"),
    "is_revoked": _("Not valid any more"),
    "admit_by_hand": _("Admit by hand"),
    "why_by_hand": _("Why by hand?"),
    **{reason.value: reason.label for reason in ReasonByHand},
    "recent": _("Last scans"),
    "recent_none": _("No scans yet."),
    "sound": _("Sound"),
    "vibration": _("Vibration"),
    "language": _("Language"),
    "camera": _("Camera"),
    "event_setting": _("Event"),
    "this_device": _("This phone"),
    "forget": _("Sign this phone out"),
    "forget_sure": _("Sign this phone out? It needs a new pairing code to scan again."),
    "forget_loses": _(
        "Scans that are not sent yet would be lost: {count}. Keep this phone until it was online."
    ),
    "forget_yes": _("Sign out"),
    "forget_no": _("Keep it"),
    "install": _("Put it on the home screen"),
    "steward": _("steward"),
    "supervisor": _("supervisor"),
    "something_wrong": _("Something went wrong on this phone. Reload the page."),
}


def words_by_language() -> dict[str, dict[str, str]]:
    """Return all words, by the code of the language and by name."""
    words = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            words[language] = {name: str(word) for name, word in WORDS.items()}
    return words
