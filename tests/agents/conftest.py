"""How hypothesis runs here."""

import hypothesis

# A kernel's first call compiles it, which takes longer than any example may.
hypothesis.settings.register_profile("state", deadline=None, max_examples=60)
hypothesis.settings.load_profile("state")
