"""The dial: proportions by hand, lists that keep them, and the price in a table."""

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.data.proportions import main_attribute, miscalibration, word_table
from zhiyin.errors import ConfigError
from zhiyin.evaluate import Protocol
from zhiyin.evaluate.trade_off import trade_off
from zhiyin.rank import VarietyReranker
from zhiyin.recommender import Recommender
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.testing import RerankerTests, round_trip
from zhiyin.types import Candidates, History, Interaction, Item, Query


class TestVariety(RerankerTests):
    def make(self):
        return VarietyReranker(variety=0.5)


def films(n=20):
    """Ten dramas, then ten comedies."""
    return [Item(f"i{at}", attributes={"genre": "drama" if at < n // 2 else "comedy"}) for at in range(n)]


def ranking(n=20):
    """All dramas stand before all comedies."""
    return Candidates(np.arange(n, dtype=np.int32), score=np.linspace(1, 0.5, n, dtype=np.float32))


def asker(*items):
    n = len(items)
    return Query(History(np.array(items, np.int32), np.ones(n, np.float32), np.zeros(n)))


def made(**options):
    data = Dataset.of([Interaction("u", f"i{at}") for at in range(20)], films())
    return VarietyReranker(**options).fit(data)


def dramas(found, n=10):
    return int((found.items[:n] < 10).sum())


def test_proportions_are_counted_and_compared():
    items = Catalogue.of(
        [Item("a", attributes={"g": ("x", "y")}), Item("b", attributes={"g": "x"}), Item("c")]
    )
    table = word_table(items.words["g"], np.array([0, 1, 2], np.int32))
    assert table.tolist() == [[0.5, 0.5], [1, 0], [0, 0]]
    wanted = np.array([0.5, 0.5])
    off = miscalibration(wanted, np.array([[3.0, 3.0], [6.0, 0.0], [0.0, 0.0]]))
    assert off[0] == pytest.approx(0) and off[1] > 0.5 and off[2] == pytest.approx(-np.log(0.01))
    assert main_attribute(items) == "g" and main_attribute(Catalogue.of([Item("a")])) == ""


def test_a_list_keeps_the_proportions_of_the_history():
    query = asker(0, 1, 2, 3, 4, 5, 6, 10, 11, 12)  # seven dramas, three comedies
    assert dramas(made(variety=0.0).rerank(query, ranking(), 10)) == 10
    assert dramas(made(variety=0.9, tail=0.0).rerank(query, ranking(), 10)) == 7
    assert dramas(made(variety=0.9, tail=0.0).rerank(asker(0, 1), ranking(), 10)) == 10
    one_more = [dramas(made(variety=v, tail=0.0).rerank(query, ranking(), 10)) for v in (0, 0.2, 0.5, 0.9)]
    assert one_more == sorted(one_more, reverse=True), "the dial moves one way"


def test_a_stranger_and_items_without_words_keep_their_order():
    assert made(variety=0.9, tail=0.0).rerank(Query(), ranking(), 10).items.tolist() == list(range(20))
    bare = Dataset.of([Interaction("u", f"i{at}") for at in range(20)])
    found = VarietyReranker(variety=0.9, tail=0.0).fit(bare).rerank(asker(1, 2), ranking(), 10)
    assert found.items.tolist() == list(range(20))


def test_saving_keeps_rarity_and_takes_the_catalogue_anew():
    data = Dataset.of([Interaction(f"u{u}", f"i{at}") for at in range(20) for u in range(20 - at)], films())
    first = VarietyReranker(variety=0.6).fit(data)
    second = VarietyReranker(variety=0.6).restore(round_trip(first.state()))
    second.refresh(data.items)
    query = asker(0, 10)
    assert (
        second.rerank(query, ranking(), 10).items.tolist()
        == first.rerank(query, ranking(), 10).items.tolist()
    )


def test_the_price_of_variety_is_told_and_drawn():
    rng = np.random.default_rng(0)
    rows = []
    for user in range(60):  # everybody likes both, and ends on a drama
        liked = [*rng.choice(10, 3, replace=False), *(10 + rng.choice(10, 3, replace=False))]
        left = [at for at in range(10) if at not in liked]
        rows += [Interaction(f"u{user}", f"i{at}") for at in (*liked, *rng.choice(left, 2, replace=False))]
    data = Dataset.of(rows, films(), name="both")
    plain = Recommender(retrievers={"kernel": KernelRetriever(), "popular": PopularRetriever()})
    found = trade_off(plain, data, Protocol(k=(5,)), dial=(0.0, 0.9))
    assert found.dial == (0.0, 0.9)
    assert found.off[1] < found.off[0], "lists come nearer to what people like"
    assert "variety" in found.table() and "miscalibration" in found.table()
    page = found.to_html()
    assert page.count("<svg") >= 3 and "<script" not in page
    with pytest.raises(ConfigError, match="expected positions from 0 to 1"):
        trade_off(plain, data, dial=(2.0,))
