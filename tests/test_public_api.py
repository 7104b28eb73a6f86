"""``__all__`` is in step with what is public, everything public is explained, and type checkers see what is promised."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

LIBRARIES = ("perscom_receiver", "perscom_adapters", "perscom_sender")

# Users' code relies on these: names may be added, none may go.
PROMISED = {
    "perscom_receiver": """
        Secret Secrets sign verify Verifier Event EVENT_NAMES Router Receiver SQLiteInbox Worker php_json explain PerscomError
        VerificationError MalformedEvent PayloadTooLarge MethodRefused ConfigurationError DestinationError DeliveryError
        Refusal MissingSignature MalformedSignature EmptyBody SignatureMismatch ExpiredSecret StaleEvent BodyTimeout Unavailable
        RetryPolicy Context Handler Health DeadLetter Purged Explanation JetStream IngestHealth
        StandardSigner StandardVerifier AddressGuard AddressRefused is_public_address
        UNSET User Record RankRecord AssignmentRecord AwardRecord QualificationRecord CombatRecord ServiceRecord Calendar
        CalendarEvent PerscomMessage Submission Related
    """,
    "perscom_receiver.queue": "Database Queue Connection Lane Task Claim Result State Restored",
    "perscom_receiver.testing": "signed_request make_event sample",
    "perscom_receiver.testing.queue_suite": "QueueSuite Store Handle",
    "perscom_receiver.starlette": "SignatureMiddleware current_event webhook_app",
    "perscom_receiver.flask": "Perscom SignatureMiddleware current_event webhook_blueprint",
    "perscom_receiver.asgi": "SignatureMiddleware current_event webhook_app",
    "perscom_receiver.wsgi": "SignatureMiddleware current_event webhook_app",
    "perscom_adapters": """
        Message Receipt Destination Directory render render_group render_late render_digest group_key GROUP_WINDOW
        LANGUAGES NAMES names names_of reworded struck continued Mention Struck
    """,
    "perscom_adapters.discord": "payload",
    "perscom_adapters.slack": "payload",
    "perscom_adapters.telegram": "payload",
    "perscom_adapters.testing": "ChatStandIn",
    "perscom_sender": """
        php_json sign is_public_address Sender Subscription Delivery Attempt Schedule PERSCOM_SCHEDULE STANDARD_SCHEDULE
        Breaking Notice EVENT_GROUPS Signer Health Standing
    """,
}


def public_modules(package: str) -> Iterator[str]:
    yield package
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            yield module.name


PUBLIC = [name for package in LIBRARIES for name in public_modules(package)]


def source_of(module: ModuleType) -> ast.Module:
    assert module.__file__ is not None
    return ast.parse(Path(module.__file__).read_text())


def statements(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of a module, with what stands under an ``if`` or a ``try``."""
    for node in nodes:
        yield node
        if isinstance(node, (ast.If, ast.Try)):
            yield from statements([*node.body, *node.orelse])


def bound_names(module: ModuleType) -> set[str]:
    """What a module defines itself or, as a package's front page, takes from its own modules."""
    names: set[str] = set()
    for node in statements(source_of(module).body):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign():
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.ImportFrom(level=1) if hasattr(module, "__path__"):
                names |= {alias.asname or alias.name for alias in node.names}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("name", PUBLIC)
def test_all_names_exactly_what_is_public(name: str) -> None:
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    missing = [entry for entry in module.__all__ if not hasattr(module, entry)]
    assert missing == []
    assert bound_names(module) - set(module.__all__) - {"annotations"} == set()


@pytest.mark.parametrize("name", PROMISED)
def test_what_was_promised_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert set(PROMISED[name].split()) <= set(module.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_is_explained(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    unexplained = []
    for entry in module.__all__:
        value = getattr(module, entry)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if not (value.__doc__ or "").strip():
            unexplained.append(entry)
        protocol = getattr(value, "_is_protocol", False)  # describes methods that somebody else explains
        for member, function in vars(value).items() if inspect.isclass(value) and not protocol else ():
            if inspect.isfunction(function) and not member.startswith("_") and not (inspect.getdoc(function) or "").strip():
                unexplained.append(f"{entry}.{member}")
    assert unexplained == []


@pytest.mark.parametrize("package", [*LIBRARIES, "perscom_bridge"])
def test_each_package_says_that_it_is_typed(package: str) -> None:
    assert importlib.import_module(package).__file__ is not None
    assert Path(importlib.import_module(package).__path__[0], "py.typed").is_file()


def test_users_checkers_infer_what_is_promised(tmp_path: Path) -> None:
    """From outside of the project, as a user's own code would be checked."""
    api = Path(__file__).parent / "typing" / "api.py"
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", str(api)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
