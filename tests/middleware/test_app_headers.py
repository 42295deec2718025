"""The gateway's own request headers (GATEWAY 2)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.app_headers import KNOWN_FEATURES, KNOWN_MODES, AppHeaders
from kilo_sdk.middleware.base import OutgoingRequest, RequestMiddleware
from kilo_sdk.refs import ModelRef


def a_request(
    headers: dict[str, str] | None = None, *, task_id: Any = None, mode: Any = None
) -> OutgoingRequest:
    return OutgoingRequest(
        ref=ModelRef.parse("kilo/auto"),
        url="http://127.0.0.1:1/chat/completions",
        headers=headers if headers is not None else {},
        payload={},
        task_id=task_id,
        mode=mode,
    )


def headers_of(middleware: AppHeaders, request: OutgoingRequest | None = None) -> dict[str, str]:
    request = request or a_request()
    middleware.on_request(request)
    return request.headers


def test_it_is_a_request_middleware() -> None:
    assert isinstance(AppHeaders(), RequestMiddleware)


def test_by_default_only_the_feature_is_sent() -> None:
    assert headers_of(AppHeaders()) == {"X-KILOCODE-FEATURE": "direct-gateway"}


def test_all_that_is_configured_is_sent_under_the_gateways_names() -> None:
    middleware = AppHeaders(
        feature="cli",
        organization_id="org-1",
        project_id="proj-2",
        editor_name="vim",
        client_version="9.1",
        machine_id="m-3",
    )
    assert headers_of(middleware, a_request(task_id="task-4", mode="code")) == {
        "X-KILOCODE-FEATURE": "cli",
        "X-KiloCode-OrganizationId": "org-1",
        "X-KiloCode-ProjectId": "proj-2",
        "X-KILOCODE-EDITORNAME": "vim",
        "X-KiloCode-Version": "9.1",
        "X-KILOCODE-MACHINEID": "m-3",
        "X-KiloCode-TaskId": "task-4",
        "x-kilocode-mode": "code",
    }


def test_a_project_is_not_sent_without_an_organisation() -> None:
    assert headers_of(AppHeaders(project_id="proj-2")) == {"X-KILOCODE-FEATURE": "direct-gateway"}


def test_what_is_configured_wins_over_the_callers_own_header_whatever_its_case() -> None:
    request = a_request(
        {"x-kilocode-feature": "slack", "X-KiloCode-Feature": "cli", "X-KILOCODE-TASKID": "mine"},
        task_id="task-4",
    )
    assert headers_of(AppHeaders(), request) == {
        "X-KILOCODE-FEATURE": "direct-gateway",
        "X-KiloCode-TaskId": "task-4",
    }


def test_what_is_not_configured_leaves_the_callers_own_header_alone() -> None:
    own = {"x-kilocode-organizationid": "mine", "x-kilocode-mode": "custom"}
    assert headers_of(AppHeaders(), a_request(dict(own))) == {
        **own,
        "X-KILOCODE-FEATURE": "direct-gateway",
    }


def test_one_object_serves_many_requests() -> None:
    middleware = AppHeaders(organization_id="org-1")
    first = headers_of(middleware, a_request(task_id="a"))
    second = headers_of(middleware, a_request(task_id="b"))
    assert (first["X-KiloCode-TaskId"], second["X-KiloCode-TaskId"]) == ("a", "b")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("editor_name", "X-KILOCODE-EDITORNAME"),
        ("client_version", "X-KiloCode-Version"),
        ("machine_id", "X-KILOCODE-MACHINEID"),
    ],
)
def test_client_values_are_cut_after_500_characters(name: str, header: str) -> None:
    fields: dict[str, Any] = {name: "x" * 500 + "y"}
    assert headers_of(AppHeaders(**fields))[header] == "x" * 500


def test_an_organisation_is_not_cut() -> None:
    headers = headers_of(AppHeaders(organization_id="o" * 600))
    assert headers["X-KiloCode-OrganizationId"] == "o" * 600


@pytest.mark.parametrize(
    "name",
    [
        "feature",
        "organization_id",
        "project_id",
        "editor_name",
        "client_version",
        "machine_id",
    ],
)
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "is empty; leave it out instead"),
        ("a\r\nX-Evil: 1", "holds a line break or another character that no header can carry"),
        ("a\n", "holds a line break or another character that no header can carry"),
        ("a\x00b", "holds a line break or another character that no header can carry"),
        ("a\x85b", "holds a line break or another character that no header can carry"),
        ("a\ud800b", "holds a line break or another character that no header can carry"),
        (7, "is a string, not int"),
    ],
)
def test_a_value_no_header_can_carry_is_refused_at_once(
    name: str, value: Any, problem: str
) -> None:
    fields: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError) as caught:
        AppHeaders(**fields)
    assert str(caught.value) == f"{name} {problem}"


@pytest.mark.parametrize("task_id", ["", "a\nb", 7])
def test_a_task_id_no_header_can_carry_is_refused(task_id: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^task_id "):
        AppHeaders().on_request(a_request(task_id=task_id))


def test_the_modes_are_those_of_the_gateway() -> None:
    assert KNOWN_MODES == (
        "plan",
        "general",
        "architect",
        "orchestrator",
        "ask",
        "debug",
        "build",
        "explore",
        "code",
    )


@pytest.mark.parametrize("mode", KNOWN_MODES)
def test_every_known_mode_is_sent(mode: str) -> None:
    assert headers_of(AppHeaders(), a_request(mode=mode))["x-kilocode-mode"] == mode


@pytest.mark.parametrize("mode", ["", "Code", "yolo", 7])
def test_another_mode_is_refused_with_the_accepted_ones(mode: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AppHeaders().on_request(a_request(mode=mode))
    assert str(caught.value) == (
        f"{mode!r} is no mode; accepted are plan, general, architect, orchestrator, ask, "
        "debug, build, explore, code"
    )


def test_the_gateway_attributes_seventeen_features() -> None:
    assert len(KNOWN_FEATURES) == 17
    assert {"direct-gateway", "cli", "kilo-claw", "managed-indexing"} < KNOWN_FEATURES


@pytest.mark.parametrize("feature", sorted(KNOWN_FEATURES))
def test_a_known_feature_is_sent_silently(feature: str, caplog: pytest.LogCaptureFixture) -> None:
    assert headers_of(AppHeaders(feature=feature)) == {"X-KILOCODE-FEATURE": feature}
    assert caplog.records == []


def test_an_unknown_feature_is_sent_and_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        headers = headers_of(AppHeaders(feature="my-own-app"))
        assert headers == {"X-KILOCODE-FEATURE": "my-own-app"}
    assert [(r.name, r.levelno) for r in caplog.records] == [
        ("kilo_sdk.middleware", logging.WARNING)
    ]
    assert (
        caplog.records[0]
        .getMessage()
        .startswith("app_headers.unattributed feature 'my-own-app' is not known to the gateway")
    )
