from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from kilo_sdk.bench.charts import HEIGHT, WIDTH, Chart, Kind, Series, svg_of

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*series: Series, kind: Kind = "line", **more: bool) -> ET.Element:
    chart = Chart(
        title="A <title> & more", x_label="x", y_label="y", series=series, kind=kind, **more
    )
    return ET.fromstring(svg_of(chart))


def places(root: ET.Element) -> list[tuple[float, float]]:
    (line,) = root.findall(f"{SVG}polyline")
    pairs = (pair.split(",") for pair in line.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def words(root: ET.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def test_points_stand_where_their_values_put_them() -> None:
    (left, bottom), (middle, half), (right, top) = places(
        drawn(Series("s", [(0.0, 0.0), (5.0, 50.0), (10.0, 100.0)]))
    )
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    assert half == pytest.approx((bottom + top) / 2, abs=0.1)
    assert 0 < left < right < WIDTH
    assert 0 < top < bottom < HEIGHT


def test_a_logarithmic_axis_has_equal_steps_per_decade() -> None:
    at = [x for x, _ in places(drawn(Series("s", [(1, 1), (10, 1), (100, 1)]), logarithmic=True))]
    assert at[1] - at[0] == pytest.approx(at[2] - at[1], abs=0.2)


def test_an_axis_may_begin_near_its_least_value() -> None:
    series = Series("s", [(700.0, 1.0), (710.0, 2.0)])
    near, far = drawn(series, from_zero=False), drawn(series)
    assert places(near)[1][0] - places(near)[0][0] > 20 * (places(far)[1][0] - places(far)[0][0])


def test_bars_stand_on_each_other() -> None:
    root = drawn(Series("a", [(0, 1.0), (1, 2.0)]), Series("b", [(0, 3.0)]), kind="bars")
    rects = [
        {key: float(one.attrib[key]) for key in ("x", "y", "height")}
        for one in root.findall(f"{SVG}rect")
    ]
    assert len(rects) == 3
    on_top = next(one for one in rects if one["height"] == max(r["height"] for r in rects))
    assert on_top["y"] + on_top["height"] == pytest.approx(rects[0]["y"], abs=0.2)


def test_words_are_escaped_and_series_are_named() -> None:
    root = drawn(Series("m <1>", [(1.0, 1.0)], labels=["here"]), kind="points")
    assert {"A <title> & more", "x", "y", "m <1>", "here"} <= set(words(root))


@pytest.mark.parametrize("points", [[], [(0.0, 0.0)], [(3.0, 0.0), (3.0, 0.0)], [(0.0, 1e-9)]])
@pytest.mark.parametrize("logarithmic", [False, True])
def test_hardly_anything_can_be_drawn_too(
    points: list[tuple[float, float]], logarithmic: bool
) -> None:
    for at in places(drawn(Series("s", points), logarithmic=logarithmic, from_zero=False)):
        assert all(map(math.isfinite, at))
