from __future__ import annotations

from zhiyin.evaluate.clone import clone


class Part:
    def __init__(self, *, size=1):
        self.size = size
        self.learnt_ = None

    def fit(self, data, *, seed=0):
        self.learnt_ = data
        return self


class Encoder:
    def __init__(self, *, path="x"):
        self.path = path


class Whole(Part):
    def __init__(self, *, parts, features=(), encoder=None):
        self.parts = parts
        self.features = features
        self.encoder = encoder


class Closed:
    def __init__(self, secret):
        self._kept = [secret]


def test_settings_stay_and_what_was_learnt_goes():
    part = Part(size=3).fit("data")
    twin = clone(part)
    assert (twin.size, twin.learnt_, part.learnt_) == (3, None, "data")


def test_parts_inside_are_cloned_and_encoders_shared():
    whole = Whole(parts={"a": Part().fit("data")}, features=(Part().fit("data"),), encoder=Encoder())
    twin = clone(whole)
    assert twin.parts["a"].learnt_ is None and whole.parts["a"].learnt_ == "data"
    assert twin.features[0].learnt_ is None
    assert twin.encoder is whole.encoder


def test_changes_replace_arguments():
    other = {"b": Part(size=7)}
    assert clone(Whole(parts={"a": Part()}), parts=other).parts is other


def test_an_object_of_another_make_is_copied_deeply():
    closed = Closed("s")
    twin = clone(closed)
    assert twin._kept == ["s"] and twin._kept is not closed._kept
