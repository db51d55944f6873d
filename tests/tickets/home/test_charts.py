"""Charts: the scale, the stacks, and the labels that have room."""

import pytest

from tickets.home.charts import REST, draw_columns


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 2), (1, 2), (3, 4), (5, 10), (10, 10), (11, 20), (41, 100)]
)
def test_the_top_of_the_scale_and_half_of_it_are_round(largest: int, top: int):
    chart = draw_columns(["a"], {"x": [largest]})

    assert (chart.top, chart.middle) == (top, top // 2)


def test_the_pieces_of_a_column_stand_on_each_other():
    chart = draw_columns(["a", "b"], {"x": [5, 0], "y": [3, 1]})

    first, second = chart.columns
    assert [(p.y, p.height, p.color) for p in first.pieces] == [
        ("50.00", "50.00", 0),
        ("20.00", "30.00", 1),
    ]
    assert [(p.y, p.height, p.color) for p in second.pieces] == [("90.00", "10.00", 1)]
    assert (first.total, first.title, second.title) == (8, "a\nx: 5\ny: 3", "b\ny: 1")


def test_series_after_the_fifth_share_the_last_color():
    chart = draw_columns(["a"], {str(n): [1] for n in range(8)})

    assert [series.color for series in chart.series] == [0, 1, 2, 3, 4, REST, REST, REST]


def test_at_most_six_labels_are_written():
    for count in (1, 6, 7, 24, 30, 90, 96):
        labels = draw_columns([f"{n}" for n in range(count)], {}).labels
        assert len(labels) == count
        assert 1 <= len([label for label in labels if label]) <= 6
