"""Time of day, situation, habit and distance: numbers by hand, and lists that turn with the question."""

import numpy as np
import pytest

from zhiyin.contracts import LooksBack
from zhiyin.data.context_table import told_by_items, usable_contexts
from zhiyin.data.dataset import Dataset
from zhiyin.data.places import kilometres, place_of
from zhiyin.data.shape import Shape, return_share
from zhiyin.decide import Pipeline, replayed
from zhiyin.rank import (
    BoostedRanker,
    ClockFeature,
    ContextFeature,
    DistanceFeature,
    RepeatFeature,
    SourceFeature,
)
from zhiyin.rank.rows import cut_for_replay
from zhiyin.recommender import Recommender
from zhiyin.retrieve import ContextRetriever, PopularRetriever, RepeatRetriever
from zhiyin.testing import FeatureTests
from zhiyin.types import Candidates, History, Interaction, Item, Query

HOUR, DAY = 3600.0, 86400.0
MONDAY = 4 * DAY  # 1970-01-05


def found(*items):
    return Candidates(np.array(items, np.int32))


def past(*events, **context):
    items, at = zip(*events)
    words = {name: np.array(said, np.str_) for name, said in context.items()}
    return History(np.array(items, np.int32), np.ones(len(items), np.float32), np.array(at, float), words)


def column(feature, query, candidates, name):
    return feature.values(query, candidates)[:, feature.names(candidates).index(name)]


class TestRepeatContract(FeatureTests):
    def make(self):
        return RepeatFeature()


class TestClockContract(FeatureTests):
    def make(self):
        return ClockFeature()


class TestContextContract(FeatureTests):
    def make(self):
        return ContextFeature()


class TestDistanceContract(FeatureTests):
    def make(self):
        return DistanceFeature()


def test_habits_are_counted_from_the_history():
    query = Query(past((7, 0), (8, HOUR), (7, 4 * HOUR), (9, 5 * HOUR)), at=9 * HOUR)
    told = {name: column(RepeatFeature(), query, found(7, 9, 5), f"repeat.{name}")
            for name in ("count", "share", "steps_since", "hours_since", "gap", "due")}  # fmt: skip
    assert told["count"] == pytest.approx(np.log1p([2, 1, 0]))
    assert told["share"].tolist() == [0.5, 0.25, 0]
    np.testing.assert_array_equal(told["steps_since"], [1, 0, np.nan])
    np.testing.assert_array_equal(told["hours_since"], [5, 4, np.nan])
    np.testing.assert_array_equal(told["gap"], [4, np.nan, np.nan])
    np.testing.assert_array_equal(told["due"], [1.25, np.nan, np.nan])


def test_a_habit_of_the_morning_fits_the_morning_even_across_midnight():
    history = past((1, 23.9 * HOUR), (2, DAY + 12 * HOUR), (1, 3 * DAY + 0.1 * HOUR))
    midnight = Query(history, at=10 * DAY)
    assert column(RepeatFeature(), midnight, found(1, 2), "repeat.hour") == pytest.approx([1, 0], abs=1e-6)
    noon = Query(history, at=10 * DAY + 12 * HOUR)
    assert column(RepeatFeature(), noon, found(1, 2), "repeat.hour") == pytest.approx([0, 1], abs=1e-6)


def test_what_followed_the_item_of_the_last_event_is_told():
    history = past((1, 0), (2, 1), (1, 2), (2, 3), (1, 4), (3, 5), (1, 6))
    assert column(RepeatFeature(), Query(history), found(2, 3, 1), "repeat.after_last") == pytest.approx(
        [2 / 3, 1 / 3, 0]
    )


def walks(days=8, users=40):
    """Everybody has a cafe for eight in the morning and a bar for eight in the evening, out of four each."""
    rows = []
    for user in range(users):
        cafe, bar = f"cafe {user % 4}", f"bar {user % 3}"
        for day in range(days + user % 3):
            start = MONDAY + day * DAY
            rows.append(Interaction(f"u{user}", cafe, "view", at=start + 8 * HOUR))
            rows.append(Interaction(f"u{user}", bar, "view", at=start + 20 * HOUR))
    return Dataset.of(rows, name="walks")


def test_the_clock_knows_mornings_from_evenings_for_strangers_too():
    data = walks()
    feature = ClockFeature().fit(data)
    codes = data.items.ids.codes(["cafe 0", "bar 0"])
    for hour, best in ((8, 0), (20, 1)):
        lift = column(feature, Query(at=MONDAY + hour * HOUR), found(*codes), "clock.hour")
        assert lift[best] > 0 > lift[1 - best]
    restored = ClockFeature().restore(feature.state())
    query = Query(at=MONDAY + 9 * HOUR)
    np.testing.assert_array_equal(restored.values(query, found(*codes)), feature.values(query, found(*codes)))


