"""German; people are addressed formally."""

from .words import Words

WORDS = Words(
    language="de",
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"),
        *("August", "September", "Oktober", "November", "Dezember"),
    ),
    weekdays=("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    thousands=".",
    decimal=",",
    texts={
        # Days and times.
        "date": "{weekday}, {day}. {month} {year}",
        "at": "{date}, {time} Uhr",
        "times": "{date}, {start} bis {end} Uhr",
        "span": "{first} bis {last}",
        "from": "ab {at}",
        "until": "bis {at}",
        "no_date": "Der Termin steht noch nicht fest",
        "online": "Online",
        "place_online": "{place} (online)",
        "no_place": "Der Ort steht noch nicht fest",
        "gone_event": "eine gelöschte Veranstaltung",
        # Who is written to, and why.
        "hello": "Guten Tag {name},",
        "hello_nobody": "Guten Tag,",
        "footer_buyer": "Sie erhalten diese Nachricht, weil mit Ihrer E-Mail-Adresse auf {site}"
        " bestellt wurde.",
        "footer_holder": "Sie erhalten diese Nachricht, weil auf {site} ein Ticket für Sie"
        " bestellt wurde.",
        "footer_test": "So sieht Ihre Nachricht aus. Nur Sie haben sie erhalten.",
        # Labels.
        "when": "Wann",
        "where": "Wo",
        "ticket": "Ticket {number}",
        "ticket_unnumbered": "Ticket",
        "named": "{ticket} ({name})",
        "type": "Ticketart",
        "holder": "Für",
        "valid": "Gültig",
        "total": "Summe",
        "free": "Kostenlos",
        "fiat": "{sat} ({fiat}, 1 {currency} = {rate} sat)",
        "promo": "Aktionscode",
        "order_number": "Bestellung",
        "before": "Bisher: {value}",
        "after": "Jetzt: {value}",
        "qr": "QR-Code von Ticket {number}",
        "qr_unnumbered": "QR-Code des Tickets",
        "open_ticket": "Ticket öffnen",
        "open_order": "Bestellung öffnen",
        "open_event": "Veranstaltung öffnen",
        "open_claim": "Betrag abrufen",
        # Orders and tickets.
        "order_subject_one": "Ihr Ticket: {event}",
        "order_subject_many": "Ihre {count} Tickets: {event}",
        "order_heading_one": "Ihr Ticket: {event}",
        "order_heading_many": "Ihre Tickets: {event}",
        "order_intro_one": "Vielen Dank! Ihre Bestellung ist bestätigt. Hier ist Ihr Ticket.",
        "order_intro_many": "Vielen Dank! Ihre Bestellung ist bestätigt. Hier sind Ihre {count}"
        " Tickets.",
        "ticket_subject": "Ihr Ticket: {event}",
        "ticket_heading": "Ihr Ticket: {event}",
        "ticket_intro": "Für Sie wurde ein Ticket bestellt: {event}. Hier ist es.",
        "ticket_again": "Hier ist ein Ticket Ihrer Bestellung für „{event}“.",
        "keep": "Zeigen Sie den Code am Einlass vor, auf dem Bildschirm oder ausgedruckt. Wer ihn"
        " zuerst zeigt, kommt hinein; geben Sie ihn deshalb nicht weiter.",
        "keep_addon": "Ein Zusatzartikel berechtigt nicht zum Eintritt. Zeigen Sie seinen Code"
        " dort vor, wo Sie das Gekaufte abholen.",
        "reminder_subject": "Erinnerung: {event}",
        "reminder_heading": "Es geht bald los: {event}",
        "reminder_intro_one": "Zur Erinnerung: Hier ist noch einmal Ihr Ticket.",
        "reminder_intro_many": "Zur Erinnerung: Hier sind noch einmal Ihre {count} Tickets.",
        # Changes.
        "changed_subject": "Geändert: {event}",
        "changed_heading": "Änderung: {event}",
        "changed_intro": "Der Termin oder der Ort von „{event}“ hat sich geändert. Ihre Tickets"
        " bleiben gültig.",
        "cancelled_subject": "Abgesagt: {event}",
        "cancelled_heading": "Abgesagt: {event}",
        "cancelled_intro": "„{event}“ wurde vom Veranstalter abgesagt. Ihre Tickets sind nicht mehr"
        " gültig.",
        "cancelled_money": "Wer Tickets bezahlt hat, erhält das Geld zurück und dazu eine"
        " gesonderte Nachricht.",
        "void_subject": "Stornierung: {event}",
        "void_heading": "Stornierung: {event}",
        "void_ask": "Falls Sie das überrascht, wenden Sie sich bitte an den Veranstalter.",
        "gone_one": "Dieses Ticket ist nicht mehr gültig: {tickets}.",
        "gone_many": "Diese Tickets sind nicht mehr gültig: {tickets}.",
        "news_subject": "Neues zu: {event}",
        "news_heading": "Eine Nachricht zu: {event}",
        # Money.
        "due_subject": "Ihre Rückzahlung: {event}",
        "due_heading": "Sie bekommen {amount} zurück",
        "due_intro": "Es geht um Ihre Bestellung für „{event}“.",
        "late_subject": "Kein Ticket, aber Ihr Geld zurück: {event}",
        "late_heading": "Für Ihre Zahlung gibt es kein Ticket mehr",
        "late_intro": "Ihre Zahlung von {amount} für „{event}“ ist angekommen, aber es können"
        " dafür keine Tickets mehr ausgestellt werden. Sie erhalten das Geld zurück.",
        "paid_subject": "Rückzahlung ausgeführt: {event}",
        "paid_heading": "Zurückgezahlt: {amount}",
        "paid_intro": "Es ging um Ihre Bestellung für „{event}“.",
        "paid_to": "Das Geld ging an {destination}.",
        "paid_by_hand": "Der Veranstalter hat den Betrag auf anderem Weg zurückgezahlt.",
        "way_link": "Rufen Sie den Betrag über den Link unten mit einer Lightning-Wallet ab.",
        "way_address": "Der Betrag wird automatisch an Ihre Adresse {destination} gesendet."
        " Sollte das nicht klappen, rufen Sie ihn über den Link unten ab.",
        "way_by_hand": "Der Veranstalter zahlt Ihnen den Betrag selbst zurück. Sie müssen nichts"
        " tun.",
        "reason_no_seat_left": "Als Ihre Zahlung ankam, war kein Platz mehr frei.",
        "reason_event_cancelled": "Der Veranstalter hat die Veranstaltung abgesagt.",
        "reason_tickets_missing": "Als Ihre Zahlung ankam, waren die zugehörigen Tickets bereits"
        " gelöscht.",
        "reason_order_cancelled": "Als Ihre Zahlung ankam, war die Bestellung bereits storniert.",
        "reason_paid_twice": "Sie haben dieselbe Bestellung zweimal bezahlt.",
        "reason_buyer_cancelled": "Sie haben storniert.",
        "reason_organiser_cancelled": "Der Veranstalter hat Ihr Ticket storniert.",
        "reason_minimum_not_reached": "Es wurden zu wenige Tickets verkauft, deshalb findet die"
        " Veranstaltung nicht statt.",
        "reason_other": "Der Veranstalter schuldet Ihnen dieses Geld.",
    },
)
