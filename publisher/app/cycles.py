"""When Python looks for cycles among values, which make none."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Generator[None, None, None]:
    """Within it nobody looks for cycles: to go over the values of ten thousand posts again whenever some more
    were made takes a tenth of a publish. What was made counts as old afterwards, so that the next small thing
    does not have all of it gone over.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if enabled:
            gc.enable()