def test_the_list_turns_with_the_hour():
    data = walks()
    made = Recommender(
        retrievers={"repeat": RepeatRetriever(), "popular": PopularRetriever()},
        ranker=BoostedRanker(features=[SourceFeature(), RepeatFeature()], min_rows_in_leaf=5),
        repeats=True,
    ).fit(data)
    for hour, place in ((8, "cafe 1"), (20, "bar 2")):
        assert made.recommend("u5", n=1, at=MONDAY + 10 * DAY + hour * HOUR)[0].item == place
    assert "cafe 1" not in [line.item for line in made.recommend("u5", n=5, seen=False)]


def weathers(users=40):
    """In rain everybody opens the radar, in the sun the map; between them each has an app of his own."""
    rows = []
    for user in range(users):
        for step in range(6):
            rain = (user + step) % 2 == 0
            app = f"own {user % 5}" if step % 3 == 2 else ("radar" if rain else "map")
            rows.append(Interaction(f"u{user}", app, context={"weather": "rain" if rain else "sun"}))
    return Dataset.of(rows, name="weathers")


def test_the_situation_decides_by_retriever_and_by_feature():
    data = weathers()
    codes = data.items.ids.codes(["radar", "map"])
    retriever = ContextRetriever().fit(data)
    for weather, best in (("rain", 0), ("sun", 1)):
        query = Query(context={"weather": weather})
        assert retriever.relevance(query).top(1, np.empty(0, np.int32)).tolist() == [codes[best]]
        lift = column(ContextFeature().fit(data), query, found(*codes), "context.weather.lift")
        assert lift[best] > 0 > lift[1 - best]
    snow = Query(context={"weather": "snow"})
    assert not len(retriever.relevance(snow).top(3, np.empty(0, np.int32)))
    assert np.isnan(ContextFeature().fit(data).values(snow, found(*codes))).all()


def test_what_the_asker_did_in_the_same_situation_counts_by_situation():
    feature = ContextFeature().fit(weathers())
    history = past((3, 0), (4, 1), (3, 2), weather=["rain", "sun", "rain"])
    query = Query(history, context={"weather": "rain"})
    assert column(feature, query, found(3, 4), "context.weather.own").tolist() == [1, 0]


def test_contexts_come_along_with_live_events_and_survive_saving():
    data = weathers()
    made = Recommender(retrievers={"popular": PopularRetriever(), "context": ContextRetriever()}).fit(data)
    made.update(Interaction("u1", "map", context={"weather": "sun"}))
    history = made.query("u1").history
    assert history.context["weather"][-1] == "sun" and len(history.context["weather"]) == len(history) == 7
    feature = ContextFeature().fit(data)
    query, some = made.query("u1", context={"weather": "sun"}), found(0, 1, 2)
    restored = ContextFeature().restore(feature.state())
    np.testing.assert_array_equal(restored.values(query, some), feature.values(query, some))
    twin = ContextRetriever().restore(ContextRetriever().fit(data).state())
    assert (
        twin.relevance(query).top(3, np.empty(0, np.int32)).tolist()
        == made.retrievers["context"].relevance(query).top(3, np.empty(0, np.int32)).tolist()
    )


def test_who_has_no_events_has_none_in_this_situation():
    data = weathers()
    feature = ContextFeature().fit(data)
    assert isinstance(feature, LooksBack) and feature.contexts == ("weather",)
    sun, some = {"weather": "sun"}, found(0, 1, 2)
    nobody = History(context={"weather": np.empty(0, np.str_)})  # as a log with contexts tells it
    trained = feature.values(Query(nobody, context=sun), some)
    np.testing.assert_array_equal(feature.values(Query(History(), context=sun), some), trained)
    untold = feature.values(Query(past((0, 1.0)), context=sun), some)
    assert np.isnan(untold[:, feature.names(some).index("context.weather.own")]).all()


def places():
    items = [
        Item("berlin", attributes={"latitude": 52.52, "longitude": 13.405}),
        Item("paris", attributes={"latitude": 48.8566, "longitude": 2.3522}),
        Item("nowhere"),
    ]
    return Dataset.of([Interaction("u", "berlin"), Interaction("u", "paris")], items)


