"""The search: what it may turn, that it goes on where it stopped, that it never looks at the test part."""

import json

import numpy as np
import pytest

from zhiyin.cli import main
from zhiyin.config import from_toml
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import LeaveOneOut
from zhiyin.errors import ConfigError
from zhiyin.evaluate import Protocol
from zhiyin.evaluate.scatter import Point, scatter
from zhiyin.evaluate.space import knobs, turned
from zhiyin.evaluate.tune import tune
from zhiyin.rank import BoostedRanker, EvidenceFeature, RepeatFeature
from zhiyin.recommender import Recommender
from zhiyin.represent import HashEncoder
from zhiyin.retrieve import ContentRetriever, KernelRetriever, PopularRetriever
from zhiyin.types import Interaction

pytest.importorskip("optuna")


def small():
    return Recommender(
        retrievers={"kernel 1.0": KernelRetriever(decay=0.9), "popular": PopularRetriever()},
        ranker=None,
    )


def fashions(n_users=120, n_days=60):
    """What people choose goes by the day: who forgets nothing recommends what nobody wants any more."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(n_users):
        days = np.sort(rng.choice(n_days, 6, replace=False))
        rows += [
            Interaction(f"u{user}", f"i{day // 5}-{rng.integers(4)}", at=float(day * 86400 + user))
            for day in days
        ]
    return Dataset.of(rows, name="fashions")


def test_the_space_is_read_off_the_parts():
    made = Recommender(
        retrievers={"kernel": KernelRetriever(), "content": ContentRetriever(encoder=HashEncoder())},
        ranker=BoostedRanker(features=[EvidenceFeature(), RepeatFeature()]),
    )
    found = {knob.path: knob for knob in knobs(made)}
    assert {"retrievers.kernel.decay", "ranker.learning_rate", "ranker.n_leaves"} <= set(found)
    assert "ranker.features.1.width_hours" in found, "parts in parts are searched too"
    assert not any("encoder" in path for path in found), "a model is no setting"
    assert "n_candidates" not in found and "ranker.n_threads" not in found, "what buys quality with time"
    for knob in found.values():
        assert knob.choices or knob.low <= knob.present <= knob.high, knob
    assert [knob.path for knob in knobs(made, only=["ranker.n_*"])] == ["ranker.n_trees", "ranker.n_leaves"]
    assert [knob.path for knob in knobs(made, only=["n_candidates"])] == ["n_candidates"]
    assert not any(knob.path.startswith("ranker") for knob in knobs(made, skip=["ranker.*"]))
    with pytest.raises(ConfigError, match=r"nothing of ranker\.leaves can be searched"):
        knobs(made, only=["ranker.leaves"])


def test_turning_makes_a_copy_and_knows_names_with_points():
    made = small()
    other = turned(made, {"retrievers.kernel 1.0.decay": 0.5, "n_negatives": 7})
    assert other.retrievers["kernel 1.0"].decay == 0.5 and other.n_negatives == 7
    assert made.retrievers["kernel 1.0"].decay == 0.9 and made.n_negatives == 60


def test_a_search_finds_what_is_better_and_goes_on_from_its_file(tmp_path):
    from zhiyin.evaluate.tune import tune

    data, study = fashions(), tmp_path / "study.journal"
    forgetful = Recommender(retrievers={"popular": PopularRetriever(half_life_days=30.0)})
    first = tune(forgetful, data, minutes=0, study=study, seed=1)
    assert len(first.trials) == 1 and first.trials[0].values == {"retrievers.popular.half_life_days": 30.0}
    assert first.check is None and not first.changed
    found = tune(forgetful, data, minutes=10, study=study, max_trials=9, seed=1)
    assert len(found.trials) == 9, "the first trial is not made again"
    values = [tuple(one.values.values()) for one in found.trials]
    assert len(set(values)) == 9, "no set of values is tried twice"
    again = tmp_path / "again.journal"
    tune(forgetful, data, minutes=0, study=again, seed=1)
    repeated = tune(forgetful, data, minutes=10, study=again, max_trials=9, seed=1)
    assert [tuple(one.values.values()) for one in repeated.trials] == values, "a search has a seed"
    best = found.changed["retrievers.popular.half_life_days"][1]
    assert best < 30 and found.best.metric.value > found.trials[0].metric.value
    assert found.check.difference.value > 0
    assert from_toml(found.settings).retrievers["popular"].half_life_days == pytest.approx(best)
    assert found.protocol.part == "validation"
    with pytest.raises(ConfigError, match="another data"):
        tune(forgetful, fashions(60), minutes=0, study=study, seed=1)
    with pytest.raises(ConfigError, match="another space"):
        tune(forgetful, data, minutes=0, study=study, seed=1, only=["*half*", "n_candidates"])


def test_the_test_part_never_matters(tmp_path):
    """The same search on data whose test events are gone gives the same numbers."""
    from zhiyin.evaluate.tune import tune

    data = fashions()
    rules = Protocol(splitter=LeaveOneOut())
    kept = np.ones(len(data), bool)
    kept[data.indptr[1:] - 1] = False
    other = data.item.copy()
    other[~kept] = 0
    from dataclasses import replace

    blind = replace(data, item=other)
    one, two = (
        tune(small(), part, minutes=0, study=tmp_path / f"{at}.journal", protocol=rules)
        for at, part in enumerate((data, blind))
    )
    assert repr(one.trials[0].metric) == repr(two.trials[0].metric)  # an interval of one user is NaN


def test_values_that_cannot_be_fitted_are_a_trial_that_failed(tmp_path):
    from zhiyin.evaluate.tune import tune

    class Picky(PopularRetriever):
        def __init__(self, *, half_life_days: float = 3.0) -> None:
            super().__init__(half_life_days=half_life_days)

        def fit(self, data, *, seed=0):
            if self.half_life_days != 3.0:
                raise ValueError("I do not like that")
            return super().fit(data, seed=seed)

    made = Recommender(retrievers={"popular": Picky()})
    from zhiyin.evaluate import tune as room

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "to_toml", lambda recommender: "")  # a class of a test has no name in TOML
        found = tune(made, fashions(), minutes=10, max_trials=3, study=tmp_path / "s.journal")
    assert (len(found.trials), found.n_failed) == (1, 2)


def test_the_command_writes_settings_and_a_page_in_both_languages(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))
    project = tmp_path / "shop"
    project.mkdir()
    fashions().save(project / "data")
    (project / "zhiyin.toml").write_text(
        'fallback = "popular"\n[retrievers.popular]\ntype = "popular"\nhalf_life_days = 30.0\n'
    )
    for locale, words in (("en", "What mattered"), ("zh", "哪些选项要紧")):
        with pytest.raises(SystemExit) as ended:
            main(["tune", str(project), "--max-trials", "9", "--locale", locale, "--json"])
        assert not ended.value.code
        told = json.loads(capsys.readouterr().out)
        assert len(told["trials"]) == 9
        page = (project / "tune.html").read_text("utf-8")
        assert words in page and "<script" not in page and "http://www.w3.org" in page
    tuned = from_toml(project / "zhiyin.tuned.toml")
    assert tuned.retrievers["popular"].half_life_days < 30


def test_points_stand_where_their_numbers_say():
    drawn = scatter([Point(0, 0.1), Point(10, 0.2, note="<b>")], title="t", across="x", up="y")
    assert drawn.count("<circle") == 2 and "<b>" not in drawn
    assert scatter([Point(float("nan"), 1)], title="t", across="x", up="y") == ""


def test_one_trial_is_one_trial_and_a_metric_must_be_there(tmp_path):
    recommender = Recommender(retrievers={"popular": PopularRetriever(half_life_days=30.0)})
    found = tune(recommender, fashions(), minutes=1, study=tmp_path / "one", max_trials=1)
    assert len(found.trials) == 1
    with pytest.raises(ConfigError, match="there is no metric 'foo@10'"):
        tune(recommender, fashions(), minutes=1, study=tmp_path / "two", metric="foo@10")
