"""What all tests share."""

import os

from hypothesis import settings

# In CI the same examples every time: a new find belongs to a developer's run.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
