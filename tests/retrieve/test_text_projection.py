from __future__ import annotations

import numpy as np
from scipy import sparse

from zhiyin.data.catalogue import Catalogue
from zhiyin.represent import HashEncoder
from zhiyin.retrieve.text_projection import TextProjection, damped_pairs, paired
from zhiyin.retrieve.text_words import WordSpace
from zhiyin.testing import checkerboard, round_trip
from zhiyin.types import Item

WORDS = ("red", "green", "blue", "white")


def coloured(n: int = 40) -> Catalogue:
    """The colour is noise of a title, the number decides who leads to whom."""
    return Catalogue.of(
        Item(f"i{code}", f"{WORDS[code % 4]} thing", attributes={"year": 1950.0 + code}) for code in range(n)
    )


def test_the_map_learns_which_likeness_people_follow() -> None:
    """Every item leads to those of the same colour, though years are nearer."""
    items = coloured()
    same = np.equal.outer(np.arange(40) % 4, np.arange(40) % 4) & ~np.eye(40, dtype=bool)
    learnt = TextProjection(encoder=HashEncoder(dim=64)).fit(
        items, sparse.csr_matrix(same.astype(np.float32))
    )
    features = learnt.of(items)
    fit = learnt.sources(features) @ learnt.targets(features).T
    assert fit[same].min() > fit[~same & ~np.eye(40, dtype=bool)].max()


def test_the_map_has_a_direction() -> None:
    """Red leads to green and never back."""
    items = coloured()
    colour = np.arange(40) % 4
    forth = np.outer(colour == 0, colour == 1).astype(np.float32)
    learnt = TextProjection(encoder=HashEncoder(dim=64)).fit(items, sparse.csr_matrix(forth))
    features = learnt.of(items)
    fit = learnt.sources(features) @ learnt.targets(features).T
    assert fit[0, 1] > 0.5 > abs(fit[1, 0])


def test_numbers_are_features_and_may_be_missing() -> None:
    near = np.abs(np.subtract.outer(np.arange(40), np.arange(40))) <= 4
    learnt = TextProjection(encoder=HashEncoder(dim=64)).fit(
        coloured(), sparse.csr_matrix((near & ~np.eye(40, dtype=bool)).astype(np.float32))
    )
    strange = Catalogue.of(
        [Item("old", "red thing", attributes={"year": 1951.0}), Item("none", "red thing"), Item("blank")]
    )
    known, new = learnt.of(coloured()), learnt.of(strange)
    fit = learnt.sources(new) @ learnt.targets(known).T
    assert np.isfinite(fit).all()
    assert fit[0, :5].mean() > fit[0, -5:].mean()


def test_items_without_pairs_teach_nothing() -> None:
    data = checkerboard()
    pairs = damped_pairs(data, 10, 0.5)
    assert paired(pairs).all()
    keep = sparse.diags((np.arange(16) < 12).astype(np.float32))
    pairs = sparse.csr_matrix(keep @ pairs @ keep)
    pairs.eliminate_zeros()
    full = TextProjection(encoder=HashEncoder(dim=64)).fit(data.items, pairs)
    cut = Catalogue.of(data.items.item(code) for code in range(12))
    part = TextProjection(encoder=HashEncoder(dim=64)).fit(cut, sparse.csr_matrix(pairs[:12][:, :12]))
    np.testing.assert_allclose(full.of(cut) ** 2, part.of(cut) ** 2, rtol=1e-2, atol=1e-3)


def test_saved_features_are_the_same() -> None:
    items = coloured()
    pairs = sparse.csr_matrix(np.eye(40, k=1, dtype=np.float32))
    learnt = TextProjection(encoder=HashEncoder(dim=64)).fit(items, pairs)
    back = TextProjection(encoder=HashEncoder(dim=64)).restore(round_trip(learnt.state()))
    np.testing.assert_array_equal(back.of(items), learnt.of(items))


def test_rare_words_and_marks_stay_visible() -> None:
    """Twelve brands in English and Chinese titles: same brand, same place."""
    brands = [
        f"marke{n}" if n % 2 else f"品牌{chr(0x4E00 + 97 * n)}{chr(0x5E00 + 61 * n)}" for n in range(12)
    ]
    items = Catalogue.of(
        Item(f"i{code}", f"{brands[code % 12]} one thing", attributes={"shelf": (f"s{code % 12}",)})
        for code in range(120)
    )
    space = WordSpace(dim=32).fit(items, np.ones(120, np.bool_))
    rows = space.of(items)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows.T
    same = np.equal.outer(np.arange(120) % 12, np.arange(120) % 12)
    assert cosines[same].min() > 0.9 > 0.5 > cosines[~same].max()


def test_a_catalogue_without_shared_words_has_no_coordinates() -> None:
    items = Catalogue.of([Item("a", "one"), Item("b", "two")])
    space = WordSpace().fit(items, np.ones(2, np.bool_))
    assert space.of(items).shape == (2, 0)
    assert WordSpace().restore(round_trip(space.state())).of(items).shape == (2, 0)
