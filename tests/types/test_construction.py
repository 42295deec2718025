"""What is made quickly is what the class makes, in all that can be seen of it."""

from __future__ import annotations

import copy
import pickle
import weakref

import attrs
import pytest

from kilo_sdk.types.construction import MAKERS
from kilo_sdk.types.message import Message


@attrs.frozen(slots=True)
class Point:
    x: int
    y: int = 0
    label: str = attrs.field(default="", kw_only=True)
    marks: list[int] = attrs.field(factory=list)


def test_it_is_an_object_of_the_class_and_equal_to_one_made_as_usual() -> None:
    point = MAKERS[Point](1, 2, "a", [3])
    assert type(point) is Point
    assert point == Point(1, 2, [3], label="a")
    assert repr(point) == repr(Point(1, 2, [3], label="a"))


def test_it_is_frozen() -> None:
    point = MAKERS[Point](1, 2, "a", [3])
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        point.x = 5  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del point.x


def test_it_copies_evolves_pickles_and_is_referred_to_weakly() -> None:
    message = Message.from_answer({"role": "assistant", "content": "Hi"}, provider="P")
    assert copy.deepcopy(message) == message
    assert pickle.loads(pickle.dumps(message)).provider == "P"
    assert attrs.evolve(message, content="Ho") == Message("assistant", "Ho")
    assert weakref.ref(message)() is message


def test_a_field_is_missing() -> None:
    with pytest.raises(TypeError):
        MAKERS[Point](1, 2, "a")


class Checked(Point):
    def __init__(self, *args: int, **kwargs: str) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        object.__setattr__(self, "y", self.y * 10)


def test_a_subclass_with_a_constructor_of_its_own_is_made_by_it() -> None:
    checked = MAKERS[Checked](1, 2, "a", [3])
    assert type(checked) is Checked
    assert (checked.x, checked.y, checked.label, checked.marks) == (1, 20, "a", [3])
