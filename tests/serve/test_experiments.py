"""Experiments: who gets which arm, what is counted by hand, and whether intervals hold what they promise."""

import math
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cuvee.logs.sql import SqlLog, store_events
from cuvee.serve.bodies import Asked
from cuvee.serve.comparing import Counted, compared, mismatch, shares_of
from cuvee.serve.experiments import arm_of, assigned, filled_in
from cuvee.serve.results import results_of
from cuvee.serve.snapshot import version_in
from cuvee.sql.database import reading, writing
from cuvee.sql.experiments import Arm, Experiment, all_experiments, note_exposure, put_experiment, set_state
from cuvee.sql.models import add_version
from cuvee.sql.people import user_numbers
from tests.serve.conftest import Running
from tests.serve.test_service import everywhere

THREE = (Arm("a", 0.5), Arm("b", 0.3), Arm("c", 0.1))


def test_shares_are_those_of_the_arms_within_three_sigma() -> None:
    """100,000 ids; another salt draws anew, independently."""
    n, one, two = (
        100_000,
        Experiment("e", THREE, "a", ("buy",), salt="x"),
        Experiment("e", THREE, "a", ("buy",), salt="y"),
    )
    found = [[arm_of(e, f"user {i}") for i in range(n)] for e in (one, two)]
    for name, share in (("a", 0.5), ("b", 0.3), ("c", 0.1), (None, 0.1)):
        for arms in found:
            count = sum((None if arm is None else arm.arm) == name for arm in arms)
            assert abs(count - n * share) < 3 * math.sqrt(n * share * (1 - share))
    same = sum(x is not None and y is not None and x.arm == y.arm == "a" for x, y in zip(*found, strict=True))
    assert abs(same - n * 0.25) < 3 * math.sqrt(n * 0.25 * 0.75)


def asked_for(**asked: Any) -> Asked:
    return Asked.model_validate(asked)


def test_the_unit_decides() -> None:
    by_user = Experiment("u", (Arm("a", 1.0),), "a", ("buy",), scenario="home")
    by_session = Experiment("s", (Arm("b", 1.0),), "b", ("buy",), unit="session")
    for asked, want in (
        (asked_for(user_id="x", scenario="home"), "a"),
        (asked_for(user_id="x"), None),
        (asked_for(session="t"), "b"),
        (asked_for(scenario="home"), None),
    ):
        found = assigned((by_user, by_session), asked)
        assert (None if found is None else found.arm.arm) == want


def test_settings_fill_in_what_a_request_leaves_open() -> None:
    assert filled_in(asked_for(k=3), {"version": "v"}) == asked_for(k=3)
    assert filled_in(asked_for(k=3), {"filter": "price < 3"}).filter == "price < 3"
    boosts = [{"when": "price < 3", "factor": 2}]
    assert filled_in(asked_for(diversity=0.5), {"diversity": 0.1, "boosts": boosts}) == asked_for(
        diversity=0.5, boosts=boosts
    )
    both = filled_in(asked_for(filter='a == 1 or b == "x"'), {"filter": "price < 3"})
    assert both.filter == '(a == 1 or b == "x") and (price < 3)'


def test_intervals_cover_the_truth() -> None:
    """An effect of 2 points on 10 %, and of 1/10 on events a person, 200 times: 95 % of the intervals hold it.

    Of 200 draws with probability .95 all but one in some hundred lie in 182..198.
    """
    rng = np.random.default_rng(7)
    hits = np.zeros(2, int)
    for _ in range(200):
        arm, control = (
            Counted(n, (rng.random(n) < share) * (1 + rng.poisson(mean, n)).astype(float))
            for n, share, mean in ((900, 0.12, 1.0), (1_100, 0.10, 1.4))
        )
        for which, (found, truth) in enumerate(
            zip(compared(arm, control), (0.02, 0.12 * 2.0 - 0.10 * 2.4), strict=True)
        ):
            assert found.low is not None
            assert found.high is not None
            hits[which] += found.low <= truth <= found.high
    assert all(182 <= hit <= 198 for hit in hits), hits


def test_published_intervals() -> None:
    """56/70 against 48/80: .0524 to .3339 (Newcombe 1998, table II, method 10); 81/263: .2553 to .3662 (Wilson)."""
    a, b = (Counted(n, np.r_[np.ones(x), np.zeros(n - x)]) for x, n in ((56, 70), (48, 80)))
    found, means = compared(a, b)
    assert [found.low, found.high] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    share = shares_of(81, 263)
    assert [share.low, share.high] == pytest.approx([0.2553, 0.3662], abs=5e-5)
    welch = stats.ttest_ind(a.values, b.values, equal_var=False)
    assert means.p_value == pytest.approx(welch.pvalue)
    interval = welch.confidence_interval(0.95)
    assert [means.low, means.high] == pytest.approx([interval.low, interval.high])


