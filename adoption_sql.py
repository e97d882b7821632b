"""The statements of `adoption.py`, for both engines. Values bind by name."""

WAITING = """
    SELECT id AS event FROM events.events WHERE is_adopted = FALSE AND id IS NOT NULL
    UNION
    SELECT event FROM events.ticket WHERE payment_hash IS NULL AND id IS NOT NULL
    UNION
    SELECT t.event FROM events.orders o JOIN events.ticket t ON t.order_id = o.id
    WHERE o.status = 'expired' AND o.origin = 'legacy' AND t.paid = TRUE AND t.status = 'reserved'
    ORDER BY event
"""
LOCK_EVENT = "UPDATE events.events SET is_adopted = is_adopted WHERE id = :event"
# The price as text: a 4-byte REAL would else arrive with digits that nobody wrote.
EVENT = """
    SELECT id, time, closing_date, currency, CAST(price_per_ticket AS TEXT) AS price,
        amount_tickets, canceled, extra, allow_fiat, fiat_currency,
        status, capacity, held, ticket_seq, is_adopted
    FROM events.events WHERE id = :event
"""
PACKAGES = """
    SELECT id, wave_id, price_minor, currency FROM events.packages
    WHERE event_id = :event ORDER BY display_order, id
"""
ADD_PACKAGE = """
    INSERT INTO events.packages (id, event_id, wave_id, name, price_minor, currency,
        quantity_limit, display_order, sale_starts_at, sale_ends_at, is_enabled, legacy, created_at)
    VALUES (:id, :event, :wave_id, :name, :price_minor, :currency,
        :remaining, :display_order, :sale_starts_at, :sale_ends_at, :is_enabled, :legacy, :at)
"""
ADD_PROMO_CODE = """
    INSERT INTO events.promo_codes (id, event_id, code, percent_bp, is_active, created_at)
    VALUES (:id, :event_id, :code, :percent_bp, :is_active, :at) ON CONFLICT DO NOTHING
"""
TICKETS = """
    SELECT id, wallet, name, email, registered, paid, time, extra FROM events.ticket
    WHERE event = :event AND payment_hash IS NULL AND id IS NOT NULL
    ORDER BY time, id LIMIT :chunk
"""
ADD_ORDER = """
    INSERT INTO events.orders (id, payment_hash, wallet, status, buyer_name, buyer_email, buyer_key,
        promo_code, quantity, subtotal_sat, discount_sat, total_sat, currency, rate, method,
        refund_address, nostr_identifier, created_at, confirmed_at, origin)
    VALUES (:id, :id, :wallet, :order_status, :name, :email, :buyer_key,
        :promo_code, 1, :sats, 0, :sats, :currency, :rate, :method,
        :refund_address, :nostr_identifier, :at, :confirmed_at, 'legacy')
    ON CONFLICT DO NOTHING
"""
ADD_LINE = """
    INSERT INTO events.order_lines (id, order_id, event_id, package_id, quantity,
        unit_price_minor, currency, subtotal_sat, discount_sat, total_sat)
    VALUES (:id, :id, :event, :package_id, 1, :price_minor, :currency, :sats, 0, :sats)
    ON CONFLICT DO NOTHING
"""
ADOPT_TICKET = """
    UPDATE events.ticket SET order_id = :id, package_id = :package_id, status = :ticket_status,
        number = :number, price_sat = :sats, payment_hash = :id
    WHERE id = :id
"""
PAID_SINCE = """
    SELECT t.id, t.order_id, t.package_id, t.time
    FROM events.ticket t JOIN events.orders o ON o.id = t.order_id
    WHERE t.event = :event AND t.paid = TRUE AND t.status = 'reserved'
      AND o.status = 'expired' AND o.origin = 'legacy'
"""
ACTIVATE = "UPDATE events.ticket SET status = 'active' WHERE id = :id"
CONFIRM = "UPDATE events.orders SET status = 'confirmed', confirmed_at = :at WHERE id = :id"
# What remains of a wave does not count what is sold already.
FILL_NEW = """
    UPDATE events.packages SET sold = sold + :seats, quantity_limit = quantity_limit + :seats
    WHERE id = :id
"""
# A known limit counts all seats; 1.6.9, which had only what remains, may have gone beyond it.
FILL_KNOWN = """
    UPDATE events.packages SET sold = sold + :seats, quantity_limit = CASE
        WHEN quantity_limit < held + sold + :seats THEN held + sold + :seats
        ELSE quantity_limit END
    WHERE id = :id
"""
SEATED = """
    SELECT COUNT(*) AS seats FROM events.ticket
    WHERE event = :event AND status IN ('active', 'used')
"""
FINISH_EVENT = """
    UPDATE events.events SET sold = :sold, capacity = :capacity, ticket_seq = :last_number,
        status = :status, is_adopted = TRUE,
        amount_tickets = :remaining
    WHERE id = :event
"""
FOLLOW_REGISTERED = """
    UPDATE events.ticket SET status = 'used' WHERE registered = TRUE AND status = 'active'
"""
# 1.6.9 leaves no other mark of a changed minimum or day than the values themselves. The second
# condition only spares reading most events: whether there is a minimum, their JSON says.
PROMISES = """
    SELECT id, extra, event_start_date, event_end_date, timezone, starts_at, ends_at,
        min_tickets
    FROM events.events
    WHERE id > :after AND (
        (extra LIKE '%"conditional"%' AND extra LIKE '%true%')
        OR min_tickets IS NOT NULL OR starts_at IS NOT NULL OR ends_at IS NOT NULL)
    ORDER BY id LIMIT :chunk
"""
FOLLOW_PROMISES = """
    UPDATE events.events SET starts_at = :starts_at, ends_at = :ends_at,
        min_tickets = :min_tickets
    WHERE id = :id
"""
FOLLOW_CANCELED = """
    UPDATE events.events SET status = 'cancelled' WHERE canceled = TRUE AND status <> 'cancelled'
"""
