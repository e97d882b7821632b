"""Values nobody thought of, for Hypothesis to put into requests."""

from hypothesis import strategies as st

from support.builders import Json

# Lone surrogates and controls included: JSON can carry them, databases cannot.
texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=20) | st.sampled_from(
    ["sat", "EUR", "2030-01-01", "-1", "1e400", "NaN", "\ud800", "\x00", "💸" * 60, "' OR 1=1 --"]
)
numbers = (
    st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from([0, 1, 10, 11, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, 0.1, 1e308])
)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
moments = (
    values | st.datetimes().map(str) | st.datetimes().map(lambda at: f"{at.isoformat()}+14:00")
)


def some_of(*names: str, **own: st.SearchStrategy[object]) -> st.SearchStrategy[Json]:
    """A few fields with odd values; the rest of the body is sound."""
    fields = {name: values for name in names} | own
    return st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({name: fields[name] for name in chosen})
    )
