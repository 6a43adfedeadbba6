"""Numbers as people write them: with a currency, with thousands apart, with a decimal comma."""

from __future__ import annotations

import polars as pl

__all__ = ["DECIMAL_COMMA", "as_numbers"]

ALL = 0.99
"""So many of the cells have to be numbers of one form; the others become missing."""
A_LOOK = 1000
SIGNS = r"(?:us|hk|nt|[acrs])?\$|[€£¥￥₹₽₩₺₫฿₴₪]|usd|eur|gbp|cny|rmb|jpy|chf"
BEFORE, BEHIND = rf"(?i)^([-+]?)\s*(?:{SIGNS})\s*", rf"(?i)\s*(?:{SIGNS}|[元円]|kr\.?|zł|kč|руб\.?)$"
SIGN = rf"(?i)(?:{SIGNS}|[元円]|kr\.?$|zł$|kč$|руб\.?$)"
GAP = r"' ’\u00a0\u202f"
POINT = rf"^[-+]?(?:[1-9]\d{{0,2}}(?:[,{GAP}]\d{{3}})+|\d+)(?:\.\d+)?$"
COMMA = rf"^[-+]?(?:[1-9]\d{{0,2}}(?:[.{GAP}]\d{{3}})+|\d+)(?:,\d+)?$"
EITHER_WAY = r"^[-+]?[1-9]\d{0,2}[.,]\d{3}$"
"""1,299 is a thousand and more, or one and a bit."""
DECIMAL_COMMA = r"^[-+]?\d+,\d+$"


def as_numbers(column: pl.Series) -> tuple[pl.Series | None, str]:
    """Numbers of a column of text that floats cannot hold as it is, and what to say of it; None = as it is.

    A comma is a decimal one unless thousands are apart by it; where three digits stand behind every
    separator they are taken for thousands.

    >>> as_numbers(pl.Series(["12,50", "1.299,00"]))[0].to_list()
    [12.5, 1299.0]
    >>> as_numbers(pl.Series(["$1,299", "$15"]))[0].to_list()
    [1299.0, 15.0]
    """
    cells = column.str.strip_chars()
    given = cells.filter(cells.is_not_null() & (cells != ""))
    for some in (given.head(A_LOOK), given):
        bare = bare_of(some)
        if not len(some) or share(bare, POINT) < 0.5 > share(bare, COMMA):
            return None, ""
    if not given.cast(pl.Float64, strict=False).null_count():
        return None, ""
    point, comma = share(bare, POINT), share(bare, COMMA)
    if max(point, comma) < ALL:
        either = float((bare.str.contains(POINT) | bare.str.contains(COMMA)).mean() or 0)  # type: ignore[arg-type]
        mixed = "holds numbers with a decimal comma and with a decimal point: it was taken as words"
        return None, mixed if either >= ALL and plain_share(given) < ALL else ""
    signs = sorted(set(given.str.extract(f"({SIGN})", 1).drop_nulls().unique().to_list()))
    if comma > point and not signs and lists_of_two(bare):
        return None, ""
    text = bare_of(cells)
    if point == comma:
        text = text.str.replace_all(rf"[.,{GAP}]", "")
    elif point > comma:
        text = text.str.replace_all(rf"[,{GAP}]", "")
    else:
        text = text.str.replace_all(rf"[.{GAP}]", "").str.replace(",", ".", literal=True)
    fits = text.str.contains(r"^[-+]?\d+(?:\.\d+)?$")
    numbers = pl.select(pl.when(fits).then(text).cast(pl.Float64, strict=False)).to_series()
    return numbers, said_of(given, bare, numbers, signs, point, comma)


def said_of(
    given: pl.Series, bare: pl.Series, numbers: pl.Series, signs: list[str], point: float, comma: float
) -> str:
    """How a column of numbers was read."""
    said = []
    if len(signs) > 1:
        said.append(f"several currencies ({', '.join(signs)}) as bare numbers")
    elif signs:
        said.append(f"without {signs[0]!r}")
    if point == comma and bare.str.contains(EITHER_WAY).any():
        said.append("three digits behind a separator as thousands, not as decimals")
    elif point > comma and bare.str.contains(rf"[,{GAP}]").any():
        said.append("thousands apart")
    elif comma > point:
        said.append("a comma as the decimal point")
    lost = len(given) - (len(numbers) - numbers.null_count())
    rest = f"; {lost:,} cells are no numbers and count as missing" if lost else ""
    return f"was read as numbers: {', '.join(said) or 'as they are written'}{rest}"


def bare_of(cells: pl.Series) -> pl.Series:
    """Without a currency before or behind."""
    return cells.str.replace(BEFORE, "${1}").str.replace(BEHIND, "")


def lists_of_two(bare: pl.Series) -> bool:
    """Whether "3,10" is rather two numbers: behind the comma stands no common width, yet a 0 at the end."""
    behind = bare.str.extract(r",(\d+)$", 1).drop_nulls()
    return behind.str.len_chars().n_unique() > 1 and bool(behind.str.ends_with("0").any())


def plain_share(given: pl.Series) -> float:
    return 1 - given.cast(pl.Float64, strict=False).null_count() / max(1, len(given))


def share(cells: pl.Series, pattern: str) -> float:
    return float(cells.str.contains(pattern).mean() or 0)  # type: ignore[arg-type]