def test_distances_are_those_of_the_globe():
    data = places()
    feature = DistanceFeature().fit(data)
    query = Query(History(np.array([0], np.int32), np.ones(1, np.float32), np.zeros(1)),
                  context={"lat": "48.8566", "lon": "2.3522"})  # fmt: skip
    last = np.exp(column(feature, query, found(0, 1, 2), "distance.last")) - 0.05
    assert last[:2] == pytest.approx([0, 878], abs=3)
    assert np.isnan(last[2])
    here = np.exp(column(feature, query, found(0, 1), "distance.here")) - 0.05
    assert here == pytest.approx([878, 0], abs=3)
    assert np.isnan(place_of({"lat": "near", "lon": "1e999"})).all()
    assert kilometres(np.array([0.0, 179.9]), np.array([0.0, -179.9])) == pytest.approx(22.2, abs=0.1)


def test_the_shape_of_the_data_chooses_the_parts():
    walked = walks()
    assert return_share(walked) == pytest.approx(1 - 80 / len(walked))
    shape = Shape.of(walked)
    assert (shape.repeats, shape.clock, shape.places, shape.contexts) == (True, False, False, ())
    assert Shape.of(weathers()).contexts == ("weather",)
    lasting = [Interaction(f"u{u}", "a", context={"duration": str(u % 2)}) for u in range(40)]
    assert Shape.of(Dataset.of(lasting)).contexts == (), "known only afterwards"
    assert Shape.of(places()).places
    assert Shape.of(None) == Shape()
    once = Dataset.of([Interaction(f"u{u}", f"i{i}", at=float(60 * i)) for u in range(9) for i in range(9)])
    assert not Shape.of(once).repeats
    made = Recommender.default(walked)
    assert made.repeats and "repeat" in made.retrievers
    assert not Recommender.default(once).repeats


def test_one_visit_of_many_clicks_is_no_return():
    rows = [Interaction("u", "a", at=60.0 * step) for step in range(20)]
    assert return_share(Dataset.of(rows)) == 0
    assert return_share(Dataset.of([Interaction("u", "a")] * 20)) == 0


def test_a_property_of_the_item_is_no_situation(caplog):
    """The city of the shop stands beside each event; a question that says it says the answer."""
    rows = [(f"u{n % 20}", f"i{n * 7 % 30}") for n in range(600)]
    cities = [Interaction(u, i, context={"city": f"c{int(i[1:]) % 6}", "mood": f"m{n // 7 % 3}"})
              for n, (u, i) in enumerate(rows)]  # fmt: skip
    assert usable_contexts(Dataset.of(cities)) == ["mood"]
    assert Shape.of(Dataset.of(cities)).contexts == ("mood",) and "city" in caplog.text
    mostly = [Interaction(u, i, context={"city": f"c{(int(i[1:]) + (n % 4 == 0)) % 6}"})
              for n, (u, i) in enumerate(rows)]  # fmt: skip
    assert usable_contexts(Dataset.of(mostly)) == ["city"], "where it differs in one of four it can be known"
    told = told_by_items(Dataset.of(cities))
    assert told["city"] == 1 and told["mood"] < 0.5


def test_positions_that_are_those_of_the_items_do_not_count():
    spots = [Item(f"p{n}", attributes={"latitude": 40 + n / 100, "longitude": 2.0}) for n in range(9)]

    def log(off):
        return Dataset.of(
            [Interaction(f"u{n % 4}", f"p{n % 9}", context={"lat": str(40 + n % 9 / 100 + off), "lon": "2"})
             for n in range(60)], spots)  # fmt: skip

    query, some = Query(context={"lat": "40", "lon": "2"}), found(0, 1)
    assert np.isnan(column(DistanceFeature().fit(log(0)), query, some, "distance.here")).all()
    walked = DistanceFeature().fit(log(0.01))
    assert not np.isnan(column(walked, query, some, "distance.here")).any()
    again = DistanceFeature().restore(DistanceFeature().fit(log(0)).state())
    again.refresh(log(0).items)
    assert np.isnan(column(again, query, some, "distance.here")).all()


def test_some_questions_of_the_past_come_without_their_situation():
    """Or a ranker would not know what to make of one who does not say where he is."""
    data = weathers()
    cut = cut_for_replay(data, n_last=1, share=0.9, max_questions=100, seed=0)
    sources = {"popular": PopularRetriever().fit(cut.fit)}
    told = [bool(question.query.context) for question in replayed(Pipeline(sources), cut, repeats=True)]
    assert 0.7 <= np.mean(told) < 1
