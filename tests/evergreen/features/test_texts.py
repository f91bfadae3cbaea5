from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.features import RowFeatures
from evergreen.features.rows import Plan

RNG = np.random.default_rng(0)
GOOD, BAD = ["friendly", "clean", "quiet", "lovely", "warm"], ["rude", "dirty", "loud", "awful", "cold"]
FILL = ["the", "room", "and", "breakfast", "were", "really", "on", "our", "last", "stay", "here", "in", "town"]
LIKED = RNG.random(1500) < 0.5


def note(number: int) -> str:
    words = [*RNG.choice(GOOD if LIKED[number] else BAD, 2), *RNG.choice(FILL, 5), str(number)]
    return " ".join(RNG.permutation(words))


ROWS = pd.DataFrame({"note": [note(number) for number in range(1500)], "city": RNG.choice(["Rome", "Oslo"], 1500)})


def test_free_text_is_found_and_its_numbers_tell_what_the_words_say() -> None:
    from sklearn.linear_model import LogisticRegression

    rows = RowFeatures(["note", "city"], Plan()).fit(ROWS.head(1000))
    matrix = rows.transform(ROWS)
    assert rows.sources_.count("note") == 16
    assert rows.sources_.count("city") == 1
    own = [at for at, source in enumerate(rows.sources_) if source == "note"]
    model = LogisticRegression().fit(matrix[:1000, own], LIKED[:1000])
    assert model.score(matrix[1000:, own], LIKED[1000:]) > 0.9


def test_the_same_text_gives_the_same_bits_and_no_text_is_missing() -> None:
    rows = RowFeatures(["note"], Plan()).fit(ROWS)
    assert RowFeatures(["note"], Plan()).fit(ROWS).transform(ROWS).tobytes() == rows.transform(ROWS).tobytes()
    odd = rows.transform(pd.DataFrame({"note": [None, "", "zzz qqq"]}))
    assert np.isnan(odd[0]).all()
    assert np.isnan(rows.transform(pd.DataFrame({"note": [None]}))).all()
    assert (odd[1] == 0).all()
    assert np.isfinite(odd[2]).all()


def test_the_spec_may_name_columns_of_text_or_take_none_for_it() -> None:
    short = pd.DataFrame({"note": [f"word{n % 40 * (n % 3 > 0)} other" for n in range(600)]})
    assert RowFeatures(["note"], Plan(text=("note",))).fit(short).sources_.count("note") > 10
    assert RowFeatures(["note"], Plan()).fit(short, None).feature_names_ == ["note", "note_count"]
    long = ROWS.assign(note=[ROWS["note"][n % 50] for n in range(1500)])
    assert RowFeatures(["note"], Plan(text="never", levels="codes")).fit(long).feature_names_ == ["note"]