def test_a_sample_ratio_that_cannot_be() -> None:
    """821,588 and 815,482 at equal shares: p = 1.8e-6 (Kohavi et al. 2020, chapter 21)."""
    assert mismatch([821_588, 815_482], [0.5, 0.5]) == pytest.approx(1.8e-6, rel=0.05)
    assert mismatch([500, 300], [0.5, 0.3]) == 1.0
    assert mismatch([0, 0], [0.5, 0.5]) is None


@pytest.fixture
def counted_log(tmp_path: Path) -> SqlLog:
    """Arms a (u1, u2, u3) and b (u4, u5); u6 was in both."""
    log = SqlLog(f"sqlite:///{tmp_path / 'a.db'}")
    arms = (Arm("a", 0.5), Arm("b", 0.5))
    with writing(log.engine) as connection:
        put_experiment(connection, Experiment("e", arms, "a", ("click", "buy"), scenario="home"), "tests")
        numbers = user_numbers(connection, [f"u{n}" for n in range(1, 7)])
        note_exposure(connection, "e", "a", numbers["u1"], None, "before the start")
        set_state(connection, "e", "running", "tests")
        shown = [("a", "u1", "r1"), ("a", "u1", "r2"), ("a", "u2", "r3"), ("a", "u3", "r4")]
        shown += [("b", "u4", "r5"), ("b", "u5", "r6"), ("a", "u6", "r7"), ("b", "u6", "r8")]
        for arm, user, recommendation in shown:
            note_exposure(connection, "e", arm, numbers[user], None, recommendation)
        done: list[tuple[str, str | None, str]] = [
            ("u1", "r1", "click"),
            ("u1", "r2", "click"),
            ("u1", "r2", "buy"),
            ("u2", "r3", "click"),
        ]
        done += [("u3", "r5", "click"), ("u4", "r5", "buy"), ("u5", "nothing", "click"), ("u6", "r7", "click")]
        done += [("u1", "before the start", "click"), ("u4", "r5", "view"), ("u5", None, "click")]
        rows = [
            {
                "event_id": str(n), "user_id": user, "item_id": "i", "kind": kind, "time": 5, "weight": None,
                "recommendation_id": recommendation, "position": None, "session": None, "context": None,
            }
            for n, (user, recommendation, kind) in enumerate(done)
        ]  # fmt: skip
        store_events(connection, rows, time.time())
    return log


def test_results_by_hand(counted_log: SqlLog) -> None:
    """Events without an answer, for somebody else's, of before the start and of units in both arms do not count."""
    with reading(counted_log.engine) as connection:
        (experiment,) = all_experiments(connection)
        found = results_of(connection, experiment)
    a, b = found.arms
    assert (a.units, a.exposures, b.units, b.exposures, found.mixed) == (3, 4, 2, 2, 1)
    clicks, buys = a.goals
    assert (clicks.events, clicks.converted, clicks.rate, clicks.events_per_unit) == (3, 2, 2 / 3, 1.0)
    assert (buys.events, buys.converted) == (1, 1)
    assert clicks.rate_difference is None
    clicks, buys = b.goals
    assert (clicks.events, clicks.converted, buys.events, buys.converted) == (0, 0, 1, 1)
    difference = buys.rate_difference
    assert difference is not None
    assert difference.difference == pytest.approx(1 / 2 - 1 / 3)
    assert not difference.excludes_zero
    assert difference.p_holm == difference.p_value
    assert found.sample_ratio_p == pytest.approx(float(stats.chisquare([3, 2]).pvalue))
    assert found.warnings == ["1 units were answered by more than one arm and are left out"]
    counted_log.close()


# -- over HTTP, with two processes -------------------------------------------------------------------------------------


