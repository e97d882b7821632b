"""What the API answers of a package: the public view, its organiser's, and what it asks."""

from datetime import datetime
from typing import Any

from ..clock import iso
from . import rules
from .models import Listing, Package
from .options import Option, Options
from .packages import Shown


def package_view(
    listing: Listing, package: Package, now: datetime, options: Options
) -> dict[str, Any]:
    """A package for everybody: `remaining` is the only figure."""
    return {
        "id": package.id,
        "wave_id": package.wave_id,
        "kind": package.kind,
        "name": package.name,
        "description": package.description,
        "price": package.price,
        "currency": package.currency,
        "remaining": rules.seats_left(listing.event, package),
        "sales": rules.package_sales(listing.event, package, now).value,
        "sale_starts_at": iso(package.sale_starts_at),
        "sale_ends_at": iso(package.sale_ends_at),
        "valid_from": iso(package.valid_from),
        "valid_until": iso(package.valid_until),
        "min_per_order": package.min_per_order,
        "max_per_order": package.max_per_order,
        "display_order": package.display_order,
        "image_url": package.image_url,
        "options": [option_view(option) for option in options.get(package.id, ())],
    }


def option_view(option: Option) -> dict[str, Any]:
    """A question, for everybody."""
    return {
        "id": option.id,
        "package_id": option.package_id,
        "label": option.label,
        "type": option.type,
        "choices": list(option.choices),
        "required": option.is_required,
        "display_order": option.display_order,
    }


def organiser_package_view(
    listing: Listing, package: Package, now: datetime, options: Options
) -> dict[str, Any]:
    """A package with its counters."""
    return {
        **package_view(listing, package, now, options),
        "remaining": package.remaining,
        "quantity_limit": package.quantity_limit,
        "sold": package.sold,
        "held": package.held,
        "is_enabled": package.is_enabled,
        "is_hidden": package.is_hidden,
        "version": package.version,
    }


def one(shown: Shown, package_id: str, now: datetime) -> dict[str, Any]:
    """A package for its organiser. Raises NotFound."""
    package = shown.package(package_id)
    return organiser_package_view(shown.listing, package, now, shown.options)


def page(
    shown: Shown, now: datetime, is_organiser: bool, limit: int, offset: int
) -> dict[str, Any]:
    """`{"data", "total"}` of an event's packages, in display order."""
    view = organiser_package_view if is_organiser else package_view
    packages = shown.listing.packages
    part = packages[offset : offset + limit]
    data = [view(shown.listing, package, now, shown.options) for package in part]
    return {"data": data, "total": len(packages)}
