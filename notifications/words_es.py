"""Spanish; people are addressed as «usted»."""

from .words import Words

WORDS = Words(
    language="es",
    months=(
        *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio"),
        *("agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    ),
    weekdays=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    thousands=".",
    decimal=",",
    texts={
        # Days and times.
        "date": "{weekday}, {day} de {month} de {year}",
        "at": "{date}, a las {time} h",
        "times": "{date}, de {start} a {end} h",
        "span": "del {first} al {last}",
        "from": "desde el {at}",
        "until": "hasta el {at}",
        "no_date": "Fecha por confirmar",
        "online": "En línea",
        "place_online": "{place} (en línea)",
        "no_place": "Lugar por confirmar",
        "gone_event": "un evento que ya no existe",
        # Who is written to, and why.
        "hello": "Hola, {name}:",
        "hello_nobody": "Hola:",
        "footer_buyer": "Recibe este mensaje porque se hizo un pedido con su dirección de correo"
        " en {site}.",
        "footer_holder": "Recibe este mensaje porque alguien ha pedido para usted una entrada en"
        " {site}.",
        "footer_test": "Así se ve su mensaje. Solo usted lo ha recibido.",
        # Labels.
        "when": "Cuándo",
        "where": "Dónde",
        "ticket": "Entrada {number}",
        "ticket_unnumbered": "Entrada",
        "named": "{ticket} ({name})",
        "type": "Tipo",
        "holder": "Para",
        "valid": "Validez",
        "total": "Total",
        "free": "Gratis",
        "fiat": "{sat} ({fiat}, 1 {currency} = {rate} sat)",
        "promo": "Código promocional",
        "order_number": "Pedido",
        "before": "Antes: {value}",
        "after": "Ahora: {value}",
        "qr": "Código QR de la entrada {number}",
        "qr_unnumbered": "Código QR de la entrada",
        "open_ticket": "Ver la entrada",
        "open_order": "Ver el pedido",
        "open_event": "Ver el evento",
        "open_claim": "Cobrar el reembolso",
        # Orders and tickets.
        "order_subject_one": "Su entrada para {event}",
        "order_subject_many": "Sus {count} entradas para {event}",
        "order_heading_one": "Su entrada para {event}",
        "order_heading_many": "Sus entradas para {event}",
        "order_intro_one": "¡Gracias! Su pedido está confirmado. Aquí tiene su entrada.",
        "order_intro_many": "¡Gracias! Su pedido está confirmado. Aquí tiene sus {count} entradas.",
        "ticket_subject": "Su entrada para {event}",
        "ticket_heading": "Su entrada para {event}",
        "ticket_intro": "Alguien ha pedido para usted una entrada para {event}. Aquí la tiene.",
        "ticket_again": "Aquí tiene una entrada de su pedido para «{event}».",
        "keep": "Muestre el código en la puerta, en la pantalla o impreso. Entra quien lo muestre"
        " primero, así que no lo comparta.",
        "keep_addon": "Un complemento no da derecho a entrar: muestre su código donde recoja lo"
        " que compró.",
        "reminder_subject": "Recordatorio: {event}",
        "reminder_heading": "Falta poco para {event}",
        "reminder_intro_one": "Le recordamos el evento. Aquí tiene de nuevo su entrada.",
        "reminder_intro_many": "Le recordamos el evento. Aquí tiene de nuevo sus {count} entradas.",
        # Changes.
        "changed_subject": "Cambios: {event}",
        "changed_heading": "Cambios en {event}",
        "changed_intro": "La fecha o el lugar de «{event}» ha cambiado. Sus entradas siguen"
        " siendo válidas.",
        "cancelled_subject": "Cancelado: {event}",
        "cancelled_heading": "Cancelado: {event}",
        "cancelled_intro": "El organizador ha cancelado «{event}». Sus entradas ya no son válidas.",
        "cancelled_money": "A quien haya pagado entradas se le devolverá el dinero, y recibirá otro"
        " mensaje al respecto.",
        "void_subject": "Anulación de entradas: {event}",
        "void_heading": "Anulación de entradas: {event}",
        "void_ask": "Si no lo esperaba, consulte al organizador.",
        "gone_one": "Esta entrada ya no es válida: {tickets}.",
        "gone_many": "Estas entradas ya no son válidas: {tickets}.",
        "news_subject": "Novedades sobre {event}",
        "news_heading": "Un mensaje sobre {event}",
        # Money.
        "due_subject": "Su reembolso: {event}",
        "due_heading": "Reembolso: {amount}",
        "due_intro": "Se trata de su pedido para «{event}».",
        "late_subject": "Sin entrada, pero se le devuelve el dinero: {event}",
        "late_heading": "Ya no hay entrada para su pago",
        "late_intro": "Su pago de {amount} para «{event}» ha llegado, pero ya no es posible"
        " emitir las entradas. Se le devuelve el dinero.",
        "paid_subject": "Reembolso pagado: {event}",
        "paid_heading": "Reembolsado: {amount}",
        "paid_intro": "Era por su pedido para «{event}».",
        "paid_to": "El dinero se envió a {destination}.",
        "paid_by_hand": "El organizador ya le devolvió el dinero por otra vía.",
        "way_link": "Cóbrelo con una cartera Lightning mediante el enlace de abajo.",
        "way_address": "Se envía automáticamente a su dirección {destination}. Si no funcionara,"
        " cóbrelo mediante el enlace de abajo.",
        "way_by_hand": "El organizador le devolverá el dinero por otra vía. No tiene que hacer"
        " nada.",
        "reason_no_seat_left": "Cuando llegó su pago, ya no quedaban plazas.",
        "reason_event_cancelled": "El organizador canceló el evento.",
        "reason_tickets_missing": "Cuando llegó su pago, sus entradas ya se habían eliminado.",
        "reason_order_cancelled": "Cuando llegó su pago, el pedido ya estaba cancelado.",
        "reason_paid_twice": "Usted pagó dos veces el mismo pedido.",
        "reason_buyer_cancelled": "Usted canceló su pedido o sus entradas.",
        "reason_organiser_cancelled": "El organizador canceló su entrada.",
        "reason_minimum_not_reached": "Se vendieron demasiado pocas entradas, así que el evento"
        " no se celebra.",
        "reason_other": "El organizador le debe este dinero.",
    },
)
