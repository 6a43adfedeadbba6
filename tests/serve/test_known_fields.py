"""Who writes a field that there is not is told which there are, at that place of the body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from service import copied, serving

from zhiyin.serve.ingest import EventIn
from zhiyin.serve.known_fields import _fields, with_known
from zhiyin.serve.messages import ItemIn, RecommendRequest


@pytest.mark.parametrize(
    ("kind", "body", "said", "at"),
    [
        (EventIn, {"user": "a", "timestamp": 3}, "'timestamp'; There are: at, context", ""),
        (list[ItemIn], [{"id": "a"}, {"id": "b", "name": "x"}], "There are: attributes", "`$[1]`"),
        (RecommendRequest, {"usr": "a"}, "did you mean 'user'?", ""),
        (RecommendRequest, {"history": [{"itm": "b"}]}, "did you mean 'item'?", "`$.history[0]`"),
        (RecommendRequest, {"pins": [{"item": "b", "place": 1}]}, "There are: item, position", "`$.pins[0]`"),
    ],
)
def test_an_unknown_field_names_the_known_ones(kind: Any, body: object, said: str, at: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(body), type=kind)
    told = str(with_known(caught.value, kind))
    assert said in told
    assert told.endswith(at)


def test_other_faults_stay_as_they_are() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"user": 1}', type=RecommendRequest)
    assert with_known(caught.value, RecommendRequest) is caught.value


def test_a_long_name_is_cut_and_places_of_a_body_do_not_fill_the_memory() -> None:
    before = _fields.cache_info().currsize
    for n in range(50):
        error = msgspec.ValidationError(f"Object contains unknown field `{'x' * 500}` - at `$[{n}]`")
        assert len(str(with_known(error, list[ItemIn]))) < 300
    assert _fields.cache_info().currsize <= before + 1


def test_over_http(template: tuple[Path, str], tmp_path: Path) -> None:
    with serving(copied(template[0], tmp_path / "shop"), template[1], workers=1) as service:
        http = service.http
        answer = http.post("/v1/recommend", json={"user": "u0", "count": 3}).json()
        assert (answer["code"], answer["status"]) == ("invalid_value", 422)
        assert "'count'" in answer["detail"] and "deadline_ms" in answer["detail"]
        told = http.post("/v1/events", json=[{"user": "u0", "item": "i0", "time": 3}]).json()["results"][0]
        assert told["code"] == "invalid_value" and "at, context" in told["detail"]
        assert "'name'" in http.put("/v1/items", json=[{"id": "x", "name": "y"}]).json()["detail"]
