"""How the development scripts speak: short lines, and one kind of failure."""


class Trouble(Exception):
    """The script cannot go on; the text is a whole sentence for the person at the terminal."""


def say(text: str = "") -> None:
    print(text, flush=True)


def step(name: str, text: str) -> None:
    say(f"  {name:<10} {text}")


def short(text: str) -> str:
    """The start and end of a long code such as an invoice."""
    return text if len(text) <= 32 else f"{text[:20]}…{text[-6:]}"