def experiment(service: Running, name: str, scenario: str, **more: Any) -> dict[str, Any]:
    body = {
        "scenario": scenario,
        "arms": [
            {"arm": "cheap", "share": 0.5, "settings": {"filter": "price < 5"}},
            {"arm": "plain", "share": 0.5},
        ],
        "control": "plain",
        **more,
    }
    answer = service.client.put(f"/v1/experiments/{name}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def act(service: Running, name: str, word: str) -> None:
    answer = service.client.post(f"/v1/experiments/{name}:{word}")
    assert answer.status_code == 200, answer.text


def results(service: Running, name: str, exposures: int) -> dict[str, Any]:
    """Return the results once so many answers are written down."""
    end = time.monotonic() + 10
    while True:
        found = dict(service.client.get(f"/v1/experiments/{name}").json())
        if sum(arm["exposures"] for arm in found["results"]) >= exposures or time.monotonic() > end:
            return found
        time.sleep(0.02)


def test_an_experiment_from_start_to_end(service: Running) -> None:
    experiment(service, "prices", "window")
    body: dict[str, Any] = {"k": 200, "scenario": "window", "reasons": False}
    draft = everywhere(service, "/v1/recommendations", {**body, "user_id": "x0"})
    assert {answer["experiment"] for answer in draft} == {None}
    act(service, "prices", "start")
    arms: dict[str, str] = {}
    for user in (f"x{n}" for n in range(8)):
        answers = everywhere(service, "/v1/recommendations", {**body, "user_id": user}) if user == "x0" else [
            service.client.post("/v1/recommendations", json={**body, "user_id": user}).json() for _ in range(2)
        ]  # fmt: skip
        assert {a["experiment"] for a in answers} == {"prices"}
        (arms[user],) = {a["arm"] for a in answers}  # whichever process answers
        prices = [_price(service, i["item_id"]) for i in answers[0]["items"]]
        assert all(price < 5 for price in prices) == (arms[user] == "cheap")
    assert set(arms.values()) == {"cheap", "plain"}
    first = next(user for user, arm in arms.items() if arm == "cheap")
    answer = service.client.post("/v1/recommendations", json={**body, "user_id": first}).json()
    event = {
        "user_id": first,
        "item_id": answer["items"][0]["item_id"],
        "recommendation_id": answer["recommendation_id"],
    }
    sent = [{**event, "event_id": f"x {kind}", "kind": kind} for kind in ("click", "view")]
    assert service.client.post("/v1/events", json={"events": sent}).status_code == 201
    found = results(service, "prices", 12 + 14 + 1)
    by_arm = {arm["arm"]: arm for arm in found["results"]}
    for arm in ("cheap", "plain"):
        assert by_arm[arm]["units"] == list(arms.values()).count(arm)
    click = by_arm["cheap"]["goals"][0]
    assert (click["goal"], click["events"], click["converted"]) == ("click", 1, 1)
    assert by_arm["cheap"]["goals"][0]["rate_difference"]["low"] < by_arm["cheap"]["goals"][0]["rate"]
    kept = service.client.get(f"/v1/recommendations/{answer['recommendation_id']}").json()
    assert (kept["experiment"], kept["arm"]) == ("prices", "cheap")
    assert "filter" not in kept["request"]
    act(service, "prices", "stop")
    after = everywhere(service, "/v1/recommendations", {**body, "user_id": "x0"})
    assert {a["arm"] for a in after} == {None}
    assert results(service, "prices", 27)["state"] == "stopped"
    assert service.client.delete("/v1/experiments/prices").status_code == 204
    assert service.client.get("/v1/experiments/prices").status_code == 404


def _price(service: Running, item_id: str) -> float:
    found = service.client.get(f"/v1/items/{item_id}").json()["attributes"]["price"]
    return 0.0 if found is None else float(found)


def test_who_refuses_is_in_no_arm_and_sessions_can_be(service: Running) -> None:
    experiment(service, "consent", "porch")
    act(service, "consent", "start")
    service.client.put("/v1/users/no thanks/consent", json={"personalisation": False})
    asked = {"k": 2, "scenario": "porch"}
    answer = service.client.post("/v1/recommendations", json={**asked, "user_id": "no thanks"}).json()
    assert (answer["arm"], answer["personal"]) == (None, False)
    answer = service.client.post("/v1/recommendations", json={**asked, "session": "s"}).json()
    assert answer["arm"] is None  # its unit is the user
    act(service, "consent", "stop")
    experiment(service, "consent", "porch", unit="session")
    act(service, "consent", "start")
    found = everywhere(service, "/v1/recommendations", {**asked, "session": "s"})
    assert len({a["arm"] for a in found} - {None}) == 1
    told = results(service, "consent", len(found))
    assert sum(arm["units"] for arm in told["results"]) == 1
    act(service, "consent", "stop")
    service.client.delete("/v1/experiments/consent")


def test_what_cannot_be_is_refused(service: Running) -> None:
    experiment(service, "one", "attic")
    act(service, "one", "start")
    body = {"arms": [{"arm": "a", "share": 0.5}, {"arm": "b", "share": 0.6}], "control": "a"}
    cases: list[tuple[int, str, Any]] = [
        (422, "add up to 1.1", body),
        (422, "none of the arms", {"arms": [{"arm": "a", "share": 0.5}, {"arm": "b", "share": 0.5}], "control": "c"}),
        (422, "cannot set 'k'", {**body, "arms": [{"arm": "a", "share": 0.5, "settings": {"k": 3}}, body["arms"][0]]}),
        (422, "no model version 'v'", {
            "arms": [{"arm": "a", "share": 0.5, "settings": {"version": "v"}}, {"arm": "b", "share": 0.5}],
            "control": "a",
        }),
    ]  # fmt: skip
    for status, told, wrong in cases:
        answer = service.client.put("/v1/experiments/wrong", json=wrong)
        assert (answer.status_code, told in answer.text) == (status, True), answer.text
    fine = {"arms": [{"arm": "a", "share": 0.5}, {"arm": "b", "share": 0.5}], "control": "a", "scenario": "attic"}
    running = service.client.put("/v1/experiments/one", json=fine)
    assert running.status_code == 409
    assert "would move people" in running.json()["detail"]
    service.client.put("/v1/experiments/two", json=fine)
    second = service.client.post("/v1/experiments/two:start")
    assert (second.status_code, "'one' runs in the same scenario" in second.text) == (409, True)
    assert service.client.delete("/v1/experiments/one").status_code == 409
    assert service.client.post("/v1/experiments/one:start").status_code == 409
    assert service.client.post("/v1/experiments/two:stop").status_code == 409
    act(service, "one", "stop")
    broken = [{"arm": "a", "share": 0.5, "settings": {"filter": "prise < 3"}}, {"arm": "b", "share": 0.5}]
    service.client.put("/v1/experiments/two", json={**fine, "arms": broken})
    started = service.client.post("/v1/experiments/two:start")
    assert started.status_code == 422
    assert "arm 'a'" in started.json()["detail"]
    assert "did you mean 'price'" in started.json()["detail"]
    names = [e["experiment"] for e in service.client.get("/v1/experiments").json()["experiments"]]
    assert names == ["one", "two"]
    for name in names:
        assert service.client.delete(f"/v1/experiments/{name}").status_code == 204


def test_an_arm_with_a_model_of_its_own(service: Running, bundle: Path, tmp_path: Path) -> None:
    """Until it is loaded the other answers, for no arm; then it follows the catalogue as the other does."""
    folder = Path(shutil.copytree(bundle, tmp_path / "other"))
    recipe = next(folder.rglob("recipe.yaml"))
    recipe.write_text(recipe.read_text(encoding="utf-8") + "\n# another version\n", encoding="utf-8")
    version, active = version_in(folder), service.client.get("/version").json()["model_version"]
    assert version != active
    log = SqlLog(f"sqlite:///{service.data / 'cuvee.db'}")
    with writing(log.engine) as connection:
        add_version(connection, version, folder, 0, {})
    log.close()
    arms = [{"arm": "new", "share": 0.5, "settings": {"version": version}}, {"arm": "old", "share": 0.5}]
    experiment(service, "models", "cellar", arms=arms, control="old")
    act(service, "models", "start")
    asked = {"k": 200, "scenario": "cellar", "reasons": False}
    seen: set[tuple[str, str | None]] = set()
    users = [f"m{n}" for n in range(6)]
    end = time.monotonic() + 30
    while time.monotonic() < end:
        bodies = [{**asked, "user_id": user} for user in users]
        answers = [a for body in bodies for a in everywhere(service, "/v1/recommendations", body)]
        seen |= {(a["model_version"], a["arm"]) for a in answers}
        if {a["arm"] for a in answers} == {"new", "old"}:
            break
    assert {a["arm"] for a in answers} == {"new", "old"}
    assert seen <= {(active, None), (active, "old"), (version, "new")}
    mine = next(user for user in users if arm_of_answer(service, {**asked, "user_id": user}) == "new")
    service.client.post("/v1/items/i09:hide")
    for answer in everywhere(service, "/v1/recommendations", {**asked, "user_id": mine}):
        assert answer["model_version"] == version
        assert "i09" not in [item["item_id"] for item in answer["items"]]
    service.client.post("/v1/items/i09:show")
    act(service, "models", "stop")
    service.client.delete("/v1/experiments/models")


def arm_of_answer(service: Running, body: dict[str, Any]) -> str | None:
    arm: str | None = service.client.post("/v1/recommendations", json=body).json()["arm"]
    return arm
