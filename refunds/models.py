"""Rows of `events.refunds`."""

from enum import Enum


class RefundStatus(str, Enum):
    DUE = "due"
    OFFERED = "offered"
    PAYING = "paying"
    PAID = "paid"
    FAILED = "failed"
