"""Does the first steps of a command once, in the process from which commands are forked."""

import gc
import inspect
import sys

from numba.core.registry import cpu_target

cpu_target.typing_context.refresh()  # numba imports the rest of itself with its first kernel
cpu_target.target_context.refresh()
inspect.getmodule(sys._getframe())  # noqa: SLF001  it resolves the file of every module, once
gc.collect()
gc.freeze()
