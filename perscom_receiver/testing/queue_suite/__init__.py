"""What every store of queues must do, as one class of tests to be subclassed. Needs pytest and hypothesis.

    class TestMyStore(QueueSuite):
        def new_store(self, folder: Path) -> Store:
            return MyStore(folder)

``Store`` says what the suite wants of a store: handles, a transaction of somebody else, and a crash.
"""

import pytest

pytest.register_assert_rewrite(  # before they are imported: so that a failure shows its values
    *(
        f"{__name__}.{module}"
        for module in (
            "_any_order",
            "_begin",
            "_chains",
            "_chains_in_any_order",
            "_claims",
            "_desk",
            "_groups",
            "_leases",
            "_outcomes",
            "_sharing",
            "_side_by_side",
            "_together",
            "_workers",
        )
    )
)

from ._store import Handle, Store  # noqa: E402
from ._suite import QueueSuite  # noqa: E402

__all__ = ["Handle", "QueueSuite", "Store"]
