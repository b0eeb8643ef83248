"""What every test stands on: how hypothesis searches, here and on CI.

Property tests have no deadline: on a busy machine of two cores a slow example is no fault. CI
searches the same examples each time, so that a red run can be repeated; a person's own run searches
new ones.
"""

import os

from hypothesis import settings

settings.register_profile("person", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "person")
