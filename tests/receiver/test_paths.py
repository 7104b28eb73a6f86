"""Which requests are guarded. Every doubt must end in guarding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perscom_receiver import ConfigurationError
from perscom_receiver._paths import guarded_path, guards, normalized

GUARDED = "/webhooks/perscom"
SAME = [
    "/webhooks/perscom",
    "/webhooks/perscom/",
    "/webhooks/perscom//",
    "//webhooks/perscom",
    "/webhooks//perscom",
    "///webhooks///perscom///",
    "webhooks/perscom",
    "webhooks/perscom/",
    "/webhooks/perscom\n",
    "/webhooks/perscom/\n",
    "/webhooks/perscom ",
    "/webhooks/ perscom",
    "\t/webhooks/perscom",
]
OTHERS = [
    "",
    "/",
    "/webhooks",
    "/perscom",
    "/webhooks/perscom/x",
    "/x/webhooks/perscom",
    "/webhooks/perscom2",
    "/webhooksperscom",
]


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("a", "/a"),
        ("/a/b", "/a/b"),
        ("//a//b/", "/a/b"),
        ("/a/b\n", "/a/b"),
        ("/a/./b", "/a/./b"),
    ],
)
def test_a_path_has_one_plain_spelling(path: str, plain: str) -> None:
    assert normalized(path) == plain


@given(path=st.text())
def test_a_plain_spelling_is_its_own(path: str) -> None:
    assert normalized(normalized(path)) == normalized(path)


@pytest.mark.parametrize("path", SAME)
def test_every_spelling_of_the_guarded_path_is_guarded(path: str) -> None:
    assert guards(GUARDED, path, "")


@pytest.mark.parametrize("path", OTHERS)
def test_other_paths_are_not(path: str) -> None:
    assert not guards(GUARDED, path, "")


@pytest.mark.parametrize("path", ["", "/", "/anything", "/webhooks/perscom"])
@pytest.mark.parametrize("root", ["", "/api", "/"])
def test_none_guards_everything(path: str, root: str) -> None:
    assert guards(None, path, root)


@pytest.mark.parametrize("root", ["/api", "/api/", "//api", "api", "/v1/api"])
@pytest.mark.parametrize("path", SAME)
class TestBelowARoot:
    """``guarded`` as the mounted app knows it, and as the outside knows it; servers give the path with and without the root."""

    def test_a_path_with_the_root_is_guarded(self, root: str, path: str) -> None:
        assert guards(GUARDED, f"{root}/{path}", root)
        assert guards(normalized(f"{root}{GUARDED}"), f"{root}/{path}", root)

    def test_a_path_without_the_root_is_guarded(self, root: str, path: str) -> None:
        assert guards(GUARDED, path, root)
        assert guards(normalized(f"{root}{GUARDED}"), path, root)


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/apiwebhooks/perscom", "/api"),
        ("/other/webhooks/perscom", "/api"),
        ("/api/webhooks", "/api"),
        ("/api", "/api"),
        ("", "/api"),
    ],
)
def test_other_paths_below_a_root_are_not_guarded(path: str, root: str) -> None:
    assert not guards(GUARDED, path, root)


def test_the_root_itself_can_be_guarded() -> None:
    for path in ("/api", "/api/", "", "/"):
        assert guards("/", path, "/api")
    assert guards("/api", "/api", "/api")


@given(guarded=st.text(), path=st.text(), root=st.text())
def test_any_text_is_guarded_or_not_and_nothing_else_happens(guarded: str, path: str, root: str) -> None:
    assert guards(normalized(guarded), path, root) in (True, False)
    assert guards(normalized(path), path, root)
    assert guards(normalized(f"{root}/{path}"), path, root)


@pytest.mark.parametrize("path", ["/webhooks/{name}", "/webhooks/<name>", "/webhooks/perscom?x=1", "/webhooks/*"])
def test_a_pattern_as_path_is_refused_since_it_would_guard_nothing(path: str) -> None:
    with pytest.raises(ConfigurationError, match="would guard nothing"):
        guarded_path(path)


def test_a_path_is_normalized_once_and_none_guards_everything() -> None:
    assert guarded_path("//webhooks//perscom/") == "/webhooks/perscom"
    assert guarded_path(None) is None
